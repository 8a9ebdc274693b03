package program

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
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

	noteAsBefore = 0xffff // notes: in place of a length, the text of the instruction before
	maxNote      = noteAsBefore - 1

	// ReportHeader is the length of the report page before the time stamps; see FORMAT.md.
	ReportHeader = 256
)

// Limits the interpreter keeps as well.
const (
	MaxInsns = 32768
	MaxSlots = 16384
	MaxBlob  = 8 << 20  // what the instructions point to
	MaxImage = 32 << 20 // all of it
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

// encoder appends to one image: header, instructions, blob, relocations, notes. Offsets in it are from the start of
// the blob.
type encoder struct {
	image  []byte
	blob   int // where the blob starts
	relocs []byte
	large  []placed // vectors and filters so far: both ends of the program have the same
}

type placed struct {
	kind Kind
	text string
	at   uint64
}

// Encode returns the binary form of p for the interpreter. It fails with E2BIG if p is over the limits.
func (p *Program) Encode(o Options) ([]byte, error) {
	if len(p.Insns) > MaxInsns || p.Slots > MaxSlots {
		return nil, fmt.Errorf("encode program of %d instructions and %d slots: %w", len(p.Insns), p.Slots, syscall.E2BIG)
	}
	blob := headerLen + len(p.Insns)*insnLen
	// Of what a usual program needs beside its instructions, 3/4 is enough room.
	e := encoder{image: make([]byte, blob+8, blob+blob*3/4+4096), blob: blob}
	for i := range p.Insns {
		if err := e.insn(headerLen+i*insnLen, &p.Insns[i]); err != nil {
			return nil, fmt.Errorf("encode instruction %d: %w", i, err)
		}
	}
	e.align()
	e.image = append(e.image, make([]byte, 8)...) // every string in the blob ends inside it
	relocs := len(e.image)
	if relocs-blob > MaxBlob {
		return nil, fmt.Errorf("encode program with %d bytes of data: %w", relocs-blob, syscall.E2BIG)
	}
	e.image = append(e.image, e.relocs...)
	notes := len(e.image)
	e.notes(p)
	if len(e.image) > MaxImage {
		return nil, fmt.Errorf("encode program of %d bytes: %w", len(e.image), syscall.E2BIG)
	}
	e.header(p, o, relocs, notes)
	return e.image, nil
}

func (e *encoder) header(p *Program, o Options, relocs, notes int) {
	fault, faultErrno, flags := uint32(noFault), uint32(0), uint32(0)
	if o.Fault != nil {
		fault, faultErrno = uint32(o.Fault.Insn), uint32(o.Fault.Errno)
	}
	if o.Stamp {
		flags |= flagStamp
	}
	for i, v := range [headerLen / 4]uint32{
		magic, uint32(len(p.Insns)), uint32(p.Slots), uint32(len(p.Inputs)),
		headerLen, uint32(e.blob), uint32(relocs - e.blob), uint32(relocs),
		uint32(len(e.relocs) / 4), uint32(notes), uint32(len(e.image)), flags,
		fault, faultErrno, 0, 0,
	} {
		binary.NativeEndian.PutUint32(e.image[4*i:], v)
	}
}

func (e *encoder) insn(at int, in *Insn) error {
	if len(in.Args) > MaxArgs || len(in.Branch) > MaxBranches {
		return fmt.Errorf("%d arguments, %d branches: %w", len(in.Args), len(in.Branch), syscall.E2BIG)
	}
	ne := binary.NativeEndian
	b := e.image[at : at+insnLen]
	ne.PutUint16(b[0:], uint16(in.Op))
	ne.PutUint16(b[2:], in.Nr)
	ne.PutUint16(b[4:], uint16(in.Out))
	if in.Whole {
		b[6] |= flagWhole
	}
	b[7] = byte(len(in.Branch))
	for i, br := range in.Branch {
		if br.Label.pos < 0 {
			return errors.New("branch to a label that was never placed")
		}
		ne.PutUint16(b[16+4*i:], uint16(br.Errno))
		ne.PutUint16(b[18+4*i:], uint16(br.Label.pos))
	}
	if in.Op == OpJump {
		if in.Label.pos < 0 {
			return errors.New("jump to a label that was never placed")
		}
		b[8], b[14] = kindImm, 1
		ne.PutUint64(b[32:], uint64(in.Label.pos))
		return nil
	}
	b[14] = byte(len(in.Args))
	for i := range in.Args {
		kind, val := e.arg(&in.Args[i])
		b = e.image[at : at+insnLen] // what arg appends may have moved it
		b[8+i] = kind
		ne.PutUint64(b[32+8*i:], val)
	}
	return nil
}

// notes appends what each instruction says about itself. Neighbours mostly say the same.
func (e *encoder) notes(p *Program) {
	where, what := "", ""
	for i := range p.Insns {
		e.note(p.Insns[i].Where, &where)
		e.note(p.Insns[i].What, &what)
	}
}

func (e *encoder) note(s string, before *string) {
	s = s[:min(len(s), maxNote)]
	if s == *before {
		e.image = binary.NativeEndian.AppendUint16(e.image, noteAsBefore)
		return
	}
	*before = s
	e.image = binary.NativeEndian.AppendUint16(e.image, uint16(len(s)))
	e.image = append(e.image, s...)
}

func (e *encoder) arg(a *Arg) (kind byte, val uint64) {
	switch a.Kind {
	case Use:
		return kindUse, a.Val
	case Str:
		return kindStr, e.str(a.Text)
	case Buf:
		return kindBuf, e.buf(a.Text)
	case Len:
		return kindLen, a.Val
	case Vec, Prog:
		return kindBuf, e.once(a)
	}
	return kindImm, a.Val
}

// here is the offset of what is appended next.
func (e *encoder) here() uint64 { return uint64(len(e.image) - e.blob) }

// align pads to 8 bytes; the blob starts at a multiple of that.
func (e *encoder) align() {
	for len(e.image)%8 != 0 {
		e.image = append(e.image, 0)
	}
}

func (e *encoder) str(s string) uint64 {
	if s == "" {
		return 0 // the blob begins with zeros
	}
	off := e.here()
	e.image = append(append(e.image, s...), 0)
	return off
}

func (e *encoder) buf(data string) uint64 {
	e.align()
	off := e.here()
	e.image = append(e.image, data...)
	return off | uint64(len(data))<<32
}

// once encodes a vector or a filter, unless the program had the same before.
func (e *encoder) once(a *Arg) uint64 {
	for i := range e.large {
		if l := &e.large[i]; l.kind == a.Kind && l.text == a.Text {
			return l.at
		}
	}
	var at uint64
	if a.Kind == Vec {
		at = e.vec(a)
	} else {
		at = e.fprog(a.Text)
	}
	e.large = append(e.large, placed{a.Kind, a.Text, at})
	return at
}

// pointer appends the address of blob offset off: the interpreter adds the base.
func (e *encoder) pointer(off uint64) {
	e.relocs = binary.NativeEndian.AppendUint32(e.relocs, uint32(e.here()))
	e.image = binary.NativeEndian.AppendUint64(e.image, off)
}

func (e *encoder) vec(a *Arg) uint64 {
	text, n := e.here(), a.Val
	e.image = append(e.image, a.Text...)
	e.align()
	start := e.here()
	for rest := a.Text; n > 0; n-- {
		e.pointer(text)
		i := strings.IndexByte(rest, 0) + 1
		rest, text = rest[i:], text+uint64(i)
	}
	e.image = binary.NativeEndian.AppendUint64(e.image, 0)
	return start | 8*(a.Val+1)<<32
}

func (e *encoder) fprog(filter string) uint64 {
	f := e.buf(filter)
	e.align()
	start := e.here()
	e.image = binary.NativeEndian.AppendUint16(e.image, uint16(len(filter)/8))
	e.image = append(e.image, 0, 0, 0, 0, 0, 0)
	e.pointer(f & 0xffffffff)
	return start | 16<<32
}
