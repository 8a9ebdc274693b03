package program

import (
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

// A program of a test is a sound one with something put in at one of these places.
type place int

const (
	atStart   place = iota // nothing was done yet
	atHost                 // undumpable; s "dir" holds a directory of the host
	atChange               // the new root is the working directory
	atEntered              // the root was changed
	atUser                 // the user was set, capabilities not yet
	atCaps                 // capabilities are set
	atClosed               // close_range was done
	atEnd                  // after the exec
)

// scene is what the parts of a test program share.
type scene struct {
	*Builder
	in  Slot // an input
	dir Slot // a directory of the host, open until capabilities are set
	skip
}

// skip leaves steps of the sound program out.
type skip struct {
	dumpable, came, signals, root, keepcaps, user, caps, ambient, cwd, left, closed bool
}

// assemble builds the sound program with put at place p.
func assemble(p place, s skip, put func(b *scene)) *Program {
	b := &scene{Builder: New(), skip: s}
	b.in = b.Stream("control")
	at := func(q place) {
		b.At("test", "the case")
		if p == q && put != nil {
			put(b)
		}
		b.At("test", "the rest")
	}
	do := func(skipped bool, f func()) {
		if !skipped {
			f()
		}
	}
	at(atStart)
	do(s.dumpable, func() { b.Prctl(sys.PrSetDumpable, 0) })
	do(s.came, func() { b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll) })
	do(s.signals, b.SigReset)
	b.dir = b.Openat2(Host, "/dir", How{Flags: sys.OPath})
	at(atHost)
	b.Fchdir(b.dir)
	at(atChange)
	do(s.root, func() { b.Chroot(".") })
	b.Chdir("/")
	at(atEntered)
	do(s.keepcaps, func() { b.Prctl(sys.PrSetKeepcaps, 1) })
	do(s.user, func() { b.Setgroups(nil); b.Setresgid(0); b.Setresuid(0) })
	do(s.cwd, b.CheckCwd)
	at(atUser)
	do(s.caps, func() { b.Capset(0, 0, 0) })
	do(s.ambient, func() { b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll) })
	at(atCaps)
	do(s.left, b.closeAll)
	do(s.closed, func() { b.CloexecFrom(3) })
	at(atClosed)
	b.Exec([]string{"/bin/true"}, []string{"true"}, nil)
	at(atEnd)
	return b.Program()
}

// closeAll closes what the parts have left open.
func (b *scene) closeAll() {
	numbers := map[Slot]bool{}
	for i := range b.p.Insns {
		numbers[b.p.Insns[i].Out] = numbers[b.p.Insns[i].Out] || b.p.Insns[i].Op == OpIdentify
	}
	for s := b.dir; int(s) < b.p.Slots; s++ {
		if numbers[s] {
			continue
		}
		b.Close(s)
		b.Ignore(syscall.EBADF)
	}
}

// Setresgid, Setresuid and Setns are what a sound program makes of them.
func (b *scene) Setresgid(gid uint32) { b.Builder.Setresgid(gid); b.Prctl(sys.PrSetDumpable, 0) }
func (b *scene) Setresuid(uid uint32) { b.Builder.Setresuid(uid); b.Prctl(sys.PrSetDumpable, 0) }

func (b *scene) Setns(s Slot, flags uint64) {
	b.Builder.Setns(s, flags)
	if flags&sys.CloneNewUser != 0 {
		b.Prctl(sys.PrSetDumpable, 0)
	}
}

// Openat2 opens by O_PATH what a case does not say how to open.
func (b *scene) Openat2(dir Slot, path string, how How) Slot {
	if how.Flags == 0 {
		how.Flags = sys.OPath
	}
	return b.Builder.Openat2(dir, path, how)
}

// raw adds a system call as no method of Builder would.
func (b *scene) raw(nr uint16, args ...Arg) { b.call(nr, args...) }

// rule is one rule: bad breaks it and is refused with want, good does not and passes.
type rule struct {
	name      string
	at        place
	skip      skip // of bad
	twin      skip // of good
	bad, good func(b *scene)
	want      string
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			if err := assemble(r.at, r.twin, r.good).Verify(); err != nil {
				t.Errorf("verify the good twin: %v", err)
			}
			err := assemble(r.at, r.skip, r.bad).Verify()
			if err == nil {
				t.Fatalf("verify: got no error, want one with %q:\n%s", r.want, assemble(r.at, r.skip, r.bad))
			}
			if !strings.Contains(err.Error(), r.want) {
				t.Errorf("verify:\ngot  %v\nwant …%s", err, r.want)
			}
		})
	}
}

