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
			bad:  func(b *scene) { b.Dup3(b.in, 3) },
			good: func(b *scene) { b.Dup3(b.in, 2) }},
		{name: "directory of the host as a standard stream", at: atHost, want: "dup3: slot s1, from outside, would survive exec",
			bad: func(b *scene) { b.Dup3(b.dir, 2) }},
		{name: "directory of the host as a standard stream later", at: atEntered, want: "dup3: slot s1, from outside, would survive exec",
			bad:  func(b *scene) { b.Dup3(b.dir, 0) },
			good: func(b *scene) { b.Dup3(b.Openat2(Host, "/", How{}), 0) }},
		{name: "directory of the host left open", at: atCaps, skip: skip{left: true}, want: "exec: slot s1, from outside, is still open",
			good: func(b *scene) { b.Close(b.dir) }},
		{name: "hook beside a directory of the host", at: atEntered, want: "hook: slot s1, from outside, is still open",
			bad: func(b *scene) { b.Hook("/hook", []string{"hook"}, nil, b.in, b.in, 0) },
			good: func(b *scene) {
				b.Close(b.dir)
				b.Hook("/hook", []string{"hook"}, nil, b.in, b.in, 0)
			}},
		{name: "target of before left open", at: atHost, skip: skip{left: true}, want: "from outside, is still open",
			bad:  func(b *scene) { b.Target(Inside(b.dir, "x"), WantDir, None) },
			good: func(b *scene) { b.Close(b.Fsmount(b.Fsopen("tmpfs"), 0)) }},
		{name: "left open on one way", at: atEntered, skip: skip{left: true}, want: "exec: slot s1, from outside, is still open",
			bad: func(b *scene) {
				l := b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.Close(b.dir)
				b.Here(l)
			}},
		{name: "listener that nobody passes on", at: atEntered, want: "seccomp: listener that the filter may keep from",
			bad: func(b *scene) { b.Seccomp(sys.SeccompFilterNewListener, make([]byte, 8)) }},
		{name: "close_range from a standard stream", at: atCaps, want: "close_range: descriptors would survive it",
			twin: skip{left: true, closed: true},
			bad:  func(b *scene) { b.CloexecFrom(2) },
			good: func(b *scene) { b.closeAll(); b.CloexecFrom(5) }},
		{name: "close_range not to the end", at: atCaps, want: "descriptors would survive it",
			bad: func(b *scene) { b.raw(sys.SysCloseRange, num(3), num(100), num(sys.CloseRangeCloexec)) }},
		{name: "close_range that does something else", at: atCaps, want: "descriptors would survive it",
			bad: func(b *scene) { b.raw(sys.SysCloseRange, num(3), num(uint64(^uint32(0))), num(2)) }},
		{name: "exec without close_range", at: atStart, skip: skip{closed: true}, want: "exec: descriptors would survive it"},
		{name: "descriptor after close_range", at: atClosed, want: "openat2: between close_range and exec",
			bad:  func(b *scene) { b.Openat2(Host, "/", How{}) },
			good: func(b *scene) { b.Prctl(sys.PrSetPdeathsig, 0) }},
		{name: "hook after close_range", at: atClosed, want: "hook: between close_range and exec",
			bad: func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) }},
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
			bad:  func(b *scene) { b.Target(Inside(b.dir, "x"), WantDir, None) },
			good: func(b *scene) { b.Target(Inside(b.Openat2(Host, "/", How{}), "x"), WantDir, None) }},
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
	const wide = "openat2: neither by O_PATH, nor read-only and O_NONBLOCK"
	checkRules(t, []rule{
		{name: "write to a file of the host", at: atHost, want: wide,
			bad:  func(b *scene) { b.Write(b.Openat2(Host, "/proc/sys/x", How{Flags: sys.OWronly}), "1") },
			good: func(b *scene) { b.Write(b.in, "0") }},
		{name: "write to a file that was opened for something else", at: atHost, want: want,
			bad: func(b *scene) { b.Write(b.Openat2(Host, "/proc/sys/x", How{Flags: sys.ONonblock}), "1") }},
		{name: "write to a standard stream", at: atHost, want: want,
			bad: func(b *scene) {
				b.add(Insn{Op: OpSyscall, Nr: sys.SysWrite, Out: None, Whole: true}, num(1), buf("x"), lenOf(1))
			}},
		{name: "write below an unchecked mount", at: atHost, want: wide,
			bad: func(b *scene) {
				b.Write(open(b, b.Fsmount(b.Fsopen("proc"), 0), Strict), "1")
			},
			good: func(b *scene) { b.Write(open(b, procOf(b), Strict), "1") }},
		{name: "write through a symlink of proc but self", at: atHost, want: wide,
			bad: func(b *scene) {
				b.Write(b.Openat2(procOf(b), "mounts/x", How{Flags: sys.OWronly, Resolve: OwnProc}), "1")
			},
			good: func(b *scene) {
				b.Write(b.Openat2(procOf(b), "self/attr/exec", How{Flags: sys.OWronly, Resolve: OwnProc}), "1")
			}},
		{name: "write through self and out of it", at: atHost, want: wide,
			bad: func(b *scene) {
				b.Write(b.Openat2(procOf(b), "self/attr/../../sys/kernel/core_pattern", How{Flags: sys.OWronly, Resolve: OwnProc}), "1")
			},
			good: func(b *scene) {
				b.Write(b.Openat2(procOf(b), "sys/kernel/core_pattern", How{Flags: sys.OWronly, Resolve: Strict}), "1")
			}},
		{name: "write not strictly below", at: atHost, want: wide,
			bad: func(b *scene) { b.Write(open(b, procOf(b), InRoot), "1") }},
		{name: "write below what was there", at: atHost, want: wide,
			bad: func(b *scene) { b.CheckFs(b.dir, sys.ProcSuperMagic); b.Write(open(b, b.dir, Strict), "1") }},
		{name: "write where the check failed", at: atHost, want: wide,
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
		{name: "private proc after the change of root", at: atChange, want: `path "sys/x" below slot`,
			bad:  func(b *scene) { p := procOf(b); b.Chroot("."); open(b, p, InRoot) },
			good: func(b *scene) { p := procOf(b); b.Chroot("."); b.Write(open(b, p, Strict), "1") }},
	})
}

