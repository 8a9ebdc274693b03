package devices

import (
	"fmt"

	"teu/internal/sys"
)

// Registers of the filter. R1 holds struct bpf_cgroup_dev_ctx {u32 access_type, major, minor} at the start, where
// access_type is access << 16 | type (linux/bpf.h).
const (
	regVerdict = 0
	regCtx     = 1
	regKind    = 2
	regWanted  = 3 // kinds of access asked for and not yet allowed
	regMajor   = 4
	regMinor   = 5
)

// Insn is one BPF instruction, struct bpf_insn before encoding.
type Insn struct {
	Op       uint8
	Dst, Src uint8
	Off      int16
	Imm      int32
}

// Program compiles rules to a device filter. The rules are tried from the last to the first, so that the first one
// to match a kind of access is the one that decides it: an allowing rule takes its kinds off what is wanted and the
// filter says yes when none is left; a denying rule says no when one of its kinds is still wanted.
func Program(rules []Rule) ([]Insn, error) {
	p := []Insn{
		{Op: sys.BPFLdxMemW, Dst: regKind, Src: regCtx, Off: 0},
		{Op: sys.BPFMov32X, Dst: regWanted, Src: regKind},
		{Op: sys.BPFAnd32K, Dst: regKind, Imm: 0xffff},
		{Op: sys.BPFRsh32K, Dst: regWanted, Imm: 16},
		{Op: sys.BPFLdxMemW, Dst: regMajor, Src: regCtx, Off: 4},
		{Op: sys.BPFLdxMemW, Dst: regMinor, Src: regCtx, Off: 8},
	}
	verdict := false
	later := make(decided, len(rules))
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.Kind == 'a' { // decides all that is left, whatever came before it
			verdict = r.Allow
			break
		}
		if later.all(r) {
			continue
		}
		later[r.span()] |= r.Access
		b, err := block(r)
		if err != nil {
			return nil, err
		}
		p = append(p, b...)
	}
	return append(p, exit(verdict)...), nil
}

// block is the test of one rule; every test that fails leads to the instruction after it.
//
// A test jumps over a jump that leads there, so that the way of what does not match is the one that goes straight on. That way
// the kernel's verifier follows first, and with the least that is known of the registers; what it finds out later of those
// that match is a part of that, and not followed again. With single jumps it follows each rule's way to the end anew, in time
// that grows with the square of their number: 1024 rules took it up to ten seconds, and 4096 its limit of a million steps
// (is_state_visited and BPF_COMPLEXITY_LIMIT_INSNS in kernel/bpf/verifier.c).
func block(r Rule) ([]Insn, error) {
	var b []Insn
	test := func(i Insn) { i.Off = 1; b = append(b, i, Insn{Op: sys.BPFJa}) }
	// A jump's operand is an s32 compared as u32 (BPF_JMP32), so every u32 number fits.
	equal := func(reg uint8, v int64) { test(Insn{Op: sys.BPFJeq32K, Dst: reg, Imm: int32(uint32(v))}) }
	switch r.Kind {
	case 'c':
		equal(regKind, sys.DevcgChar)
	case 'b':
		equal(regKind, sys.DevcgBlock)
	default:
		return nil, fmt.Errorf("%s: type %q: not a device", r.place(), r.Kind)
	}
	if r.Major != Any {
		equal(regMajor, r.Major)
	}
	if r.Minor != Any {
		equal(regMinor, r.Minor)
	}
	switch {
	case r.Access == All:
	case r.Allow:
		b = append(b, Insn{Op: sys.BPFAnd32K, Dst: regWanted, Imm: int32(All &^ r.Access)})
		equal(regWanted, 0)
	default:
		test(Insn{Op: sys.BPFJset32K, Dst: regWanted, Imm: int32(r.Access)})
	}
	b = append(b, exit(r.Allow)...)
	for i := range b {
		if b[i].Op == sys.BPFJa {
			b[i].Off = int16(len(b) - i - 1)
		}
	}
	return b, nil
}

func exit(allow bool) []Insn {
	v := int32(0)
	if allow {
		v = 1
	}
	return []Insn{{Op: sys.BPFMov32K, Dst: regVerdict, Imm: v}, {Op: sys.BPFExit}}
}

// decided is the access that rules decide, by the devices that they name.
type decided map[span]Access

// all reports whether the rules in d decide everything that r speaks of.
func (d decided) all(r Rule) bool {
	left := r.Access
	for _, s := range r.span().covering() {
		left &^= d[s]
	}
	return left == 0
}

// Encode is the program as bpf(2) takes it.
func Encode(p []Insn) []byte {
	b := make([]byte, 0, 8*len(p))
	for _, i := range p {
		b = sys.BPFInsn(b, i.Op, i.Dst, i.Src, i.Off, i.Imm)
	}
	return b
}