func TestShapeRules(t *testing.T) {
	checkRules(t, []rule{
		{name: "unknown call", at: atHost, want: "system call 57 is none that programs use",
			bad: func(b *scene) { b.raw(57) }, good: func(b *scene) { b.Setsid() }},
		{name: "unknown call above the table", at: atHost, want: "system call 60000 is none that programs use",
			bad: func(b *scene) { b.raw(60000) }},
		{name: "unknown instruction", at: atHost, want: "not an instruction",
			bad: func(b *scene) { b.add(Insn{Op: opEnd, Out: None}) }},
		{name: "instruction zero", at: atHost, want: "not an instruction",
			bad: func(b *scene) { b.add(Insn{Out: None}) }},
		{name: "number of arguments", at: atHost, want: "umask with 2 arguments, want 1",
			bad:  func(b *scene) { b.raw(sys.SysUmask, num(1), num(2)) },
			good: func(b *scene) { b.Umask(1) }},
		{name: "number of arguments of a builtin", at: atHost, want: "check_fs with 1 arguments, want 2",
			bad:  func(b *scene) { b.add(Insn{Op: OpCheckFs, Out: None}, fd(b.dir)) },
			good: func(b *scene) { b.CheckFs(b.dir, 1) }},
		{name: "kind of argument", at: atHost, want: "umask: argument 0: not of the kind",
			bad: func(b *scene) { b.raw(sys.SysUmask, str("0")) }},
		{name: "descriptor by its number", at: atHost, want: "fchdir: argument 0: not of the kind",
			bad:  func(b *scene) { b.raw(sys.SysFchdir, num(7)) },
			good: func(b *scene) { b.Fchdir(b.dir) }},
		{name: "address by its number", at: atHost, want: "chdir: argument 0: not of the kind",
			bad:  func(b *scene) { b.raw(sys.SysChdir, num(0x400000)) },
			good: func(b *scene) { b.Chdir("/x") }},
		{name: "name by its number", at: atHost, want: "fsconfig: argument 2: not of the kind",
			bad: func(b *scene) {
				b.raw(sys.SysFsconfig, fd(b.dir), num(sys.FsconfigSetFlag), num(1), num(0), num(0))
			},
			good: func(b *scene) { b.FsFlag(b.dir, "x") }},
		{name: "directory by its number", at: atHost, want: "openat2: argument 0: not of the kind",
			bad:  func(b *scene) { b.open(sys.SysOpenat2, num(5), str("/x"), How{Flags: sys.OCloexec}.arg(), lenOf(2)) },
			good: func(b *scene) { b.Openat2(Host, "/x", How{}) }},
		{name: "absent descriptor", at: atHost, want: "send_fd: argument 1: not of the kind",
			bad:  func(b *scene) { b.SendFd(b.in, None, "x") },
			good: func(b *scene) { b.SendFd(b.in, b.dir, "x") }},
		{name: "short open_how", at: atHost, want: "openat2: argument 2: not of the kind",
			bad: func(b *scene) { b.open(sys.SysOpenat2, fd(Host), str("/x"), buf("12345678"), lenOf(2)) }},
		{name: "short mount_attr", at: atHost, want: "mount_setattr: argument 3: not of the kind",
			bad: func(b *scene) {
				b.raw(sys.SysMountSetattr, fd(b.dir), str(""), num(sys.AtEmptyPath), buf("1234"), lenOf(3))
			},
			good: func(b *scene) { b.MountSetattr(b.dir, 0, MountAttr{Set: 1}) }},
		{name: "want of a target", at: atHost, want: "target: argument 2: not of the kind",
			bad: func(b *scene) {
				b.Target(Inside(b.dir, "x"), 64, None)
			},
			good: func(b *scene) { b.Target(Inside(b.dir, "x"), WantDir, None) }},
		{name: "root of a target", at: atHost, want: "target: argument 0: not of the kind",
			bad: func(b *scene) { b.Target(Inside(Host, "/x"), WantDir, None) }},
		{name: "like of a target", at: atHost, want: "target: argument 3: not of the kind",
			bad:  func(b *scene) { b.Target(Inside(b.dir, "x"), WantLike, Host) },
			good: func(b *scene) { b.Target(Inside(b.dir, "x"), WantLike, b.dir) }},
		{name: "sync of more than a byte", at: atHost, want: "sync: argument 1: not of the kind",
			bad:  func(b *scene) { b.add(Insn{Op: OpSync, Out: None}, fd(b.in), num(256), num(0)) },
			good: func(b *scene) { b.Sync(b.in, 'a', 'b') }},
		{name: "slot out of range", at: atHost, want: "slot s99 out of range",
			bad: func(b *scene) { b.Fchdir(99) }},
		{name: "length of no buffer", at: atHost, want: "length of an argument that is not the buffer before it",
			bad: func(b *scene) { b.raw(sys.SysSethostname, buf("abc"), lenOf(1)) }},
		{name: "length of another buffer", at: atHost, want: "length of an argument that is not the buffer before it",
			bad:  func(b *scene) { b.raw(sys.SysSethostname, buf("abc"), lenOf(7)) },
			good: func(b *scene) { b.Sethostname("abc") }},
		{name: "string with NUL", at: atHost, want: "chdir: argument 0: string with a NUL",
			bad: func(b *scene) { b.Chdir("/a\x00b") }},
		{name: "vector with NUL", at: atEntered, want: "hook: argument 1: string with a NUL",
			bad: func(b *scene) { b.Hook("/h", []string{"a\x00b"}, nil, b.dir, b.dir, 0) },
			good: func(b *scene) {
				b.Close(b.dir)
				b.Hook("/h", []string{"a", "", "b"}, nil, b.in, b.in, 0)
			}},
		{name: "result slot out of range", at: atHost, want: "result slot s77 out of range",
			bad: func(b *scene) { b.add(Insn{Op: OpSyscall, Nr: sys.SysFsopen, Out: 77}, str("x"), num(1)) }},
		{name: "result slot that is Host", at: atHost, want: "result slot s-2 out of range",
			bad: func(b *scene) { b.add(Insn{Op: OpSyscall, Nr: sys.SysFsopen, Out: Host}, str("x"), num(1)) }},
		{name: "result into an input", at: atHost, want: "result slot s0 is an input",
			bad: func(b *scene) { b.add(Insn{Op: OpSyscall, Nr: sys.SysFsopen, Out: b.in}, str("x"), num(1)) }},
		{name: "result of none", at: atHost, want: "result of setsid, which has none",
			bad: func(b *scene) { b.add(Insn{Op: OpSyscall, Nr: sys.SysSetsid, Out: b.slot()}) }},
		{name: "result of a builtin with none", at: atHost, want: "result of sync, which has none",
			bad: func(b *scene) { b.add(Insn{Op: OpSync, Out: b.slot()}, fd(b.in), num(1), num(1)) }},
		{name: "descriptor that no slot keeps", at: atHost, want: "result of fsopen that no slot keeps",
			bad:  func(b *scene) { b.raw(sys.SysFsopen, str("tmpfs"), num(sys.FsopenCloexec)) },
			good: func(b *scene) { b.Fsopen("tmpfs") }},
	})
}

