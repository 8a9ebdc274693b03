package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
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
}
