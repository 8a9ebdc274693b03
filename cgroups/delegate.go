package cgroups

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// delegated are the files to hand over when /sys/kernel/cgroup/delegate is missing (config-linux.md, "Cgroup
// ownership").
const delegated = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"

// Delegate makes the host uid the owner of the container's v2 cgroup and of the files in it that the kernel says
// are safe to give away. The spec asks for it when the container gets a new cgroup namespace and a writable mount
// of cgroups, with the uid that process.user.uid maps to; on v1 it would not be safe, so there, in hybrid mode
// too, it does nothing.
func (m *Manager) Delegate(uid int) error {
	p := m.unified()
	if p == nil || m.rec.Mode != Unified {
		return nil
	}
	const list = "/sys/kernel/cgroup/delegate"
	text, err := sys.ReadFileAt(sys.AtFdcwd, list)
	if errors.Is(err, syscall.ENOENT) {
		text, err = []byte(delegated), nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", list, err)
	}
	files := append([]string{""}, strings.Fields(string(text))...)
	for _, name := range files {
		if strings.Contains(name, "/") {
			continue
		}
		file := strings.TrimSuffix(p.Dir()+"/"+name, "/")
		if err := sys.Chownat(sys.AtFdcwd, file, uid); err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("chown %s to uid %d: %w", file, uid, err)
		}
	}
	return nil
}
