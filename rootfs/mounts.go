package rootfs

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

/*
The system calls behind each mount:

	bind      open_tree CLONE                                     } mount_setattr; openat2 | target; move_mount;
	other     fsopen, fsconfig…, fsconfig CREATE, fsmount          } mount_setattr (propagation)
*/

// Mounts compiles mounts, in the order listed.
func (c *Compiler) Mounts() error {
	for i := range c.c.Spec.Mounts {
		if err := c.mount(i, &c.c.Spec.Mounts[i]); err != nil {
			return fmt.Errorf("mounts[%d].%w", i, err)
		}
	}
	return nil
}

func (c *Compiler) mount(i int, m *specs.Mount) error {
	where := fmt.Sprintf("mounts[%d]", i)
	o, err := parseOptions(m.Options, m.Type == "bind")
	if err != nil {
		return err
	}
	if len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 {
		return fmt.Errorf("uidMappings: not supported: %w", syscall.EOPNOTSUPP)
	}
	dest := destination(m)
	if dest == "/" {
		return fmt.Errorf("destination: %s: is the root itself: %w", m.Destination, syscall.EINVAL)
	}
	switch {
	case o.bind:
		return c.bind(where, m, &o)
	case m.Type == "cgroup" && len(c.c.Cgroups.Hierarchy) > 0:
		c.cgroupV1(where, dest, &o)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		return c.cgroupV2(where, dest, m, &o)
	case m.Type == "" || m.Type == "none":
		return fmt.Errorf("type: none given, and no bind among the options: %w", syscall.EINVAL)
	default:
		c.filesystem(where, m, &o)
	}
	return nil
}

// destination is the clean absolute form of where m goes; a relative one is taken from the root, as runc does.
func destination(m *specs.Mount) string { return filepath.Clean("/" + m.Destination) }

// Source is where a bind mount comes from: relative paths start at the bundle (config.md, "mounts").
func Source(bundle string, m *specs.Mount) string {
	if filepath.IsAbs(m.Source) {
		return m.Source
	}
	return filepath.Join(bundle, m.Source)
}

// BindFlags tells whether m is a bind mount, and the flags of open_tree that clone its source.
func BindFlags(m *specs.Mount) (flags uint, bind bool) {
	o, err := parseOptions(m.Options, m.Type == "bind")
	if err != nil || !o.bind {
		return 0, false
	}
	flags = sys.OpenTreeClone
	if o.recursive {
		flags |= sys.AtRecursive
	}
	return flags, true
}

func (c *Compiler) bind(where string, m *specs.Mount, o *options) error {
	if m.Source == "" {
		return fmt.Errorf("source: none given for a bind mount: %w", syscall.EINVAL)
	}
	b, source := c.b, Source(c.c.Bundle, m)
	b.At(where, "bind "+source+" on "+m.Destination)
	flags, _ := BindFlags(m)
	src, given := c.c.Sources[where+".source"]
	if given {
		c.cutOff(src)
	} else {
		src = b.OpenTree(program.Host, source, flags)
	}
	c.attributes(src, o, true)
	dst := b.TargetLike(c.root, destination(m), src)
	b.MoveMount(src, dst)
	b.Close(dst)
	c.propagate(src, o)
	c.placed(destination(m), src)
	return nil
}

// attributes sets the mount attributes of a mount that is not attached yet. own says whether the plain ones are
// still to be set too: fsmount has done that for a new filesystem.
func (c *Compiler) attributes(mnt program.Slot, o *options, own bool) {
	if own && (o.set != 0 || o.clear != 0) {
		c.b.MountSetattr(mnt, 0, program.MountAttr{Set: o.set, Clear: o.clear | atimeField(o.set)})
	}
	if o.recSet != 0 || o.recClr != 0 {
		c.b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Set: o.recSet, Clear: o.recClr | atimeField(o.recSet)})
	}
}

// atimeField is what has to be cleared to set one of the access time values: they share a field, and the kernel
// wants all of it cleared (mount_setattr(2)).
func atimeField(set uint64) uint64 {
	if set&sys.MountAttrAtime != 0 {
		return sys.MountAttrAtime
	}
	return 0
}

func (c *Compiler) propagate(mnt program.Slot, o *options) {
	for _, p := range o.propagation {
		flags := uint(0)
		if p.recursive {
			flags = sys.AtRecursive
		}
		c.b.MountSetattr(mnt, flags, program.MountAttr{Propagation: p.kind})
	}
}

// inMemory: a filesystem without a device, whose superblock others may have mounted writable.
func inMemory(fstype string) bool {
	switch fstype {
	case "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "bpf":
		return true
	}
	return false
}

// label is the SELinux label of a new filesystem (linux.mountLabel), "" for those that the policy labels itself.
func (c *Compiler) label(fstype string) string {
	if c.c.Spec == nil || c.c.Spec.Linux == nil {
		return ""
	}
	switch fstype {
	case "proc", "sysfs", "cgroup", "cgroup2", "mqueue":
		return ""
	}
	return c.c.Spec.Linux.MountLabel
}

// newFilesystem makes a detached mount of a new filesystem.
func (c *Compiler) newFilesystem(fstype, source string, data []string, attrs uint64) program.Slot {
	b := c.b
	fs := b.Fsopen(fstype)
	if label := c.label(fstype); label != "" {
		b.FsSet(fs, "context", label)
	}
	if source != "" {
		b.FsSet(fs, "source", source)
	}
	for _, opt := range data {
		if key, value, ok := strings.Cut(opt, "="); ok {
			b.FsSet(fs, key, value)
		} else {
			b.FsFlag(fs, opt)
		}
	}
	b.FsCreate(fs)
	mnt := b.Fsmount(fs, attrs)
	b.Close(fs)
	return mnt
}

