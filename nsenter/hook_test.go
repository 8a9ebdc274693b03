package nsenter

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
)

const shell = "/bin/sh"

func needShell(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(shell); err != nil {
		t.Skip(err)
	}
}

// hooked is what came of one or more hooks: the report, and what they wrote.
func hooked(t *testing.T, build func(b *program.Builder, state, out program.Slot)) (*program.Error, string) {
	t.Helper()
	needShell(t)
	state, err := sys.Memfd("state", 0)
	if err != nil {
		t.Fatalf("make the state: %v", err)
	}
	defer sys.Close(state)
	if err := sys.WriteAll(state, []byte(`{"status":"creating"}`)); err != nil {
		t.Fatalf("write the state: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("make a pipe: %v", err)
	}
	defer r.Close()
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		s, o := b.Input("state"), b.Input("out")
		b.SigReset()
		build(b, s, o)
	}), map[string]int{"state": state, "out": int(w.Fd())}, 0, program.Options{})
	w.Close()
	pe, _ := ended(t, in)
	var buf strings.Builder
	data := make([]byte, 4096)
	for {
		n, err := r.Read(data)
		buf.Write(data[:n])
		if err != nil {
			return pe, buf.String()
		}
	}
}

// script is one hook that runs a shell script, for at most 10 seconds.
func script(text string, env ...string) func(b *program.Builder, state, out program.Slot) {
	return func(b *program.Builder, state, out program.Slot) {
		b.Hook(shell, []string{"hook", "-c", text, "zero", "one two"}, env, state, out, 10000)
	}
}

func TestHookEnds(t *testing.T) {
	for text, want := range map[string]struct {
		errno  syscall.Errno
		detail uint32
	}{
		"exit 0":                     {reached, 0},
		"exit 3":                     {syscall.ECHILD, 3 << 8},
		"exit 255":                   {syscall.ECHILD, 255 << 8},
		"kill -KILL $$":              {syscall.ECHILD, 9},
		"kill -TERM $$":              {syscall.ECHILD, 15},
		"ulimit -c 0; kill -SEGV $$": {syscall.ECHILD, 11},
	} {
		pe, _ := hooked(t, script(text))
		if pe.Report.Errno != want.errno || want.errno != reached && pe.Report.Detail != want.detail {
			t.Errorf("%s: got %v, detail %#x, want %v, detail %#x", text, pe, pe.Report.Detail, want.errno, want.detail)
		}
	}
}

func TestHookThatDoesNotRun(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "file plain")
	if err := os.WriteFile(dir+"/format", []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]syscall.Errno{
		"/missing": syscall.ENOENT, "/plain/below": syscall.ENOTDIR, "/plain": syscall.EACCES, "/format": syscall.ENOEXEC,
	} {
		pe, _ := hooked(t, func(b *program.Builder, state, out program.Slot) {
			b.Hook(dir+name, []string{"x"}, nil, state, out, 0)
		})
		if pe.Report.Errno != want || pe.Report.Detail != 0 || pe.Note().Op != program.OpHook {
			t.Errorf("%s: got %v, detail %#x, want %v of a hook, detail 0", name, pe, pe.Report.Detail, want)
		}
	}
	// A hook that failed so before does not stain one that exits by itself.
	pe, _ := hooked(t, func(b *program.Builder, state, out program.Slot) {
		b.Hook(dir+"/missing", []string{"x"}, nil, state, out, 0)
		b.Ignore(syscall.ENOENT)
		script("exit 0")(b, state, out)
		script("exit 9")(b, state, out)
	})
	if pe.Report.Errno != syscall.ECHILD || pe.Report.Detail != 9<<8 {
		t.Errorf("got %v, detail %#x, want %v, detail %#x", pe, pe.Report.Detail, syscall.ECHILD, 9<<8)
	}
}

func TestHookReadsStateAndWritesOut(t *testing.T) {
	both := func(b *program.Builder, state, out program.Slot) {
		script(`cat; echo " $0 $1 $K"; echo err >&2`, "K=v")(b, state, out)
		// The second reads from the start again.
		script(`cat; test -z "$K"`)(b, state, out)
	}
	pe, out := hooked(t, both)
	const state = `{"status":"creating"}`
	if want := state + " zero one two v\nerr\n" + state; pe.Report.Errno != reached || out != want {
		t.Errorf("%v\n got %q\nwant %q", pe, out, want)
	}
}

