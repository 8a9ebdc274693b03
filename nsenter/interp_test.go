package nsenter

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/tests/needs"
)

// The interpreter is linked into the test binary as into teu: here it runs, against this kernel.

// wentOn is what a test binary exits with when it was started as the interpreter and the constructor did not take it.
const wentOn = 7

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(wentOn)
	}
	os.Exit(m.Run())
}

// patience bounds every wait for an interpreter, in milliseconds.
const patience = 20000

// reached is what a test program fails with once it has come to its end.
const reached = syscall.ECANCELED

func needRoot(t *testing.T) {
	t.Helper()
	needs.Root(t, "makes namespaces and changes root")
}

// launched starts an interpreter with p.
func launched(t *testing.T, p *program.Program, inputs map[string]int, ns uint64, o program.Options) *Init {
	t.Helper()
	in := spawned(t, ns)
	if err := in.Run(p, inputs, o); err != nil {
		t.Fatalf("run the program: %v", err)
	}
	return in
}

// spawned starts an interpreter that waits for its program.
func spawned(t *testing.T, ns uint64) *Init {
	t.Helper()
	// A thread that a test has changed must not be the parent; and PDEATHSIG means the thread that forked.
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	exe, err := os.Open(selfExe)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	in, err := New()
	if err != nil {
		t.Fatalf("make an init: %v", err)
	}
	t.Cleanup(in.Close)
	if err := in.Spawn(&Start{Exe: &Exe{int(exe.Fd()), -1}, Namespaces: ns, CgroupDir: -1}); err != nil {
		t.Fatalf("spawn: %v", err)
	}
	return in
}

// ended waits for in and returns how it went and what its process ended with.
func ended(t *testing.T, in *Init) (*program.Error, syscall.WaitStatus) {
	t.Helper()
	if done, err := sys.PidfdWait(in.PidFd, patience); err != nil || !done {
		r, _ := in.Report()
		if err := sys.PidfdSendSignal(in.PidFd, sys.SIGKILL); err != nil {
			t.Errorf("kill the interpreter: %v", err)
		}
		t.Fatalf("wait for the interpreter: at instruction %d got no end, %v, want one within %d ms", r.Insn, err, patience)
	}
	ws, err := sys.Wait4(in.Pid)
	if err != nil {
		t.Fatalf("wait for process %d: %v", in.Pid, err)
	}
	var pe *program.Error
	if err := in.Failure(); !errors.As(err, &pe) {
		t.Fatalf("report: got %v, want an error of the program", err)
	}
	return pe, syscall.WaitStatus(ws)
}

// part builds one program: its input "control", what build adds, and the end.
func part(build func(b *program.Builder, control program.Slot)) *program.Program {
	b := program.New()
	control := b.Input(InputControl)
	build(b, control)
	b.Fail(reached)
	return b.Program()
}

// outcome runs a program and returns its errno: reached when all of it worked.
func outcome(t *testing.T, build func(b *program.Builder, control program.Slot)) syscall.Errno {
	t.Helper()
	p := part(build)
	pe, ws := ended(t, launched(t, p, nil, 0, program.Options{}))
	if pe.Report.Status != program.Failed || !ws.Exited() || ws.ExitStatus() != 1 {
		t.Fatalf("got %v; status %#x; want it to fail with exit status 1\n%s", pe, ws, p)
	}
	if pe.Report.Errno == reached && pe.Report.Insn != len(p.Insns)-1 {
		t.Fatalf("got the end at instruction %d, want %d\n%s", pe.Report.Insn, len(p.Insns)-1, p)
	}
	return pe.Report.Errno
}

// path opens a file of the host.
func path(b *program.Builder, name string) program.Slot {
	return b.Openat2(program.Host, name, program.How{Flags: sys.OPath})
}

