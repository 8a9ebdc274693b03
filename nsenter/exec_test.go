package nsenter

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/tests/needs"
)

// execOf is how an exec of candidates goes.
func execOf(t *testing.T, candidates ...string) (*program.Error, syscall.WaitStatus) {
	t.Helper()
	b := program.New()
	b.Input(InputControl)
	b.At("process.args", "exec it")
	b.CloexecFrom(3)
	b.Exec(candidates, []string{"sh", "-c", "exit $CODE"}, []string{"CODE=42"})
	in := launched(t, b.Program(), nil, 0, program.Options{})
	werr := in.WaitExec()
	pe, ws := ended(t, in)
	if ran := pe.Report.Status == program.Execing; ran != (werr == nil) {
		t.Errorf("exec of %q: got %v of WaitExec, status %d in the report, want them to agree", candidates, werr, pe.Report.Status)
	}
	return pe, ws
}

func TestExecCandidates(t *testing.T) {
	needShell(t)
	dir := t.TempDir()
	lay(t, dir, "file plain", "dir d", "symlink loop loop")
	if err := os.WriteFile(dir+"/format", []byte("nothing to run\n"), 0o755); err != nil {
		t.Fatalf("write the script without an interpreter: %v", err)
	}
	missing, plain, format, below := dir+"/missing", dir+"/plain", dir+"/format", dir+"/plain/sh"
	for _, c := range []struct {
		candidates []string
		want       syscall.Errno // 0: it ran
		detail     uint32
	}{
		{[]string{shell}, 0, 0},
		{[]string{missing, below, shell}, 0, 0},
		{[]string{plain, shell}, 0, 0},
		{[]string{missing}, syscall.ENOENT, 0},
		{[]string{missing, missing}, syscall.ENOENT, 0},
		{[]string{below}, syscall.ENOTDIR, 0},
		{[]string{missing, below}, syscall.ENOENT, 0},
		{[]string{missing, plain, missing}, syscall.EACCES, 1},
		{[]string{dir + "/d", missing}, syscall.EACCES, 0},
		{[]string{missing, format, shell}, syscall.ENOEXEC, 1},
		{[]string{plain, format, shell}, syscall.ENOEXEC, 1},
		{[]string{dir + "/loop", shell}, syscall.ELOOP, 0},
	} {
		pe, ws := execOf(t, c.candidates...)
		if c.want == 0 {
			if pe.Report.Status != program.Execing || ws.ExitStatus() != 42 {
				t.Errorf("%v: got %v, status %#x, want exit status 42", c.candidates, pe, ws)
			}
			continue
		}
		if pe.Report.Status != program.Failed || pe.Report.Errno != c.want || pe.Report.Detail != c.detail || ws.ExitStatus() != 1 {
			t.Errorf("%v: got %v, candidate %d; want %v, %d", c.candidates, pe, pe.Report.Detail, c.want, c.detail)
		}
	}
}

// TestFind: what exec would not find is missing for find too, and what nobody can execute is denied.
func TestFind(t *testing.T) {
	needShell(t)
	dir := t.TempDir()
	lay(t, dir, "file plain", "dir d", "symlink dangling nowhere", "symlink loop loop")
	plain, missing, below := dir+"/plain", dir+"/missing", dir+"/plain/sh"
	for _, c := range []struct {
		candidates []string
		want       syscall.Errno
	}{
		{[]string{shell}, 0},
		{[]string{missing, below, plain, shell}, 0},
		{[]string{plain}, syscall.EACCES},
		{[]string{missing, dir + "/d", missing}, syscall.EACCES},
		{[]string{dir + "/loop"}, 0},
		{[]string{missing}, syscall.ENOENT},
		{[]string{dir + "/dangling", missing}, syscall.ENOENT},
		{[]string{below}, syscall.ENOTDIR},
		{[]string{below, below}, syscall.ENOENT},
		{nil, syscall.ENOENT},
	} {
		b := program.New()
		b.Input(InputControl)
		b.Prctl(sys.PrSetDumpable, 0)
		b.Find(c.candidates)
		b.CloexecFrom(3)
		b.Exec([]string{shell}, []string{"sh", "-c", "exit 42"}, nil)
		in := launched(t, b.Program(), nil, 0, program.Options{})
		if err := in.WaitExec(); (err == nil) != (c.want == 0) {
			t.Errorf("%q: got %v of WaitExec, want an error: %v", c.candidates, err, c.want != 0)
		}
		if pe, _ := ended(t, in); pe.Report.Errno != c.want {
			t.Errorf("%q: got %v, want %v", c.candidates, pe, c.want)
		}
	}
}

