package rootfs

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

// labelled says how a filesystem comes by linux.mountLabel.
type labelled int

const (
	labelNot    labelled = iota
	labelOption          // the option context, for all that is in it
	labelRoot            // its root has the label as an attribute
)

// mountLabel is linux.mountLabel for a new filesystem (config-linux.md, "Mount Label"), as runc gives it: proc, sysfs and cgroup
// have files for everybody, which the policy labels one by one. The kernel has mounted the mqueue of an IPC namespace before
// anybody asks for it, and takes no option for it any more; its root is labelled, unless it is the host's. Bind mounts keep
// the labels that they have: whoever calls with ":z" has changed them before.
func mountLabel(s *specs.Spec, fstype string, data []string) (label string, by labelled) {
	if s == nil || s.Linux == nil || s.Linux.MountLabel == "" {
		return "", labelNot
	}
	label = s.Linux.MountLabel
	switch fstype {
	case "proc", "sysfs", "cgroup", "cgroup2":
		return "", labelNot
	case "mqueue":
		if names.NamespaceIn(s.Linux, specs.IPCNamespace) == nil {
			return "", labelNot
		}
		return label, labelRoot
	}
	for _, opt := range data {
		key, _, _ := strings.Cut(opt, "=")
		if strings.HasSuffix(key, "context") { // context, fscontext, defcontext, rootcontext: mount(8)
			return "", labelNot
		}
	}
	return label, labelOption
}

// labelRoot gives the root of a filesystem its label where an option cannot.
func (c *Compiler) labelRoot(mnt program.Slot, label string, by labelled) {
	if by != labelRoot {
		return
	}
	dir := c.b.Openat2(mnt, ".", program.How{Flags: sys.ODirectory, Resolve: program.InRoot})
	c.b.SetLabel(dir, label)
	c.b.Close(dir)
}
