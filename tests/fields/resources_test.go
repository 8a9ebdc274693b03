package fields

import (
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestCPU(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.cpu.shares", "linux.resources.cpu.quota", "linux.resources.cpu.burst", "linux.resources.cpu.period",
		"linux.resources.cpu.realtimeRuntime", "linux.resources.cpu.realtimePeriod", "linux.resources.cpu.idle")
	cpu := func(c specs.LinuxCPU) func(r *specs.LinuxResources) {
		return func(r *specs.LinuxResources) { r.CPU = &c }
	}
	realtime := func(lines ...string) []string {
		if top, v2 := hierarchy("cpu"); top != "" && !v2 && !exists(top+"/cpu.rt_period_us") {
			return []string{"!: needs CONFIG_RT_GROUP_SCHED"}
		}
		return lines
	}
	ask(t, "cpu", "cpu", []asked{
		{"shares", cpu(specs.LinuxCPU{Shares: ptr(uint64(512))}), []string{"cpu.shares 512"}, []string{"cpu.weight 59"}},
		{"quota", cpu(specs.LinuxCPU{Quota: ptr(int64(50000))}), []string{"cpu.cfs_quota_us 50000", "cpu.cfs_period_us 100000"}, []string{"cpu.max 50000 100000"}},
		{"no quota", cpu(specs.LinuxCPU{Quota: ptr(int64(-1))}), []string{"cpu.cfs_quota_us -1"}, []string{"cpu.max max 100000"}},
		{
			"quota, period, burst", cpu(specs.LinuxCPU{Quota: ptr(int64(40000)), Period: ptr(uint64(200000)), Burst: ptr(uint64(30000))}),
			[]string{"cpu.cfs_quota_us 40000", "cpu.cfs_period_us 200000", "cpu.cfs_burst_us 30000"}, []string{"cpu.max 40000 200000", "cpu.max.burst 30000"},
		},
		{"idle", cpu(specs.LinuxCPU{Idle: ptr(int64(1))}), []string{"cpu.idle 1"}, []string{"cpu.idle 1"}},
		{
			"real time", cpu(specs.LinuxCPU{RealtimeRuntime: ptr(int64(9000)), RealtimePeriod: ptr(uint64(2000000))}),
			realtime("cpu.rt_runtime_us 9000", "cpu.rt_period_us 2000000"), []string{"!linux.resources.cpu.realtimeRuntime: no equivalent on cgroup v2"},
		},
		{"real-time period", cpu(specs.LinuxCPU{RealtimePeriod: ptr(uint64(2000000))}), realtime("cpu.rt_period_us 2000000"),
			[]string{"!linux.resources.cpu.realtimePeriod: no equivalent on cgroup v2"}},
		{"a burst above the quota", cpu(specs.LinuxCPU{Quota: ptr(int64(40000)), Burst: ptr(uint64(50000))}),
			[]string{"!linux.resources.cpu.burst: 50000"}, []string{"!linux.resources.cpu.burst: 50000"}},
	})
}

func TestCPUSet(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.cpu.cpus", "linux.resources.cpu.mems")
	set := func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }
	want := []string{"cpuset.cpus 0", "cpuset.mems 0"}
	ask(t, "cpuset", "cpuset", []asked{{"both", set, want, want}})
	status := kit.New(t, kit.Resources(set)).Inspect().Status
	if status["Cpus_allowed_list"] != "0" || status["Mems_allowed_list"] != "0" {
		t.Errorf("cpuset of the process: got processors %s and memory nodes %s, want 0 and 0", status["Cpus_allowed_list"], status["Mems_allowed_list"])
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.memory.limit", "linux.resources.memory.reservation", "linux.resources.memory.swap",
		"linux.resources.memory.kernel", "linux.resources.memory.kernelTCP", "linux.resources.memory.swappiness",
		"linux.resources.memory.disableOOMKiller", "linux.resources.memory.useHierarchy", "linux.resources.memory.checkBeforeUpdate")
	memory := func(m specs.LinuxMemory) func(r *specs.LinuxResources) {
		return func(r *specs.LinuxResources) { r.Memory = &m }
	}
	const mib = int64(1 << 20)
	ask(t, "memory", "memory", []asked{
		{"limit", memory(specs.LinuxMemory{Limit: ptr(64 * mib)}), []string{"memory.limit_in_bytes 67108864"}, []string{"memory.max 67108864"}},
		{"no limit", memory(specs.LinuxMemory{Limit: ptr(int64(-1))}), []string{"memory.limit_in_bytes 9223372036854771712"}, []string{"memory.max max"}},
		{"limit and swap", memory(specs.LinuxMemory{Limit: ptr(64 * mib), Swap: ptr(96 * mib)}),
			[]string{"memory.limit_in_bytes 67108864", "memory.memsw.limit_in_bytes 100663296"}, []string{"memory.max 67108864", "memory.swap.max 33554432"}},
		{"reservation", memory(specs.LinuxMemory{Reservation: ptr(32 * mib)}), []string{"memory.soft_limit_in_bytes 33554432"}, []string{"memory.low 33554432"}},
		{"kernel", memory(specs.LinuxMemory{Kernel: ptr(32 * mib)}), []string{"?linux.resources.memory.kernel: ignored"}, []string{"?linux.resources.memory.kernel: ignored"}},
		{"kernel TCP", memory(specs.LinuxMemory{KernelTCP: ptr(16 * mib)}), []string{"memory.kmem.tcp.limit_in_bytes 16777216"},
			[]string{"?linux.resources.memory.kernelTCP: ignored"}},
		{"swappiness", memory(specs.LinuxMemory{Swappiness: ptr(uint64(0))}), []string{"memory.swappiness 0"},
			[]string{"!linux.resources.memory.swappiness: no equivalent on cgroup v2"}},
		{"no OOM killer", memory(specs.LinuxMemory{DisableOOMKiller: ptr(true)}), []string{"memory.oom_control oom_kill_disable 1"},
			[]string{"!linux.resources.memory.disableOOMKiller: no equivalent on cgroup v2"}},
		{"hierarchy", memory(specs.LinuxMemory{UseHierarchy: ptr(true)}), []string{"memory.use_hierarchy 1"}, nil},
		{"no hierarchy", memory(specs.LinuxMemory{UseHierarchy: ptr(false)}),
			[]string{"?linux.resources.memory.useHierarchy: false ignored", "memory.use_hierarchy 1"}, []string{"?linux.resources.memory.useHierarchy: false ignored"}},
		{"checked", memory(specs.LinuxMemory{Limit: ptr(64 * mib), CheckBeforeUpdate: ptr(true)}), []string{"memory.limit_in_bytes 67108864"}, []string{"memory.max 67108864"}},
		{"checked, too little", memory(specs.LinuxMemory{Limit: ptr(int64(4096)), CheckBeforeUpdate: ptr(true)}),
			[]string{"!linux.resources.memory.limit is 4096 bytes"}, []string{"!linux.resources.memory.limit: 4096: "}},
	})
}