// TestExecLeavesNoDescriptor but the standard streams.
func TestExecLeavesNoDescriptor(t *testing.T) {
	needShell(t)
	r, w := pipe(t)
	b := program.New()
	b.Input(InputControl)
	out := b.Input("out")
	b.Dup3(out, 1)
	b.Openat2(program.Host, "/", program.How{Flags: sys.OPath})
	b.CloexecFrom(3)
	b.Exec([]string{shell}, []string{"sh", "-c", `for f in /proc/self/fd/*; do echo "${f##*/}"; done`}, nil)
	in := launched(t, b.Program(), map[string]int{"out": int(w.Fd())}, 0, program.Options{})
	w.Close()
	if err := in.WaitExec(); err != nil {
		t.Fatalf("wait for the exec: %v", err)
	}
	if _, ws := ended(t, in); ws != 0 {
		t.Errorf("got status %#x, want 0", ws)
	}
	data := make([]byte, 200)
	n, _ := r.Read(data)
	r.Close()
	if got := string(data[:n]); got != "0\n1\n2\n3\n" && got != "0\n1\n2\n" {
		t.Errorf("descriptors: got %q, want 0 to 2, and 3 for the directory", got)
	}
}

// broken sends an interpreter something that is no program, and returns its exit status.
func broken(t *testing.T, data []byte, fds ...int) int {
	t.Helper()
	in := spawned(t, 0)
	if err := sys.SendFDs(in.Control, data, fds...); err != nil {
		t.Fatalf("send the message: %v", err)
	}
	_, ws := ended(t, in)
	if !ws.Exited() {
		t.Errorf("got status %#x, want an exit", ws)
	}
	return ws.ExitStatus()
}

// badProgram is what the interpreter exits with when it has no program to run.
const badProgram = 120

func memfd(t *testing.T, data []byte, seal bool) int {
	t.Helper()
	fd, err := sys.Memfd("test", 0)
	if err == nil {
		err = sys.WriteAll(fd, data)
	}
	if err == nil && seal {
		err = sys.Seal(fd)
	}
	if err != nil {
		t.Fatalf("make the memfd: %v", err)
	}
	t.Cleanup(func() { sys.Close(fd) })
	return fd
}

