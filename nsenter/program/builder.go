package program

import (
	"strings"
	"syscall"
)

// Builder makes a Program. Its methods read like the calls they stand for: a call that yields a descriptor returns
// the Slot that will hold it when the program runs.
type Builder struct {
	p           Program
	where, what string
	args        []Arg // room for the arguments of instructions to come
}

// Room for a usual program, and for the arguments of a good part of it.
const (
	roomInsns = 640
	roomArgs  = 1024
)

// New returns an empty Builder.
func New() *Builder {
	return &Builder{p: Program{Insns: make([]Insn, 0, roomInsns)}}
}

// Stream names a descriptor that the parent passes to the program, of a socket, a pipe or a memfd: no path leads on from it, so
// it may still be open when the workload is executed.
func (b *Builder) Stream(name string) Slot {
	s := b.Input(name)
	b.p.Streams = append(b.p.Streams, s)
	return s
}

// Input names a descriptor that the parent passes to the program. All inputs come before the first instruction.
func (b *Builder) Input(name string) Slot {
	if len(b.p.Insns) > 0 {
		panic("program: input " + name + " after the first instruction")
	}
	b.p.Inputs = append(b.p.Inputs, name)
	return b.slot()
}

// Slot returns a slot that nothing has filled yet. Until something does, using it is EBADF, and whoever uses it before
// has to branch on that.
func (b *Builder) Slot() Slot { return b.slot() }

// At sets the place in config.json and the description that the following instructions carry.
func (b *Builder) At(where, what string) { b.where, b.what = where, what }

// Label returns a label that Here places further on.
func (b *Builder) Label() *Label { return &Label{pos: -1} }

// Here places l before the next instruction.
func (b *Builder) Here(l *Label) { l.pos = len(b.p.Insns) }

// On makes the last instruction branch to l when it fails with one of errnos.
func (b *Builder) On(l *Label, errnos ...syscall.Errno) {
	if len(b.p.Insns) > MaxInsns { // see add
		return
	}
	in := &b.p.Insns[len(b.p.Insns)-1]
	for _, e := range errnos {
		in.Branch = append(in.Branch, Branch{Errno: e, Label: l})
	}
}

// Ignore makes the last instruction succeed when it fails with one of errnos.
func (b *Builder) Ignore(errnos ...syscall.Errno) {
	next := b.Label()
	b.On(next, errnos...)
	b.Here(next)
}

// Alias makes the instruction that fills from fill to instead: two paths through the program then fill the same slot.
func (b *Builder) Alias(from, to Slot) {
	if len(b.p.Insns) > MaxInsns { // see add
		return
	}
	for i := len(b.p.Insns) - 1; i >= 0; i-- {
		if b.p.Insns[i].Out == from {
			b.p.Insns[i].Out = to
			return
		}
	}
	panic("program: alias of a slot that nothing fills")
}

// Program returns what was built. It is the caller's to verify.
func (b *Builder) Program() *Program { return &b.p }

func (b *Builder) slot() Slot {
	b.p.Slots++
	return Slot(b.p.Slots - 1)
}

// add appends an instruction, with a copy of args: the caller's stay on its stack.
//
// One instruction too many is enough for the program to be refused. The rest of a list of a million entries would only take
// memory.
func (b *Builder) add(in Insn, args ...Arg) {
	if len(b.p.Insns) > MaxInsns {
		return
	}
	if len(args) > cap(b.args)-len(b.args) {
		b.args = make([]Arg, 0, max(roomArgs, len(args)))
	}
	at := len(b.args)
	b.args = append(b.args, args...)
	in.Args = b.args[at:len(b.args):len(b.args)]
	in.Where, in.What = b.where, b.what
	b.p.Insns = append(b.p.Insns, in)
}

// call adds a system call without a result.
func (b *Builder) call(nr uint16, args ...Arg) {
	b.add(Insn{Op: OpSyscall, Nr: nr, Out: None}, args...)
}

// open adds a system call whose result is a descriptor.
func (b *Builder) open(nr uint16, args ...Arg) Slot {
	s := b.slot()
	b.add(Insn{Op: OpSyscall, Nr: nr, Out: s}, args...)
	return s
}

func num[T ~int | ~uint32 | ~uint64 | ~uint16 | ~int64](v T) Arg {
	return Arg{Kind: Imm, Val: uint64(v)}
}

func str(s string) Arg { return Arg{Kind: Str, Text: s} }

func buf[T ~string | ~[]byte](b T) Arg { return Arg{Kind: Buf, Text: string(b)} }

func lenOf(i int) Arg { return Arg{Kind: Len, Val: uint64(i)} }

func vec(l []string) Arg {
	n := 0
	for _, s := range l {
		n += len(s) + 1
	}
	var b strings.Builder
	b.Grow(n)
	for _, s := range l {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return Arg{Kind: Vec, Val: uint64(len(l)), Text: b.String()}
}

// Descriptors that are none, sign-extended.
const (
	atFdcwd = 0xffffffffffffff9c // AT_FDCWD
	noFd    = 0xfffffffffffffff7 // -9: EBADF if used
)

func fd(s Slot) Arg {
	switch s {
	case Host:
		return Arg{Kind: Imm, Val: atFdcwd}
	case None:
		// An absent descriptor is an impossible one, never the working directory.
		return Arg{Kind: Imm, Val: noFd}
	}
	return Arg{Kind: Use, Val: uint64(s)}
}
