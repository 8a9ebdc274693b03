package cgroups

import (
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestDisabled: a container without a cgroup stays in that of its runtime, and what needs one says so.
func TestDisabled(t *testing.T) {
	t.Parallel()
	kit.Cgroupfs(t, "that contradicts --cgroup-manager=disabled")
	b := kit.New(t, kit.Args("sleep", "forever"))
	disabled := func(args ...string) kit.Result {
		t.Helper()
		return b.Teu(append([]string{"--cgroup-manager", "disabled"}, args...)...)
	}
	res, log := b.Logged("--cgroup-manager", "disabled", "create", b.ID)
	if res.Code != 0 || res.Stderr != "" || !strings.Contains(log, "linux.resources.devices: without a cgroup") {
		t.Fatalf("%v: logged %q: want exit code 0 and a warning of linux.resources.devices in the log alone", res, log)
	}
	b.OK("start", b.ID)
	own, theirs := read(t, "/proc/self", "cgroup"), read(t, "/proc/"+itoa(b.State().Pid), "cgroup")
	if own != theirs {
		t.Errorf("cgroup of the container: got %q, want %q of the caller", theirs, own)
	}
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	if pids := b.OK("ps", "--format", "json", b.ID).Stdout; pids != "["+itoa(b.State().Pid)+"]\n" && pids != "["+itoa(b.State().Pid)+"]" {
		t.Errorf("ps: got %q, want [%d]", pids, b.State().Pid)
	}
	b.OK("events", "--stats", b.ID)
	b.OK("list")
	b.Fails([]string{"pause", b.ID}, "has no cgroup")
	b.Fails([]string{"update", "--pids-limit", "9", b.ID}, "has no cgroup")
	b.OK("kill", "--all", b.ID, "KILL")
	b.Ended()
	b.OK("delete", b.ID)
	if res := disabled("run", b.ID, "--detach"); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}
	b.OK("delete", "--force", b.ID)
}

// TestDisabledLimits: nothing would hold them.
func TestDisabledLimits(t *testing.T) {
	t.Parallel()
	kit.Cgroupfs(t, "that contradicts --cgroup-manager=disabled")
	b := kit.New(t)
	n := int64(1 << 30)
	for field, r := range map[string]specs.LinuxResources{
		"memory":         {Memory: &specs.LinuxMemory{Limit: &n}},
		"cpu":            {CPU: &specs.LinuxCPU{Cpus: "0"}},
		"pids":           {Pids: &specs.LinuxPids{Limit: &n}},
		"blockIO":        {BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(500))}},
		"hugepageLimits": {HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}}},
		"network":        {Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1))}},
		"rdma":           {Rdma: map[string]specs.LinuxRdma{"x": {HcaHandles: ptr(uint32(1))}}},
		"unified":        {Unified: map[string]string{"pids.max": "1"}},
	} {
		b.Edit(func(s *specs.Spec) { s.Linux.Resources = &r })
		b.Fails([]string{"--cgroup-manager=disabled", "create", b.ID}, "linux.resources."+field+": ", "without a cgroup")
	}
	b.Edit(func(s *specs.Spec) { // Docker's zeros
		s.Linux.Resources = &specs.LinuxResources{
			Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(0))}, Pids: &specs.LinuxPids{Limit: ptr(int64(-1))},
		}
	})
	b.OK("--cgroup-manager=disabled", "run", b.ID)
}

// TestDisabledMount: a mount of cgroups shows the runtime's.
func TestDisabledMount(t *testing.T) {
	t.Parallel()
	kit.Cgroupfs(t, "that contradicts --cgroup-manager=disabled")
	for _, own := range []bool{true, false} {
		b := kit.New(t, kit.Args("ls", "/sys/fs/cgroup"), func(s *specs.Spec) {
			if !own {
				var list []specs.LinuxNamespace
				for _, n := range s.Linux.Namespaces {
					if n.Type != specs.CgroupNamespace {
						list = append(list, n)
					}
				}
				s.Linux.Namespaces = list
			}
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid"}})
		})
		want := "memory\n"
		if kit.Unified() {
			want = "cgroup.procs\n"
		} else {
			kit.NeedsController(t, "memory")
		}
		if out := b.OK("--cgroup-manager=disabled", "run", b.ID).Stdout; !strings.Contains(out, want) {
			t.Errorf("own namespace %v: got %q, want %q in it", own, out, want)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
