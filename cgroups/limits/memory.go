package limits

import (
	"fmt"
	"math"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	fieldMemory      = "linux.resources.memory.limit"
	fieldReservation = "linux.resources.memory.reservation"
	fieldSwap        = "linux.resources.memory.swap"
	fieldSwappiness  = "linux.resources.memory.swappiness"
	fieldOOM         = "linux.resources.memory.disableOOMKiller"
	fieldKernelTCP   = "linux.resources.memory.kernelTCP"
)

// memory: zero means unset for limit, reservation and swap, as runc has it; swappiness 0 is a value.
func (c *compiler) memory(r *specs.LinuxResources) error {
	m := r.Memory
	if m == nil {
		return nil
	}
	c.obsolete(m)
	if s := value(m.Swappiness); s > 100 {
		return fmt.Errorf("%s: %d: must be between 0 and 100", fieldSwappiness, s)
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{fieldMemory, value(m.Limit) != 0},
		{fieldReservation, value(m.Reservation) != 0},
		{fieldSwap, value(m.Swap) != 0},
		{fieldSwappiness, m.Swappiness != nil},
		{fieldOOM, c.oomKiller(m) != ""},
		{fieldKernelTCP, value(m.KernelTCP) > 0},
	} {
		if !f.set {
			continue
		}
		v, err := c.version("memory", f.name)
		if err != nil {
			return err
		}
		if v == V1 {
			return c.memoryV1(m)
		}
		return c.memoryV2(m)
	}
	return nil
}

// obsolete warns of fields that the kernel no longer acts on. -1, no limit, is what one gets.
func (c *compiler) obsolete(m *specs.LinuxMemory) {
	if value(m.Kernel) > 0 {
		c.warn("linux.resources.memory.kernel", "ignored: Linux has had no kernel memory limit since 5.16")
	}
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		c.warn("linux.resources.memory.useHierarchy", "false ignored: memory is always counted hierarchically since Linux 5.11")
	}
}

// oomKiller is what memory.oom_control of v1 is to be, "" for as it is.
func (c *compiler) oomKiller(m *specs.LinuxMemory) string {
	switch {
	case value(m.DisableOOMKiller):
		return "1"
	case m.DisableOOMKiller != nil && c.host.Update && c.host.Version("memory") == V1:
		return "0"
	}
	return ""
}

// memoryV1 ends with limit and memory+swap limit. The kernel keeps limit <= memsw, so on the way up the limit may
// have to wait for the other (EINVAL); on the way down it goes first.
func (c *compiler) memoryV1(m *specs.LinuxMemory) error {
	if m.Swappiness != nil {
		c.memoryWrite("memory.swappiness", strconv.FormatUint(*m.Swappiness, 10), fieldSwappiness)
	}
	if v := c.oomKiller(m); v != "" {
		c.memoryWrite("memory.oom_control", v, fieldOOM)
	}
	if n := value(m.Reservation); n != 0 {
		c.memoryWrite("memory.soft_limit_in_bytes", limit(n, "-1"), fieldReservation)
	}
	if n := value(m.KernelTCP); n > 0 {
		c.memoryWrite("memory.kmem.tcp.limit_in_bytes", limit(n, "-1"), fieldKernelTCP)
	}
	size, swap := value(m.Limit), value(m.Swap)
	if size < 0 && swap == 0 {
		swap = -1 // else the old memsw limit would go on limiting memory
	}
	if swap > 0 && size >= 0 {
		if _, err := c.swapOnly(swap, size, "memory.limit_in_bytes"); err != nil {
			return err
		}
	}
	if size != 0 {
		c.write(Write{
			Controller: "memory", File: "memory.limit_in_bytes", Value: limit(size, "-1"), Field: fieldMemory,
			Late: swap != 0,
		})
	}
	if swap != 0 {
		// The file is missing on a kernel booted with swapaccount=0: then swap is not limited either.
		c.write(Write{
			Controller: "memory", File: "memory.memsw.limit_in_bytes", Value: limit(swap, "-1"), Field: fieldSwap,
			Optional: swap < 0,
		})
	}
	return nil
}

