package rootfs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

/*
The system calls behind each mount:

	bind      open_tree CLONE                                     } mount_setattr; openat2 | target; move_mount;
	other     fsopen, fsconfig…, fsconfig CREATE, fsmount          } mount_setattr (propagation)
	remount   openat2; mount_setattr; fspick, fsconfig…, fsconfig RECONFIGURE

A mount whose ids are translated is made by the parent, and comes as an input: see libcontainer/sources.go.
*/

// Mounts compiles mounts, in the order listed.
func (c *Compiler) Mounts() error {
	c.needs()
	for i := range c.c.Spec.Mounts {
		c.remounts = c.remounts || names.HasOption(&c.c.Spec.Mounts[i], "remount")
	}
	for i := range c.c.Spec.Mounts {
		c.entry = i
		if err := c.mount(i, &c.c.Spec.Mounts[i]); err != nil {
			return fmt.Errorf("mounts[%d].%w", i, err)
		}
		c.b.Close(c.until[i]...)
	}
	c.shutCgroups()
	return nil
}

func (c *Compiler) mount(i int, m *specs.Mount) error {
	where := fmt.Sprintf("mounts[%d]", i)
	o, err := optionsOf(m)
	if err != nil {
		return err
	}
	dest := destination(m)
	if dest == "/" && !o.has(remount) {
		return fmt.Errorf("destination: %s: is the root itself: %w", m.Destination, syscall.EINVAL)
	}
	switch {
	case o.has(remount):
		return c.remount(where, m, &o)
	case o.has(bind):
		return c.bind(where, m, &o)
	case m.Type == "cgroup" && len(c.c.Cgroups.Hierarchy) > 0:
		c.cgroupV1(where, dest, &o)
	case IsCgroup(m):
		return c.cgroupV2(where, dest, m, &o)
	case m.Type == "" || m.Type == "none":
		return fmt.Errorf("type: none given, and no bind among the options: %w", syscall.EINVAL)
	default:
		c.filesystem(where, m, &o)
	}
	return nil
}

// IsCgroup tells whether m shows cgroups, of either version.
func IsCgroup(m *specs.Mount) bool { return m.Type == "cgroup" || m.Type == "cgroup2" }

// destination is the clean absolute form of where m goes; a relative one is taken from the root, as runc does.
func destination(m *specs.Mount) string { return filepath.Clean("/" + m.Destination) }

// Source is where a bind mount comes from: relative paths start at the bundle (config.md, "mounts").
func Source(bundle string, m *specs.Mount) string {
	if filepath.IsAbs(m.Source) {
		return m.Source
	}
	return filepath.Join(bundle, m.Source)
}

// inside is source, an absolute path on the host, in the root that it lies in by its text.
func (c *Config) inside(source string) (path string, ok bool) {
	return InRoot(c.Spec, c.Bundle, c.Root, source)
}

// InRoot is source, the path of a bind mount's source on the host, as a path in the root, for one that lies in it by its text: root is
// the directory that root.path leads to. What mounts and hooks have put there by then is to be found, and by
// descriptors as everything in the root.
func InRoot(s *specs.Spec, bundle, root, source string) (path string, ok bool) {
	for _, dir := range [2]string{root, Path(s, bundle)} {
		rest, below := strings.CutPrefix(source, dir)
		if !below || dir == "/" || rest != "" && rest[0] != '/' || slices.Contains(strings.Split(rest, "/"), "..") {
			continue
		}
		return filepath.Clean("/" + rest), true
	}
	return "", false
}

// BindFlags tells whether m is a bind mount, and the flags of open_tree that clone its source.
func BindFlags(m *specs.Mount) (flags uint, isBind bool) {
	o, err := optionsOf(m)
	if err != nil || !o.has(bind) || o.has(remount) {
		return 0, false
	}
	return o.treeFlags(), true
}

// CheckBind is an error for what is no bind mount; it begins with the field at fault.
func CheckBind(m *specs.Mount) error {
	o, err := optionsOf(m)
	switch {
	case err != nil:
		return err
	case o.has(remount):
		return fmt.Errorf("options: got a remount, want a bind mount: %w", syscall.EINVAL)
	case !o.has(bind):
		return fmt.Errorf("type: got %s, want a bind mount: %w", m.Type, syscall.EINVAL)
	}
	return nil
}

func (o *options) treeFlags() uint {
	flags := uint(sys.OpenTreeClone)
	if o.has(recursive) {
		flags |= sys.AtRecursive
	}
	if o.does&(srcNofollow|copySymlink) != 0 {
		flags |= sys.AtSymlinkNofollow
	}
	return flags
}