func TestBranchRules(t *testing.T) {
	back := &Label{pos: 1}
	checkRules(t, []rule{
		{name: "branch back", at: atHost, want: "branch that does not lead forward",
			bad:  func(b *scene) { b.Setsid(); b.On(back, syscall.EPERM) },
			good: func(b *scene) { b.Setsid(); b.Ignore(syscall.EPERM) }},
		{name: "branch to itself", at: atHost, want: "branch that does not lead forward",
			bad: func(b *scene) { l := b.Label(); b.Here(l); b.Setsid(); b.On(l, syscall.EPERM) }},
		{name: "branch to nowhere", at: atHost, want: "branch that does not lead forward",
			bad: func(b *scene) { b.Setsid(); b.On(b.Label(), syscall.EPERM) }},
		{name: "branch past the end", at: atHost, want: "branch that does not lead forward",
			bad: func(b *scene) { b.Setsid(); b.On(&Label{pos: 1000}, syscall.EPERM) }},
		{name: "branch without label", at: atHost, want: "branch that does not lead forward",
			bad: func(b *scene) { b.Setsid(); b.On(nil, syscall.EPERM) }},
		{name: "jump back", at: atHost, want: "jump that does not lead forward",
			bad:  func(b *scene) { b.Jump(back) },
			good: func(b *scene) { l := b.Label(); b.Jump(l); b.Here(l) }},
		{name: "too many branches", at: atHost, want: "5 branches, at most 4",
			bad:  func(b *scene) { b.Setsid(); b.Ignore(1, 2, 3, 4, 5) },
			good: func(b *scene) { b.Setsid(); b.Ignore(1, 2, 3, 4) }},
		{name: "branch on success", at: atHost, want: "branch on error 0, which there is not",
			bad: func(b *scene) { b.Setsid(); b.Ignore(0) }},
		{name: "branch on no errno", at: atHost, want: "branch on error 4096, which there is not",
			bad:  func(b *scene) { b.Setsid(); b.Ignore(4096) },
			good: func(b *scene) { b.Setsid(); b.Ignore(4095) }},
		{name: "branch of an exec", at: atClosed, want: "branch of an instruction that is the last on its way",
			bad: func(b *scene) { b.Exec([]string{"/a"}, []string{"a"}, nil); b.Ignore(syscall.ENOENT) }},
		{name: "exec not last", at: atEnd, want: "program does not end in exec",
			bad: func(b *scene) { l := b.Label(); b.Here(l); b.p.Insns[0].Branch = []Branch{{syscall.EPERM, l}} }},
		{name: "end without exec", at: atEnd, want: "program does not end in exec",
			bad:  func(b *scene) { b.p.Insns = b.p.Insns[:len(b.p.Insns)-1] },
			good: func(b *scene) { b.Fail(syscall.EINVAL) }},
		{name: "slot set on one way only", at: atHost, want: "is used before it is set, or after it was closed",
			bad: func(b *scene) {
				l := b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				s := b.Openat2(Host, "/x", How{})
				b.Here(l)
				b.Close(s)
			},
			good: func(b *scene) {
				l, m := b.Label(), b.Label()
				s := b.Openat2(Host, "/x", How{})
				b.On(l, syscall.ENOENT)
				b.Jump(m)
				b.Here(l)
				b.Alias(b.Openat2(Host, "/y", How{}), s)
				b.Here(m)
				b.Close(s)
			}},
		{name: "slot of the call that failed", at: atHost, want: "is used before it is set",
			bad: func(b *scene) {
				s := b.Openat2(Host, "/x", How{})
				b.Ignore(syscall.ENOENT)
				b.Close(s)
			}},
		{name: "slot never set", at: atHost, want: "is used before it is set",
			bad: func(b *scene) { b.Close(b.slot()) }},
		{name: "slot closed twice", at: atHost, want: "is used before it is set, or after it was closed",
			bad:  func(b *scene) { s := b.Openat2(Host, "/x", How{}); b.Close(s, s) },
			good: func(b *scene) { s := b.Openat2(Host, "/x", How{}); b.Close(s) }},
		{name: "slot perhaps not set without a branch", at: atHost, want: "is used before it is set",
			bad:  func(b *scene) { s := b.Slot(); b.Close(s); b.Ignore(syscall.EINVAL) },
			good: func(b *scene) { s := b.Slot(); b.Close(s); b.Ignore(syscall.EBADF) }},
		{name: "slot closed on one way", at: atHost, want: "or after it was closed",
			bad: func(b *scene) {
				l := b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.Close(b.dir)
				b.Here(l)
			},
			good: func(b *scene) { b.Fchdir(b.dir) }},
	})
}

