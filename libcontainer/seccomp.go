package libcontainer

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/seccomp"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
)

// seccomp compiles linux.seccomp.
func (c *creation) seccomp() error {
	if c.spec.Linux == nil || c.spec.Linux.Seccomp == nil {
		return nil
	}
	if err := knownNames(c.spec); err != nil {
		return err
	}
	filter, warnings, err := seccomp.Compile(c.spec.Linux.Seccomp, c.r.Cache)
	for _, w := range warnings {
		text := w.Error()
		if c.entry == nil && strings.HasPrefix(text, "linux.seccomp") {
			continue // exec: the profile is the container's, and create has told
		}
		c.warn(text)
	}
	if err != nil {
		return err
	}
	if err := filter.CheckFlags(c.spec.Linux.Seccomp); err != nil {
		return err
	}
	c.facts.process.Filter, c.facts.process.FilterFlags = filter.BPF, uint64(filter.Flags)
	if filter.Listener {
		return c.openListener(c.spec.Linux.Seccomp.ListenerPath)
	}
	return nil
}

// knownNames refuses a name of linux.seccomp that libseccomp does not know, where an annotation asks for that.
func knownNames(s *specs.Spec) error {
	if !spec.Annotated(s.Annotations, names.FailUnknownSyscall) {
		return nil
	}
	return seccomp.CheckNames(s.Linux.Seccomp)
}
