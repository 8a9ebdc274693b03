package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

// TestOwnProcRules: below a procfs of its own, a program may go through self to what is the process's.
func TestOwnProcRules(t *testing.T) {
	const want = "openat2: neither by O_PATH, nor read-only and O_NONBLOCK"
	write := func(b *scene, dir Slot, path string, resolve uint64) {
		b.Write(b.Openat2(dir, path, How{Flags: sys.OWronly, Resolve: resolve}), "1")
	}
	good := func(path string) func(b *scene) {
		return func(b *scene) { write(b, procOf(b), path, OwnProc) }
	}
	bad := func(path string) func(b *scene) {
		return func(b *scene) { write(b, procOf(b), path, OwnProc) }
	}
	checkRules(t, []rule{
		{name: "self", at: atHost, want: want, bad: bad("self"), good: good("self/attr/exec")},
		{name: "thread-self", at: atHost, want: want, bad: bad("thread-self/"), good: good("thread-self/attr/apparmor/exec")},
		{name: "self after the change of root", at: atEntered, want: `path "self/attr/exec" below slot s1`,
			bad: func(b *scene) { write(b, b.dir, "self/attr/exec", OwnProc) }},
		{name: "procfs made before the change of root", at: atChange, want: `path "1/attr/exec" below slot`,
			bad:  func(b *scene) { p := procOf(b); b.Chroot("."); write(b, p, "1/attr/exec", OwnProc) },
			good: func(b *scene) { p := procOf(b); b.Chroot("."); write(b, p, "self/attr/exec", OwnProc) }},
		{name: "another process", at: atHost, want: want, bad: bad("1/attr/exec")},
		{name: "self with more to its name", at: atHost, want: want, bad: bad("selfish/attr/exec")},
		{name: "self further down", at: atHost, want: want, bad: bad("sys/self/attr/exec")},
		{name: "up again", at: atHost, want: want, bad: bad("self/../1/attr/exec")},
		{name: "up at the end", at: atHost, want: want, bad: bad("self/attr/..")},
		{name: "magic links", at: atHost, want: want,
			bad: func(b *scene) {
				write(b, procOf(b), "self/fd/3", sys.ResolveBeneath|sys.ResolveNoXdev)
			}},
		{name: "onto another mount", at: atHost, want: want,
			bad: func(b *scene) {
				write(b, procOf(b), "self/attr/exec", sys.ResolveBeneath|sys.ResolveNoMagiclinks)
			}},
		{name: "inside, not beneath", at: atHost, want: want,
			bad: func(b *scene) { write(b, procOf(b), "self/attr/exec", InRoot|sys.ResolveNoXdev) }},
		{name: "self of a filesystem that is no procfs", at: atHost, want: want,
			bad: func(b *scene) {
				m := b.Fsmount(b.Fsopen("sysfs"), 0)
				b.CheckFs(m, 0x62656572)
				write(b, m, "self/attr/exec", OwnProc)
			}},
		{name: "self of a procfs that was there", at: atHost, want: want,
			bad: func(b *scene) { b.CheckFs(b.dir, sys.ProcSuperMagic); write(b, b.dir, "self/attr/exec", OwnProc) }},
		{name: "self of an unchecked procfs", at: atHost, want: want,
			bad: func(b *scene) { write(b, b.Fsmount(b.Fsopen("proc"), 0), "self/attr/exec", OwnProc) }},
		{name: "self where the check failed", at: atHost, want: want,
			bad: func(b *scene) {
				m := b.Fsmount(b.Fsopen("proc"), 0)
				b.CheckFs(m, sys.ProcSuperMagic)
				b.Ignore(syscall.EXDEV)
				write(b, m, "self/attr/exec", OwnProc)
			}},
		{name: "label left open", at: atHost, skip: skip{left: true}, want: "from outside, is still open",
			bad: func(b *scene) { b.Openat2(procOf(b), "self/attr/exec", How{Flags: sys.OWronly, Resolve: OwnProc}) }},
	})
}

// TestAttributeRules are those of the calls that give the process or a file an attribute.
func TestAttributeRules(t *testing.T) {
	checkRules(t, []rule{
		{name: "permissions of a key by number", at: atHost, want: "keyctl: argument 1: not of the kind",
			bad:  func(b *scene) { b.raw(sys.SysKeyctl, num(sys.KeyctlSetperm), num(7), num(1)) },
			good: func(b *scene) { b.SetSessionKeyringPerm(1) }},
		{name: "permissions of a name", at: atHost, want: "keyctl: request 5 is none",
			bad: func(b *scene) { b.raw(sys.SysKeyctl, num(sys.KeyctlSetperm), str("x"), num(1)) }},
		{name: "a keyring without a name", at: atHost, want: "keyctl: request 1 is none",
			bad: func(b *scene) {
				b.raw(sys.SysKeyctl, num(sys.KeyctlJoinSessionKeyring), num(sys.KeySpecSessionKeyring), num(0))
			},
			good: func(b *scene) { b.JoinSessionKeyring("x") }},
		{name: "personality without address randomisation", at: atHost, want: "personality: domain 0x40000",
			bad:  func(b *scene) { b.Personality(0x0040000) },
			good: func(b *scene) { b.Personality(sys.PerLinux32) }},
		{name: "memory policy that reads past its nodes", at: atHost, want: "set_mempolicy: 129 nodes in 8 bytes",
			bad:  func(b *scene) { b.raw(sys.SysSetMempolicy, num(2), buf(make([]byte, 8)), num(129)) },
			good: func(b *scene) { b.SetMempolicy(2, []uint64{1, 1}) }},
		{name: "memory policy with part of a word", at: atHost, want: "set_mempolicy: 33 nodes in 4 bytes",
			bad: func(b *scene) { b.raw(sys.SysSetMempolicy, num(2), buf(make([]byte, 4)), num(33)) }},
		{name: "attribute nobody sets", at: atHost, want: `fsetxattr: attribute "security.capability"`,
			bad: func(b *scene) {
				b.raw(sys.SysFsetxattr, fd(b.dir), str("security.capability"), buf("x"), lenOf(2), num(0))
			},
			good: func(b *scene) { b.SetLabel(b.dir, "u:r:t:s0") }},
		{name: "memory policy after a filter", at: atClosed, want: "set_mempolicy: between close_range and exec",
			bad: func(b *scene) { b.SetMempolicy(0, []uint64{0}) }},
	})
}
