package preflight

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/seccomp"
	"teu/libcontainer/spec/names"
)

// seccomp: what the kernel has to know to load the filter, and who listens to it.
func (c *checker) seccomp() {
	s := c.Linux.Seccomp
	if s == nil {
		return
	}
	if text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/sys/kernel/seccomp/actions_avail"); err == nil {
		c.seccompActions(s, strings.Fields(string(text)))
	}
	if len(s.Flags) > 0 {
		c.seccompFlags(s, names.List(names.SeccompFlags), seccomp.SupportedFlags())
	}
	c.listener(s)
}

// seccompActions: each action has a name of the kernel's in actions_avail (seccomp(2), "/proc interfaces").
func (c *checker) seccompActions(s *specs.LinuxSeccomp, available []string) {
	check := func(path string, a specs.LinuxSeccompAction) {
		if t, known := names.FindSeccompAction(a); known && !slices.Contains(available, t.Kernel) {
			c.bad(path, fmt.Sprintf("%q, which this kernel does not know", a), "one of those for "+strings.Join(available, ", "))
		}
	}
	check("linux.seccomp.defaultAction", s.DefaultAction)
	for i := range s.Syscalls {
		check(fmt.Sprintf("linux.seccomp.syscalls[%d].action", i), s.Syscalls[i].Action)
	}
}

func (c *checker) seccompFlags(s *specs.LinuxSeccomp, known, supported []string) {
	for i, f := range s.Flags {
		if slices.Contains(known, string(f)) && !slices.Contains(supported, string(f)) {
			c.bad(fmt.Sprintf("linux.seccomp.flags[%d]", i), fmt.Sprintf("%q, which this kernel does not know", f),
				"one of "+strings.Join(supported, ", "))
		}
	}
}

// listener: somebody has to listen by the time of create.
func (c *checker) listener(s *specs.LinuxSeccomp) {
	if s.ListenerPath == "" {
		return
	}
	if st, err := sys.Statat(sys.AtFdcwd, s.ListenerPath); err != nil || !sys.IsSocket(&st) {
		c.warn("linux.seccomp.listenerPath", fmt.Sprintf("%q, where there is no socket", s.ListenerPath), "one that somebody listens at")
	}
}
