package rootfs

import (
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

// borrowsNetwork reports whether the container has a user namespace, and a network namespace that may belong to another one: a sysfs shows
// its network devices, and is only for who administers them (sysfs_init_fs_context in fs/sysfs/mount.c).
func (c *Compiler) borrowsNetwork() bool {
	net := names.NamespaceIn(c.c.Spec.Linux, specs.NetworkNamespace)
	return c.c.UserNS && (net == nil || net.Path != "")
}

/*
sysfs makes a detached mount of a new sysfs or, where the kernel does not let the user namespace, a clone of the host's with all that is mounted
below it, as runc and crun have it:

	fsopen sysfs; EPERM ──▶ open_tree CLONE AT_RECURSIVE "/sys"; mount_setattr AT_RECURSIVE

The clone is as restricted as the options say, in all its mounts; what the host's are restricted for is locked as well. Nobody has asked for those
below, the host's cgroups among them: they are read-only unless an option says "rrw".
*/
func (c *Compiler) sysfs(fs *Filesystem, o *options) program.Slot {
	b := c.b
	denied, done := b.Label(), b.Label()
	open := b.Fsopen("sysfs")
	b.On(denied, syscall.EPERM)
	mnt := c.created(open, "sysfs", fs.Source, fs.Options, o.set)
	c.attributes(mnt, o, false)
	b.Jump(done)
	b.Here(denied)
	b.Alias(b.OpenTree(program.Host, "/sys", sys.OpenTreeClone|sys.AtRecursive), mnt)
	b.CheckFs(mnt, sys.SysfsSuperMagic)
	const restrict = sys.MountAttrRdonly | sys.MountAttrNosuid | sys.MountAttrNodev | sys.MountAttrNoexec | sys.MountAttrNosymfollow
	asked := (o.set | o.recSet) & restrict
	set, writable := asked, o.recClr&sys.MountAttrRdonly != 0
	if !writable {
		set |= sys.MountAttrRdonly
	}
	if set != 0 {
		b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Set: set})
	}
	if !writable && asked&sys.MountAttrRdonly == 0 {
		b.MountSetattr(mnt, 0, program.MountAttr{Clear: sys.MountAttrRdonly})
		b.On(done, syscall.EPERM) // the host's own is read-only
	}
	b.Here(done)
	return mnt
}