func TestChecks(t *testing.T) {
	const proc, dev = sys.ProcSuperMagic, sys.SIfchr
	null := sys.Makedev(1, 3)
	for name, c := range map[string]struct {
		do   func(b *program.Builder)
		want syscall.Errno
	}{
		"device":             {func(b *program.Builder) { b.CheckDev(path(b, "/dev/null"), dev, null) }, reached},
		"other device":       {func(b *program.Builder) { b.CheckDev(path(b, "/dev/zero"), dev, null) }, syscall.ENODEV},
		"other type":         {func(b *program.Builder) { b.CheckDev(path(b, "/dev/null"), sys.SIfblk, null) }, syscall.ENODEV},
		"file":               {func(b *program.Builder) { b.CheckDev(path(b, "/etc/passwd"), dev, null) }, syscall.ENODEV},
		"device of no slot":  {func(b *program.Builder) { b.CheckDev(program.None, dev, null) }, syscall.EBADF},
		"filesystem":         {func(b *program.Builder) { b.CheckFs(path(b, "/proc"), proc) }, reached},
		"other filesystem":   {func(b *program.Builder) { b.CheckFs(path(b, "/dev"), proc) }, syscall.EXDEV},
		"filesystem of none": {func(b *program.Builder) { b.CheckFs(program.None, proc) }, syscall.EBADF},
		"fail":               {func(b *program.Builder) { b.Fail(syscall.EXFULL) }, syscall.EXFULL},
		"working directory":  {func(b *program.Builder) { b.CheckCwd() }, reached},
		"branch":             {func(b *program.Builder) { path(b, "/no/such"); b.Ignore(syscall.ENOENT) }, reached},
		"branch on another":  {func(b *program.Builder) { path(b, "/no/such"); b.Ignore(syscall.EACCES) }, syscall.ENOENT},
		"slot after close":   {func(b *program.Builder) { s := path(b, "/"); b.Close(s); path(b, "/etc"); b.Fchdir(s) }, syscall.EBADF},
		"slot never filled":  {func(b *program.Builder) { b.Close(b.Slot()) }, syscall.EBADF},
		"fifo of any number": {func(b *program.Builder) { b.CheckStdioDev(9, sys.SIfifo, 5) }, syscall.EBADF},
		"jump over a failure": {func(b *program.Builder) {
			l := b.Label()
			b.Jump(l)
			b.Fail(syscall.EIO)
			b.Here(l)
		}, reached},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(t, func(b *program.Builder, _ program.Slot) { c.do(b) })
			if got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestWorkingDirectoryOutside: what chroot leaves behind is outside the new root (CVE-2024-21626).
func TestWorkingDirectoryOutside(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	got := outcome(t, func(b *program.Builder, _ program.Slot) {
		b.Chdir("/etc")
		b.Chroot(dir)
		b.CheckCwd()
	})
	if got != syscall.EXDEV {
		t.Errorf("check of a cwd outside of the root: got %v, want %v", got, syscall.EXDEV)
	}
	got = outcome(t, func(b *program.Builder, _ program.Slot) {
		b.Chdir(dir)
		b.Chroot(dir)
		b.CheckCwd()
	})
	if got != reached {
		t.Errorf("check of a cwd inside: got %v, want %v", got, reached)
	}
}

func TestSync(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(in *Init) error
		want   syscall.Errno
	}{
		"answer":       {func(in *Init) error { return in.Go('b') }, reached},
		"other answer": {func(in *Init) error { return in.Go('x') }, syscall.EPROTO},
		"no parent":    {func(in *Init) error { sys.Close(in.Control); in.Control = -1; return nil }, syscall.EPIPE},
	} {
		t.Run(name, func(t *testing.T) {
			in := launched(t, part(func(b *program.Builder, control program.Slot) {
				b.Sync(control, 'a', 'b')
			}), nil, 0, program.Options{})
			if err := in.Expect('a'); err != nil {
				t.Fatalf("wait for the first byte: %v", err)
			}
			if err := c.answer(in); err != nil {
				t.Fatalf("answer: %v", err)
			}
			if pe, _ := ended(t, in); pe.Report.Errno != c.want {
				t.Errorf("%v, want %v", pe, c.want)
			}
		})
	}
}

func TestSyncOneWay(t *testing.T) {
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Sync(control, 'a', 0)
		b.Sync(control, 0, 'b')
		b.Sync(control, 'c', 'c')
	}), nil, 0, program.Options{})
	if err := in.Go('b'); err != nil {
		t.Fatalf("send b: %v", err)
	}
	if err := in.Expect('a'); err != nil {
		t.Fatalf("wait for a: %v", err)
	}
	if err := in.Expect('x'); !errors.Is(err, syscall.EPROTO) {
		t.Errorf("wait for another byte: got %v, want %v", err, syscall.EPROTO)
	}
	if err := in.Go('c'); err != nil {
		t.Fatalf("send c: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

func TestSendFd(t *testing.T) {
	pair, err := sys.UnixStreamPair()
	if err != nil {
		t.Fatalf("make a socket pair: %v", err)
	}
	defer sys.Close(pair[0])
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		conn := b.Input("conn")
		b.SendFd(conn, path(b, "/dev/null"), "what it is")
		b.SendFd(control, program.None, "x")
	}), map[string]int{"conn": pair[1]}, 0, program.Options{})
	sys.Close(pair[1])
	buf := make([]byte, 64)
	n, fds, err := sys.RecvFDs(pair[0], buf, 1)
	if err != nil || len(fds) != 1 || string(buf[:n]) != "what it is" {
		t.Fatalf("receive: got %v, %q with %d descriptors, want %q with 1", err, buf[:n], len(fds), "what it is")
	}
	defer sys.Close(fds[0])
	if st, err := sys.Fstat(fds[0]); err != nil || st.Rdev != sys.Makedev(1, 3) {
		t.Errorf("stat of what was received: got %v, %+v, want the null device", err, st)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != syscall.EBADF || pe.Report.Insn != 2 {
		t.Errorf("no descriptor sent: got %v at instruction %d, want %v at 2", pe, pe.Report.Insn, syscall.EBADF)
	}
}

