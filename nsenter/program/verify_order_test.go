package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

func TestDescriptorRules(t *testing.T) {
	checkRules(t, []rule{
		{name: "fsopen without close-on-exec", at: atHost, want: "fsopen without close-on-exec",
			bad:  func(b *scene) { b.open(sys.SysFsopen, str("tmpfs"), num(0)) },
			good: func(b *scene) { b.Fsopen("tmpfs") }},
		{name: "fsmount without close-on-exec", at: atHost, want: "fsmount without close-on-exec",
			bad:  func(b *scene) { b.open(sys.SysFsmount, fd(b.dir), num(0), num(0)) },
			good: func(b *scene) { b.Fsmount(b.dir, 0) }},
		{name: "open_tree without close-on-exec", at: atHost, want: "open_tree without close-on-exec",
			bad:  func(b *scene) { b.open(sys.SysOpenTree, fd(Host), str("/x"), num(0)) },
			good: func(b *scene) { b.OpenTree(Host, "/x", 0) }},
		{name: "openat2 without close-on-exec", at: atHost, want: "openat2: without close-on-exec",
			bad:  func(b *scene) { b.open(sys.SysOpenat2, fd(Host), str("/x"), How{}.arg(), lenOf(2)) },
			good: func(b *scene) { b.Openat2(Host, "/x", How{}) }},
		{name: "socket without close-on-exec", at: atHost, want: "socket without close-on-exec",
			bad:  func(b *scene) { b.Socket(2, 2) },
			good: func(b *scene) { b.Socket(2, sys.SockDgrm) }},
		{name: "terminal without close-on-exec", at: atHost, want: "ioctl without close-on-exec",
			bad:  func(b *scene) { b.IoctlFd(b.dir, sys.Tiocgptpeer, sys.ORdwr) },
			good: func(b *scene) { b.IoctlFd(b.dir, sys.Tiocgptpeer, sys.ORdwr|sys.OCloexec) }},
		{name: "terminal that no slot keeps", at: atHost, want: "ioctl: descriptor that no slot keeps",
			bad: func(b *scene) { b.IoctlNum(b.dir, sys.Tiocgptpeer, sys.ORdwr|sys.OCloexec) }},
		{name: "result of an ioctl with none", at: atHost, want: "result of request 0x540e, which has none",
			bad:  func(b *scene) { b.IoctlFd(b.dir, sys.Tiocsctty, sys.OCloexec) },
			good: func(b *scene) { b.IoctlNum(b.dir, sys.Tiocsctty, 0) }},
		{name: "ioctl nobody makes", at: atHost, want: "ioctl: request 0x5413 is none that programs use",
			bad: func(b *scene) { b.Ioctl(b.dir, 0x5413, make([]byte, 8)) }},
		{name: "ioctl with a short buffer", at: atHost, want: "request 0x5414 with 4 bytes, want 8",
			bad:  func(b *scene) { b.Ioctl(b.dir, sys.Tiocswinsz, make([]byte, 4)) },
			good: func(b *scene) { b.Ioctl(b.dir, sys.Tiocswinsz, make([]byte, 8)) }},
		{name: "ioctl with an address", at: atHost, want: "request 0x40045431 with 0 bytes, want 4",
			bad:  func(b *scene) { b.IoctlNum(b.dir, sys.Tiocsptlck, 0x1000) },
			good: func(b *scene) { b.Ioctl(b.dir, sys.Tiocsptlck, make([]byte, 4)) }},
		{name: "dup3 beside the standard streams", at: atHost, want: "descriptor 3 would survive exec",
			bad:  func(b *scene) { b.Dup3(b.dir, 3) },
			good: func(b *scene) { b.Dup3(b.dir, 2) }},
		{name: "close_range from a standard stream", at: atCaps, want: "close_range: descriptors would survive it",
			bad:  func(b *scene) { b.CloexecFrom(2) },
			good: func(b *scene) { b.CloexecFrom(5) }},
		{name: "close_range not to the end", at: atCaps, want: "descriptors would survive it",
			bad: func(b *scene) { b.raw(sys.SysCloseRange, num(3), num(100), num(sys.CloseRangeCloexec)) }},
		{name: "close_range that does something else", at: atCaps, want: "descriptors would survive it",
			bad: func(b *scene) { b.raw(sys.SysCloseRange, num(3), num(uint64(^uint32(0))), num(2)) }},
		{name: "exec without close_range", at: atStart, skip: skip{closed: true}, want: "exec: descriptors would survive it"},
		{name: "descriptor after close_range", at: atClosed, want: "openat2: between close_range and exec",
			bad:  func(b *scene) { b.Openat2(Host, "/", How{}) },
			good: func(b *scene) { b.Close(b.dir) }},
		{name: "hook after close_range", at: atClosed, want: "hook: between close_range and exec",
			bad: func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.dir, b.dir, 0) }},
	})
}

