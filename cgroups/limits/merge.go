package limits

import (
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Merge is what holds after an update to change of what held before: fields that change does not name, or names as zero
// where that stands for "not set", stay. Entries of lists are known by their device, page size or interface, those of maps
// by their key; the list of devices is one value. Neither argument is changed, but parts of them are in the result.
func Merge(now, change *specs.LinuxResources) *specs.LinuxResources {
	var m specs.LinuxResources
	if now != nil {
		m = *now
	}
	if change == nil {
		return &m
	}
	if change.Devices != nil {
		m.Devices = change.Devices
	}
	m.Memory = merged(m.Memory, change.Memory, mergeMemory)
	m.CPU = merged(m.CPU, change.CPU, mergeCPU)
	m.Pids = merged(m.Pids, change.Pids, func(p, c *specs.LinuxPids) { replace(&p.Limit, c.Limit) })
	m.BlockIO = merged(m.BlockIO, change.BlockIO, mergeBlockIO)
	m.HugepageLimits = upsert(m.HugepageLimits, change.HugepageLimits, func(a, b *specs.LinuxHugepageLimit) bool {
		return a.Pagesize == b.Pagesize
	}, func(to, from *specs.LinuxHugepageLimit) { to.Limit = from.Limit })
	m.Network = merged(m.Network, change.Network, func(n, c *specs.LinuxNetwork) {
		replace(&n.ClassID, c.ClassID)
		n.Priorities = upsert(n.Priorities, c.Priorities, func(a, b *specs.LinuxInterfacePriority) bool {
			return a.Name == b.Name
		}, func(to, from *specs.LinuxInterfacePriority) { to.Priority = from.Priority })
	})
	m.Rdma = mergeRdma(m.Rdma, change.Rdma)
	if len(change.Unified) > 0 {
		m.Unified = maps.Clone(m.Unified)
		if m.Unified == nil {
			m.Unified = map[string]string{}
		}
		maps.Copy(m.Unified, change.Unified)
	}
	overrule(&m, change)
	return &m
}

// overrule forgets what a file of the unified map in change holds otherwise by now.
func overrule(m, change *specs.LinuxResources) {
	has := func(file string) bool { _, ok := change.Unified[file]; return ok }
	if m.Memory != nil && (has("memory.max") || has("memory.swap.max")) {
		memory := *m.Memory
		if has("memory.max") {
			memory.Limit = nil
		}
		memory.Swap = nil
		m.Memory = &memory
	}
	if m.CPU != nil && (has("cpu.weight") || has("cpu.weight.nice")) {
		cpu := *m.CPU
		cpu.Shares = nil
		m.CPU = &cpu
	}
}

// Complete is change with what it means for values that it does not name, now being what the container has:
//   - The swap limit of the spec includes memory. v2 has one for swap alone, which a new memory limit moves; on v1 the new
//     limit is checked against it.
//   - To the kernel a group that is no longer idle has the default weight (kernel/sched/fair.c, sched_group_set_idle), not
//     that of before.
//   - A quota says nothing without its period. v2 has both in one file, in which systemd writes another quota than was asked for,
//     and without a quota another period.
func Complete(now, change *specs.LinuxResources) *specs.LinuxResources {
	out := *change
	if m := change.Memory; now.Memory != nil && m != nil && value(m.Limit) > 0 && value(m.Swap) == 0 && value(now.Memory.Swap) != 0 {
		memory := *m
		memory.Swap = now.Memory.Swap
		out.Memory = &memory
	}
	if change.CPU != nil && now.CPU != nil {
		cpu := *change.CPU
		if cpu.Idle != nil && *cpu.Idle == 0 && value(cpu.Shares) == 0 {
			cpu.Shares = now.CPU.Shares
		}
		switch quota, period := value(cpu.Quota) != 0, value(cpu.Period) != 0; {
		case quota && !period:
			cpu.Period = now.CPU.Period
		case period && !quota:
			cpu.Quota = now.CPU.Quota
		}
		out.CPU = &cpu
	}
	return &out
}

func mergeMemory(m, c *specs.LinuxMemory) {
	if value(c.Limit) < 0 {
		m.Swap = nil // goes with it, see memoryV1 and swapMax
	}
	replaceSet(&m.Limit, c.Limit)
	replaceSet(&m.Reservation, c.Reservation)
	replaceSet(&m.Swap, c.Swap)
	replace(&m.Kernel, c.Kernel) //nolint:staticcheck // deprecated, and in use
	replace(&m.KernelTCP, c.KernelTCP)
	replace(&m.Swappiness, c.Swappiness)
	replace(&m.DisableOOMKiller, c.DisableOOMKiller)
	replace(&m.UseHierarchy, c.UseHierarchy)
	m.CheckBeforeUpdate = c.CheckBeforeUpdate // of this update
}

func mergeCPU(p, c *specs.LinuxCPU) {
	replaceSet(&p.Shares, c.Shares)
	replaceSet(&p.Quota, c.Quota)
	replace(&p.Burst, c.Burst)
	replaceSet(&p.Period, c.Period)
	replaceSet(&p.RealtimeRuntime, c.RealtimeRuntime)
	replaceSet(&p.RealtimePeriod, c.RealtimePeriod)
	replace(&p.Idle, c.Idle)
	if c.Cpus != "" {
		p.Cpus = c.Cpus
	}
	if c.Mems != "" {
		p.Mems = c.Mems
	}
}

func mergeBlockIO(b, c *specs.LinuxBlockIO) {
	replaceSet(&b.Weight, c.Weight)
	replaceSet(&b.LeafWeight, c.LeafWeight)
	b.WeightDevice = upsert(b.WeightDevice, c.WeightDevice, func(x, y *specs.LinuxWeightDevice) bool {
		return x.Major == y.Major && x.Minor == y.Minor
	}, func(to, from *specs.LinuxWeightDevice) {
		replaceSet(&to.Weight, from.Weight)
		replaceSet(&to.LeafWeight, from.LeafWeight)
	})
	for _, l := range [...]struct{ to, from *[]specs.LinuxThrottleDevice }{
		{&b.ThrottleReadBpsDevice, &c.ThrottleReadBpsDevice}, {&b.ThrottleWriteBpsDevice, &c.ThrottleWriteBpsDevice},
		{&b.ThrottleReadIOPSDevice, &c.ThrottleReadIOPSDevice}, {&b.ThrottleWriteIOPSDevice, &c.ThrottleWriteIOPSDevice},
	} {
		*l.to = upsert(*l.to, *l.from, func(x, y *specs.LinuxThrottleDevice) bool {
			return x.Major == y.Major && x.Minor == y.Minor
		}, func(to, from *specs.LinuxThrottleDevice) { to.Rate = from.Rate })
	}
}

func mergeRdma(now, change map[string]specs.LinuxRdma) map[string]specs.LinuxRdma {
	if len(change) == 0 {
		return now
	}
	out := maps.Clone(now)
	if out == nil {
		out = map[string]specs.LinuxRdma{}
	}
	for device, c := range change {
		r := out[device]
		replace(&r.HcaHandles, c.HcaHandles)
		replace(&r.HcaObjects, c.HcaObjects)
		out[device] = r
	}
	return out
}

// merged applies f to a copy of now, which may be nil like change.
func merged[T any](now, change *T, f func(now, change *T)) *T {
	if change == nil {
		return now
	}
	out := new(T)
	if now != nil {
		*out = *now
	}
	f(out, change)
	return out
}

func replace[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// replaceSet is replace where zero stands for "not set".
func replaceSet[T comparable](to **T, from *T) {
	if from != nil && *from != *new(T) {
		*to = from
	}
}

// upsert puts the entries of change into a copy of now: one that is the same as one that is there changes that.
func upsert[T any](now, change []T, same func(a, b *T) bool, set func(to, from *T)) []T {
	if len(change) == 0 {
		return now
	}
	out := slices.Clone(now)
	for i := range change {
		at := slices.IndexFunc(out, func(o T) bool { return same(&o, &change[i]) })
		if at < 0 {
			out = append(out, change[i])
			continue
		}
		set(&out[at], &change[i])
	}
	return out
}
