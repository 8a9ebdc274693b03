package program

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"

	"teu/internal/sys"
)

// apply checks in, whose shape is known to be right, against what came before, and records what it does.
func (f *flow) apply(in *Insn, sig *signature) error {
	if f.may(closed|filtered) && !late(in) {
		if f.may(filtered) {
			return fmt.Errorf("after a filter that may refuse it")
		}
		return fmt.Errorf("between close_range and exec")
	}
	if err := f.unseen(in); err != nil {
		return err
	}
	if sig.takes && f.may(narrowed) {
		return fmt.Errorf("after the capabilities that it takes went")
	}
	if sig.paths {
		for a := range in.Args {
			if err := f.path(in, sig, a); err != nil {
				return err
			}
		}
	}
	var err error
	if in.Op == OpSyscall {
		err = f.order(in)
	} else {
		err = f.builtin(in)
	}
	if err == nil && in.Out != None {
		f.made(in)
	}
	return err
}

// late reports whether in may come after close_range or a filter: the last steps before the workload.
func late(in *Insn) bool {
	switch in.Op {
	case OpSyscall:
		return in.Nr == sys.SysSeccomp || in.Nr == sys.SysCapset || in.Nr == sys.SysPrctl
	case OpListen, OpJump, OpFail, OpExec:
		return true
	}
	return false
}

// path checks argument a when it is a path, or a descriptor that a path starts from.
func (f *flow) path(in *Insn, sig *signature, a int) error {
	arg := &in.Args[a]
	switch sig.args[a] {
	case aAbs:
		if arg.Text != "." && !strings.HasPrefix(arg.Text, "/") {
			return fmt.Errorf("path %q is relative to nothing", arg.Text)
		}
		// chdir and hooks are meant to see what is inside.
		if f.may(entered) && arg.Text != "." && in.Nr != sys.SysChdir && in.Op != OpHook {
			return fmt.Errorf("path %q after the change of root", arg.Text)
		}
	case aPath:
		if in.Args[a-1].Kind == Imm {
			return f.hostPath(in, arg.Text)
		}
		return f.below(in, a)
	case aSeen:
		if !strings.HasPrefix(arg.Text, "/") {
			return fmt.Errorf("path %q is relative to nothing", arg.Text)
		}
	case aInside:
		if err := f.inside(in.Args[a-1].Val, arg.Text); err != nil {
			return err
		}
		return f.target(in)
	}
	return nil
}

// hostPath checks a path that starts from Host.
func (f *flow) hostPath(in *Insn, path string) error {
	switch {
	case path != "." && !strings.HasPrefix(path, "/"):
		return fmt.Errorf("path %q is relative to nothing", path)
	case f.may(entered) && path != "." && path != "/":
		return fmt.Errorf("path %q of the host after the change of root", path)
	case makes(in.Nr):
		return fmt.Errorf("path %q of the host, where nothing is to be made", path)
	}
	return nil
}

// makes reports whether a system call makes or changes a file by its name.
func makes(nr uint16) bool {
	return nr == sys.SysMknodat || nr == sys.SysSymlinkat || nr == sys.SysFchownat
}

// below checks argument a, a path below a descriptor.
func (f *flow) below(in *Insn, a int) error {
	dir, path := in.Args[a-1].Val, in.Args[a].Text
	if path != "" {
		if err := f.again(dir, path, noPlace); err != nil {
			return err
		}
	}
	if in.Nr == sys.SysOpenat2 {
		resolve := how(in).Resolve
		if resolve&(sys.ResolveInRoot|sys.ResolveBeneath) == 0 {
			return fmt.Errorf("path %q below a descriptor that it may leave", path)
		}
		if f.ownFile(in) {
			return nil // a filesystem of our own, wherever it is
		}
		return f.inside(dir, path)
	}
	if path == "" {
		return nil // the descriptor itself
	}
	if strings.Contains(path, "/") || path == ".." {
		return fmt.Errorf("path %q of more than one component below a descriptor", path)
	}
	if !nofollow(in) {
		return fmt.Errorf("path %q below a descriptor, which may be a symlink", path)
	}
	return f.inside(dir, path)
}

