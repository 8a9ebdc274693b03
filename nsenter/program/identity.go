package program

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"teu/internal/sys"
)

// unseen holds a change of ids to be followed by PR_SET_DUMPABLE: commit_creds in kernel/cred.c gives the process the dumpable of
// fs.suid_dumpable then.
func (f *flow) unseen(in *Insn) error {
	if !f.may(idsChanged) {
		return nil
	}
	if in.Op != OpSyscall || in.Nr != sys.SysPrctl || in.Args[0].Val != sys.PrSetDumpable {
		return fmt.Errorf("right after a change of ids, which may have opened the process to be looked into")
	}
	f.seen &^= idsChanged
	return nil
}

// reveal records that in has changed ids.
func (f *flow) reveal() {
	f.undo(undumpable)
	f.do(idsChanged)
}

// identity checks and records the last steps: who the process is and what it may do.
func (f *flow) identity(in *Insn) error {
	switch in.Nr {
	case sys.SysSetgroups, sys.SysSetresgid:
		if f.may(user) {
			return fmt.Errorf("groups changed after the user")
		}
		if in.Nr == sys.SysSetresgid && !sameIDs(in) {
			return fmt.Errorf("to ids that differ")
		}
		if in.Nr == sys.SysSetgroups && uint64(len(in.Args[1].Text)) != 4*in.Args[0].Val {
			return fmt.Errorf("%d groups in %d bytes", in.Args[0].Val, len(in.Args[1].Text))
		}
		if in.Nr == sys.SysSetresgid {
			f.reveal()
		}
	case sys.SysSetresuid:
		if !sameIDs(in) {
			return fmt.Errorf("to ids that differ")
		}
		// To become root of a user namespace, or another in one without root, is no end of privilege, and comes before the rest.
		if !f.has(keepcaps) && !f.has(noRoot) && in.Args[0].Val != 0 {
			return fmt.Errorf("to another user, with no capabilities kept to go on with")
		}
		if f.has(keepcaps) {
			f.do(user)
		}
		f.reveal()
	case sys.SysCapset:
		if len(in.Args[0].Text) != 8 || len(in.Args[1].Text) != 24 {
			return fmt.Errorf("sets of %d bytes", len(in.Args[1].Text))
		}
		if !f.may(user) {
			return f.narrow(in)
		}
		if !f.has(user) {
			return fmt.Errorf("capabilities set before the user")
		}
		f.undo(admin | ambient)
		f.do(caps)
		// Loading a filter takes CAP_SYS_ADMIN without no_new_privs (seccomp(2)).
		if binary.NativeEndian.Uint32([]byte(in.Args[1].Text))>>sys.CapSysAdmin&1 != 0 {
			f.do(admin)
		}
	case sys.SysSeccomp:
		if in.Args[0].Val != sys.SeccompSetModeFilter {
			return fmt.Errorf("request %d is none that programs use", in.Args[0].Val)
		}
		if in.Args[1].Val&sys.SeccompFilterNewListener != 0 {
			return fmt.Errorf("listener that the filter may keep from being passed on")
		}
		return f.filter()
	case sys.SysCloseRange:
		if in.Args[0].Val < 3 || in.Args[1].Val != uint64(^uint32(0)) || in.Args[2].Val != sys.CloseRangeCloexec {
			return fmt.Errorf("descriptors would survive it")
		}
		f.do(closed)
	}
	return nil
}

// LastCaps are the capabilities that the steps after 'ready' take: to open what is the image's, to give streams to the user, to end
// hooks, to drop from the bounding set, and to become the user. CAP_DAC_READ_SEARCH is not among them: what it opens by name
// CAP_DAC_OVERRIDE does, and by a handle (open_by_handle_at(2)) it opens any file of the host for whoever has got hold of the
// process, as one with CAP_SYS_PTRACE can in the pid namespace that it enters.
const LastCaps = 1<<sys.CapChown | 1<<sys.CapDacOverride | 1<<sys.CapKill |
	1<<sys.CapSetgid | 1<<sys.CapSetuid | 1<<sys.CapSetpcap

