package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// What programs written to be run in containers lean on: configuration by the environment, logs on the standard streams,
// an end when they are asked to.

// odd are variables whose bytes somebody might think to change.
var odd = []string{
	"EMPTY=", "BLANKS=  a  b ", "LINES=a\nb\r\n", "TAB=\t", "QUOTES=\"'`$HOME ${HOME} \\", "EQUALS==a=b=", "CONTROL=\x01\x1b[0m\x7f",
	"UNICODE=ä€😀\u2028", "ESCAPED=<&>\\u0041\\n", "lower.case-name=x", "ÄNAME=y", "JSON={\"a\": [1, null]}", "HOME=/h",
}

// environ is the environment that `payload cat /proc/self/environ` has printed.
func environ(res kit.Result) []string {
	return strings.Split(strings.TrimSuffix(res.Stdout, "\x00"), "\x00")
}

func TestEnvByteForByte(t *testing.T) {
	t.Parallel()
	cat := []string{"cat", "/proc/self/environ"}
	b := kit.New(t, kit.Args(cat...), process(func(p *specs.Process) { p.Env = odd }))
	if got := environ(b.Run()); !slices.Equal(got, odd) {
		t.Errorf("run: %q, want %q", got, odd)
	}
	running := kit.Running(t)
	p := *running.Spec.Process
	p.Args, p.Env = append([]string{kit.PayloadPath}, cat...), odd
	text, err := json.Marshal(p)
	check(t, err)
	check(t, os.WriteFile(running.Dir+"/process.json", text, 0o644))
	if got := environ(running.OK("exec", "--process", "process.json", running.ID)); !slices.Equal(got, odd) {
		t.Errorf("exec --process: %q, want %q", got, odd)
	}
	// What is no UTF-8 cannot be written as JSON, but given as a flag.
	raw := append(slices.Clone(odd), "RAW=\xff\xfe\x80")
	args := []string{"exec"}
	for _, v := range raw {
		args = append(args, "--env", v)
	}
	got := environ(running.OK(append(append(args, running.ID, kit.PayloadPath), cat...)...))
	if len(got) < len(raw) || !slices.Equal(got[len(got)-len(raw):], raw) {
		t.Errorf("exec --env: %q, want it to end with %q", got, raw)
	}
}

// TestEnvSize: what the kernel takes is taken, to the byte (execve(2): MAX_ARG_STRLEN), and much of it.
func TestEnvSize(t *testing.T) {
	t.Parallel()
	const most = 32*4096 - 1 // the last is NUL
	variable := func(name string, size int) string { return name + "=" + strings.Repeat("x", size-len(name)-1) }
	var env []string
	for i := range 12 {
		env = append(env, variable(fmt.Sprint("V", i), most))
	}
	env = append(env, "HOME=/")
	b := kit.New(t, kit.Args("cat", "/proc/self/environ"), process(func(p *specs.Process) { p.Env = env }))
	if got := environ(b.Run()); !slices.Equal(got, env) {
		t.Errorf("%d variables, want %d", len(got), len(env))
	}
	b.Edit(process(func(p *specs.Process) { p.Env = []string{variable("V", most+1)} }))
	b.Fails([]string{"run", b.ID}, "argument list too long")
}

// manyLines is how many lines make 4 MiB, far more than pipes and terminals hold.
const manyLines = 1 << 16

// numbered is what `payload lines` writes to stdout, stderr and, with both on one terminal, there.
func numbered(n int) (out, errs, both string) {
	var texts [2]strings.Builder
	var all strings.Builder
	for i := range n {
		number := fmt.Sprintf("%08d ", i)
		line := number + strings.Repeat("x", 63-len(number))
		texts[i%2].WriteString(line + "\n")
		all.WriteString(line + "\r\n")
	}
	return texts[0].String(), texts[1].String(), all.String()
}

// stream is a pipe of a command, and what has come through it to its end.
type stream struct {
	read *os.File
	text chan string
}

// piped starts a command whose output goes through pipes.
func piped(t *testing.T, cmd *exec.Cmd) (out, errs stream) {
	t.Helper()
	var streams [2]stream
	for i, w := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		(*w).(*os.File).Close() // kit's
		read, write, err := os.Pipe()
		check(t, err)
		*w = write
		defer write.Close()
		t.Cleanup(func() { read.Close() })
		streams[i] = stream{read, make(chan string, 1)}
	}
	check(t, cmd.Start())
	return streams[0], streams[1]
}