// TestHookHasNothingElse: no descriptor but its streams, no signal ignored or blocked.
func TestHookHasNothingElse(t *testing.T) {
	signal.Ignore(syscall.SIGUSR1, syscall.SIGPIPE)
	defer signal.Reset()
	pe, out := hooked(t, script(`for f in /proc/self/fd/*; do echo "${f##*/}"; done; grep -E '^Sig(Ign|Blk)' /proc/self/status`))
	fds, signals, _ := strings.Cut(out, "Sig")
	// The shell's own directory handle is one of them while it lists the directory.
	for _, fd := range strings.Fields(fds) {
		if n, err := strconv.Atoi(fd); err != nil || n > 3 {
			t.Errorf("descriptors of a hook: got %s, want 0 to 3", fd)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace("Sig"+signals), "\n") {
		if f := strings.Fields(line); len(f) != 2 || strings.Trim(f[1], "0") != "" {
			t.Errorf("signals of a hook: got %q, want none ignored or blocked", line)
		}
	}
	if pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

func TestHookTimeout(t *testing.T) {
	pe, out := hooked(t, func(b *program.Builder, state, out program.Slot) {
		b.Hook(shell, []string{"sh", "-c", "echo $$; exec sleep 60"}, nil, state, out, 300)
	})
	if pe.Report.Errno != syscall.ETIMEDOUT {
		t.Fatalf("hook beyond its timeout: got %v, want %v", pe, syscall.ETIMEDOUT)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatalf("pid that the hook told: %v", err)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("signal the hook, process %d, after its timeout: got %v, want %v", pid, err, syscall.ESRCH)
	}
	// A timeout beyond what poll(2) takes is one all the same.
	pe, _ = hooked(t, func(b *program.Builder, state, out program.Slot) {
		b.Hook(shell, []string{"sh", "-c", "exit 4"}, nil, state, out, 1<<32)
	})
	if pe.Report.Errno != syscall.ECHILD {
		t.Errorf("timeout of 2³² ms: got %v, want %v", pe, syscall.ECHILD)
	}
}

func TestHookToStandardStreams(t *testing.T) {
	// To standard error, as when start brought nothing: both streams are that one.
	pe, _ := hooked(t, func(b *program.Builder, state, out program.Slot) {
		b.Dup3(out, 2)
		b.Hook(shell, []string{"sh", "-c", "echo a; echo b >&2"}, nil, state, out, 10000)
	})
	if pe.Report.Errno != reached {
		t.Errorf("hook with one stream: got %v, want %v", pe, reached)
	}
	pe, _ = hooked(t, func(b *program.Builder, _, out program.Slot) {
		b.Hook(shell, []string{"sh"}, nil, program.None, out, 10000)
	})
	if pe.Report.Errno != syscall.EBADF {
		t.Errorf("without a state: got %v, want %v", pe, syscall.EBADF)
	}
}

// TestSigReset: what teu's caller ignored or blocked is not the workload's.
func TestSigReset(t *testing.T) {
	needShell(t)
	signal.Ignore(syscall.SIGUSR1, syscall.Signal(40))
	defer signal.Reset()
	for _, reset := range []bool{false, true} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatalf("make a pipe: %v", err)
		}
		in := launched(t, part(func(b *program.Builder, _ program.Slot) {
			out := b.Input("out")
			if reset {
				b.SigReset()
			}
			b.Dup3(out, 1)
			b.CloexecFrom(3)
			b.Exec([]string{"/bin/grep"}, []string{"grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"}, nil)
		}), map[string]int{"out": int(w.Fd())}, 0, program.Options{})
		w.Close()
		if err := in.WaitExec(); err != nil {
			t.Fatalf("wait for the exec: %v", err)
		}
		buf := make([]byte, 256)
		n, _ := r.Read(buf)
		r.Close()
		if _, err := sys.Wait4(in.Pid); err != nil {
			t.Fatalf("wait for process %d: %v", in.Pid, err)
		}
		clean := true
		for line := range strings.Lines(string(buf[:n])) {
			clean = clean && strings.Trim(strings.Fields(line)[1], "0") == ""
		}
		if clean != reset {
			t.Errorf("signals with reset %v: got %s, want none ignored or blocked: %[1]v", reset, buf[:n])
		}
	}
}