func TestNamespaceRules(t *testing.T) {
	hidden := func(b *scene) { b.Prctl(sys.PrSetDumpable, 0) }
	cleared := func(b *scene) { hidden(b); b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll) }
	checkRules(t, []rule{
		{name: "setns while dumpable", at: atStart, want: "setns: while the process can be looked into",
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNet) },
			good: func(b *scene) { cleared(b); b.Setns(b.in, sys.CloneNewNet) }},
		{name: "unshare while dumpable", at: atStart, want: "unshare: while the process can be looked into",
			bad:  func(b *scene) { b.Unshare(sys.CloneNewNet) },
			good: func(b *scene) { cleared(b); b.Unshare(sys.CloneNewNet) }},
		{name: "setns with ambient capabilities", at: atHost, skip: skip{came: true}, want: "setns: with the ambient capabilities of the caller",
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNet) },
			good: func(b *scene) { b.Setns(b.in, sys.CloneNewNet) }},
		{name: "unshare with ambient capabilities", at: atHost, skip: skip{came: true}, want: "unshare: with the ambient capabilities of the caller",
			bad:  func(b *scene) { b.Unshare(sys.CloneNewNet) },
			good: func(b *scene) { b.Unshare(sys.CloneNewNet) }},
		{name: "hook with ambient capabilities", at: atHost, skip: skip{came: true}, want: "hook: with the ambient capabilities of the caller",
			bad:  func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) },
			good: func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) }},
		{name: "ambient capabilities cleared on one way only", at: atHost, skip: skip{came: true}, want: "unshare: with the ambient capabilities",
			bad: func(b *scene) {
				b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
				b.Ignore(syscall.EINVAL)
				b.Unshare(sys.CloneNewNet)
			}},
		{name: "hook while dumpable", at: atHost, skip: skip{dumpable: true}, want: "hook: while the process can be looked into",
			bad: func(b *scene) { b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) }},
		{name: "fork while dumpable", at: atStart, want: "fork: while the process can be looked into",
			bad:  func(b *scene) { b.Fork(b.in, 0) },
			good: func(b *scene) { hidden(b); b.Fork(b.in, 0) }},
		{name: "fork that shares memory", at: atHost, want: "fork: with flags 0x100",
			bad:  func(b *scene) { b.Fork(b.in, 0x100) },
			good: func(b *scene) { b.Fork(b.in, sys.CloneParent) }},
		{name: "sync with the byte of fork", at: atHost, want: "sync: with the byte that is fork's",
			bad:  func(b *scene) { b.Sync(b.in, 'f', 'g') },
			good: func(b *scene) { b.Sync(b.in, 'g', 'f') }},
		{name: "keyctl nobody makes", at: atHost, want: "keyctl: request 3 is none that programs use",
			bad:  func(b *scene) { b.raw(sys.SysKeyctl, num(3), str("x"), num(0)) },
			good: func(b *scene) { b.JoinSessionKeyring("x") }},
		{name: "permissions of a key that is not the session keyring", at: atHost, want: "keyctl: argument 1: not of the kind",
			bad:  func(b *scene) { b.raw(sys.SysKeyctl, num(sys.KeyctlSetperm), num(7), num(1)) },
			good: func(b *scene) { b.SetSessionKeyringPerm(1) }},
		{name: "more memory nodes than there are bits", at: atHost, want: "set_mempolicy: 129 nodes in 8 bytes",
			bad:  func(b *scene) { b.raw(sys.SysSetMempolicy, num(2), buf("12345678"), num(129)) },
			good: func(b *scene) { b.SetMempolicy(2, []uint64{1, 2}); b.SetMempolicy(0, nil) }},
		{name: "limits of another process", at: atHost, want: "prlimit64: of another process, or with 16 bytes",
			bad:  func(b *scene) { b.raw(sys.SysPrlimit64, num(1), num(7), buf("1234567812345678"), num(0)) },
			good: func(b *scene) { b.Setrlimit(7, 3, 3) }},
		{name: "limits that are cut short", at: atHost, want: "prlimit64: of another process, or with 8 bytes",
			bad: func(b *scene) { b.raw(sys.SysPrlimit64, num(0), num(7), buf("12345678"), num(0)) }},
		{name: "limits written somewhere", at: atHost, want: "prlimit64: of another process, or with 16 bytes",
			bad: func(b *scene) { b.raw(sys.SysPrlimit64, num(0), num(7), buf("1234567812345678"), num(1)) }},
		{name: "undumpable on one way only", at: atStart, want: "unshare: while the process can be looked into",
			bad: func(b *scene) { hidden(b); b.Ignore(syscall.EPERM); b.Unshare(sys.CloneNewNet) }},
		{name: "dumpable again", at: atHost, want: "prctl: process opened to be looked into",
			bad: func(b *scene) { b.Prctl(sys.PrSetDumpable, 1) }, good: hidden},
		{name: "prctl nobody makes", at: atHost, want: "prctl: request 23 is none that programs use",
			bad:  func(b *scene) { b.Prctl(23) },
			good: func(b *scene) { b.Prctl(sys.PrSetPdeathsig, 9) }},
		{name: "setns after the change of root", at: atEntered, want: "setns: after the change of root",
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewUser) },
			good: func(b *scene) { b.Sync(b.in, 'a', 'a') }},
		{name: "unshare after the change of root", at: atEntered, want: "unshare: after the change of root",
			bad: func(b *scene) { b.Unshare(sys.CloneNewUser) }},
	})
}

