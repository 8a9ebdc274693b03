package program

import (
	"encoding/binary"
	"fmt"
	"strings"

	"teu/internal/sys"
)

// Verify checks the rules of order that keep a program safe, and that it can be encoded at all. It refuses:
//
//   - a system call that programs do not use, or with arguments of the wrong number
//   - an argument, a branch or a slot out of range; a branch back
//   - a slot that is used before it is set on every way to the instruction
//   - a descriptor that is made without close-on-exec
//   - a path relative to nothing; a path of more than one component below a descriptor, unless openat2 keeps it inside
//   - a path of the host after the change of root
//   - namespaces joined, or made, while the process can be looked into (not yet undumpable)
//   - a write to a file that was not opened strictly below a checked filesystem, unless the parent opened it
//   - capabilities set before the user, no_new_privs or a filter after them out of order
//   - an exec that is not preceded by close_range, or not the last; a program that ends otherwise
func (p *Program) Verify() error {
	v := verifier{p: p, in: make([]*flow, len(p.Insns)+1)}
	start := &flow{set: make([]bool, p.Slots), kind: make([]slotKind, p.Slots)}
	for i := range p.Inputs {
		if i < p.Slots {
			start.set[i], start.kind[i] = true, fromParent
		}
	}
	v.in[0] = start
	for i := range p.Insns {
		if v.in[i] == nil {
			continue // nothing leads here
		}
		if err := v.insn(i, &p.Insns[i]); err != nil {
			in := &p.Insns[i]
			return fmt.Errorf("verify instruction %d (%s: %s): %w", i, in.Where, in.What, err)
		}
	}
	if v.in[len(p.Insns)] != nil {
		return fmt.Errorf("verify: program does not end in exec")
	}
	return nil
}

// capSysAdmin is the number of CAP_SYS_ADMIN, which loading a filter takes without no_new_privs (seccomp(2)).
const capSysAdmin = 21

// slotKind says where a descriptor came from.
type slotKind uint8

const (
	other      slotKind = iota
	fromParent          // an input
	ofMount             // fsmount: a filesystem of our own making
	checked             // a mount whose filesystem was checked
	strict              // a file opened strictly below a checked one
)

// flow is what is known before an instruction, on every way to it.
type flow struct {
	set  []bool
	kind []slotKind

	undumpable, entered, nnp, filtered, user, caps, admin, closed bool
}

func (f *flow) clone() *flow {
	g := *f
	g.set = append([]bool(nil), f.set...)
	g.kind = append([]slotKind(nil), f.kind...)
	return &g
}

// meet keeps what both ways agree on. A duty counts as done when it is done on both, a change of root or a filter as
// happened when it happened on one.
func (f *flow) meet(g *flow) {
	for i := range f.set {
		f.set[i] = f.set[i] && g.set[i]
		if f.kind[i] != g.kind[i] {
			f.kind[i] = other
		}
	}
	f.undumpable = f.undumpable && g.undumpable
	f.nnp = f.nnp && g.nnp
	f.admin = f.admin && g.admin
	f.user = f.user && g.user
	f.closed = f.closed && g.closed
	f.entered = f.entered || g.entered
	f.filtered = f.filtered || g.filtered
	f.caps = f.caps || g.caps
}

type verifier struct {
	p  *Program
	in []*flow
}

// reach records that f holds before instruction i.
func (v *verifier) reach(i int, f *flow) {
	if v.in[i] == nil {
		v.in[i] = f.clone()
		return
	}
	v.in[i].meet(f)
}

func (v *verifier) insn(i int, in *Insn) error {
	f := v.in[i].clone()
	if err := v.shape(i, in); err != nil {
		return err
	}
	for a := range in.Args {
		if in.Args[a].Kind == Use && !f.set[in.Args[a].Val] {
			return fmt.Errorf("slot s%d is used before it is set", in.Args[a].Val)
		}
	}
	for _, br := range in.Branch {
		v.reach(br.Label.pos, f)
	}
	if in.Op == OpSyscall {
		if err := f.syscall(in); err != nil {
			return err
		}
	} else if err := f.builtin(in); err != nil {
		return err
	}
	if in.Out != None {
		f.set[in.Out] = true
		f.kind[in.Out] = f.made(in)
	}
	switch in.Op {
	case OpExec, OpFail:
		return nil
	case OpJump:
		v.reach(in.Label.pos, f)
		return nil
	}
	v.reach(i+1, f)
	return nil
}

// shape checks what does not depend on what came before.
func (v *verifier) shape(i int, in *Insn) error {
	if len(in.Args) > MaxArgs || len(in.Branch) > MaxBranches || in.Op == 0 || in.Op >= opEnd {
		return fmt.Errorf("not an instruction")
	}
	if in.Out != None && (in.Out < 0 || int(in.Out) >= v.p.Slots) {
		return fmt.Errorf("result slot s%d out of range", in.Out)
	}
	labels := make([]*Label, 0, 2)
	for _, br := range in.Branch {
		labels = append(labels, br.Label)
	}
	if in.Op == OpJump {
		labels = append(labels, in.Label)
	}
	for _, l := range labels {
		if l == nil || l.pos <= i || l.pos > len(v.p.Insns) {
			return fmt.Errorf("branch that does not lead forward")
		}
	}
	for a := range in.Args {
		arg := &in.Args[a]
		switch {
		case arg.Kind == Use && arg.Val >= uint64(v.p.Slots):
			return fmt.Errorf("slot s%d out of range", arg.Val)
		case arg.Kind == Len && (arg.Val >= uint64(len(in.Args)) || in.Args[arg.Val].Kind != Buf):
			return fmt.Errorf("length of an argument that is no buffer")
		case strings.ContainsRune(arg.Text, 0):
			return fmt.Errorf("string with a NUL")
		}
		for _, s := range arg.List {
			if strings.ContainsRune(s, 0) {
				return fmt.Errorf("string with a NUL")
			}
		}
	}
	return nil
}