// collect reads slowly to the end, so that the pipe is full most of the time.
func (s stream) collect(t *testing.T) {
	defer close(s.text)
	var text strings.Builder
	buf := make([]byte, 60000)
	for {
		s.read.SetReadDeadline(time.Now().Add(kit.Limit))
		n, err := s.read.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("read after %d bytes: got %v, want EOF", text.Len(), err)
			}
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.text <- text.String()
}

// whole tells whether all lines have come, in order, and nothing else.
func whole(t *testing.T, out, errs stream) {
	t.Helper()
	wantOut, wantErr, _ := numbered(manyLines)
	go out.collect(t)
	go errs.collect(t)
	for name, c := range map[string]struct{ got, want string }{"stdout": {<-out.text, wantOut}, "stderr": {<-errs.text, wantErr}} {
		if c.got != c.want {
			t.Errorf("%s: %d bytes, want %d: ends with %q", name, len(c.got), len(c.want), c.got[max(0, len(c.got)-200):])
		}
	}
}

// TestLogsWhole: of what a process writes and ends at once nothing is lost, nothing is mixed, and the reader sees the end
// when the process has ended: no other holds the pipe.
func TestLogsWhole(t *testing.T) {
	t.Parallel()
	args := []string{"lines", fmt.Sprint(manyLines), "3"}
	for verb, code := range map[string]int{"run": 3, "run --detach": 0, "exec": 3, "exec --detach": 0} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args(args...))
			command := append(strings.Fields(verb), b.ID)
			if strings.HasPrefix(verb, "exec") {
				b.Start("sleep", "forever")
				command = append(append(command, kit.PayloadPath), args...)
			}
			cmd := b.Command(command...)
			out, errs := piped(t, cmd)
			whole(t, out, errs)
			if got := ended(t, cmd); got != code {
				t.Errorf("exit code %d, want %d", got, code)
			}
		})
	}
	t.Run("create and start", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args(args...))
		cmd := b.Command("create", b.ID)
		out, errs := piped(t, cmd)
		if code := ended(t, cmd); code != 0 {
			t.Fatalf("create: got exit code %d, want 0", code)
		}
		b.OK("start", b.ID)
		whole(t, out, errs)
		b.Ended()
	})
}

func TestLogsWholeInParallel(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("lines", fmt.Sprint(manyLines), fmt.Sprint(n)))
			cmd := b.Command("run", b.ID)
			out, errs := piped(t, cmd)
			whole(t, out, errs)
			if code := ended(t, cmd); code != n {
				t.Errorf("got exit code %d, want %d", code, n)
			}
		})
	}
}

// TestLogsAtOnce: what is written can be read while the process goes on.
func TestLogsAtOnce(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("trap", "1"))
	cmd := b.Command("run", b.ID)
	out, _ := piped(t, cmd)
	buf := make([]byte, 100)
	for _, want := range []string{"ready\n", "SIGUSR1\n"} {
		check(t, out.read.SetReadDeadline(time.Now().Add(kit.Limit)))
		n, err := out.read.Read(buf)
		if string(buf[:n]) != want {
			t.Fatalf("output: got %q, %v, want %q", buf[:n], err, want)
		}
		if want == "ready\n" {
			if st := b.State(); st.Status != specs.StateRunning {
				t.Errorf("state: got %s, want running", st.Status)
			}
			b.OK("kill", b.ID, "USR1")
		}
	}
	if code := ended(t, cmd); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}

// TestLogsWholeOnTerminal: teu passes on what is on its terminal, and all of it.
func TestLogsWholeOnTerminal(t *testing.T) {
	t.Parallel()
	_, _, want := numbered(manyLines)
	t.Run("run", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args("lines", fmt.Sprint(manyLines), "3"), withTerminal)
		master, cmd := inTerminal(t, b, "run", b.ID)
		got := make([]byte, len(want))
		check(t, master.SetReadDeadline(time.Now().Add(kit.Limit)))
		if n, err := io.ReadFull(master, got); err != nil || string(got) != want {
			t.Errorf("output: got %d bytes, %v, want %d that are those of the payload", n, err, len(want))
		}
		if code := ended(t, cmd); code != 3 {
			t.Errorf("got exit code %d, want 3", code)
		}
	})
	t.Run("console socket", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args("lines", fmt.Sprint(manyLines), "3"), withTerminal)
		socket := receiver(t, b, "console")
		b.OK("create", "--console-socket", socket.path, b.ID)
		master, _ := socket.received()
		b.OK("start", b.ID)
		if got := screen(t, master, ""); got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}

