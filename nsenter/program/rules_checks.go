package program

import "teu/internal/sys"

// check records what in, a check, makes sure of.
func (f *flow) check(in *Insn) error {
	switch in.Op {
	case OpCheckDev:
		if s := &in.Args[0]; s.Kind == Use && in.Args[1].Val == sys.SIfchr && in.Args[2].Val == sys.NullDev {
			f.nulls.add(s.Val)
		}
	case OpCheckFs:
		if s := &in.Args[0]; s.Kind == Use && in.Args[1].Val == sys.DevptsSuperMagic {
			f.devpts.add(s.Val)
		}
		if s := &in.Args[0]; s.Kind == Use && f.mount.has(s.Val) {
			f.checked.add(s.Val)
			if in.Args[1].Val == sys.ProcSuperMagic {
				f.procfs.add(s.Val)
			}
		}
	case OpCheckOwner:
		return f.checkOwner(in)
	case OpCheckCover:
		return f.checkCover(in)
	case OpCheckRoot:
		// Anywhere else the root is whatever the parent's was.
		if f.has(moved) {
			f.do(rooted)
		}
	}
	return nil
}
