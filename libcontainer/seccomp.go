package libcontainer

import (
	"path/filepath"
	"strings"

	"teu/libcontainer/seccomp"
	"teu/libcontainer/store"
)

// seccompCache is the directory below the root directory that holds compiled filters.
const seccompCache = store.CachePrefix + "seccomp"

// seccomp compiles linux.seccomp.
func (c *creation) seccomp() error {
	if c.spec.Linux == nil || c.spec.Linux.Seccomp == nil {
		return nil
	}
	filter, warnings, err := seccomp.Compile(c.spec.Linux.Seccomp, filepath.Join(c.r.Root, seccompCache))
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
