package program

import (
	"encoding/binary"

	"teu/internal/sys"
)

// How is struct open_how of openat2(2).
type How struct{ Flags, Mode, Resolve uint64 }

// Lengths of struct open_how and struct mount_attr.
const (
	howLen       = 24
	mountAttrLen = 32
)

func (h How) arg() Arg {
	var b [howLen]byte
	binary.NativeEndian.PutUint64(b[0:], h.Flags)
	binary.NativeEndian.PutUint64(b[8:], h.Mode)
	binary.NativeEndian.PutUint64(b[16:], h.Resolve)
	return buf(b[:])
}

// InRoot is how a path that somebody else may have shaped is looked up: symlinks and ".." stay inside the root, and
// magic links are refused.
const InRoot = sys.ResolveInRoot | sys.ResolveNoMagiclinks

// Strict is how a path that has no reason to hold a symlink or to leave its filesystem is looked up.
const Strict = sys.ResolveBeneath | sys.ResolveNoMagiclinks | sys.ResolveNoSymlinks | sys.ResolveNoXdev

// OwnProc is how a file of the process itself, below "self/", is looked up on a procfs that the program mounted: "self" is
// a symlink there, and nobody but the kernel makes others.
const OwnProc = Strict &^ sys.ResolveNoSymlinks

// Openat2 opens path below dir. O_CLOEXEC is always added.
func (b *Builder) Openat2(dir Slot, path string, how How) Slot {
	how.Flags |= sys.OCloexec
	return b.open(sys.SysOpenat2, fd(dir), str(path), how.arg(), lenOf(2))
}

// OpenTree is open_tree(2); OPEN_TREE_CLOEXEC is always added.
func (b *Builder) OpenTree(dir Slot, path string, flags uint) Slot {
	return b.open(sys.SysOpenTree, fd(dir), str(path), num(uint64(flags|sys.OpenTreeCloexec)))
}

// CloneTree makes a detached copy of the mount, or with AT_RECURSIVE of the mount tree, that at refers to.
func (b *Builder) CloneTree(at Slot, flags uint) Slot {
	return b.OpenTree(at, "", flags|sys.OpenTreeClone|sys.AtEmptyPath)
}

// MoveMount attaches the detached mount src, or moves an attached one, onto dst.
func (b *Builder) MoveMount(src, dst Slot) {
	b.call(sys.SysMoveMount, fd(src), str(""), fd(dst), str(""),
		num(uint64(sys.MoveMountFEmptyPath|sys.MoveMountTEmptyPath)))
}

// MoveMountTo attaches the detached mount src, or moves an attached one, onto an absolute path of the host.
func (b *Builder) MoveMountTo(src Slot, path string) {
	b.call(sys.SysMoveMount, fd(src), str(""), fd(Host), str(path), num(uint64(sys.MoveMountFEmptyPath)))
}

// MountAttr is struct mount_attr of mount_setattr(2), without an id mapping.
type MountAttr struct{ Set, Clear, Propagation uint64 }

func (a MountAttr) arg() Arg {
	var b [mountAttrLen]byte // the last field is userns_fd
	binary.NativeEndian.PutUint64(b[0:], a.Set)
	binary.NativeEndian.PutUint64(b[8:], a.Clear)
	binary.NativeEndian.PutUint64(b[16:], a.Propagation)
	return buf(b[:])
}

// MountSetattr is mount_setattr(2) on the mount at refers to; flags may hold AT_RECURSIVE.
func (b *Builder) MountSetattr(at Slot, flags uint, a MountAttr) {
	b.call(sys.SysMountSetattr, fd(at), str(""), num(uint64(flags|sys.AtEmptyPath)), a.arg(), lenOf(3))
}

// MountSetattrPath is mount_setattr(2) on an absolute path of the host.
func (b *Builder) MountSetattrPath(path string, flags uint, a MountAttr) {
	b.call(sys.SysMountSetattr, fd(Host), str(path), num(uint64(flags)), a.arg(), lenOf(3))
}

// Fsopen opens a configuration context for a filesystem type.
func (b *Builder) Fsopen(fstype string) Slot {
	return b.open(sys.SysFsopen, str(fstype), num(uint64(sys.FsopenCloexec)))
}

// FsSet sets the option key to value.
func (b *Builder) FsSet(fs Slot, key, value string) {
	b.call(sys.SysFsconfig, fd(fs), num(uint64(sys.FsconfigSetString)), str(key), str(value), num(0))
}

// FsSetFd sets the option key to the file s.
func (b *Builder) FsSetFd(fs Slot, key string, s Slot) {
	b.call(sys.SysFsconfig, fd(fs), num(uint64(sys.FsconfigSetFd)), str(key), num(0), fd(s))
}

// FsFlag sets the option key, which takes no value.
func (b *Builder) FsFlag(fs Slot, key string) {
	b.call(sys.SysFsconfig, fd(fs), num(uint64(sys.FsconfigSetFlag)), str(key), num(0), num(0))
}

