// Package preflight asks the machine whether it can grant what a valid config.json asks for: files that have to be there,
// privileges, features of the kernel. It is for `teu validate`, which tells everything at once.
//
// What validate and create both ask, by the same functions, is what config.json alone shows (spec.Validate), whether the
// security modules are there that labels are given for, which namespaces are the runtime's own, and what the compilers
// say, the one of linux.resources with the host's cgroup controllers included. What is in this package create does not
// ask beforehand: it finds it out where it uses it, on a descriptor and once, as a file that was there a moment ago proves
// nothing, and every start would pay for it. It calls on this package only to explain a failure (TooRevealing).
//
// Probes only read, or leave everything as it was when they return, and are made only for what the config asks for.
package preflight

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
)

// checker gathers what it finds.
type checker struct {
	*specs.Spec
	bundle string
	report spec.Report
}

// Check says what this machine cannot grant s, whose bundle is an absolute path: problems, that a container cannot be
// made, and warnings, that it may not be or will be less than asked for.
func Check(s *specs.Spec, bundle string) spec.Report {
	c := &checker{Spec: s, bundle: bundle}
	c.root()
	c.sources()
	c.idMaps()
	c.filesystems()
	c.hooks()
	c.process()
	if s.Linux != nil {
		c.namespaces()
		c.userNamespace()
		c.seccomp()
		c.netDevices()
	}
	return c.report
}

func (c *checker) bad(path, found, want string) {
	c.report.Problems = append(c.report.Problems, spec.Problem{Path: path, Found: found, Want: want})
}

func (c *checker) warn(path, found, want string) {
	c.report.Warnings = append(c.report.Warnings, spec.Problem{Path: path, Found: found, Want: want})
}

// exists checks that a path of the host is there and is of one of the kinds; it returns what stat(2) said.
func (c *checker) exists(where, path, want string, kind func(*sys.Stat) bool) {
	st, err := sys.Statat(sys.AtFdcwd, path)
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		c.bad(where, fmt.Sprintf("%q: %v", path, errno), want)
	case err == nil && kind != nil && !kind(&st):
		c.bad(where, fmt.Sprintf("%q, which is none", path), want)
	}
}

func (c *checker) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.bundle, path)
}

func (c *checker) root() {
	if c.Root == nil || c.Root.Path == "" {
		return
	}
	path := c.abs(c.Root.Path)
	if st, err := sys.Lstatat(sys.AtFdcwd, path); err == nil && sys.IsSymlink(&st) {
		c.warn("root.path", fmt.Sprintf("%q, a symlink, which is followed once", path), "the directory that it leads to")
	}
	c.exists("root.path", path, "a directory", sys.IsDir)
	if noexec, err := sys.IsNoexec(path); err == nil && noexec {
		c.warn("root.path", fmt.Sprintf("%q, on a mount that is noexec", path), "one from which programs can be executed")
	}
}

// sources: what is bound has to be there. A symlink that is bound itself may lead nowhere.
func (c *checker) sources() {
	for i := range c.Mounts {
		m := &c.Mounts[i]
		if !names.IsBind(m) || m.Source == "" || names.HasOption(m, "remount") {
			continue
		}
		path := c.abs(m.Source)
		if names.HasOption(m, "src-nofollow", "copy-symlink") {
			if _, err := sys.Lstatat(sys.AtFdcwd, path); err == nil {
				continue
			}
		}
		c.exists(fmt.Sprintf("mounts[%d].source", i), path, "the path of what to bind", nil)
		if filepath.Clean("/"+m.Destination) == names.Proc && !wholeProc(path) {
			c.bad(fmt.Sprintf("mounts[%d].source", i), fmt.Sprintf("%q on /proc", path), "a whole procfs to bind there")
		}
	}
}

// procRoot is the inode number at the top of a procfs (PROC_ROOT_INO, include/linux/proc_fs.h).
const procRoot = 1

// wholeProc reports whether path is a whole procfs, as far as that can be found out.
func wholeProc(path string) bool {
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.OPath, 0)
	if err != nil {
		return true
	}
	defer sys.Close(fd)
	magic, err := sys.Magic(fd)
	if err != nil || uint64(magic) != sys.ProcSuperMagic {
		return err != nil
	}
	st, err := sys.Fstat(fd)
	return err != nil || st.Ino == procRoot
}

// filesystems: one that is not in /proc/filesystems may yet come as a module.
func (c *checker) filesystems() {
	const file = "/proc/filesystems"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return // nothing is known then
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 {
			known[f[len(f)-1]] = true
		}
	}
	for i := range c.Mounts {
		if m := &c.Mounts[i]; !names.IsBind(m) && m.Type != "" && m.Type != "none" && !known[m.Type] {
			c.warn(fmt.Sprintf("mounts[%d].type", i), fmt.Sprintf("%q, which is not in %s", m.Type, file), "a filesystem of this kernel, or a module that brings it")
		}
	}
}

// hooks: those whose paths are the runtime's.
func (c *checker) hooks() {
	for _, l := range spec.Hooks(c.Spec.Hooks) {
		for i := range l.List {
			if path := l.List[i].Path; !l.Inside && filepath.IsAbs(path) {
				c.exists(fmt.Sprintf("hooks.%s[%d].path", l.Kind, i), path, "a program", executable)
			}
		}
	}
}

func executable(st *sys.Stat) bool { return sys.IsRegular(st) && st.Mode&0o111 != 0 }
