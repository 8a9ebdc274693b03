package program

import (
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

// joinMounts joins a mount namespace that belongs to the user namespace that the process is in.
func (b *scene) joinMounts() {
	own := b.OwnUser()
	b.CheckOwner(b.in, own)
	b.Close(own)
	b.Setns(b.in, sys.CloneNewNs)
}

func TestJoinRules(t *testing.T) {
	const (
		unasked = "setns: to a mount namespace whose owner was not asked for"
		another = "setns: to a user namespace that the owner of the mount namespace was not compared with"
		outside = "exec: outside of the user namespace that the owner of the mount namespace was compared with"
	)
	checkRules(t, []rule{
		{name: "mount namespace of whoever", at: atHost, want: unasked,
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNs) },
			good: (*scene).joinMounts},
		{name: "mount namespace among others", at: atHost, want: unasked,
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNet|sys.CloneNewNs|sys.CloneNewUser) },
			good: func(b *scene) { b.Setns(b.in, sys.CloneNewNet|sys.CloneNewIpc) }},
		{name: "mount namespace by a standard stream", at: atHost, want: unasked,
			bad: func(b *scene) { b.raw(sys.SysSetns, num(0), num(sys.CloneNewNs)) }},
		{name: "owner of another", at: atHost, want: unasked,
			bad:  func(b *scene) { own := b.OwnUser(); b.CheckOwner(b.dir, own); b.Setns(b.in, sys.CloneNewNs) },
			good: func(b *scene) { own := b.OwnUser(); b.CheckOwner(b.in, own); b.Setns(b.in, sys.CloneNewNs) }},
		{name: "owner asked for on one way", at: atHost, want: unasked,
			bad: func(b *scene) {
				l, own := b.Label(), b.OwnUser()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.CheckOwner(b.in, own)
				b.Here(l)
				b.Setns(b.in, sys.CloneNewNs)
			}},
		{name: "owner that may be another", at: atHost, want: unasked,
			bad: func(b *scene) {
				b.CheckOwner(b.in, b.OwnUser())
				b.Ignore(syscall.EXDEV)
				b.Setns(b.in, sys.CloneNewNs)
			},
			good: func(b *scene) { b.CheckOwner(b.in, b.OwnUser()); b.Ignore(syscall.EXDEV) }},
		{name: "owner compared with a file", at: atHost, want: "check_owner: with slot s2, which is neither",
			bad: func(b *scene) { b.CheckOwner(b.in, b.Openat2(Host, "/proc/1/ns/user", How{})) }},
		{name: "owner compared with a standard stream", at: atHost, want: "check_owner: of a standard stream",
			bad: func(b *scene) { b.add(Insn{Op: OpCheckOwner, Out: None}, fd(b.in), num(0)) }},
		{name: "owner compared after a move", at: atHost, want: "check_owner: after a user namespace was joined",
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewUser); b.CheckOwner(b.in, b.in) },
			good: func(b *scene) { b.CheckOwner(b.in, b.in); b.Setns(b.in, sys.CloneNewUser) }},
		{name: "user namespace opened after a move", at: atHost, want: "which is neither",
			bad: func(b *scene) { b.joinMounts(); b.CheckOwner(b.in, b.OwnUser()) }},
		{name: "user namespace joined beside", at: atHost, want: another,
			bad: func(b *scene) { b.joinMounts(); b.Setns(b.in, sys.CloneNewUser) },
			good: func(b *scene) {
				b.CheckOwner(b.in, b.in)
				b.Setns(b.in, sys.CloneNewNs)
				b.Setns(b.in, sys.CloneNewUser)
			}},
		{name: "user namespace joined first", at: atHost, want: another,
			bad: func(b *scene) { b.CheckOwner(b.in, b.in); b.Setns(b.dir, sys.CloneNewUser) },
			good: func(b *scene) {
				b.CheckOwner(b.in, b.in)
				b.Setns(b.in, sys.CloneNewUser)
				b.Setns(b.in, sys.CloneNewNs)
			}},
		{name: "user namespace not joined", at: atHost, want: outside,
			bad: func(b *scene) { b.CheckOwner(b.in, b.in); b.Setns(b.in, sys.CloneNewNs) }},
		{name: "user namespace joined on one way", at: atHost, want: outside,
			bad: func(b *scene) {
				b.CheckOwner(b.in, b.in)
				b.Setns(b.in, sys.CloneNewNs)
				b.Builder.Setns(b.in, sys.CloneNewUser)
				b.Ignore(syscall.EPERM)
				b.Prctl(sys.PrSetDumpable, 0)
			}},
		{name: "root of a mount namespace", at: atHost, skip: skip{root: true}, want: "exec: in the root of the host",
			bad:  (*scene).joinMounts,
			good: func(b *scene) { b.joinMounts(); b.CheckRoot(1, 2, 3) }, twin: skip{root: true}},
		{name: "root of before", at: atHost, skip: skip{root: true}, want: "exec: in the root of the host",
			bad: func(b *scene) { b.CheckRoot(1, 2, 3); b.joinMounts() }},
		{name: "root of the host checked", at: atHost, skip: skip{root: true}, want: "exec: in the root of the host",
			bad: func(b *scene) { b.CheckRoot(1, 2, 3) }},
		{name: "root that may be another", at: atChange, skip: skip{root: true}, want: "exec: in the root of the host",
			bad: func(b *scene) { b.joinMounts(); b.CheckRoot(1, 2, 3); b.Ignore(syscall.ESTALE) },
			good: func(b *scene) {
				l, done := b.Label(), b.Label()
				b.joinMounts()
				b.CheckRoot(1, 2, 3)
				b.On(l, syscall.ESTALE)
				b.Jump(done)
				b.Here(l)
				b.Chroot(".")
				b.Here(done)
			}, twin: skip{root: true}},
	})
}

// TestTwoOwners has two ways on which the owner was compared with two user namespaces: neither is the one.
func TestTwoOwners(t *testing.T) {
	b := New()
	mnt, one, other := b.Input("mnt"), b.Input("one"), b.Input("other")
	b.Prctl(sys.PrSetDumpable, 0)
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	second, both := b.Label(), b.Label()
	b.Setsid()
	b.On(second, syscall.EPERM)
	b.CheckOwner(mnt, one)
	b.Jump(both)
	b.Here(second)
	b.CheckOwner(mnt, other)
	b.Here(both)
	b.Setns(mnt, sys.CloneNewNs)
	err := b.Program().Verify()
	if want := "setns: to a mount namespace whose owner was not asked for"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("verify: got %v, want …%s", err, want)
	}
}
