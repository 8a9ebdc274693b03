package program

import (
	"fmt"

	"teu/internal/sys"
)

func (f *flow) namespaces(in *Insn) error {
	if !f.has(undumpable) {
		return fmt.Errorf("while the process can be looked into")
	}
	if f.may(entered) {
		return fmt.Errorf("after the change of root")
	}
	if !f.has(unambient) {
		return fmt.Errorf("with the ambient capabilities of the caller")
	}
	if in.Nr == sys.SysSetns {
		return f.setns(&in.Args[0], in.Args[1].Val)
	}
	if in.Args[0].Val&sys.CloneNewUser != 0 {
		f.reveal()
	}
	if in.Args[0].Val&sys.CloneNewPid != 0 {
		f.do(pidsJoined)
	}
	return nil
}

// checkOwner records that the owner of a mount namespace was compared with a user namespace. Which one the process is going to be
// in shows later: setns and exec hold it to that.
func (f *flow) checkOwner(in *Insn) error {
	mnt, user := &in.Args[0], &in.Args[1]
	switch {
	case mnt.Kind != Use || user.Kind != Use:
		return fmt.Errorf("of a standard stream")
	case f.may(inUser):
		return fmt.Errorf("after a user namespace was joined")
	case f.ownUser.has(user.Val):
		f.do(ownOwner)
	case user.Val >= f.inputs:
		return fmt.Errorf("with slot s%d, which is neither the process's own user namespace nor one to be joined", user.Val)
	case f.owner != None && uint64(f.owner) != user.Val:
		return fmt.Errorf("with another user namespace than before")
	default:
		f.owner = Slot(user.Val)
	}
	f.owned.add(mnt.Val)
	return nil
}

// setns checks and records that the process joins the namespaces of kind flags that s refers to.
func (f *flow) setns(s *Arg, flags uint64) error {
	if flags&sys.CloneNewUser != 0 {
		if f.may(ownOwner) || f.owner != None && (s.Kind != Use || uint64(f.owner) != s.Val) {
			return fmt.Errorf("to a user namespace that the owner of the mount namespace was not compared with")
		}
		f.do(inUser)
		f.reveal()
	}
	if flags&sys.CloneNewPid != 0 {
		f.do(pidsJoined)
		f.tracks.pids = *s
	}
	if flags&sys.CloneNewNs == 0 {
		return nil
	}
	if s.Kind != Use || !f.owned.has(s.Val) {
		return fmt.Errorf("to a mount namespace whose owner was not asked for")
	}
	f.enter()
	f.undo(rooted | cwdChecked)
	f.do(moved)
	return nil
}

// underOwner checks that the process is in the user namespace that the owner of its mount namespace was compared with.
func (f *flow) underOwner() error {
	if f.owner != None && !f.has(inUser) {
		return fmt.Errorf("outside of the user namespace that the owner of the mount namespace was compared with")
	}
	return nil
}

// inPids checks that the process is in the pid namespace that it has joined or made.
func (f *flow) inPids() error {
	if f.may(pidsJoined) {
		return fmt.Errorf("outside of the pid namespace that was joined or made")
	}
	return nil
}

// fsconfig checks an option that is a descriptor: it says which pid namespace a procfs is of (Linux 6.18), else that of the process
// that opens it.
func (f *flow) fsconfig(in *Insn) error {
	key, s := &in.Args[2], &in.Args[4]
	if (s.Kind == Use) != (in.Args[1].Val == sys.FsconfigSetFd) {
		return fmt.Errorf("descriptor for an option that takes none, or none for one that does")
	}
	if s.Kind != Use {
		return nil
	}
	if key.Text != optionPids || s.Val != f.tracks.pids.Val || f.tracks.pids.Kind != Use {
		return fmt.Errorf("option %q with a descriptor that is not the pid namespace that was joined", key.Text)
	}
	if in.Args[0].Kind == Use {
		f.hostPid.del(in.Args[0].Val)
	}
	return nil
}

// optionPids is the option of a procfs that names its pid namespace.
const optionPids = "pidns"