func TestWhatIsNoProgram(t *testing.T) {
	p := part(func(b *program.Builder, _ program.Slot) { b.Umask(0) })
	enc, err := p.Encode(program.Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	report := memfd(t, make([]byte, program.ReportLen(len(p.Insns))), false)
	small := memfd(t, make([]byte, program.ReportLen(len(p.Insns))-1), false)
	good := memfd(t, enc, true)
	file := t.TempDir() + "/image"
	if err := os.WriteFile(file, enc, 0o600); err != nil {
		t.Fatal(err)
	}
	plain, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if got := broken(t, []byte{0}, good, report); got != 1 {
		t.Fatalf("a sound program: got exit status %d, want 1", got)
	}
	for name, c := range map[string]struct {
		data []byte
		fds  []int
	}{
		"not sealed":       {[]byte{0}, []int{memfd(t, enc, false), report}},
		"a file":           {[]byte{0}, []int{int(plain.Fd()), report}},
		"empty":            {[]byte{0}, []int{memfd(t, nil, true), report}},
		"cut":              {[]byte{0}, []int{memfd(t, enc[:len(enc)-1], true), report}},
		"longer":           {[]byte{0}, []int{memfd(t, append(enc[:len(enc):len(enc)], 0), true), report}},
		"other magic":      {[]byte{0}, []int{memfd(t, append([]byte("TEU1"), enc[4:]...), true), report}},
		"small report":     {[]byte{0}, []int{good, small}},
		"no report":        {[]byte{0}, []int{good}},
		"report of a pipe": {[]byte{0}, []int{good, int(pipeEnd(t).Fd())}},
		"one input more":   {[]byte{0}, []int{good, report, report}},
	} {
		if got := broken(t, c.data, c.fds...); got != badProgram {
			t.Errorf("%s: exit status %d, want %d", name, got, badProgram)
		}
	}
}

func pipeEnd(t *testing.T) *os.File {
	t.Helper()
	r, w := pipe(t)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r
}

func TestNoMessage(t *testing.T) {
	in := spawned(t, 0)
	if err := sys.SendByte(in.Control, 0); err != nil {
		t.Fatalf("send a byte: %v", err)
	}
	if _, ws := ended(t, in); ws.ExitStatus() != badProgram {
		t.Errorf("a message without descriptors: got status %#x, want exit status %d", ws, badProgram)
	}
	in = spawned(t, 0)
	sys.Close(in.Control)
	in.Control = -1
	if _, ws := ended(t, in); ws.ExitStatus() != badProgram {
		t.Errorf("no parent: got status %#x, want exit status %d", ws, badProgram)
	}
}

// TestRunIsParticular about what it is given.
func TestRunIsParticular(t *testing.T) {
	in := spawned(t, 0)
	b := program.New()
	b.Input("other")
	b.Fail(reached)
	if err := in.Run(b.Program(), nil, program.Options{}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("without control: got %v, want %v", err, syscall.EINVAL)
	}
	b = program.New()
	b.Input(InputControl)
	b.Input("absent")
	b.Fail(reached)
	if err := in.Run(b.Program(), nil, program.Options{}); !errors.Is(err, syscall.EBADF) {
		t.Errorf("without an input: got %v, want %v", err, syscall.EBADF)
	}
	b = program.New()
	b.Input(InputControl)
	many := map[string]int{}
	for i := range maxFDs {
		name := fmt.Sprintf("input %d", i)
		b.Input(name)
		many[name] = 0
	}
	b.Fail(reached)
	if err := in.Run(b.Program(), many, program.Options{}); !errors.Is(err, syscall.E2BIG) {
		t.Errorf("with %d inputs: got %v, want %v", maxFDs+1, err, syscall.E2BIG)
	}
	sys.Close(in.Control)
	in.Control = -1
	ended(t, in)
}

// TestMostInputs: as many as a message brings arrive, each in its slot.
func TestMostInputs(t *testing.T) {
	needs.Files(t, 1024)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	inputs := map[string]int{}
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		for i := range maxFDs - 2 {
			name := fmt.Sprintf("input %d", i)
			s := b.Input(name)
			inputs[name] = int(null.Fd())
			if i%7 == 0 {
				inputs[name] = int(zero.Fd())
			}
			defer b.CheckDev(s, sys.SIfchr, sys.Makedev(1, map[bool]uint32{true: 5, false: 3}[i%7 == 0]))
		}
	}), inputs, 0, program.Options{})
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("the most inputs: got %v, want %v", pe, reached)
	}
}

// TestOrdinaryStarts: only "init N" with a seqpacket socket at N is the interpreter's; the rest is Go's.
func TestOrdinaryStarts(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := sys.UnixStreamPair()
	if err != nil {
		t.Fatalf("make a socket pair: %v", err)
	}
	defer closeAll(stream[:]...)
	for _, arg := range []string{"", "0", "3", "4", "-1", "+3", " 3", "3x", "0x3", "99999999999", "1000000"} {
		pid, err := syscall.ForkExec(exe, []string{"teu", "init", arg}, &syscall.ProcAttr{
			Files: []uintptr{0, 1, 2, uintptr(stream[0]), uintptr(pipeEnd(t).Fd())},
		})
		if err != nil {
			t.Fatalf("start the test binary: %v", err)
		}
		ws, err := sys.Wait4(pid)
		if err != nil || syscall.WaitStatus(ws).ExitStatus() != wentOn {
			t.Errorf("init %q: got status %#x, %v, want exit status %d", arg, ws, err, wentOn)
		}
	}
}