func TestPathRules(t *testing.T) {
	mknod := func(b *scene, dir Slot, name string) { b.Mknodat(dir, name, sys.SIfchr, 0) }
	checkRules(t, []rule{
		{name: "relative path of the host", at: atHost, want: `path "x" is relative to nothing`,
			bad:  func(b *scene) { b.Openat2(Host, "x", How{}) },
			good: func(b *scene) { b.Openat2(Host, "/x", How{}) }},
		{name: "empty path of the host", at: atHost, want: `path "" is relative to nothing`,
			bad: func(b *scene) { b.MountSetattr(Host, 0, MountAttr{}) }},
		{name: "relative umount", at: atHost, want: `umount2: path "x" is relative to nothing`,
			bad:  func(b *scene) { b.Umount2("x", 0) },
			good: func(b *scene) { b.Umount2("/x", 0) }},
		{name: "relative chdir", at: atHost, want: `chdir: path "x" is relative to nothing`,
			bad: func(b *scene) { b.Chdir("x") }},
		{name: "relative hook", at: atHost, want: `hook: path "h" is relative to nothing`,
			bad:  func(b *scene) { b.Hook("h", []string{"h"}, nil, b.dir, b.dir, 0) },
			good: func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.dir, b.dir, 0) }},
		{name: "path of the host after the change of root", at: atEntered,
			want: `path "/x" of the host after the change of root`,
			bad:  func(b *scene) { b.Openat2(Host, "/x", How{}) },
			good: func(b *scene) { b.Openat2(Host, "/", How{}) }},
		{name: "umount after the change of root", at: atEntered, want: `umount2: path "/x" after the change of root`,
			bad:  func(b *scene) { b.Umount2("/x", 0) },
			good: func(b *scene) { b.Umount2(".", sys.MntDetach) }},
		{name: "path of the host on one way", at: atHost, want: `path "/x" of the host after the change of root`,
			bad: func(b *scene) {
				l := b.Label()
				b.Chroot(".")
				b.On(l, syscall.EPERM)
				b.Here(l)
				b.Openat2(Host, "/x", How{})
			}},
		{name: "openat2 that leaves", at: atHost, want: `path "x" below a descriptor that it may leave`,
			bad:  func(b *scene) { b.Openat2(b.dir, "x", How{Resolve: sys.ResolveNoMagiclinks}) },
			good: func(b *scene) { b.Openat2(b.dir, "x/../y", How{Resolve: InRoot}) }},
		{name: "path of two components", at: atHost, want: `path "a/b" of more than one component below a descriptor`,
			bad:  func(b *scene) { mknod(b, b.dir, "a/b") },
			good: func(b *scene) { mknod(b, b.dir, "a") }},
		{name: "path up", at: atHost, want: `path ".." of more than one component below a descriptor`,
			bad: func(b *scene) { b.Symlinkat("x", b.dir, "..") }},
		{name: "absolute path below a descriptor", at: atHost, want: `path "/a" of more than one component`,
			bad: func(b *scene) { b.Fchownat(b.dir, "/a", 0, 0) }},
		{name: "open_tree through a symlink", at: atHost, want: `path "a" below a descriptor, which may be a symlink`,
			bad:  func(b *scene) { b.OpenTree(b.dir, "a", sys.OpenTreeClone) },
			good: func(b *scene) { b.OpenTree(b.dir, "a", sys.OpenTreeClone|sys.AtSymlinkNofollow) }},
		{name: "mount_setattr through a symlink", at: atHost, want: `path "a" below a descriptor, which may be a symlink`,
			bad: func(b *scene) {
				b.raw(sys.SysMountSetattr, fd(b.dir), str("a"), num(0), MountAttr{}.arg(), lenOf(3))
			},
			good: func(b *scene) {
				b.raw(sys.SysMountSetattr, fd(b.dir), str("a"), num(sys.AtSymlinkNofollow), MountAttr{}.arg(), lenOf(3))
			}},
		{name: "fchownat through a symlink", at: atHost, want: `path "a" below a descriptor, which may be a symlink`,
			bad:  func(b *scene) { b.raw(sys.SysFchownat, fd(b.dir), str("a"), num(0), num(0), num(0)) },
			good: func(b *scene) { b.Fchownat(b.dir, "a", 0, 0) }},
		{name: "move_mount through a symlink", at: atHost, want: `path "a" below a descriptor, which may be a symlink`,
			bad: func(b *scene) {
				b.raw(sys.SysMoveMount, fd(b.dir), str(""), fd(b.dir), str("a"), num(0x10|sys.MoveMountFEmptyPath))
			},
			good: func(b *scene) {
				b.raw(sys.SysMoveMount, fd(b.dir), str(""), fd(b.dir), str("a"), num(sys.MoveMountFEmptyPath))
			}},
		{name: "node on the host", at: atHost, want: `path "/dev/x" of the host, where nothing is to be made`,
			bad: func(b *scene) { mknod(b, Host, "/dev/x") }},
		{name: "symlink on the host", at: atHost, want: `path "/x" of the host, where nothing is to be made`,
			bad:  func(b *scene) { b.Symlinkat("y", Host, "/x") },
			good: func(b *scene) { b.Symlinkat("y", b.dir, "x") }},
		{name: "owner on the host", at: atHost, want: `path "/x" of the host, where nothing is to be made`,
			bad: func(b *scene) { b.Fchownat(Host, "/x", 0, 0) }},
		{name: "below a descriptor from outside", at: atEntered, want: `path "x" below slot s1, from outside`,
			bad: func(b *scene) { b.Openat2(b.dir, "x", How{Resolve: InRoot}) },
			good: func(b *scene) {
				b.Openat2(b.Openat2(Host, "/", How{}), "x", How{Resolve: InRoot})
			}},
		{name: "target outside", at: atEntered, want: `path "x" below slot s1, from outside`,
			bad:  func(b *scene) { b.TargetDir(b.dir, "x") },
			good: func(b *scene) { b.TargetDir(b.Openat2(Host, "/", How{}), "x") }},
		{name: "node outside", at: atEntered, want: `path "x" below slot s1, from outside`,
			bad:  func(b *scene) { mknod(b, b.dir, "x") },
			good: func(b *scene) { b.SendFd(b.in, b.dir, "x") }},
		{name: "fchdir outside", at: atEntered, want: "fchdir: to a directory that may be outside",
			bad:  func(b *scene) { b.Fchdir(b.dir) },
			good: func(b *scene) { b.Chdir("/"); b.CheckCwd() }},
	})
}

