package program

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// The encoding; FORMAT.md describes it, and nsenter/interp.h holds the same numbers.
const (
	magic     = 0x31756574 // "teu1"
	headerLen = 64
	insnLen   = 80

	flagStamp = 1 << 0 // header: stamp the clock before each instruction
	flagWhole = 1 << 0 // instruction: the result must be the length of the buffer

	kindImm = 0
	kindUse = 1
	kindStr = 2 // blob offset of a NUL-terminated string
	kindBuf = 3 // blob offset | length << 32
	kindLen = 4 // length of the buffer argument with that index

	noFault = 0xffffffff

	// ReportHeader is the length of the report page before the time stamps; see FORMAT.md.
	ReportHeader = 256
)

// Limits the interpreter keeps as well.
const (
	MaxInsns = 8192
	MaxSlots = 1024
	MaxBlob  = 8 << 20
)

// Fault asks the interpreter to fail or die at an instruction.
type Fault struct {
	Insn  int           // the instruction
	Errno syscall.Errno // what it fails with; 0: the process dies
}

// Options is what the interpreter is to do beside running the program.
type Options struct {
	Stamp bool // stamp the clock before each instruction
	Fault *Fault
}

type encoder struct {
	insns  []byte
	relocs []byte
	blob   []byte
	notes  []byte
	seen   map[string]uint32
}

// Encode returns the binary form of p for the interpreter. It fails with E2BIG if p is over the limits.
func (p *Program) Encode(l Options) ([]byte, error) {
	if len(p.Insns) > MaxInsns || p.Slots > MaxSlots {
		return nil, fmt.Errorf("encode program of %d instructions and %d slots: %w", len(p.Insns), p.Slots, syscall.E2BIG)
	}
	e := encoder{
		insns: make([]byte, 0, len(p.Insns)*insnLen),
		blob:  make([]byte, 8, 16<<10),
		notes: make([]byte, 0, 8<<10),
		seen:  make(map[string]uint32, len(p.Insns)),
	}
	for i := range p.Insns {
		if err := e.insn(&p.Insns[i]); err != nil {
			return nil, fmt.Errorf("encode instruction %d: %w", i, err)
		}
	}
	e.align()
	e.blob = append(e.blob, make([]byte, 8)...) // every string in the blob ends inside it
	if len(e.blob) > MaxBlob {
		return nil, fmt.Errorf("encode program with %d bytes of data: %w", len(e.blob), syscall.E2BIG)
	}
	return e.assemble(p, l), nil
}

func (e *encoder) assemble(p *Program, l Options) []byte {
	for len(e.relocs)%8 != 0 {
		e.relocs = append(e.relocs, 0, 0, 0, 0) // blob offset 0 holds a zero: relocating it harms nobody
	}
	relocOff := headerLen + len(e.insns)
	blobOff := relocOff + len(e.relocs)
	notesOff := blobOff + len(e.blob)
	fault, faultErrno, flags := uint32(noFault), uint32(0), uint32(0)
	if l.Fault != nil {
		fault, faultErrno = uint32(l.Fault.Insn), uint32(l.Fault.Errno)
	}
	if l.Stamp {
		flags |= flagStamp
	}
	out := make([]byte, 0, notesOff+len(e.notes))
	for _, v := range [16]uint32{
		magic, uint32(len(p.Insns)), uint32(p.Slots), uint32(len(p.Inputs)),
		headerLen, uint32(relocOff), uint32(len(e.relocs) / 4), uint32(blobOff),
		uint32(len(e.blob)), fault, faultErrno, flags,
		uint32(notesOff), uint32(notesOff + len(e.notes)), 0, 0,
	} {
		out = binary.NativeEndian.AppendUint32(out, v)
	}
	out = append(out, e.insns...)
	out = append(out, e.relocs...)
	out = append(out, e.blob...)
	return append(out, e.notes...)
}

func (e *encoder) insn(in *Insn) error {
	if len(in.Args) > MaxArgs || len(in.Branch) > MaxBranches {
		return fmt.Errorf("%d arguments, %d branches: %w", len(in.Args), len(in.Branch), syscall.E2BIG)
	}
	var b [insnLen]byte
	le := binary.NativeEndian
	le.PutUint16(b[0:], uint16(in.Op))
	le.PutUint16(b[2:], in.Nr)
	le.PutUint16(b[4:], uint16(in.Out))
	if in.Whole {
		b[6] |= flagWhole
	}
	b[7] = byte(len(in.Branch))
	for i, br := range in.Branch {
		if br.Label.pos < 0 {
			return errors.New("branch to a label that was never placed")
		}
		le.PutUint16(b[16+4*i:], uint16(br.Errno))
		le.PutUint16(b[18+4*i:], uint16(br.Label.pos))
	}
	args := in.Args
	if in.Op == OpJump {
		if in.Label.pos < 0 {
			return errors.New("jump to a label that was never placed")
		}
		args = []Arg{num(in.Label.pos)}
	}
	for i := range args {
		kind, val := e.arg(&args[i])
		b[8+i] = kind
		le.PutUint64(b[32+8*i:], val)
	}
	b[14] = byte(len(args))
	e.insns = append(e.insns, b[:]...)
	e.note(in.Where)
	e.note(in.What)
	return nil
}

func (e *encoder) note(s string) {
	e.notes = binary.NativeEndian.AppendUint16(e.notes, uint16(min(len(s), 0xffff)))
	e.notes = append(e.notes, s[:min(len(s), 0xffff)]...)
}

func (e *encoder) arg(a *Arg) (kind byte, val uint64) {
	switch a.Kind {
	case Use:
		return kindUse, a.Val
	case Str:
		return kindStr, uint64(e.str(a.Text))
	case Buf:
		return kindBuf, e.buf(a.Data)
	case Len:
		return kindLen, a.Val
	case Vec:
		return kindBuf, e.vec(a.List)
	case Prog:
		return kindBuf, e.fprog(a.Data)
	}
	return kindImm, a.Val
}

func (e *encoder) align() {
	for len(e.blob)%8 != 0 {
		e.blob = append(e.blob, 0)
	}
}

func (e *encoder) str(s string) uint32 {
	if off, ok := e.seen[s]; ok {
		return off
	}
	off := uint32(len(e.blob))
	e.blob = append(append(e.blob, s...), 0)
	e.seen[s] = off
	return off
}

func (e *encoder) buf(data []byte) uint64 {
	e.align()
	off := uint64(len(e.blob))
	e.blob = append(e.blob, data...)
	return off | uint64(len(data))<<32
}

// pointer appends the address of blob offset off: the interpreter adds the base.
func (e *encoder) pointer(off uint64) {
	e.relocs = binary.NativeEndian.AppendUint32(e.relocs, uint32(len(e.blob)))
	e.blob = binary.NativeEndian.AppendUint64(e.blob, off)
}

func (e *encoder) vec(list []string) uint64 {
	offs := make([]uint32, len(list))
	for i, s := range list {
		offs[i] = e.str(s)
	}
	e.align()
	start := uint64(len(e.blob))
	for _, off := range offs {
		e.pointer(uint64(off))
	}
	e.blob = binary.NativeEndian.AppendUint64(e.blob, 0)
	return start | uint64(8*(len(list)+1))<<32
}

func (e *encoder) fprog(filter []byte) uint64 {
	f := e.buf(filter)
	e.align()
	start := uint64(len(e.blob))
	e.blob = binary.NativeEndian.AppendUint64(e.blob, uint64(len(filter)/8)) // u16 len and padding, little end first
	e.pointer(f & 0xffffffff)
	return start | 16<<32
}