func (c *Compiler) filesystem(where string, m *specs.Mount, o *options) {
	b, dest := c.b, destination(m)
	b.At(where, "mount "+m.Type+" on "+m.Destination)
	attrs, readonlyLater := o.set, false
	if dest == "/dev" && attrs&sys.MountAttrRdonly != 0 {
		attrs, readonlyLater = attrs&^uint64(sys.MountAttrRdonly), true
	}
	data := o.data
	if attrs&sys.MountAttrRdonly != 0 && !inMemory(m.Type) {
		// mount(2) makes the superblock read-only as well: a filesystem on a device that is needs that.
		data = append([]string{"ro"}, data...)
	}
	mnt := c.newFilesystem(m.Type, m.Source, data, attrs)
	c.attributes(mnt, o, false)
	c.attach(mnt, dest, m.Type)
	c.propagate(mnt, o)
	if dest != "/dev" {
		c.placed(dest, mnt)
		return
	}
	if covered := c.dev; covered != program.None {
		// It may yet have to be made read-only.
		c.late = append(c.late, func() { b.Close(covered) })
	}
	c.dev = mnt
	if readonlyLater {
		c.late = append(c.late, func() {
			b.At(where, "make "+m.Destination+" read-only")
			b.MountSetattr(mnt, 0, program.MountAttr{Set: sys.MountAttrRdonly})
		})
	}
}

// attach mounts mnt on dest. proc and sysfs only go where no symlink leads: what is written through them later must
// not depend on the image (CVE-2019-19921, CVE-2023-28642).
func (c *Compiler) attach(mnt program.Slot, dest, fstype string) {
	b := c.b
	var dst program.Slot
	if fstype == "proc" || fstype == "sysfs" {
		missing, found := b.Label(), b.Label()
		dst = b.Openat2(c.root, dest, program.How{
			Flags: sys.OPath | sys.ODirectory | sys.ONofollow, Resolve: program.InRoot | sys.ResolveNoSymlinks,
		})
		b.On(missing, syscall.ENOENT)
		b.Jump(found)
		b.Here(missing)
		b.Alias(b.TargetDir(c.root, dest), dst)
		b.Here(found)
	} else {
		dst = b.TargetDir(c.root, dest)
	}
	b.MoveMount(mnt, dst)
	b.Close(dst)
}

func (c *Compiler) enterCgroupNS() {
	if f := c.c.EnterCgroupNS; f != nil {
		c.c.EnterCgroupNS = nil
		f()
	}
}

// cgroupV2 mounts the unified hierarchy: the namespace's own view of it, or, when the cgroup namespace is the host's,
// the container's own cgroup read-only: a writable one would give away the host's (CVE-2023-25809).
func (c *Compiler) cgroupV2(where, dest string, m *specs.Mount, o *options) error {
	b := c.b
	c.enterCgroupNS()
	b.At(where, "mount cgroup2 on "+m.Destination)
	var mnt program.Slot
	if c.c.Cgroups.OwnNS {
		mnt = c.newFilesystem("cgroup2", m.Source, o.data, o.set)
		c.attributes(mnt, o, false)
	} else {
		if c.c.Cgroups.Unified == "" {
			return fmt.Errorf("type: cgroup2: no such hierarchy on this host: %w", syscall.ENODEV)
		}
		mnt = b.OpenTree(program.Host, c.c.Cgroups.Unified, sys.OpenTreeClone)
		o.set |= sys.MountAttrRdonly
		o.recClr &^= sys.MountAttrRdonly // rrw
		c.attributes(mnt, o, true)
	}
	c.attach(mnt, dest, "cgroup2")
	c.propagate(mnt, o)
	b.Close(mnt)
	return nil
}

// cgroupV1 builds what /sys/fs/cgroup looks like on a v1 host: a tmpfs with a mount for each hierarchy.
func (c *Compiler) cgroupV1(where, dest string, o *options) {
	b := c.b
	c.enterCgroupNS()
	b.At(where, "mount the cgroup v1 hierarchies on "+dest)
	attrs := o.set &^ sys.MountAttrRdonly
	tmpfs := c.newFilesystem("tmpfs", "tmpfs", []string{"mode=755"}, attrs)
	c.attach(tmpfs, dest, "tmpfs")
	for _, h := range c.c.Cgroups.Hierarchy {
		b.At(where, "mount cgroup v1 "+h.Name)
		var mnt program.Slot
		if c.c.Cgroups.OwnNS {
			mnt = c.newFilesystem("cgroup", "cgroup", h.Options, o.set)
		} else {
			mnt = b.OpenTree(program.Host, h.Path, sys.OpenTreeClone)
			b.MountSetattr(mnt, 0, program.MountAttr{Set: o.set | sys.MountAttrRdonly, Clear: atimeField(o.set)})
		}
		dst := b.TargetDir(tmpfs, h.Name)
		b.MoveMount(mnt, dst)
		b.Close(dst, mnt)
		for _, name := range h.Symlinks {
			b.Symlinkat(h.Name, tmpfs, name)
		}
	}
	if o.set&sys.MountAttrRdonly != 0 {
		b.MountSetattr(tmpfs, 0, program.MountAttr{Set: sys.MountAttrRdonly})
	}
	b.Close(tmpfs)
}