// procOf is a checked procfs of the program's own.
func procOf(b *scene) Slot {
	fs := b.Fsopen("proc")
	b.FsCreate(fs)
	proc := b.Fsmount(fs, 0)
	b.CheckFs(proc, sys.ProcSuperMagic)
	return proc
}

func TestWriteRules(t *testing.T) {
	open := func(b *scene, dir Slot, resolve uint64) Slot {
		return b.Openat2(dir, "sys/x", How{Flags: sys.OWronly, Resolve: resolve})
	}
	const want = "write: to a file that was not opened strictly below a checked filesystem"
	checkRules(t, []rule{
		{name: "write to a file of the host", at: atHost, want: want,
			bad:  func(b *scene) { b.Write(b.Openat2(Host, "/proc/sys/x", How{Flags: sys.OWronly}), "1") },
			good: func(b *scene) { b.Write(b.in, "0") }},
		{name: "write to a standard stream", at: atHost, want: want,
			bad: func(b *scene) { b.add(Insn{Op: OpSyscall, Nr: sys.SysWrite, Out: None, Whole: true}, num(1), buf("x"), lenOf(1)) }},
		{name: "write below an unchecked mount", at: atHost, want: want,
			bad: func(b *scene) {
				b.Write(open(b, b.Fsmount(b.Fsopen("proc"), 0), Strict), "1")
			},
			good: func(b *scene) { b.Write(open(b, procOf(b), Strict), "1") }},
		{name: "write not strictly below", at: atHost, want: want,
			bad: func(b *scene) { b.Write(open(b, procOf(b), InRoot), "1") }},
		{name: "write below what was there", at: atHost, want: want,
			bad: func(b *scene) { b.CheckFs(b.dir, sys.ProcSuperMagic); b.Write(open(b, b.dir, Strict), "1") }},
		{name: "write where the check failed", at: atHost, want: want,
			bad: func(b *scene) {
				proc := b.Fsmount(b.Fsopen("proc"), 0)
				b.CheckFs(proc, sys.ProcSuperMagic)
				b.Ignore(syscall.EXDEV)
				b.Write(open(b, proc, Strict), "1")
			}},
		{name: "write to a slot that was filled again", at: atHost, want: want,
			bad: func(b *scene) {
				f := open(b, procOf(b), Strict)
				b.Alias(b.Openat2(Host, "/x", How{}), f)
				b.Write(f, "1")
			}},
		{name: "short write", at: atHost, want: "write: that may be short",
			bad: func(b *scene) { b.raw(sys.SysWrite, fd(b.in), buf("x"), lenOf(1)) }},
		{name: "private proc after the change of root", at: atHost, want: `path "sys/x" below slot`,
			bad: func(b *scene) { p := procOf(b); b.Chroot("."); open(b, p, InRoot) },
			good: func(b *scene) {
				p := procOf(b)
				b.Fchdir(b.dir)
				b.Chroot(".")
				b.Write(open(b, p, Strict), "1")
				// The rest of the program changes root once more.
				b.p.Insns = append(b.p.Insns[:0:0], b.p.Insns...)
				b.dir = b.Openat2(Host, "/", How{})
			}},
	})
}
