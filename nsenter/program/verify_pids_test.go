package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

// TestPidRules: a process that has joined a pid namespace is in it when that counts, and a procfs is of that one.
func TestPidRules(t *testing.T) {
	const (
		outside = "outside of the pid namespace that was joined or made"
		another = "move_mount: of a procfs of another pid namespace than the one that was joined"
	)
	join := func(b *scene) { b.Setns(b.in, sys.CloneNewPid) }
	enter := func(b *scene) { join(b); b.Fork(b.in, sys.CloneParent) }
	proc := func(b *scene, named bool) {
		fs := b.Fsopen("proc")
		if named {
			b.FsSetFd(fs, "pidns", b.in)
		}
		b.FsCreate(fs)
		b.MoveMount(b.Fsmount(fs, 0), b.dir)
	}
	checkRules(t, []rule{
		{name: "exec", at: atHost, want: "exec: " + outside, bad: join, good: enter},
		{name: "exec after unshare", at: atHost, want: "exec: " + outside,
			bad:  func(b *scene) { b.Unshare(sys.CloneNewPid) },
			good: func(b *scene) { b.Unshare(sys.CloneNewPid); b.Fork(b.in, sys.CloneParent) }},
		{name: "exec after a fork on one way", at: atHost, want: "exec: " + outside,
			bad: func(b *scene) { join(b); b.Fork(b.in, sys.CloneParent); b.Ignore(syscall.EAGAIN) }},
		{name: "another namespace", at: atHost, want: "exec: " + outside,
			bad:  func(b *scene) { b.Setns(b.in, sys.CloneNewNet|sys.CloneNewPid) },
			good: func(b *scene) { b.Setns(b.in, sys.CloneNewNet) }},
		{name: "hook", at: atHost, want: "hook: " + outside,
			bad:  func(b *scene) { join(b); b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) },
			good: func(b *scene) { enter(b); b.Hook("/h", []string{"h"}, nil, b.in, b.in, 0) }},
		{name: "readiness", at: atHost, want: "sync: " + outside, skip: skip{root: true},
			bad: func(b *scene) {
				join(b)
				b.Chroot(".")
				b.Capset(0, 0, 0)
				b.Sync(b.in, ByteReady, ByteReady)
			}},
		{name: "procfs of the host", at: atHost, want: another,
			bad:  func(b *scene) { join(b); proc(b, false); b.Fork(b.in, sys.CloneParent) },
			good: func(b *scene) { join(b); proc(b, true); b.Fork(b.in, sys.CloneParent) }},
		{name: "procfs before and after", at: atHost, want: another,
			bad:  func(b *scene) { join(b); m := b.Fsmount(b.Fsopen("proc"), 0); b.Fork(b.in, 0); b.MoveMount(m, b.dir) },
			good: func(b *scene) { proc(b, false); enter(b); proc(b, false) }},
		{name: "procfs named on one way", at: atHost, want: another,
			bad: func(b *scene) {
				join(b)
				fs := b.Fsopen("proc")
				b.FsSetFd(fs, "pidns", b.in)
				b.Ignore(syscall.EINVAL)
				b.MoveMount(b.Fsmount(fs, 0), b.dir)
			}},
		{name: "procfs that nobody sees", at: atHost, want: another,
			bad:  func(b *scene) { join(b); b.MoveMount(procOf(b), b.dir) },
			good: func(b *scene) { join(b); procOf(b); b.Fork(b.in, 0) }},
		{name: "procfs of a namespace that was not joined", at: atHost, want: `fsconfig: option "pidns" with a descriptor that is not`,
			bad: func(b *scene) { join(b); b.FsSetFd(b.Fsopen("proc"), "pidns", b.dir) }},
		{name: "procfs of a namespace before it is joined", at: atHost, want: `fsconfig: option "pidns" with a descriptor that is not`,
			bad: func(b *scene) { b.FsSetFd(b.Fsopen("proc"), "pidns", b.in) }},
		{name: "another option", at: atHost, want: `fsconfig: option "source" with a descriptor that is not`,
			bad: func(b *scene) { join(b); b.FsSetFd(b.Fsopen("proc"), "source", b.in) }},
		{name: "descriptor without its command", at: atHost, want: "fsconfig: descriptor for an option that takes none",
			bad: func(b *scene) {
				b.raw(sys.SysFsconfig, fd(b.Fsopen("proc")), num(sys.FsconfigSetFlag), str("pidns"), num(0), fd(b.in))
			}},
		{name: "command without its descriptor", at: atHost, want: "or none for one that does",
			bad: func(b *scene) {
				b.raw(sys.SysFsconfig, fd(b.Fsopen("proc")), num(sys.FsconfigSetFd), str("pidns"), num(0), num(0))
			}},
		{name: "number that is no descriptor", at: atHost, want: "fsconfig: argument 4: not of the kind",
			bad: func(b *scene) {
				b.raw(sys.SysFsconfig, fd(b.Fsopen("proc")), num(sys.FsconfigSetFd), str("pidns"), num(0), num(3))
			}},
	})
}