// orUser becomes root, or another user where that fails with e.
func orUser(e syscall.Errno) func(b *scene) {
	return func(b *scene) {
		none, done := b.Label(), b.Label()
		b.Builder.Setresuid(0)
		b.On(none, e)
		b.Prctl(sys.PrSetDumpable, 0)
		b.Jump(done)
		b.Here(none)
		b.Setresuid(7)
		b.Here(done)
	}
}

func TestIdentityRules(t *testing.T) {
	// last is what comes before a filter: nothing is closed after it.
	last := func(b *scene) { b.closeAll(); b.CloexecFrom(3) }
	user := func(b *scene) { b.Prctl(sys.PrSetKeepcaps, 1); b.Setresgid(1); b.Setresuid(1) }
	checkRules(t, []rule{
		{name: "another user without keepcaps", at: atEntered, want: "setresuid: to another user, with no capabilities kept",
			bad:  func(b *scene) { b.Setresuid(7) },
			good: func(b *scene) { b.Setresgid(0); b.Setresuid(0) }},
		{name: "keepcaps taken back", at: atEntered, want: "setresuid: to another user, with no capabilities kept",
			bad: func(b *scene) { b.Prctl(sys.PrSetKeepcaps, 1); b.Prctl(sys.PrSetKeepcaps, 0); b.Setresuid(7) }},
		{name: "another user where root may be", at: atHost, want: "setresuid: to another user, with no capabilities kept",
			bad: orUser(syscall.EPERM), good: orUser(syscall.EINVAL)},
		{name: "another user after one that could not be root", at: atHost, want: "setresuid: to another user, with no capabilities kept",
			bad: func(b *scene) { orUser(syscall.EINVAL)(b); b.Setresuid(7) }},
		{name: "user ids that differ", at: atEntered, want: "setresuid: to ids that differ",
			bad: func(b *scene) { b.raw(sys.SysSetresuid, num(0), num(0), num(1)) }},
		{name: "group ids that differ", at: atEntered, want: "setresgid: to ids that differ",
			bad: func(b *scene) { b.raw(sys.SysSetresgid, num(1), num(0), num(0)) }},
		{name: "group and dumpable", at: atEntered, want: "setresuid: right after a change of ids",
			bad:  func(b *scene) { b.Builder.Setresgid(0); b.Setresuid(0) },
			good: func(b *scene) { b.Setresgid(0); b.Setresuid(0) }},
		{name: "user and dumpable", at: atEntered, want: "umask: right after a change of ids",
			bad:  func(b *scene) { b.Builder.Setresuid(0); b.Umask(0) },
			good: func(b *scene) { b.Setresuid(0); b.Umask(0) }},
		{name: "user and dumpable after another prctl", at: atEntered, want: "prctl: right after a change of ids",
			bad: func(b *scene) { b.Builder.Setresuid(0); b.Prctl(sys.PrSetKeepcaps, 0); b.Prctl(sys.PrSetDumpable, 0) }},
		{name: "user namespace and dumpable", at: atHost, want: "setns: right after a change of ids",
			bad:  func(b *scene) { b.Builder.Setns(b.in, sys.CloneNewUser); b.Setns(b.in, sys.CloneNewNet) },
			good: func(b *scene) { b.Setns(b.in, sys.CloneNewUser); b.Setns(b.in, sys.CloneNewNet) }},
		{name: "new user namespace and dumpable", at: atHost, want: "umask: right after a change of ids",
			bad:  func(b *scene) { b.Unshare(sys.CloneNewUser); b.Umask(0) },
			good: func(b *scene) { b.Unshare(sys.CloneNewUser); b.Prctl(sys.PrSetDumpable, 0); b.Umask(0) }},
		{name: "dumpable on one way", at: atEntered, want: "umask: right after a change of ids",
			bad: func(b *scene) {
				b.Builder.Setresuid(0)
				b.Prctl(sys.PrSetDumpable, 0)
				b.Ignore(syscall.EINVAL)
				b.Umask(0)
			}},
		{name: "seccomp that loads no filter", at: atEntered, want: "seccomp: request 0 is none that programs use",
			bad: func(b *scene) { b.raw(sys.SysSeccomp, num(0), num(0), Arg{Kind: Prog, Text: "12345678"}) }},
		{name: "groups after the user", at: atUser, want: "setgroups: groups changed after the user",
			bad:  func(b *scene) { b.Setgroups([]uint32{1}) },
			good: func(b *scene) { b.Umask(0) }},
		{name: "group after the user", at: atUser, want: "setresgid: groups changed after the user",
			bad: func(b *scene) { b.Setresgid(1) }},
		{name: "more groups than given", at: atEntered, want: "setgroups: 3 groups in 4 bytes",
			bad:  func(b *scene) { b.raw(sys.SysSetgroups, num(3), buf("1234")) },
			good: func(b *scene) { b.Setgroups([]uint32{1, 2}) }},
		{name: "bounding set after the user", at: atUser, want: "prctl: bounding set changed after the user",
			bad:  func(b *scene) { b.Prctl(sys.PrCapbsetDrop, 1) },
			good: func(b *scene) { b.Prctl(sys.PrSetPdeathsig, 0) }},
		{name: "bounding set before the user", at: atEntered, skip: skip{user: true}, want: "prctl: bounding set changed after the user",
			bad:  func(b *scene) { user(b); b.Prctl(sys.PrCapbsetDrop, 1) },
			good: func(b *scene) { b.Prctl(sys.PrCapbsetDrop, 1) }},
		// Root of a user namespace that was joined goes on to drop from its bounding set.
		{name: "bounding set of a joined user namespace", at: atHost, want: "capset: capabilities set in the root of the host",
			bad:  func(b *scene) { b.Setresgid(0); b.Setresuid(0); b.Capset(0, 0, 0) },
			good: func(b *scene) { b.Setresgid(0); b.Setresuid(0); b.Prctl(sys.PrCapbsetDrop, 1) }},
		{name: "capabilities before the user", at: atEntered, want: "capset: capabilities set before the user",
			bad:  func(b *scene) { b.Capset(1<<sys.CapSysAdmin, 1<<sys.CapSysAdmin, 0) },
			good: func(b *scene) { b.Capset(LastCaps, LastCaps|1<<sys.CapSysAdmin, 0) }},
		{name: "capabilities of the upper half before the user", at: atEntered, want: "capset: capabilities set before the user",
			bad: func(b *scene) { b.Capset(1<<40, 1<<40, 0) }},
		{name: "capabilities in the root of the host", at: atHost, want: "capset: capabilities set in the root of the host",
			bad: func(b *scene) { b.Capset(LastCaps, LastCaps, 0) }},
		{name: "capabilities inherited before the user", at: atEntered, want: "capset: capabilities inherited before the user is set",
			bad: func(b *scene) { b.Capset(LastCaps, LastCaps, 1<<40) }},
		{name: "capabilities set before the user only", skip: skip{caps: true, ambient: true}, at: atEntered, want: "exec: before the capabilities are set",
			bad: func(b *scene) { b.Capset(0, 0, 0) }},
		{name: "ready with all capabilities", at: atEntered, want: "sync: of readiness with more capabilities",
			bad:  func(b *scene) { b.Sync(b.in, ByteReady, ByteReady) },
			good: func(b *scene) { b.Capset(LastCaps, LastCaps, 0); b.Sync(b.in, ByteReady, ByteReady) }},
		{name: "ready with fewer capabilities on one way", at: atEntered, want: "sync: of readiness with more capabilities",
			bad: func(b *scene) { b.Capset(0, 0, 0); b.Ignore(syscall.EPERM); b.Sync(b.in, ByteReady, ByteReady) }},
		{name: "mount after the capabilities went", at: atEntered, want: "fsopen: after the capabilities that it takes went",
			bad:  func(b *scene) { b.Capset(LastCaps, LastCaps, 0); b.Fsopen("tmpfs") },
			good: func(b *scene) { b.Fsopen("tmpfs"); b.Capset(LastCaps, LastCaps, 0) }},
		{name: "capabilities of the wrong size", at: atUser, want: "capset: sets of 12 bytes",
			bad:  func(b *scene) { b.raw(sys.SysCapset, buf("12345678"), buf("123456789012")) },
			good: func(b *scene) { b.Capset(1, 2, 3) }},
		{name: "ambient before the capabilities", at: atUser, want: "prctl: ambient set changed before",
			bad: func(b *scene) { b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientRaise, 1) }},
		{name: "ambient before it was cleared", at: atCaps, skip: skip{ambient: true}, want: "prctl: ambient set changed before",
			bad:  func(b *scene) { b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientRaise, 1) },
			good: func(b *scene) { b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientRaise, 1) }},
		{name: "filter without privilege", at: atCaps, want: "seccomp: filter loaded after the capabilities went",
			bad:  func(b *scene) { b.Seccomp(0, make([]byte, 8)) },
			good: func(b *scene) { b.Prctl(sys.PrSetNoNewPrivs, 1); last(b); b.Seccomp(0, make([]byte, 8)) },
			twin: skip{left: true, closed: true}},
		{name: "filter with no_new_privs on one way", at: atCaps, want: "seccomp: filter loaded after the capabilities went",
			bad: func(b *scene) {
				b.Prctl(sys.PrSetNoNewPrivs, 1)
				b.Ignore(syscall.EINVAL)
				b.Seccomp(0, make([]byte, 8))
			}},
		{name: "filter with no_new_privs not set", at: atCaps, want: "seccomp: filter loaded after the capabilities went",
			bad: func(b *scene) { b.Prctl(sys.PrSetNoNewPrivs, 0); b.Seccomp(0, make([]byte, 8)) }},
		{name: "filter with CAP_SYS_ADMIN", at: atUser, want: "seccomp: filter loaded after the capabilities went",
			bad:  func(b *scene) { b.Capset(1<<20, 1<<21, 1<<21); b.Seccomp(0, make([]byte, 8)) },
			good: func(b *scene) { b.Capset(1<<21, 1<<21, 0); last(b); b.Seccomp(0, make([]byte, 8)) },
			twin: skip{left: true, closed: true}},
		{name: "umask after the filter", at: atUser, want: "umask: after a filter that may refuse it",
			bad:  func(b *scene) { b.Seccomp(0, make([]byte, 8)); b.Umask(0) },
			good: func(b *scene) { b.Umask(0) }},
		{name: "mount after a filter on one way", at: atEntered, want: "fsopen: after a filter that may refuse it",
			bad: func(b *scene) {
				b.Seccomp(0, make([]byte, 8))
				b.Ignore(syscall.EINVAL)
				b.Fsopen("tmpfs")
			}},
		{name: "filter of no filter", at: atEntered, want: "seccomp: argument 2: not of the kind",
			bad: func(b *scene) { b.raw(sys.SysSeccomp, num(1), num(0), buf("12345678")) }},
	})
}