func TestPids(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.pids.limit")
	pids := func(n int64) func(r *specs.LinuxResources) {
		return func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: &n} }
	}
	want := []string{"pids.max 77"}
	ask(t, "pids", "pids", []asked{
		{"some", pids(77), want, want},
		{"no limit", pids(-1), []string{"pids.max max"}, []string{"pids.max max"}},
	})
	// The payload has threads, so that it cannot start where there is room for one: the error is its own.
	b := kit.New(t, kit.Resources(pids(0)), process(func(p *specs.Process) { p.Args = []string{"/text"} }))
	b.File("/text", "no program", 0o755)
	b.Fails([]string{"run", b.ID}, "exec format error")
	// Before runtime-spec 1.3.0 zero was no limit.
	kit.New(t, kit.Resources(pids(0)), func(s *specs.Spec) { s.Version = "1.0.2-dev" }).Run()
}

// TestDeviceList asks for a device that has no driver: to be let through to it is ENXIO, to be held up before EPERM.
func TestDeviceList(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.devices[].allow", "linux.resources.devices[].type", "linux.resources.devices[].major",
		"linux.resources.devices[].minor", "linux.resources.devices[].access")
	type rules = []specs.LinuxDeviceCgroup
	rule := func(allow bool, kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Major: &major, Minor: &minor, Access: access}
	}
	for name, c := range map[string]struct {
		rules rules
		how   string
		want  string
	}{
		"none":               {nil, "r", "EPERM"},
		"allowed":            {rules{rule(true, "c", 1, 12, "rw")}, "rw", "ENXIO"},
		"not allowed":        {rules{rule(false, "c", 1, 12, "rw")}, "rw", "EPERM"},
		"allowed, denied":    {rules{rule(true, "c", 1, 12, "rw"), rule(false, "c", 1, 12, "w")}, "w", "EPERM"},
		"denied, allowed":    {rules{rule(false, "c", 1, 12, "w"), rule(true, "c", 1, 12, "rw")}, "w", "ENXIO"},
		"all":                {rules{{Allow: true, Access: "rwm"}}, "rw", "ENXIO"},
		"every type":         {rules{rule(true, "a", -1, -1, "rwm")}, "rw", "ENXIO"},
		"another type":       {rules{rule(true, "b", 1, 12, "rwm")}, "r", "EPERM"},
		"another major":      {rules{rule(true, "c", 2, 12, "rwm")}, "r", "EPERM"},
		"every major":        {rules{rule(true, "c", -1, 12, "rwm")}, "r", "ENXIO"},
		"another minor":      {rules{rule(true, "c", 1, 13, "rwm")}, "r", "EPERM"},
		"every minor":        {rules{rule(true, "c", 1, -1, "rwm")}, "r", "ENXIO"},
		"reading":            {rules{rule(true, "c", 1, 12, "r")}, "r", "ENXIO"},
		"reading, no writes": {rules{rule(true, "c", 1, 12, "r")}, "w", "EPERM"},
		"making":             {rules{rule(true, "c", 1, 12, "m")}, "r", "EPERM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Resources(func(r *specs.LinuxResources) { r.Devices = c.rules }), kit.Args("open", "/dev/none", c.how))
			b.Edit(linux(func(l *specs.Linux) {
				l.Devices = []specs.LinuxDevice{{Path: "/dev/none", Type: "c", Major: 1, Minor: 12, FileMode: ptr(os.FileMode(0o666))}}
			}))
			if res := b.Teu("run", b.ID); res.Stdout != c.want+"\n" {
				t.Errorf("%v: want stdout %q", res, c.want+"\n")
			}
		})
	}
}
