package rootfs

import (
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Filesystem is what a new filesystem is made of: fsopen(2), fsconfig(2).
type Filesystem struct {
	Type, Source string
	Options      []string // "key=value" or "key"
}

// NewFilesystem is the filesystem that the mount m of s makes; ok is false when it makes none.
func NewFilesystem(s *specs.Spec, m *specs.Mount) (fs Filesystem, ok bool) {
	o, err := optionsOf(m)
	if err != nil || o.does&(bind|remount) != 0 {
		return Filesystem{}, false
	}
	fs = newFilesystem(m, &o)
	if l, by := mountLabel(s, fs.Type, fs.Options); by == labelOption {
		fs.Options = append([]string{"context=" + l}, fs.Options...)
	}
	return fs, true
}

func newFilesystem(m *specs.Mount, o *options) Filesystem {
	fs := Filesystem{Type: m.Type, Source: m.Source, Options: o.filesystemOptions(m.Type)}
	if o.set&sys.MountAttrRdonly != 0 && !inMemory(m.Type) {
		// mount(2) makes the superblock read-only as well: a filesystem on a device that is needs that.
		fs.Options = append([]string{"ro"}, fs.Options...)
	}
	if m.Type == "overlay" {
		fs.Options = layered(fs.Options)
		if len(fs.Source) > maxOption {
			fs.Source = "" // no more than a name
		}
	}
	return fs
}

// inMemory: a filesystem without a device, whose superblock others may have mounted writable.
func inMemory(fstype string) bool {
	switch fstype {
	case "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "bpf":
		return true
	}
	return false
}

/*
filesystem mounts a new filesystem. One that is to be written to before it is seen (tmpfs) or after (/dev) is made read-only
only then:

	fsopen … fsmount; openat2 | target; copy; mount_setattr; move_mount
*/
func (c *Compiler) filesystem(where string, m *specs.Mount, o *options) {
	b, dest := c.b, destination(m)
	fs, copies := newFilesystem(m, o), copies(m, o)
	if copies&program.CopyTree != 0 {
		// Memory is charged to the cgroup of whoever writes: how much it is says the image.
		c.enterCgroupNS()
	}
	b.At(where, "mount "+m.Type+" on "+m.Destination)
	readonlyLater := dest == dev && o.readonly()
	if readonlyLater {
		o.set &^= sys.MountAttrRdonly
		o.recSet &^= sys.MountAttrRdonly
	}
	mnt, given := c.c.Sources[where+".source"]
	if given {
		label, by := mountLabel(c.c.Spec, fs.Type, fs.Options)
		c.labelRoot(mnt, label, by)
	} else if m.Type == "sysfs" && o.readonly() && c.borrowsNetwork() {
		mnt = c.sysfs(&fs, o)
		o = &options{propagation: o.propagation}
	} else {
		attrs := o.set
		if copies != 0 {
			attrs &^= sys.MountAttrRdonly
		}
		mnt = c.newFilesystem(fs.Type, fs.Source, fs.Options, attrs)
	}
	own := given || copies != 0 && o.set&sys.MountAttrRdonly != 0
	if copies == 0 {
		c.attributes(mnt, o, own)
		c.attach(mnt, dest, m.Type)
	} else {
		dst := c.filled(where, mnt, m, copies)
		c.attributes(mnt, o, own)
		b.MoveMount(mnt, dst)
		b.Close(dst)
	}
	c.propagate(mnt, o)
	if !readonlyLater {
		c.placed(dest, m.Type, mnt)
		return
	}
	c.hold(dest, held{mnt, c.entry, m.Type})
	c.late = append(c.late, func() {
		b.At(where, "make "+m.Destination+" read-only")
		b.MountSetattr(mnt, 0, program.MountAttr{Set: sys.MountAttrRdonly})
	})
}

// copies is what a tmpfs takes over from what it covers: its mode, as with runc, and with tmpcopyup all the rest, unless
// an option says otherwise.
func copies(m *specs.Mount, o *options) program.Copies {
	if m.Type != "tmpfs" {
		return 0
	}
	what := program.CopyMode
	if o.has(copyUp) {
		what |= program.CopyTree | program.CopyUID | program.CopyGID
	}
	for _, opt := range o.data {
		switch key, _, _ := strings.Cut(opt, "="); key {
		case "mode":
			what &^= program.CopyMode
		case "uid":
			what &^= program.CopyUID
		case "gid":
			what &^= program.CopyGID
		}
	}
	return what
}

// filled opens the destination of m and copies what is there to mnt.
func (c *Compiler) filled(where string, mnt program.Slot, m *specs.Mount, what program.Copies) program.Slot {
	b, dest := c.b, destination(m)
	if what&program.CopyTree == 0 {
		// One that is made for the mount has no mode to take over.
		none, done := b.Label(), b.Label()
		dst := c.mountPoint(dest, program.WantDir|program.Existing, program.None)
		b.On(none, syscall.ENOENT)
		b.Copy(dst, mnt, what)
		b.Jump(done)
		b.Here(none)
		b.Alias(c.mountPoint(dest, program.WantDir, program.None), dst)
		b.Here(done)
		return dst
	}
	dst := c.mountPoint(dest, program.WantDir, program.None)
	// Through a mount without devices no device is opened, whatever is put in the place of a file meanwhile; and what is
	// mounted below is none of the root's.
	src := b.CloneTree(dst, 0)
	b.MountSetattr(src, 0, program.MountAttr{
		Set: sys.MountAttrRdonly | sys.MountAttrNosuid | sys.MountAttrNodev | sys.MountAttrNoexec | sys.MountAttrNosymfollow,
	})
	for _, magic := range [...]uint64{sys.ProcSuperMagic, sys.SysfsSuperMagic} {
		// A symlink of the image may lead there. The runtime would read, with all that it is allowed to, what the container
		// is kept from: the masked paths are not masked yet.
		other := b.Label()
		b.At(where, "copy from "+m.Destination+", which leads to the kernel's own files")
		b.CheckFs(src, magic)
		b.On(other, syscall.EXDEV)
		b.Fail(syscall.EPERM)
		b.Here(other)
	}
	b.At(where, "mount "+m.Type+" on "+m.Destination)
	b.Copy(src, mnt, what)
	b.Close(src)
	return dst
}
