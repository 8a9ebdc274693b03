package process

import (
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Begin is the first part of every program. The process must be its parent's to end until it is complete, must not
// have the parent's signals and umask, and must not be looked into.
func Begin(b *program.Builder) {
	b.At("", "start init")
	undumpable(b)
	OwnedByParent(b)
	// A caller may have capabilities that go through every execve(2), that of a hook too.
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	b.SigReset()
	b.Umask(0)
}

// undumpable keeps others from looking into the process: ptrace(2) and what /proc/PID has for its owner.
func undumpable(b *program.Builder) { b.Prctl(sys.PrSetDumpable, 0) }

// Become changes the ids of the process. Each change makes it as dumpable as fs.suid_dumpable says, which may be wholly, and takes
// the signal at the parent's end away (commit_creds in kernel/cred.c; prctl(2)).
func Become(b *program.Builder, uid, gid uint32) {
	b.Setresgid(gid)
	undumpable(b)
	b.Setresuid(uid)
	undumpable(b)
}

// Settle is Become for root of the user namespace that where says, or for u in one that has no root: the kernel knows (EINVAL).
func Settle(b *program.Builder, where string, u *specs.User) {
	settle := func(set func(id uint32), id uint32) {
		b.At(where, "become root of the user namespace")
		set(0)
		if id == 0 {
			undumpable(b)
			return
		}
		none, done := b.Label(), b.Label()
		b.On(none, syscall.EINVAL)
		undumpable(b)
		b.Jump(done)
		b.Here(none)
		b.At("process.user", "become the user in a user namespace without root")
		set(id)
		undumpable(b)
		b.Here(done)
	}
	settle(b.Setresgid, u.GID)
	settle(b.Setresuid, u.UID)
	b.At(where, "become root of the user namespace")
}

// JoinUser joins the user namespace s, which may change what Become changes too.
func JoinUser(b *program.Builder, s program.Slot) {
	b.Setns(s, sys.CloneNewUser)
	undumpable(b)
}

// OwnedByParent makes the process die with its parent. A new process has to ask for it anew.
func OwnedByParent(b *program.Builder) {
	b.Prctl(sys.PrSetPdeathsig, uint64(syscall.SIGKILL))
}

// Released ends OwnedByParent. From here on the parent's end shows at the next Sync.
func Released(b *program.Builder) {
	b.At("", "start init")
	b.Prctl(sys.PrSetPdeathsig, 0)
}
