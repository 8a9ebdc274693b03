package program

import (
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// Verify checks the rules of order that keep a program safe, and that it can be encoded at all. It refuses:
//
//   - a system call, or a request of prctl or ioctl, that programs do not use, or with arguments of the wrong kinds
//   - an argument, a branch or a slot out of range; a branch back; a result that nothing keeps
//   - a slot that is used before it is set on every way to the instruction, or after it was closed, unless the
//     instruction branches on EBADF
//   - a descriptor that is made without close-on-exec, or put where it would survive exec
//   - a path relative to nothing; a path of more than one component, or through a symlink, below a descriptor, unless
//     openat2 keeps it inside; something made by a path of the host
//   - a path that is looked up from where it was before, though the program has a mount that it has put on it or on its way
//   - a mount on a path by which a symlink may lead into a procfs, unless it masks
//   - a hook with a file from outside the root still open, after the change of root; the copy of a tree that may hold devices
//   - a path of the host, or below a descriptor from outside, after the change of root
//   - namespaces joined or made, or a fork, while the process can be looked into (not yet undumpable); namespaces
//     after the change of root
//   - anything between a change of ids and making the process undumpable again; namespaces or hooks with the caller's ambient set
//   - a mount namespace joined without its owner having been compared with the user namespace that the process is in at exec
//   - a hook, readiness or an exec in another pid namespace than the one that was joined or made; a procfs of another attached
//   - a file that may be anything opened otherwise than by O_PATH, or read-only without waiting
//   - readiness, or an exec, with a masked or a read-only path that was not looked up again in the final root
//   - a write to a file that was not opened strictly below a checked filesystem, unless the parent opened it
//   - readiness with more capabilities than the last steps take, and what takes more after they went
//   - capabilities set before the user, groups or the bounding set changed after; a filter that would not load
//   - anything but capabilities and the exec after a filter; anything that makes a descriptor after close_range
//   - an exec before the root, the user, the capabilities, the working directory, the signals and the descriptors are
//     as the workload is to have them, or with a file from outside the root still open; a program that does not end in
//     exec
//
// FORMAT.md lists them with their reasons. A program is verified at every start, so it has to be quick: one state is
// carried along, and copied only where the program branches.
func (p *Program) Verify() error {
	v := verifier{p: p, at: make([]*flow, len(p.Insns)+1)}
	if err := v.begin(); err != nil {
		return err
	}
	for i := range p.Insns {
		if err := v.step(i); err != nil {
			in := &p.Insns[i]
			return fmt.Errorf("verify instruction %d (%s: %s): %w", i, in.Where, in.What, err)
		}
	}
	if v.cur != nil || v.at[len(p.Insns)] != nil {
		return fmt.Errorf("verify: program does not end in exec")
	}
	return nil
}

type verifier struct {
	p       *Program
	numbers bitset  // slots that Identify fills
	cur     *flow   // before the instruction at hand; nil: nothing leads there from the one before
	at      []*flow // what branches further on brought, by instruction
	free    []*flow
}

func (v *verifier) begin() error {
	p := v.p
	if len(p.Inputs) > p.Slots || p.Slots > MaxSlots || len(p.Insns) > MaxInsns {
		return fmt.Errorf("verify: %d inputs, %d slots, %d instructions: out of range", len(p.Inputs), p.Slots, len(p.Insns))
	}
	v.cur = newFlow(p, newTracks(p))
	v.numbers = make(bitset, (p.Slots+63)/64)
	for i := range p.Inputs {
		v.cur.set.add(uint64(i))
		v.cur.open.add(uint64(i))
	}
	for _, s := range p.Streams {
		if s < 0 || int(s) >= len(p.Inputs) {
			return fmt.Errorf("verify: s%d is no input", s)
		}
		v.cur.open.del(uint64(s))
	}
	return nil
}

// reach records that f holds before instruction i.
func (v *verifier) reach(i int, f *flow) {
	if g := v.at[i]; g != nil {
		g.meet(f)
		return
	}
	g := v.take()
	g.copyFrom(f)
	v.at[i] = g
}

func (v *verifier) take() *flow {
	if n := len(v.free); n > 0 {
		f := v.free[n-1]
		v.free = v.free[:n-1]
		return f
	}
	return newFlow(v.p, v.cur.tracks)
}

// arrive brings together the ways that lead to instruction i.
func (v *verifier) arrive(i int) {
	f := v.at[i]
	switch {
	case f == nil:
		return
	case v.cur == nil:
		v.cur = f
	default:
		v.cur.meet(f)
		v.free = append(v.free, f)
	}
	v.at[i] = nil
}

func (v *verifier) leave() {
	v.free = append(v.free, v.cur)
	v.cur = nil
}

func (v *verifier) step(i int) error {
	in := &v.p.Insns[i]
	sig, err := v.shape(i, in)
	if err != nil {
		return err
	}
	v.arrive(i)
	f := v.cur
	for a := range in.Args {
		if err := v.arg(in, sig, a); err != nil {
			return fmt.Errorf("%s: argument %d: %w", sig.name, a, err)
		}
	}
	if f == nil {
		return nil // nothing leads here
	}
	if in.Op == OpSyscall && in.Nr == sys.SysClose && in.Args[0].Kind == Use {
		f.close(in.Args[0].Val) // failed or not (close(2))
	}
	for b := range in.Branch {
		v.branch(in, &in.Branch[b], f)
	}
	if err := f.apply(in, sig); err != nil {
		return fmt.Errorf("%s: %w", sig.name, err)
	}
	switch in.Op {
	case OpExec, OpFail:
		v.leave()
	case OpJump:
		v.reach(in.Label.pos, f)
		v.leave()
	}
	return nil
}

// branch follows br, on which in has failed.
func (v *verifier) branch(in *Insn, br *Branch, f *flow) {
	done, seen := f.done, f.seen
	if in.Op == OpSyscall && in.Nr == sys.SysSetresuid && in.Args[0].Val == 0 && br.Errno == syscall.EINVAL {
		f.do(noRoot)
	}
	v.reach(br.Label.pos, f)
	f.done, f.seen = done, seen
}

// shape checks what does not depend on what came before.
func (v *verifier) shape(i int, in *Insn) (*signature, error) {
	sig, known := in.signature()
	switch {
	case !known && in.Op == OpSyscall:
		return nil, fmt.Errorf("system call %d is none that programs use", in.Nr)
	case !known:
		return nil, fmt.Errorf("not an instruction")
	case len(in.Args) != len(sig.args):
		return nil, fmt.Errorf("%s with %d arguments, want %d", sig.name, len(in.Args), len(sig.args))
	}
	if len(in.Branch) > 0 || in.Op == OpJump {
		if err := v.branches(i, in); err != nil {
			return nil, err
		}
	}
	return sig, v.result(in, sig)
}

func (v *verifier) branches(i int, in *Insn) error {
	if len(in.Branch) > MaxBranches {
		return fmt.Errorf("%d branches, at most %d", len(in.Branch), MaxBranches)
	}
	if len(in.Branch) > 0 && (in.Op == OpExec || in.Op == OpFail || in.Op == OpJump) {
		return fmt.Errorf("branch of an instruction that is the last on its way")
	}
	if len(in.Branch) > 0 && in.Op == OpListen {
		return fmt.Errorf("branch of a listen, which may fail with its filter loaded or without")
	}
	if in.Op == OpJump && !v.forward(i, in.Label) {
		return fmt.Errorf("jump that does not lead forward")
	}
	for b := range in.Branch {
		br := &in.Branch[b]
		if !v.forward(i, br.Label) {
			return fmt.Errorf("branch that does not lead forward")
		}
		if br.Errno == 0 || br.Errno > maxErrno {
			return fmt.Errorf("branch on error %d, which there is not", uint(br.Errno))
		}
	}
	return nil
}

func (v *verifier) forward(i int, l *Label) bool {
	return l != nil && l.pos > i && l.pos <= len(v.p.Insns)
}

func (v *verifier) result(in *Insn, sig *signature) error {
	switch {
	case in.Out == None && (sig.result == makesFd || sig.result == makesNumber):
		return fmt.Errorf("result of %s that no slot keeps", sig.name)
	case in.Out == None:
		return nil
	case sig.result == noResult:
		return fmt.Errorf("result of %s, which has none", sig.name)
	case in.Out < 0 || int(in.Out) >= v.p.Slots:
		return fmt.Errorf("result slot s%d out of range", in.Out)
	case int(in.Out) < len(v.p.Inputs):
		return fmt.Errorf("result slot s%d is an input", in.Out)
	case sig.result == makesNumber:
		v.numbers.add(uint64(in.Out))
	case v.numbers.has(uint64(in.Out)):
		return fmt.Errorf("result slot s%d holds a number", in.Out)
	case sig.flag != 0 && in.Args[sig.cloexec].Val&sig.flag == 0:
		return fmt.Errorf("%s without close-on-exec", sig.name)
	}
	return nil
}

// arg checks argument a for what it is and against what is known about slots.
func (v *verifier) arg(in *Insn, sig *signature, a int) error {
	arg, t := &in.Args[a], sig.args[a]
	if kinds[t]>>arg.Kind&1 == 0 || !t.takes(arg) {
		return fmt.Errorf("not of the kind that it takes")
	}
	switch arg.Kind {
	case Use:
		if arg.Val >= uint64(v.p.Slots) {
			return fmt.Errorf("slot s%d out of range", arg.Val)
		}
		if v.numbers.has(arg.Val) != (t == aNumber) {
			return fmt.Errorf("slot s%d holds a number where a descriptor is to be, or a descriptor for a number", arg.Val)
		}
		if t != aNumber && v.cur != nil && !v.cur.set.has(arg.Val) && !in.branchesOn(syscall.EBADF) {
			return fmt.Errorf("slot s%d is used before it is set, or after it was closed", arg.Val)
		}
	case Len:
		if arg.Val != uint64(a-1) || in.Args[a-1].Kind != Buf {
			return fmt.Errorf("length of an argument that is not the buffer before it")
		}
	case Str, Vec:
		if hasNUL(arg) {
			return fmt.Errorf("string with a NUL")
		}
	}
	return nil
}

func (in *Insn) branchesOn(e syscall.Errno) bool {
	for i := range in.Branch {
		if in.Branch[i].Errno == e {
			return true
		}
	}
	return false
}