// FsCreate creates the superblock.
func (b *Builder) FsCreate(fs Slot) {
	b.call(sys.SysFsconfig, fd(fs), num(uint64(sys.FsconfigCreate)), num(0), num(0), num(0))
}

// Fspick opens a configuration context for the superblock of the mount mnt.
func (b *Builder) Fspick(mnt Slot) Slot {
	return b.open(sys.SysFspick, fd(mnt), str(""), num(uint64(sys.FspickCloexec|sys.FspickEmptyPath)))
}

// FsReconfigure gives a superblock the options that were set.
func (b *Builder) FsReconfigure(fs Slot) {
	b.call(sys.SysFsconfig, fd(fs), num(uint64(sys.FsconfigReconfigure)), num(0), num(0), num(0))
}

// Fsmount makes a detached mount of the superblock with the given mount attributes.
func (b *Builder) Fsmount(fs Slot, attrs uint64) Slot {
	return b.open(sys.SysFsmount, fd(fs), num(uint64(sys.FsmountCloexec)), num(attrs))
}

// Close closes what s holds.
func (b *Builder) Close(slots ...Slot) {
	for _, s := range slots {
		b.call(sys.SysClose, fd(s))
	}
}

// Write writes all of data to s.
func (b *Builder) Write(s Slot, data string) {
	b.add(Insn{Op: OpSyscall, Nr: sys.SysWrite, Out: None, Whole: true}, fd(s), buf(data), lenOf(1))
}

// Mknodat makes a device node or FIFO; name is a single component.
func (b *Builder) Mknodat(dir Slot, name string, mode uint32, dev uint64) {
	b.call(sys.SysMknodat, fd(dir), str(name), num(mode), num(dev))
}

// Symlinkat makes the symlink name, a single component, in dir.
func (b *Builder) Symlinkat(target string, dir Slot, name string) {
	b.call(sys.SysSymlinkat, str(target), fd(dir), str(name))
}

// Fchownat changes the owner of name, a single component, in dir; it does not follow a symlink.
func (b *Builder) Fchownat(dir Slot, name string, uid, gid uint32) {
	b.call(sys.SysFchownat, fd(dir), str(name), num(uid), num(gid), num(uint64(sys.AtSymlinkNofollow)))
}

// FchownFd changes the owner of the file s, an O_PATH descriptor too.
func (b *Builder) FchownFd(s Slot, uid, gid uint32) {
	b.call(sys.SysFchownat, fd(s), str(""), num(uid), num(gid), num(uint64(sys.AtEmptyPath)))
}

// FchownStdio changes the owner of standard stream n.
func (b *Builder) FchownStdio(n int, uid, gid uint32) {
	b.call(sys.SysFchown, num(n), num(uid), num(gid))
}

// Fchdir, Chdir, Chroot, PivotRoot and Umount2 are the calls of those names.
func (b *Builder) Fchdir(s Slot) { b.call(sys.SysFchdir, fd(s)) }

// Chdir is chdir(2).
func (b *Builder) Chdir(path string) { b.call(sys.SysChdir, str(path)) }

// Chroot is chroot(2).
func (b *Builder) Chroot(path string) { b.call(sys.SysChroot, str(path)) }

// PivotRoot is pivot_root(2).
func (b *Builder) PivotRoot(newRoot, putOld string) {
	b.call(sys.SysPivotRoot, str(newRoot), str(putOld))
}

// Umount2 is umount2(2).
func (b *Builder) Umount2(path string, flags int) { b.call(sys.SysUmount2, str(path), num(flags)) }

// Setns joins the namespaces of kind flags that s refers to.
func (b *Builder) Setns(s Slot, flags uint64) { b.call(sys.SysSetns, fd(s), num(flags)) }

// Unshare makes new namespaces.
func (b *Builder) Unshare(flags uint64) { b.call(sys.SysUnshare, num(flags)) }

// Prctl is prctl(2).
func (b *Builder) Prctl(op int, args ...uint64) {
	a := [4]uint64{}
	copy(a[:], args)
	b.call(sys.SysPrctl, num(op), num(a[0]), num(a[1]), num(a[2]), num(a[3]))
}

// rlimitLen is the length of struct rlimit64.
const rlimitLen = 16

// Setrlimit sets a resource limit of the process itself (getrlimit(2)).
func (b *Builder) Setrlimit(resource int, soft, hard uint64) {
	data := binary.NativeEndian.AppendUint64(nil, soft)
	data = binary.NativeEndian.AppendUint64(data, hard)
	b.call(sys.SysPrlimit64, num(0), num(resource), buf(data), num(0))
}

// Sethostname is sethostname(2).
func (b *Builder) Sethostname(name string) { b.call(sys.SysSethostname, buf(name), lenOf(0)) }

// Setdomainname is setdomainname(2).
func (b *Builder) Setdomainname(name string) {
	b.call(sys.SysSetdomainname, buf(name), lenOf(0))
}

// Umask is umask(2).
func (b *Builder) Umask(mask uint32) { b.call(sys.SysUmask, num(mask)) }