func TestWholeWrites(t *testing.T) {
	r, w, err := sys.NonblockPipe()
	if err != nil {
		t.Fatalf("make a pipe: %v", err)
	}
	defer sys.Close(r)
	defer sys.Close(w)
	if err := sys.SetNonblock(w, true); err != nil {
		t.Fatalf("set the pipe nonblocking: %v", err)
	}
	big := make([]byte, 1<<20)
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		s := b.Input("pipe")
		b.Write(s, "some")
		b.Write(s, string(big))
	}), map[string]int{"pipe": w}, 0, program.Options{})
	if pe, _ := ended(t, in); pe.Report.Errno != syscall.EIO || pe.Report.Insn != 1 {
		t.Errorf("a short write: got %v at instruction %d, want %v at 1", pe, pe.Report.Insn, syscall.EIO)
	}
}

func TestFaults(t *testing.T) {
	p := part(func(b *program.Builder, _ program.Slot) {
		b.Umask(0o22)
		b.Setsid()
		b.Ignore(syscall.EPERM)
	})
	for at := range p.Insns {
		in := launched(t, p, nil, 0, program.Options{Fault: &program.Fault{Insn: at, Errno: syscall.EUCLEAN}})
		if pe, _ := ended(t, in); pe.Report.Errno != syscall.EUCLEAN || pe.Report.Insn != at {
			t.Errorf("fail at %d: got %v at instruction %d, want %v", at, pe, pe.Report.Insn, syscall.EUCLEAN)
		}
		in = launched(t, p, nil, 0, program.Options{Fault: &program.Fault{Insn: at}})
		pe, ws := ended(t, in)
		if pe.Report.Status != program.Running || pe.Report.Insn != at || ws.ExitStatus() != 137 {
			t.Errorf("die at %d: got %v at instruction %d, status %#x, want exit status 137 while running", at, pe, pe.Report.Insn, ws)
		}
	}
	// A fault that the instruction branches on is none.
	in := launched(t, p, nil, 0, program.Options{Fault: &program.Fault{Insn: 1, Errno: syscall.EPERM}})
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("fault that is branched on: got %v, want %v", pe, reached)
	}
}

func TestStamps(t *testing.T) {
	p := part(func(b *program.Builder, _ program.Slot) {
		l := b.Label()
		b.Umask(0o22)
		b.Jump(l)
		b.Setsid()
		b.Here(l)
		b.Umask(0o22)
	})
	before := sys.Monotonic()
	pe, _ := ended(t, launched(t, p, nil, 0, program.Options{Stamp: true}))
	after := sys.Monotonic()
	last := before
	for i, at := range pe.Report.Stamps[:len(p.Insns)] {
		if i == 2 {
			if at != 0 {
				t.Errorf("time of an instruction that was jumped over: got %d, want 0", at)
			}
			continue
		}
		if at < last || at > after {
			t.Errorf("time of instruction %d: got %d, want it from %d to %d", i, at, last, after)
		}
		last = at
	}
	pe, _ = ended(t, launched(t, p, nil, 0, program.Options{}))
	for i, at := range pe.Report.Stamps {
		if at != 0 {
			t.Errorf("time of instruction %d that nobody asked for: got %d, want 0", i, at)
		}
	}
}

// TestKernelsWords: the message of a filesystem context comes with the failure, and only with it.
func TestKernelsWords(t *testing.T) {
	needRoot(t)
	run := func(build func(b *program.Builder)) *program.Error {
		in := launched(t, part(func(b *program.Builder, _ program.Slot) { build(b) }), nil, sys.CloneNewNs, program.Options{})
		pe, _ := ended(t, in)
		return pe
	}
	pe := run(func(b *program.Builder) { b.FsSet(b.Fsopen("tmpfs"), "size", "large") })
	if pe.Report.Errno != syscall.EINVAL || pe.Report.Text == "" {
		t.Errorf("got %v with the text %q, want %v with one", pe, pe.Report.Text, syscall.EINVAL)
	}
	pe = run(func(b *program.Builder) {
		b.FsSet(b.Fsopen("tmpfs"), "size", "large")
		b.Ignore(syscall.EINVAL)
		b.Fchdir(program.None)
	})
	if pe.Report.Errno != syscall.EBADF || pe.Report.Text != "" {
		t.Errorf("text after another instruction failed: got %v with %q, want %v with none", pe, pe.Report.Text, syscall.EBADF)
	}
}