func (f *flow) syscall(in *Insn) error {
	sig, ok := signatures(in.Nr)
	if !ok {
		return fmt.Errorf("system call %d is none that programs use", in.Nr)
	}
	if len(in.Args) != len(sig.args) {
		return fmt.Errorf("%s with %d arguments, want %d", sig.name, len(in.Args), len(sig.args))
	}
	if sig.cloexec >= 0 && in.Args[sig.cloexec].Val&sig.flag == 0 {
		return fmt.Errorf("%s without close-on-exec", sig.name)
	}
	if f.closed && in.Nr != sys.SysSeccomp && in.Nr != sys.SysCapset && in.Nr != sys.SysPrctl {
		return fmt.Errorf("%s between close_range and exec", sig.name)
	}
	for a := range sig.args {
		if err := f.path(in, &sig, a); err != nil {
			return fmt.Errorf("%s: %w", sig.name, err)
		}
	}
	return f.order(in, &sig)
}

// path checks argument a when it is a path, or a descriptor that a path starts from.
func (f *flow) path(in *Insn, sig *signature, a int) error {
	arg := &in.Args[a]
	switch sig.args[a] {
	case aAbs:
		if arg.Text != "." && !strings.HasPrefix(arg.Text, "/") && in.Nr != sys.SysChdir {
			return fmt.Errorf("path %q is relative to nothing", arg.Text)
		}
	case aPath:
		dir := &in.Args[a-1]
		if dir.Kind == Imm {
			if dir.Val != atFdcwd || arg.Text == "" || (!strings.HasPrefix(arg.Text, "/") && arg.Text != ".") {
				return fmt.Errorf("path %q is relative to nothing", arg.Text)
			}
			if f.entered && arg.Text != "." && arg.Text != "/" {
				return fmt.Errorf("path %q of the host after the change of root", arg.Text)
			}
			return nil
		}
		if in.Nr == sys.SysOpenat2 {
			resolve := binary.NativeEndian.Uint64(in.Args[a+1].Data[16:])
			if resolve&(sys.ResolveInRoot|sys.ResolveBeneath) == 0 {
				return fmt.Errorf("path %q below a descriptor that it may leave", arg.Text)
			}
			return nil
		}
		if strings.Contains(arg.Text, "/") || arg.Text == ".." {
			return fmt.Errorf("path %q of more than one component below a descriptor", arg.Text)
		}
	}
	return nil
}

// order checks and records what has to come before what.
func (f *flow) order(in *Insn, sig *signature) error {
	switch in.Nr {
	case sys.SysPrctl:
		switch in.Args[0].Val {
		case sys.PrSetDumpable:
			f.undumpable = in.Args[1].Val == 0
		case sys.PrSetNoNewPrivs:
			f.nnp = true
		case sys.PrCapbsetDrop:
			if f.user {
				return fmt.Errorf("bounding set changed after the user: that takes CAP_SETPCAP")
			}
		}
	case sys.SysSetns, sys.SysUnshare:
		if !f.undumpable {
			return fmt.Errorf("%s while the process can be looked into", sig.name)
		}
	case sys.SysPivotRoot, sys.SysChroot:
		f.entered = true
	case sys.SysWrite:
		if k := f.kind[in.Args[0].Val]; in.Args[0].Kind != Use || (k != strict && k != fromParent) {
			return fmt.Errorf("write to a file that was not opened strictly below a checked filesystem")
		}
	case sys.SysSetresuid:
		f.user = true
	case sys.SysCapset:
		if !f.user {
			return fmt.Errorf("capabilities set before the user")
		}
		f.caps = true
		f.admin = len(in.Args[1].Data) >= 4 && binary.NativeEndian.Uint32(in.Args[1].Data)>>capSysAdmin&1 != 0
	case sys.SysSeccomp:
		if f.caps && !f.admin && !f.nnp {
			return fmt.Errorf("filter loaded after the capabilities went, without no_new_privs")
		}
		f.filtered = true
	case sys.SysCloseRange:
		f.closed = true
	}
	return nil
}

func (f *flow) builtin(in *Insn) error {
	if f.closed && in.Op != OpExec {
		return fmt.Errorf("%s between close_range and exec", in.Op)
	}
	switch in.Op {
	case OpCheckFs:
		if s := in.Args[0]; s.Kind == Use && f.kind[s.Val] == ofMount {
			f.kind[s.Val] = checked
		}
	case OpExec:
		switch {
		case !f.closed:
			return fmt.Errorf("exec without close_range: descriptors would survive it")
		case !f.caps:
			return fmt.Errorf("exec before the capabilities are set")
		}
	case OpFork:
		if !f.undumpable {
			return fmt.Errorf("fork while the process can be looked into")
		}
	}
	return nil
}

// made says what kind of descriptor in makes.
func (f *flow) made(in *Insn) slotKind {
	if in.Op != OpSyscall {
		return other
	}
	switch in.Nr {
	case sys.SysFsmount:
		return ofMount
	case sys.SysOpenat2:
		dir := &in.Args[0]
		resolve := binary.NativeEndian.Uint64(in.Args[2].Data[16:])
		if dir.Kind == Use && f.kind[dir.Val] == checked && resolve&Strict == Strict {
			return strict
		}
	}
	return other
}