func (c *compiler) memoryV2(m *specs.LinuxMemory) error {
	switch {
	case m.Swappiness != nil:
		return fmt.Errorf("%s: no equivalent on cgroup v2", fieldSwappiness)
	case value(m.DisableOOMKiller):
		return fmt.Errorf("%s: no equivalent on cgroup v2", fieldOOM)
	}
	if value(m.KernelTCP) > 0 {
		c.warn(fieldKernelTCP, "ignored: absent from cgroup v2")
	}
	swap, err := c.swapMax(m)
	if err != nil {
		return err
	}
	if err := c.checkUsage(m); err != nil {
		return err
	}
	if n := value(m.Reservation); n != 0 {
		c.memoryWrite("memory.low", limit(n, "max"), fieldReservation)
	}
	if swap != "" {
		// The file is missing without swap accounting; no swap or all the swap there is comes to the same then.
		c.write(Write{
			Controller: "memory", File: "memory.swap.max", Value: swap, Field: fieldSwap,
			Optional: swap == "0" || swap == "max",
		})
	}
	if n := value(m.Limit); n != 0 {
		c.memoryWrite("memory.max", limit(n, "max"), fieldMemory)
	}
	return nil
}

// swapMax converts the limit of memory and swap together to one of swap alone; "" leaves it as it is.
func (c *compiler) swapMax(m *specs.LinuxMemory) (string, error) {
	size, swap := value(m.Limit), value(m.Swap)
	switch {
	case swap == 0 && size < 0: // as on v1: unlimited memory that says nothing of swap
		return "max", nil
	case swap == 0:
		return "", nil
	case swap < 0:
		return "max", nil
	case size < 0:
		return strconv.FormatInt(swap, 10), nil
	}
	n, err := c.swapOnly(swap, size, "memory.max")
	return strconv.FormatInt(n, 10), err
}

// swapOnly is how much of a limit of memory and swap is left for swap, beside a memory limit of size or, if that is 0, the
// one in file.
func (c *compiler) swapOnly(swap, size int64, file string) (int64, error) {
	if size == 0 {
		now, err := c.host.Read("memory", file)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", fieldSwap, err)
		}
		// v1 shows PAGE_COUNTER_MAX, in bytes, for none (mm/memcontrol-v1.c).
		if size, err = strconv.ParseInt(now, 10, 64); err != nil || size >= math.MaxInt64&^0xffff {
			return 0, fmt.Errorf("%s: %d: needs linux.resources.memory.limit", fieldSwap, swap)
		}
	}
	if swap < size {
		return 0, fmt.Errorf("%s: %d: smaller than the memory limit %d, which it includes", fieldSwap, swap, size)
	}
	return swap - size, nil
}

// checkUsage does what v1 does by itself: it refuses a limit that the container is already over, where v2 would
// start killing. A cgroup whose usage cannot be read has none.
func (c *compiler) checkUsage(m *specs.LinuxMemory) error {
	if !value(m.CheckBeforeUpdate) {
		return nil
	}
	text, err := c.host.Read("memory", "memory.current")
	if err != nil {
		return nil
	}
	used, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("linux.resources.memory.checkBeforeUpdate: memory.current %q: %w", text, err)
	}
	for _, l := range []struct {
		field string
		n     int64
	}{{fieldSwap, value(m.Swap)}, {fieldMemory, value(m.Limit)}} {
		if l.n > 0 && l.n <= used {
			return fmt.Errorf("%s: %d: not above the %d bytes in use", l.field, l.n, used)
		}
	}
	return nil
}

func (c *compiler) memoryWrite(file, text, field string) {
	c.write(Write{Controller: "memory", File: file, Value: text, Field: field})
}