// TestListenRules: those of a filter, and what a listener needs beside.
func TestListenRules(t *testing.T) {
	filter := make([]byte, 8)
	last := func(b *scene) { b.closeAll(); b.CloexecFrom(3) }
	twin := skip{left: true, closed: true}
	checkRules(t, []rule{
		{name: "without privilege", at: atCaps, want: "listen: filter loaded after the capabilities went", twin: twin,
			bad:  func(b *scene) { b.Listen(b.in, b.in, 0, filter) },
			good: func(b *scene) { b.Prctl(sys.PrSetNoNewPrivs, 1); last(b); b.Listen(b.in, b.in, 0, filter) }},
		{name: "capabilities after it", at: atUser, want: "umask: after a filter that may refuse it", twin: twin,
			bad: func(b *scene) { b.Listen(b.in, b.in, 0, filter); b.Umask(0) },
			good: func(b *scene) {
				b.Capset(1<<21, 1<<21, 0)
				last(b)
				b.Listen(b.in, b.in, 0, filter)
			}},
		{name: "no listener", at: atUser, want: "listen: filter without a listener",
			bad: func(b *scene) {
				b.add(Insn{Op: OpListen, Out: None}, fd(b.in), fd(b.in), num(0), Arg{Kind: Prog, Text: string(filter)})
			}},
		{name: "no filter", at: atUser, want: "listen: argument 3: not of the kind",
			bad: func(b *scene) {
				b.add(Insn{Op: OpListen, Out: None}, fd(b.in), fd(b.in), num(sys.SeccompFilterNewListener), buf("12345678"))
			}},
		{name: "filter for all threads", at: atUser, want: "listen: filter for the thread that passes the listener on",
			bad: func(b *scene) { b.Listen(b.in, b.in, sys.SeccompFilterTsync, filter) }},
		{name: "after a filter", at: atUser, want: "listen: after a filter that may refuse it",
			bad: func(b *scene) { b.Seccomp(0, filter); b.Listen(b.in, b.in, 0, filter) }},
		{name: "socket that is closed", at: atUser, want: "is used before it is set, or after it was closed",
			bad: func(b *scene) { b.Close(b.in); b.Listen(b.in, b.dir, 0, filter) }},
		{name: "passed on by another call", at: atUser, want: "send_fd: after a filter that may refuse it",
			bad: func(b *scene) { b.Seccomp(0, filter); b.SendFd(b.in, b.in, "x") }},
		{name: "branch", at: atUser, want: "branch of a listen",
			bad: func(b *scene) { b.Listen(b.in, b.in, 0, filter); b.Ignore(syscall.EAGAIN) }},
	})
}

