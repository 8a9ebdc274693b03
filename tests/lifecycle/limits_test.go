package lifecycle

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestLimits reads each limit back from the kernel.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		set                func(r *specs.LinuxResources)
		controller, v1, v2 string
		want               string
		wantV2             string
	}{
		{"memory", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))} },
			"memory", "memory.limit_in_bytes", "memory.max", "67108864", "67108864"},
		{"memory, unlimited", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(-1))} },
			"memory", "memory.limit_in_bytes", "memory.max", "9223372036854771712", "max"},
		{"memory reservation", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Reservation: ptr(int64(32 << 20))} },
			"memory", "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432"},
		{"swappiness", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr(uint64(10))} },
			"memory", "memory.swappiness", "", "10", ""},
		{"cpu shares", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512))} },
			"cpu", "cpu.shares", "cpu.weight", "512", ""},
		{"cpu quota", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(200000))}
		},
			"cpu", "cpu.cfs_quota_us", "cpu.max", "50000", "50000 200000"},
		{"cpu period", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(200000))}
		},
			"cpu", "cpu.cfs_period_us", "cpu.max", "200000", "50000 200000"},
		{"cpuset", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} },
			"cpuset", "cpuset.cpus", "cpuset.cpus", "0", "0"},
		{"pids", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(77))} },
			"pids", "pids.max", "pids.max", "77", "77"},
		{"pids, unlimited", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))} },
			"pids", "pids.max", "pids.max", "max", "max"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kit.NeedsController(t, c.controller)
			b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(c.set))
			want := c.want
			if kit.Unified() {
				if want = c.wantV2; want == "" {
					t.Skip("not on cgroup v2, or in other units there")
				}
			}
			b.Start()
			if got := control(t, b.State().Pid, c.controller, c.v1, c.v2); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestCpusetAtWork(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "cpuset")
	b := kit.New(t, kit.Resources(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0"} }))
	if got := b.Inspect().Status["Cpus_allowed_list"]; got != "0" {
		t.Errorf("Cpus_allowed_list: got %s, want 0", got)
	}
}

// TestPidsAtWork: the Go runtime of the payload has threads, which count.
func TestPidsAtWork(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "pids")
	b := kit.New(t, kit.Args("spawn", "100"), kit.Resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(40))} }))
	res := b.Teu("run", b.ID)
	if res.Code == 0 || !strings.Contains(res.Stdout+res.Stderr, "EAGAIN") && !strings.Contains(res.Stdout+res.Stderr, "resource temporarily unavailable") &&
		!strings.Contains(res.Stderr, "failed to create new OS thread") {
		t.Errorf("%v, want a failure for too many processes", res)
	}
}

// TestPidsOfOne: the runtime itself needs no process of the container's.
func TestPidsOfOne(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "pids")
	b := kit.New(t, process(func(p *specs.Process) { p.Args = []string{"/script"} }), kit.Resources(func(r *specs.LinuxResources) {
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(1))}
	}))
	b.File("/script", "no interpreter", 0o755)
	b.Fails([]string{"run", b.ID}, "exec format error") // it came as far as its own exec
}

func TestMemoryAtWork(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory")
	b := kit.New(t, kit.Args("oom", "64"), kit.Resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Swap: ptr(int64(32 << 20))}
	}))
	if res := b.Teu("run", b.ID); res.Code != 137 || res.Stdout != "" {
		t.Errorf("%v, want exit code 137 and no stdout", res)
	}
	b.Edit(kit.Resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(128 << 20))} }))
	if out := b.Run().Stdout; out != "survived\n" {
		t.Errorf("with memory enough: got %q, want %q", out, "survived\n")
	}
}

// TestSmallMemory: what teu itself needs is not the container's to pay.
func TestSmallMemory(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory")
	b := kit.New(t, kit.Args("sleep", "forever"), process(func(p *specs.Process) { p.Args = []string{"/x"} }), kit.Resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}
	}))
	b.File("/x", "no program", 0o755)
	b.Fails([]string{"run", b.ID}, "exec format error")
}

// TestDeviceRules: what is not allowed cannot be opened, whatever node there is; the devices of every container can.
func TestDeviceRules(t *testing.T) {
	t.Parallel()
	all := specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}
	kmsg := func(allow bool, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: access}
	}
	none := specs.LinuxDeviceCgroup{Allow: false, Access: "rwm"}
	for _, c := range []struct {
		name  string
		rules []specs.LinuxDeviceCgroup
		args  []string
		want  string
	}{
		{"null", []specs.LinuxDeviceCgroup{none}, []string{"open", "/dev/null", "rw"}, "ok\n"},
		{"urandom", []specs.LinuxDeviceCgroup{none}, []string{"open", "/dev/urandom", "r"}, "ok\n"},
		{"ptmx", []specs.LinuxDeviceCgroup{none}, []string{"open", "/dev/ptmx", "rw"}, "ok\n"},
		{"denied", []specs.LinuxDeviceCgroup{none}, []string{"open", "/dev/kmsg", "r"}, "EPERM\n"},
		{"denied by default", nil, []string{"open", "/dev/kmsg", "r"}, "EPERM\n"},
		{"allowed to read", []specs.LinuxDeviceCgroup{none, kmsg(true, "r")}, []string{"open", "/dev/kmsg", "r"}, "ok\n"},
		{"allowed to read, not to write", []specs.LinuxDeviceCgroup{none, kmsg(true, "r")}, []string{"open", "/dev/kmsg", "w"}, "EPERM\n"},
		{"all allowed", []specs.LinuxDeviceCgroup{all}, []string{"open", "/dev/kmsg", "r"}, "ok\n"},
		{"all but one allowed", []specs.LinuxDeviceCgroup{all, kmsg(false, "rwm")}, []string{"open", "/dev/kmsg", "r"}, "EPERM\n"},
		{"mknod of any", []specs.LinuxDeviceCgroup{none}, []string{"mknod", "/tmp/new", "c", "1", "11"}, ""},
		{"block", []specs.LinuxDeviceCgroup{none}, []string{"open", "/dev/disk", "r"}, "EPERM\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, privileged, writable, kit.Resources(func(r *specs.LinuxResources) { r.Devices = c.rules }), kit.Args(c.args...),
				device("/dev/kmsg", "c", 1, 11, 0o666, 0, 0), device("/dev/disk", "b", 7, 99, 0o666, 0, 0))
			if res := b.Teu("run", b.ID); res.Stdout != c.want {
				t.Errorf("%v, want %q", res, c.want)
			}
			if c.name == "denied" {
				b.Edit(kit.Args("sleep", "forever"))
				b.Start()
				if res := b.Teu("exec", b.ID, kit.PayloadPath, "open", "/dev/kmsg", "r"); res.Stdout != c.want {
					t.Errorf("exec: got %v, want stdout %q", res, c.want)
				}
			}
		})
	}
}

func TestLimitErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  func(r *specs.LinuxResources)
		want []string
	}{
		{"no such cpu", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "500"} }, []string{"linux.resources.cpu.cpus", "500"}},
		{"no cpu list", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "x"} }, []string{"linux.resources.cpu.cpus", "x"}},
		{"swap below memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(32 << 20))}
		}, []string{"linux.resources.memory"}},
		{"tiny period", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr(uint64(1))} }, []string{"linux.resources.cpu.period"}},
		{"device type", func(r *specs.LinuxResources) { r.Devices = []specs.LinuxDeviceCgroup{{Type: "x", Access: "r"}} }, []string{"linux.resources.devices[0]"}},
		{"device access", func(r *specs.LinuxResources) { r.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "x"}} }, []string{"linux.resources.devices[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Resources(c.set))
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}
