package libcontainer

import (
	"fmt"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/process"
	"teu/nsenter/program/golden"
)

// attributeFields are what the process has beside its identity.
var attributeFields = []with{
	{"scheduler-fifo", on(func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 5, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}
	})},
	{"scheduler-nice", on(func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: -3} })},
	{"scheduler-deadline", on(func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 10000, Deadline: 20000, Period: 30000}
	})},
	{"io-priority", on(func(s *specs.Spec) {
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 3}
	})},
	{"exec-cpu-affinity", on(func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0-1,64"} })},
	{"personality", on(func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} })},
	{"memory-policy", on(func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{
			Mode: specs.MpolBind, Nodes: "0,65", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes},
		}
	})},
	{"memory-policy-default", on(func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolDefault} })},
	{"apparmor", on(func(s *specs.Spec) { s.Process.ApparmorProfile = "box" })},
	{"selinux", func(s *specs.Spec, f *initFacts) {
		s.Process.SelinuxLabel, f.process.NewKeyring = "system_u:system_r:container_t:s0:c1,c2", "_ses.box"
	}},
	{"mount-label", on(func(s *specs.Spec) {
		s.Linux.MountLabel = "system_u:object_r:container_file_t:s0:c1,c2"
		s.Mounts = []specs.Mount{{Destination: "/proc", Type: "proc"}, {Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"}}
	})},
	{"mount-label-others", both(newNamespace(specs.IPCNamespace), on(func(s *specs.Spec) {
		s.Linux.MountLabel = "system_u:object_r:container_file_t:s0:c1,c2"
		s.Linux.MaskedPaths = []string{"/proc/acpi"}
		s.Mounts = []specs.Mount{
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue"},
			{Destination: "/mine", Type: "tmpfs", Source: "tmpfs", Options: []string{"rootcontext=u:r:t:s0"}},
			{Destination: "/data", Type: "bind", Source: "/data", Options: []string{"bind"}},
		}
	}))},
	{"mount-label-mqueue-of-host", on(func(s *specs.Spec) {
		s.Linux.MountLabel = "system_u:object_r:container_file_t:s0:c1,c2"
		s.Mounts = []specs.Mount{{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue"}}
	})},
	{"scheduler-empty", on(func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{} })},
	{"labels-and-hooks", func(s *specs.Spec, _ *initFacts) {
		s.Process.ApparmorProfile, s.Process.SelinuxLabel = "box", "system_u:system_r:container_t:s0:c1,c2"
		s.Linux.Sysctl = map[string]string{"kernel.domainname": "x"}
		s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/hook"}}}
	}},
}

// execPlan is all that exec would do: where it is born, what is done from outside, and the program.
func execPlan(t *testing.T, s *specs.Spec, f *initFacts, w way) string {
	t.Helper()
	var b strings.Builder
	initial, err := initialAffinity(s.Process)
	if err != nil {
		t.Fatalf("read the initial affinity: %v", err)
	}
	if initial != nil {
		fmt.Fprintf(&b, "# born on CPUs %x\n", initial)
	}
	st, err := compileExecOutside(s.Process)
	if err != nil {
		t.Fatalf("compile what is done from outside: %v", err)
	}
	for i := range st.early {
		b.WriteString("# early, " + strings.TrimPrefix(st.early[i].String(), "# "))
	}
	for i := range st.late {
		b.WriteString("# late, " + strings.TrimPrefix(st.late[i].String(), "# "))
	}
	p := compileExec(s.Process, f, w)
	golden.Verified(t, p)
	return b.String() + p.String()
}

// wayOf is a way to a container's root that exec holds a descriptor of.
func wayOf(joined uint64) way { return way{joined: joined, root: rootID{8<<32 | 1, 2, 30}, held: true} }

// execAttributes is every field of a process object but labels and terminal, which exec takes from --process, its flags, or
// the container.
func execAttributes(p *specs.Process, f *initFacts) {
	umask := uint32(0o27)
	p.User = specs.User{UID: 1000, GID: 2000, AdditionalGids: []uint32{3, 4}, Umask: &umask}
	p.Args, p.Env, p.Cwd = []string{"id", "-u"}, []string{"PATH=/bin", "A=1", "HOME=/h"}, "/srv"
	p.NoNewPrivileges, p.OOMScoreAdj = true, ptr(7)
	p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}}
	p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 3}
	p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}
	p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "1"}
	p.Capabilities = &specs.LinuxCapabilities{
		Bounding: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"},
		Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"},
	}
	f.process.Caps, _ = process.ParseCaps(p.Capabilities, allCaps)
}

func execLabels(p *specs.Process, f *initFacts) {
	p.ApparmorProfile, p.SelinuxLabel = "box", "system_u:system_r:container_t:s0:c1,c2"
	f.process.NewKeyring = "_ses.box"
}

// execContainer is what exec takes from the container whatever the process object says.
func execContainer(_ *specs.Process, f *initFacts) {
	f.process.Filter = fakeFilter
	f.process.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	f.process.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0"}
}