// Setsid is setsid(2).
func (b *Builder) Setsid() { b.call(sys.SysSetsid) }

// Dup3 makes descriptor to a copy of s.
func (b *Builder) Dup3(s Slot, to int) { b.call(sys.SysDup3, fd(s), num(to), num(0)) }

// Socket is socket(2); the close-on-exec flag is the caller's to give.
func (b *Builder) Socket(domain, typ int) Slot {
	return b.open(sys.SysSocket, num(domain), num(typ), num(0))
}

// Ioctl is ioctl(2) with a buffer.
func (b *Builder) Ioctl(s Slot, req uint64, data []byte) {
	b.call(sys.SysIoctl, fd(s), num(req), buf(data))
}

// IoctlNum is ioctl(2) with a number.
func (b *Builder) IoctlNum(s Slot, req, arg uint64) { b.call(sys.SysIoctl, fd(s), num(req), num(arg)) }

// IoctlFd is ioctl(2) with a number, whose result is a descriptor. The flags given must ask for close-on-exec.
func (b *Builder) IoctlFd(s Slot, req, arg uint64) Slot {
	return b.open(sys.SysIoctl, fd(s), num(req), num(arg))
}

// JoinSessionKeyring is keyctl(KEYCTL_JOIN_SESSION_KEYRING, name).
func (b *Builder) JoinSessionKeyring(name string) {
	b.call(sys.SysKeyctl, num(sys.KeyctlJoinSessionKeyring), str(name), num(0))
}

// SetSessionKeyringPerm is keyctl(KEYCTL_SETPERM) on the session keyring.
func (b *Builder) SetSessionKeyringPerm(perm uint32) {
	b.call(sys.SysKeyctl, num(sys.KeyctlSetperm), num(int64(sys.KeySpecSessionKeyring)), num(perm))
}

// sessionKeyring is KEY_SPEC_SESSION_KEYRING, sign-extended.
const sessionKeyring = 1<<64 + sys.KeySpecSessionKeyring

// SetLabel gives the file s the SELinux label.
func (b *Builder) SetLabel(s Slot, label string) {
	b.call(sys.SysFsetxattr, fd(s), str(xattrSELinux), buf(label), lenOf(2), num(0))
}

// xattrSELinux is the only extended attribute that programs set.
const xattrSELinux = "security.selinux"

// Personality is personality(2).
func (b *Builder) Personality(persona uint64) { b.call(sys.SysPersonality, num(persona)) }

// SetMempolicy is set_mempolicy(2); nodes is a mask, a bit each.
func (b *Builder) SetMempolicy(mode uint64, nodes []uint64) {
	if len(nodes) == 0 {
		b.call(sys.SysSetMempolicy, num(mode), num(0), num(0))
		return
	}
	data := make([]byte, 0, 8*len(nodes))
	for _, w := range nodes {
		data = binary.NativeEndian.AppendUint64(data, w)
	}
	// The kernel takes one bit less than it is told (get_nodes in mm/mempolicy.c).
	b.call(sys.SysSetMempolicy, num(mode), buf(data), num(64*len(nodes)+1))
}

// Setgroups sets the supplementary groups.
func (b *Builder) Setgroups(gids []uint32) {
	data := make([]byte, 0, 4*len(gids))
	for _, g := range gids {
		data = binary.NativeEndian.AppendUint32(data, g)
	}
	b.call(sys.SysSetgroups, num(len(gids)), buf(data))
}

// Setresgid sets all three group ids.
func (b *Builder) Setresgid(gid uint32) { b.call(sys.SysSetresgid, num(gid), num(gid), num(gid)) }

// Setresuid sets all three user ids.
func (b *Builder) Setresuid(uid uint32) { b.call(sys.SysSetresuid, num(uid), num(uid), num(uid)) }

// Capset sets the effective, permitted and inheritable sets, each a mask of capability numbers.
func (b *Builder) Capset(effective, permitted, inheritable uint64) {
	hdr := binary.NativeEndian.AppendUint32(nil, sys.CapVersion3)
	hdr = binary.NativeEndian.AppendUint32(hdr, 0)
	var data []byte
	for shift := 0; shift <= 32; shift += 32 {
		for _, set := range [3]uint64{effective, permitted, inheritable} {
			data = binary.NativeEndian.AppendUint32(data, uint32(set>>shift))
		}
	}
	b.call(sys.SysCapset, buf(hdr), buf(data))
}

// Seccomp loads a filter: bpf is an array of struct sock_filter.
func (b *Builder) Seccomp(flags uint64, bpf []byte) {
	b.call(sys.SysSeccomp, num(sys.SeccompSetModeFilter), num(flags), Arg{Kind: Prog, Text: string(bpf)})
}

// CloexecFrom marks every descriptor from first on close-on-exec.
func (b *Builder) CloexecFrom(first int) {
	b.call(sys.SysCloseRange, num(first), num(uint64(^uint32(0))), num(uint64(sys.CloseRangeCloexec)))
}
