package libcontainer

import "teu/libcontainer/seccomp"

// seccomp compiles linux.seccomp.
func (c *creation) seccomp() error {
	if c.spec.Linux == nil || c.spec.Linux.Seccomp == nil {
		return nil
	}
	filter, warnings, err := seccomp.Compile(c.spec.Linux.Seccomp, c.r.Cache)
	for _, w := range warnings {
		c.r.Log.Warnf("%v", w)
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