// TestGracefulStop: a process that is asked to end, pid 1 as it is, runs its handler, writes what it has to and ends with its
// own exit code.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	args := []string{"graceful", "1000", "7"}
	out, errs, both := numbered(1000)
	for _, verb := range []string{"run", "exec"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args(args...))
			command := []string{verb, b.ID}
			if verb == "exec" {
				b.Start("sleep", "forever")
				command = append(append(command, kit.PayloadPath), args...)
			}
			cmd := b.Command(command...)
			stdout := cmd.Stdout.(*os.File).Name()
			check(t, cmd.Start())
			said(t, b, stdout, "ready")
			check(t, cmd.Process.Signal(syscall.SIGTERM)) // which it passes on
			if res := b.Wait(cmd); res.Code != 7 || res.Stdout != "ready\n"+out || res.Stderr != errs {
				t.Errorf("got exit code %d, %d bytes of output, %d of errors; want 7, %d and %d that are those of the payload", res.Code, len(res.Stdout), len(res.Stderr), len("ready\n"+out), len(errs))
			}
		})
	}
	t.Run("terminal", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args(args...), withTerminal)
		master, cmd := inTerminal(t, b, "run", b.ID)
		screen(t, master, "ready\r\n")
		b.OK("kill", b.ID)
		got := make([]byte, len(both))
		if n, err := io.ReadFull(master, got); err != nil || string(got) != both {
			t.Errorf("output: got %d bytes, %v, want %d that are those of the payload", n, err, len(both))
		}
		if code := ended(t, cmd); code != 7 {
			t.Errorf("got exit code %d, want 7", code)
		}
	})
	t.Run("create and start", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args(args...))
		how := reaped(t, b, func(stdout string) {
			said(t, b, stdout, "ready")
			b.OK("kill", b.ID)
		})
		if how != "exit 7" {
			t.Errorf("end of the container: got %q, want %q", how, "exit 7")
		}
	})
}

// TestStopAfterGrace: one that does not end when asked is ended.
func TestStopAfterGrace(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("trap"))
	how := reaped(t, b, func(stdout string) {
		said(t, b, stdout, "ready")
		b.OK("kill", b.ID, "TERM")
		said(t, b, stdout, "SIGTERM")
		if st := b.State(); st.Status != specs.StateRunning {
			t.Errorf("state after TERM: got %s, want running", st.Status)
		}
		b.OK("kill", b.ID, "KILL")
	})
	if how != "signal 9" {
		t.Errorf("end of the container: got %q, want %q", how, "signal 9")
	}
}

// said waits until a file holds a text.
func said(t *testing.T, b *kit.Bundle, file, want string) {
	t.Helper()
	b.Until(fmt.Sprintf("%q in %s", want, file), func() bool {
		text, err := os.ReadFile(file)
		check(t, err)
		return strings.Contains(string(text), want)
	})
}

// reaped creates a container below a process that waits for it, as conmon does, starts it, does something with it, and returns
// how its process has ended, which the parent alone is told.
func reaped(t *testing.T, b *kit.Bundle, do func(stdout string)) string {
	t.Helper()
	cmd := b.Command("create", b.ID)
	cmd.Path, cmd.Args = kit.Payload(), append([]string{kit.Payload(), "reaper"}, cmd.Args...)
	stdout := cmd.Stdout.(*os.File).Name()
	check(t, cmd.Start())
	b.Until("it is created", func() bool { return b.Teu("state", b.ID).Code == 0 && b.State().Status == specs.StateCreated })
	pid := fmt.Sprint(b.State().Pid)
	b.OK("start", b.ID)
	do(stdout)
	res := b.Wait(cmd)
	for line := range strings.Lines(res.Stdout) {
		if how, found := strings.CutPrefix(line, pid+" "); found {
			if st := b.State(); st.Status != specs.StateStopped {
				t.Errorf("state of a reaped container: got %s, want stopped", st.Status)
			}
			return strings.TrimSpace(how)
		}
	}
	t.Fatalf("%v, want a line about process %s", res, pid)
	return ""
}
