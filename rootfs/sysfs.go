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
below it:

	fsopen sysfs; EPERM ──▶ open_tree CLONE AT_RECURSIVE "/sys"; mount_setattr AT_RECURSIVE

The clone is for who asks for a read-only one, and as restricted as the options say in all its mounts, the host's cgroups among them. What the host's
mounts are restricted for is locked as well.
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
	b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Set: (o.set | o.recSet) & restrict})
	b.Here(done)
	return mnt
}

// readonly reports whether o asks for a mount that is read-only.
func (o *options) readonly() bool { return (o.set|o.recSet)&sys.MountAttrRdonly != 0 }