func TestUnreachableIsNotHeldAgainstAProgram(t *testing.T) {
	p := assemble(atEnd, skip{}, func(b *scene) { b.Fchdir(b.dir) })
	p.Insns = p.Insns[:len(p.Insns)-1]
	if err := p.Verify(); err != nil {
		t.Errorf("verify a program with an instruction behind the exec: %v", err)
	}
	// What nothing leads to still has to be encoded.
	p = assemble(atEnd, skip{}, func(b *scene) { b.raw(57) })
	if err := p.Verify(); err == nil {
		t.Error("an unknown call behind the exec: got no error, want one")
	}
}

// TestInputsAreFiles: what the parent passes may be a directory of the host, unless the program says that it is none.
func TestInputsAreFiles(t *testing.T) {
	p := assemble(atEnd, skip{}, nil)
	p.Streams = nil
	if err := p.Verify(); err == nil || !strings.Contains(err.Error(), "exec: slot s0, from outside, is still open") {
		t.Errorf("an input that is still open: got %v, want an error of slot s0", err)
	}
	p = assemble(atHost, skip{}, func(b *scene) { b.Close(b.in) })
	p.Streams = nil
	if err := p.Verify(); err != nil {
		t.Errorf("verify with the input closed: %v", err)
	}
	for _, s := range []Slot{-1, 1} {
		p.Streams = []Slot{s}
		if err := p.Verify(); err == nil || !strings.Contains(err.Error(), "is no input") {
			t.Errorf("stream s%d: got %v, want that it is no input", s, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	for name, p := range map[string]*Program{
		"slots":        {Slots: MaxSlots + 1},
		"instructions": {Insns: make([]Insn, MaxInsns+1)},
		"inputs":       {Inputs: []string{"a", "b"}, Slots: 1},
	} {
		if err := p.Verify(); err == nil || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("%s: got %v, want out of range", name, err)
		}
	}
	if err := New().Program().Verify(); err == nil {
		t.Error("verify an empty program: got no error, want one")
	}
}

// TestBuilderOfTooMuch: a program that will be refused stops growing.
func TestBuilderOfTooMuch(t *testing.T) {
	b := New()
	for range 3 * MaxInsns {
		b.Alias(b.Fsopen("tmpfs"), b.Fsopen("tmpfs"))
	}
	p := b.Program()
	if len(p.Insns) != MaxInsns+1 || p.Verify() == nil {
		t.Errorf("got %d instructions, %v, want %d and an error", len(p.Insns), p.Verify(), MaxInsns+1)
	}
}