// narrow checks and records that the effective set is what the last steps take. The permitted one may hold what the workload or the
// filter is to have yet.
func (f *flow) narrow(in *Insn) error {
	sets, ne := []byte(in.Args[1].Text), binary.NativeEndian
	switch {
	case !f.has(rooted):
		return fmt.Errorf("capabilities set in the root of the host")
	case (uint64(ne.Uint32(sets[12:]))<<32|uint64(ne.Uint32(sets)))&^LastCaps != 0:
		return fmt.Errorf("capabilities set before the user")
	case ne.Uint32(sets[8:])|ne.Uint32(sets[20:]) != 0:
		return fmt.Errorf("capabilities inherited before the user is set")
	}
	f.do(narrowed)
	return nil
}

// filter records that a filter is loaded.
func (f *flow) filter() error {
	if f.may(caps) && !f.has(admin) && !f.has(nnp) {
		return fmt.Errorf("filter loaded after the capabilities went, without no_new_privs")
	}
	f.do(filtered)
	return nil
}

func (f *flow) listen(in *Insn) error {
	if in.Args[2].Val&sys.SeccompFilterNewListener == 0 {
		return fmt.Errorf("filter without a listener")
	}
	if in.Args[2].Val&sys.SeccompFilterTsync != 0 {
		return fmt.Errorf("filter for the thread that passes the listener on")
	}
	if f.may(filtered) {
		return fmt.Errorf("after a filter that may refuse it")
	}
	if in.Args[0].Kind == Use {
		f.close(in.Args[0].Val)
	}
	return f.filter()
}

// sameIDs reports whether the real, effective and saved id that in sets are one.
func sameIDs(in *Insn) bool {
	return in.Args[0].Val == in.Args[1].Val && in.Args[1].Val == in.Args[2].Val
}

func (f *flow) prctl(in *Insn) error {
	v := in.Args[1].Val
	switch in.Args[0].Val {
	case sys.PrSetDumpable:
		if v != 0 {
			return fmt.Errorf("process opened to be looked into")
		}
		f.do(undumpable)
	case sys.PrSetPdeathsig:
	case sys.PrSetKeepcaps:
		f.do(keepcaps)
		if v == 0 {
			f.undo(keepcaps)
		}
	case sys.PrSetNoNewPrivs:
		if v == 1 {
			f.do(nnp)
		}
	case sys.PrCapbsetDrop:
		if f.may(user) {
			return fmt.Errorf("bounding set changed after the user: that takes CAP_SETPCAP")
		}
	case sys.PrCapAmbient:
		return f.ambientSet(v)
	default:
		return fmt.Errorf("request %d is none that programs use", in.Args[0].Val)
	}
	return nil
}

func (f *flow) ambientSet(op uint64) error {
	switch {
	case op == sys.PrCapAmbientClearAll:
		f.do(ambient | unambient)
	case !f.has(caps | ambient):
		return fmt.Errorf("ambient set changed before the capabilities are set and it was cleared")
	}
	return nil
}

func (f *flow) exec(in *Insn) error {
	if in.Args[0].Val == 0 || in.Args[1].Val == 0 {
		return fmt.Errorf("without a path or arguments")
	}
	for _, d := range [...]struct {
		duty duty
		miss string
	}{
		{closed, "descriptors would survive it"},
		{rooted, "in the root of the host"},
		{user, "before the user is set"},
		{caps, "before the capabilities are set"},
		{ambient, "before the ambient set was cleared"},
		{cwdChecked, "before the working directory was checked"},
		{signals, "with the signals of the parent"},
	} {
		if !f.has(d.duty) {
			return fmt.Errorf("%s", d.miss)
		}
	}
	if err := f.underOwner(); err != nil {
		return err
	}
	if err := cmp.Or(f.uncovered(), f.inPids()); err != nil {
		return err
	}
	// What is executed may be named by a path through a descriptor, and that is looked up before exec closes them.
	if s := f.foreign(); s >= 0 {
		return fmt.Errorf("slot s%d, from outside, is still open", s)
	}
	return nil
}