func (c *Compiler) bind(where string, m *specs.Mount, o *options) error {
	if m.Source == "" {
		return fmt.Errorf("source: none given for a bind mount: %w", syscall.EINVAL)
	}
	b, source, dest := c.b, Source(c.c.Bundle, m), destination(m)
	b.At(where, "bind "+source+" on "+m.Destination)
	src, given := c.c.Sources[where+".source"]
	early, opened := c.early[where+".source"]
	switch {
	case given:
		c.cutOff(src)
	case opened:
		src = early
	default:
		src = c.source(source, o)
	}
	if dest == names.Proc {
		b.At(where, "bind "+source+" on "+m.Destination+", which is for a procfs alone")
		b.CheckFs(src, sys.ProcSuperMagic)
		// A part of a procfs would hide the rest as well. This link is nowhere but at the top (proc(5)).
		b.At(where, "bind "+source+" on "+m.Destination+", which is for the whole of a procfs")
		b.Close(b.Openat2(src, "thread-self", program.How{Flags: sys.OPath | sys.ONofollow, Resolve: program.Strict}))
	}
	if o.has(copySymlink) {
		// What is at the destination may be a symlink: nothing is looked up through this mount.
		copied := c.copySymlink(src, dest)
		c.bindOn(src, dest, o)
		b.Here(copied)
		b.Close(src)
		return nil
	}
	c.bindOn(src, dest, o)
	c.placed(dest, "", src)
	return nil
}

// source clones what path, on the host, is by now.
func (c *Compiler) source(path string, o *options) program.Slot {
	flags := o.treeFlags()
	inside, ok := c.c.inside(path)
	if !ok {
		return c.b.OpenTree(program.Host, path, flags)
	}
	if inside == "/" {
		return c.b.CloneTree(c.root, flags)
	}
	want := program.WantAny
	if flags&sys.AtSymlinkNofollow != 0 {
		want |= program.Nofollow
	}
	at := c.b.Target(c.path(inside), want, program.None)
	src := c.b.CloneTree(at, flags)
	c.b.Close(at)
	return src
}

func (c *Compiler) bindOn(src program.Slot, dest string, o *options) {
	b := c.b
	c.attributes(src, o, true)
	want := program.WantLike
	if o.has(destNofollow) {
		want |= program.Nofollow
	}
	if dest == names.Proc {
		want |= program.NoSymlinks // as a new one goes there: see attach
	}
	dst := c.mountPoint(dest, want, src)
	b.MoveMount(src, dst)
	b.Close(dst)
	c.propagate(src, o)
}

// copySymlink makes the symlink that src is anew at dest, and goes to copied then; if src is none it goes on.
func (c *Compiler) copySymlink(src program.Slot, dest string) (copied *program.Label) {
	b := c.b
	copied = b.Label()
	plain := b.Label()
	dir := c.target(filepath.Dir(dest), program.WantDir, program.None)
	b.CopyLink(src, dir, filepath.Base(dest))
	b.On(plain, syscall.EINVAL)
	b.Close(dir)
	b.Jump(copied)
	b.Here(plain)
	b.Close(dir)
	return copied
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

// propagate gives a mount the propagation of its options, or without one that of a root that has a recursive one.
func (c *Compiler) propagate(mnt program.Slot, o *options) {
	list := o.propagation
	if p, ok := c.rootPropagation(); ok && p.recursive && p.kind != sys.MsUnbindable && len(list) == 0 {
		list = []propagation{p}
	}
	c.propagateAs(mnt, list)
}

func (c *Compiler) propagateAs(mnt program.Slot, list []propagation) {
	for _, p := range list {
		flags := uint(0)
		if p.recursive {
			flags = sys.AtRecursive
		}
		c.b.MountSetattr(mnt, flags, program.MountAttr{Propagation: p.kind})
	}
}

// newFilesystem makes a detached mount of a new filesystem.
func (c *Compiler) newFilesystem(fstype, source string, data []string, attrs uint64) program.Slot {
	return c.created(c.b.Fsopen(fstype), fstype, source, data, attrs)
}

func (c *Compiler) created(fs program.Slot, fstype, source string, data []string, attrs uint64) program.Slot {
	b := c.b
	if fstype == "proc" && c.c.Pids != program.None {
		b.FsSetFd(fs, "pidns", c.c.Pids)
	}
	label, by := mountLabel(c.c.Spec, fstype, data)
	if by == labelOption {
		b.FsSet(fs, "context", label)
	}
	if source != "" {
		b.FsSet(fs, "source", source)
	}
	for _, opt := range data {
		c.fsOption(fs, opt)
	}
	b.FsCreate(fs)
	mnt := b.Fsmount(fs, attrs)
	b.Close(fs)
	c.labelRoot(mnt, label, by)
	return mnt
}

// attach mounts mnt on dest. proc and sysfs only go where no symlink leads: what is written through them later must
// not depend on the image (CVE-2019-19921, CVE-2023-28642).
func (c *Compiler) attach(mnt program.Slot, dest, fstype string) {
	b, want := c.b, program.WantDir
	if fstype == "proc" || fstype == "sysfs" {
		want |= program.NoSymlinks
	}
	dst := c.mountPoint(dest, want, program.None)
	b.MoveMount(mnt, dst)
	b.Close(dst)
}
