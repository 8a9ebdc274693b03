package preflight

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/mountinfo"
	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// namespaces: the kernel has to know the type, and a path has to lead to one of it.
func (c *checker) namespaces() {
	for i, n := range c.Linux.Namespaces {
		where := fmt.Sprintf("linux.namespaces[%d]", i)
		flag, name := names.Namespace(n.Type)
		if name == "" {
			continue // validation has said so
		}
		if _, err := sys.Statat(sys.AtFdcwd, "/proc/self/ns/"+name); errors.Is(err, syscall.ENOENT) {
			c.bad(where+".type", fmt.Sprintf("%q, which this kernel has not", n.Type), "a kernel with it")
			continue
		}
		if n.Path == "" {
			continue
		}
		switch kind, err := sys.NamespaceType(n.Path); {
		case errors.Is(err, syscall.ENOTTY):
			c.bad(where+".path", fmt.Sprintf("%q, which is no namespace", n.Path), "the path of one")
		case err != nil:
			c.bad(where+".path", fmt.Sprintf("%q: %v", n.Path, err), "the path of a namespace")
		case kind != flag:
			c.bad(where+".path", fmt.Sprintf("%q, a namespace of another type", n.Path), "one of type "+string(n.Type))
		}
	}
}

// inUserNS reports whether the container is in a user namespace that is not, for all the config says, the host's.
func inUserNS(s *specs.Spec) bool { return names.NamespaceIn(s.Linux, specs.UserNamespace) != nil }

// userNamespace: what may keep one from being made, and what cannot be mounted in it.
func (c *checker) userNamespace() {
	ns := names.NamespaceIn(c.Linux, specs.UserNamespace)
	if ns == nil || ns.Path != "" {
		return
	}
	if found, want, sure := forbidden(sysctl, sys.IsRoot()); sure {
		c.bad("linux.namespaces", "a user namespace, and "+found, want)
	} else if found != "" {
		c.warn("linux.namespaces", "a user namespace, and "+found, want)
	}
	// There a clone of the host's takes the place of a sysfs that the kernel denies, if it is to be read-only (rootfs).
	net := names.NamespaceIn(c.Linux, specs.NetworkNamespace)
	borrowed := net == nil || net.Path != ""
	for i := range c.Mounts {
		m := &c.Mounts[i]
		if m.Type == "sysfs" && borrowed {
			if !names.HasOption(m, "ro", "rro") {
				c.bad(fmt.Sprintf("mounts[%d]", i), "a new sysfs in a user namespace, and a network namespace of another one",
					`a network namespace of its own, or "ro" in the options`)
			}
			continue
		}
		if m.Type != "proc" && m.Type != "sysfs" {
			continue
		}
		if why := TooRevealing(m.Type, names.HasOption(m, "ro")); why != "" {
			c.bad(fmt.Sprintf("mounts[%d]", i), fmt.Sprintf("a new %s in a user namespace, and %s", m.Type, why),
				"a host where one is wholly visible, or a bind mount of it")
		}
	}
}

// NoUserNamespace tells what keeps this process from making a user namespace, or "".
func NoUserNamespace() string {
	found, want, _ := forbidden(sysctl, sys.IsRoot())
	if found == "" {
		return ""
	}
	return found + ", want " + want
}

// forbidden tells which sysctl keeps a process from making a user namespace, what would be right, and whether it is sure to:
// max_user_namespaces (namespaces(7)), Debian's unprivileged_userns_clone, and Ubuntu's restriction, which a profile may lift.
func forbidden(sysctl func(name string) (int, bool), root bool) (found, want string, sure bool) {
	if n, ok := sysctl("user/max_user_namespaces"); ok && n == 0 {
		return "user.max_user_namespaces is 0", "a limit above 0", true
	}
	if root {
		return "", "", false
	}
	if n, ok := sysctl("kernel/unprivileged_userns_clone"); ok && n == 0 {
		return "kernel.unprivileged_userns_clone is 0", "1, or root to make it", true
	}
	if n, ok := sysctl("kernel/apparmor_restrict_unprivileged_userns"); ok && n != 0 {
		return "kernel.apparmor_restrict_unprivileged_userns is 1", "0, root to make it, or an AppArmor profile for teu that allows it", false
	}
	return "", "", false
}

func sysctl(name string) (int, bool) {
	text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/sys/"+name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil
}

// TooRevealing tells why the kernel will not let a user namespace mount a filesystem of the type, "proc" or "sysfs": none
// that is mounted shows all of it and lets as much be done (mount_too_revealing in fs/namespace.c). readonly is how it would
// be mounted. "" when nothing keeps it from it.
func TooRevealing(fstype string, readonly bool) string {
	const file = "/proc/self/mountinfo"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return ""
	}
	return tooRevealing(string(text), fstype, readonly)
}

// emptyDir tells of directories that are there only to be mounted on (is_empty_dir_inode): what is on them covers nothing.
func emptyDir(fstype, below string) bool {
	switch below {
	case "/sys/fs/binfmt_misc", "/fs/nfsd":
		return fstype == "proc"
	case "/fs/cgroup", "/fs/bpf", "/kernel/debug", "/kernel/tracing", "/kernel/security", "/kernel/config", "/fs/fuse/connections",
		"/fs/pstore", "/fs/selinux", "/firmware/efi/efivars", "/fs/smackfs", "/fs/resctrl", "/hypervisor/s390":
		return fstype == "sysfs"
	}
	return false
}

func tooRevealing(text, fstype string, readonly bool) string {
	all := mountinfo.Parse(text)
	why := "no " + fstype + " is mounted here"
	for i := range all {
		m := &all[i]
		if m.Type != fstype {
			continue
		}
		covered := ""
		if m.Root != "/" {
			covered = m.Point + " is only a part of one"
		}
		if covered == "" && !readonly && mountinfo.HasOption(m.Options, "ro") {
			covered = m.Point + " is read-only"
		}
		for j := range all {
			if all[j].Parent == m.ID && covered == "" && !emptyDir(fstype, strings.TrimPrefix(all[j].Point, m.Point)) {
				covered = all[j].Point + " is mounted over"
			}
		}
		if covered == "" {
			return ""
		}
		why = covered
	}
	return why
}