func TestExecRules(t *testing.T) {
	checkRules(t, []rule{
		{name: "descriptors", skip: skip{closed: true}, want: "exec: descriptors would survive it"},
		{name: "root", skip: skip{root: true}, want: "exec: in the root of the host"},
		{name: "root of a joined mount namespace", at: atHost, skip: skip{root: true}, want: "exec: in the root of the host",
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNet) },
			good: func(b *scene) { b.joinMounts(); b.CheckRoot(1, 2, 3) }, twin: skip{root: true}},
		{name: "user", skip: skip{user: true, caps: true}, want: "exec: before the user is set"},
		{name: "user without keepcaps", skip: skip{keepcaps: true, caps: true}, want: "exec: before the user is set"},
		{name: "capabilities", skip: skip{caps: true}, want: "exec: before the capabilities are set"},
		{name: "ambient set", skip: skip{ambient: true}, want: "exec: before the ambient set was cleared"},
		{name: "ambient set of the last capabilities", at: atCaps, want: "exec: before the ambient set was cleared",
			bad:  func(b *scene) { b.Capset(0, 0, 0) },
			good: func(b *scene) { b.Capset(0, 0, 0); b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll) }},
		{name: "working directory", skip: skip{cwd: true}, want: "exec: before the working directory was checked"},
		{name: "working directory changed", at: atUser, want: "exec: before the working directory was checked",
			bad:  func(b *scene) { b.Chdir("/x") },
			good: func(b *scene) { b.Chdir("/x"); b.CheckCwd() }},
		{name: "signals", skip: skip{signals: true}, want: "exec: with the signals of the parent"},
		{name: "capabilities on one way only", at: atUser, skip: skip{caps: true}, want: "exec: before the capabilities are set",
			bad: func(b *scene) { b.Capset(0, 0, 0); b.Ignore(syscall.EPERM) }},
		{name: "no path", at: atClosed, want: "exec: without a path or arguments",
			bad: func(b *scene) { b.Exec(nil, []string{"a"}, nil) }},
		{name: "no arguments", at: atClosed, want: "exec: without a path or arguments",
			bad: func(b *scene) { b.Exec([]string{"/a"}, nil, nil) }},
		{name: "find outside the root", at: atHost, want: "find: in the root of the host",
			bad:  func(b *scene) { b.Find([]string{"/a"}) },
			good: func(b *scene) { b.joinMounts(); b.CheckRoot(1, 2, 3); b.Find([]string{"/a"}) }},
		{name: "hook without arguments", at: atEntered, want: "hook: without arguments",
			bad: func(b *scene) { b.Hook("/h", nil, nil, b.in, b.in, 0) },
			good: func(b *scene) {
				b.Close(b.dir)
				b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0)
			}},
	})
}
