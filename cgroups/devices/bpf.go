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
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.Kind == 'a' { // decides all that is left, whatever came before it
			verdict = r.Allow
			break
		}
		if shadowed(r, rules[i+1:]) {
			continue
		}
		b, err := block(r)
		if err != nil {
			return nil, err
		}
		p = append(p, b...)
	}
	return append(p, exit(verdict)...), nil
}

// block is the test of one rule; every jump that fails leads to the instruction after it.
func block(r Rule) ([]Insn, error) {
	var tests []Insn
	// A jump's operand is an s32 compared as u32 (BPF_JMP32), so every u32 number fits.
	ne := func(reg uint8, v int64) {
		tests = append(tests, Insn{Op: sys.BPFJne32K, Dst: reg, Imm: int32(uint32(v))})
	}
	switch r.Kind {
	case 'c':
		ne(regKind, sys.DevcgChar)
	case 'b':
		ne(regKind, sys.DevcgBlock)
	default:
		return nil, fmt.Errorf("%s: type %q: not a device", r.place(), r.Kind)
	}
	if r.Major != Any {
		ne(regMajor, r.Major)
	}
	if r.Minor != Any {
		ne(regMinor, r.Minor)
	}
	var tail []Insn
	switch {
	case r.Access == All:
		tail = exit(r.Allow)
	case r.Allow:
		tail = append([]Insn{
			{Op: sys.BPFAnd32K, Dst: regWanted, Imm: int32(All &^ r.Access)},
			{Op: sys.BPFJne32K, Dst: regWanted, Imm: 0, Off: 2},
		}, exit(true)...)
	default:
		// BPF has no "jump if no bit is set", so this jumps over a jump.
		tail = append([]Insn{
			{Op: sys.BPFJset32K, Dst: regWanted, Imm: int32(r.Access), Off: 1},
			{Op: sys.BPFJa, Off: 2},
		}, exit(false)...)
	}
	for i := range tests {
		tests[i].Off = int16(len(tests) - i - 1 + len(tail))
	}
	return append(tests, tail...), nil
}

func exit(allow bool) []Insn {
	v := int32(0)
	if allow {
		v = 1
	}
	return []Insn{{Op: sys.BPFMov32K, Dst: regVerdict, Imm: v}, {Op: sys.BPFExit}}
}

// shadowed reports whether one later rule alone decides everything that r speaks of.
func shadowed(r Rule, later []Rule) bool {
	for _, l := range later {
		if l.covers(r) && r.Access&^l.Access == 0 {
			return true
		}
	}
	return false
}

// Encode is the program as bpf(2) takes it.
func Encode(p []Insn) []byte {
	b := make([]byte, 0, 8*len(p))
	for _, i := range p {
		b = sys.BPFInsn(b, i.Op, i.Dst, i.Src, i.Off, i.Imm)
	}
	return b
}
