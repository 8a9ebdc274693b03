package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// watched is a profile with a listener.
func watched(s *specs.Spec) {
	s.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv},
		ListenerPath: "/run/supervisor", ListenerMetadata: "of the supervisor's own",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdirat"}, Action: specs.ActNotify}},
	}
}

var seccompFields = []with{
	{"listener", on(watched)},
	{"listener-no-new-privileges", on(func(s *specs.Spec) { watched(s); s.Process.NoNewPrivileges = true })},
	{"listener-of-all", on(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActNotify, ListenerPath: "/run/supervisor"}
	})},
	// Without SCMP_ACT_NOTIFY the path is for nothing.
	{"listener-for-nothing", on(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/run/supervisor"}
	})},
}