// nofollow reports whether the last component of in's paths is not followed when it is a symlink.
func nofollow(in *Insn) bool {
	if in.Op == OpCopyLink {
		return true
	}
	switch in.Nr {
	case sys.SysMknodat, sys.SysSymlinkat:
		return true
	case sys.SysMoveMount: // follows only when told to (move_mount(2))
		return in.Args[4].Val&^(sys.MoveMountFEmptyPath|sys.MoveMountTEmptyPath) == 0
	case sys.SysOpenTree, sys.SysMountSetattr:
		return in.Args[2].Val&sys.AtSymlinkNofollow != 0
	case sys.SysFchownat:
		return in.Args[4].Val&sys.AtSymlinkNofollow != 0
	}
	return false
}

// ownFile reports whether in, an openat2 below a slot, opens a file of a filesystem that the program mounted and checked, and
// no other. On a procfs that may be a file of the process itself, to which a symlink leads.
func (f *flow) ownFile(in *Insn) bool {
	dir, resolve := in.Args[0].Val, how(in).Resolve
	if f.checked.has(dir) && resolve&Strict == Strict {
		return true
	}
	return f.procfs.has(dir) && resolve == OwnProc && ofItself(in.Args[1].Text)
}

// ofItself reports whether path, on a procfs, leads to a file of the process that opens it.
func ofItself(path string) bool {
	rest, ok := strings.CutPrefix(path, "self/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "thread-self/")
	}
	if !ok || rest == "" {
		return false
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

func (f *flow) inside(dir uint64, path string) error {
	if f.may(entered) && f.outside.has(dir) {
		return fmt.Errorf("path %q below slot s%d, from outside, after the change of root", path, dir)
	}
	return nil
}

// how is the struct open_how of an openat2.
func how(in *Insn) How {
	b, ne := []byte(in.Args[2].Text), binary.NativeEndian
	return How{Flags: ne.Uint64(b), Mode: ne.Uint64(b[8:]), Resolve: ne.Uint64(b[16:])}
}

// order checks and records what has to come before what.
func (f *flow) order(in *Insn) error {
	switch in.Nr {
	case sys.SysPrctl:
		return f.prctl(in)
	case sys.SysIoctl:
		return ioctl(in)
	case sys.SysDup3:
		return f.dup3(in)
	case sys.SysOpenat2:
		if how(in).Flags&sys.OCloexec == 0 {
			return fmt.Errorf("without close-on-exec")
		}
		return f.opens(in)
	case sys.SysWrite:
		if s := &in.Args[0]; !f.mayWrite(s) {
			return fmt.Errorf("to a file that was not opened strictly below a checked filesystem")
		} else if !in.Whole {
			return fmt.Errorf("that may be short")
		}
	case sys.SysPrlimit64:
		if in.Args[0].Val != 0 || len(in.Args[2].Text) != rlimitLen || in.Args[3].Val != 0 {
			return fmt.Errorf("of another process, or with %d bytes", len(in.Args[2].Text))
		}
	case sys.SysSetns, sys.SysUnshare:
		return f.namespaces(in)
	case sys.SysKeyctl:
		return keyctl(in)
	case sys.SysSetMempolicy:
		if n, size := in.Args[2].Val, uint64(len(in.Args[1].Text)); size%8 != 0 || size > 0 && n != 8*size+1 || size == 0 && n != 0 {
			return fmt.Errorf("%d nodes in %d bytes", n, size)
		}
	case sys.SysPersonality:
		// Its flags, as ADDR_NO_RANDOMIZE, take protections away.
		if d := in.Args[0].Val; d != sys.PerLinux && d != sys.PerLinux32 {
			return fmt.Errorf("domain %#x is none that programs use", d)
		}
	case sys.SysFsetxattr:
		if in.Args[1].Text != xattrSELinux {
			return fmt.Errorf("attribute %q is none that programs set", in.Args[1].Text)
		}
	case sys.SysPivotRoot, sys.SysChroot:
		f.enter()
		f.do(entered | rooted)
		f.undo(cwdChecked)
	case sys.SysFspick, sys.SysFsconfig, sys.SysMoveMount, sys.SysMountSetattr:
		return f.mounts(in)
	case sys.SysFchdir:
		if f.may(entered) {
			return fmt.Errorf("to a directory that may be outside, after the change of root")
		}
		f.undo(cwdChecked)
	case sys.SysChdir:
		f.undo(cwdChecked)
	}
	return f.identity(in)
}

func (f *flow) mayWrite(s *Arg) bool {
	return s.Kind == Use && (s.Val < f.inputs || f.strict.has(s.Val))
}

// dup3 puts a descriptor where it survives exec: a standard stream, and no file from outside the root.
func (f *flow) dup3(in *Insn) error {
	if in.Args[1].Val > 2 || in.Args[2].Val != 0 {
		return fmt.Errorf("descriptor %d would survive exec", in.Args[1].Val)
	}
	if s := &in.Args[0]; s.Kind == Use && f.open.has(s.Val) && (!f.has(rooted) || f.outside.has(s.Val)) {
		return fmt.Errorf("slot s%d, from outside, would survive exec", s.Val)
	}
	return nil
}

func (f *flow) builtin(in *Insn) error {
	switch in.Op {
	case OpFork:
		if !f.has(undumpable) {
			return fmt.Errorf("while the process can be looked into")
		}
		if in.Args[1].Val&^sys.CloneParent != 0 {
			return fmt.Errorf("with flags %#x", in.Args[1].Val)
		}
		f.seen &^= pidsJoined
	case OpSync:
		if in.Args[1].Val == ByteForked {
			return fmt.Errorf("with the byte that is fork's")
		}
		if in.Args[1].Val == ByteReady && !f.has(narrowed) {
			return fmt.Errorf("of readiness with more capabilities than the last steps take")
		}
		if in.Args[1].Val == ByteReady {
			return cmp.Or(f.uncovered(), f.inPids())
		}
	case OpHook:
		if in.Args[1].Val == 0 {
			return fmt.Errorf("without arguments")
		}
		if !f.has(undumpable) {
			return fmt.Errorf("while the process can be looked into")
		}
		if !f.has(unambient) {
			return fmt.Errorf("with the ambient capabilities of the caller")
		}
		if err := f.inPids(); err != nil {
			return err
		}
		// As with exec: it is looked up in the container, and what it is may be a script.
		if s := f.foreign(); s >= 0 && f.may(entered) {
			return fmt.Errorf("slot s%d, from outside, is still open", s)
		}
	case OpCopy:
		return f.copy(in)
	case OpSigReset:
		f.do(signals)
	case OpCheckCwd:
		f.do(cwdChecked)
	case OpExec:
		return f.exec(in)
	case OpListen:
		return f.listen(in)
	case OpCheckDev, OpCheckFs, OpCheckOwner, OpCheckCover, OpCheckRoot:
		return f.check(in)
	case OpFind:
		if !f.has(rooted) {
			return fmt.Errorf("in the root of the host")
		}
	}
	return nil
}

// made records what kind of descriptor in makes.
func (f *flow) made(in *Insn) {
	s := uint64(in.Out)
	opens := in.Op == OpSyscall && in.Nr == sys.SysOpenat2
	strict := opens && in.Args[0].Kind == Use && f.ownFile(in)
	f.fill(s)
	if opens && in.Args[0].Kind == Imm && in.Args[1].Text == ownUser && !f.may(moved|inUser|entered) {
		f.ownUser.add(s)
	}
	f.tracks.looked(in)
	if strict {
		f.strict.add(s)
	}
	if in.Op == OpTarget {
		f.open.add(s)
		return
	}
	if in.Op != OpSyscall {
		return
	}
	switch in.Nr {
	case sys.SysOpenat2, sys.SysOpenTree:
		f.open.add(s)
	case sys.SysFsopen:
		if f.may(pidsJoined) && in.Args[0].Text == "proc" {
			f.hostPid.add(s)
		}
	case sys.SysFsmount:
		if in.Args[0].Kind == Use && f.hostPid.has(in.Args[0].Val) {
			f.hostPid.add(s)
		}
		f.open.add(s)
		f.mount.add(s)
	}
}
