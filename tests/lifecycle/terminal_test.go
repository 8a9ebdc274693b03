package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// fdReceiver listens on a socket as conmon and containerd do; received takes the descriptor that comes over it, and the
// message beside it.
type fdReceiver struct {
	t    *testing.T
	path string
	l    *net.UnixListener
}

func receiver(t *testing.T, b *kit.Bundle, name string) *fdReceiver {
	t.Helper()
	path := b.Dir + "/" + name
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	check(t, err)
	t.Cleanup(func() { l.Close() })
	return &fdReceiver{t, path, l}
}

func (r *fdReceiver) received() (f *os.File, message string) {
	r.t.Helper()
	check(r.t, r.l.SetDeadline(time.Now().Add(kit.Limit)))
	conn, err := r.l.AcceptUnix()
	check(r.t, err)
	defer conn.Close()
	check(r.t, conn.SetDeadline(time.Now().Add(kit.Limit)))
	data, oob := make([]byte, 4096), make([]byte, 4096)
	n, oobn, _, _, err := conn.ReadMsgUnix(data, oob)
	check(r.t, err)
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	check(r.t, err)
	if len(messages) != 1 {
		r.t.Fatalf("control messages: got %d, want 1", len(messages))
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	check(r.t, err)
	if len(fds) != 1 {
		r.t.Fatalf("descriptors: got %d, want 1", len(fds))
	}
	syscall.CloseOnExec(fds[0])
	return pollable(r.t, fds[0]), string(data[:n])
}

// pollable makes a file of fd whose reads can be given a time limit.
func pollable(t *testing.T, fd int) *os.File {
	t.Helper()
	check(t, syscall.SetNonblock(fd, true))
	f := os.NewFile(uintptr(fd), "terminal")
	t.Cleanup(func() { f.Close() })
	return f
}

// screen reads a terminal's master until want is there or, with "", until the other side hangs up.
func screen(t *testing.T, master *os.File, want string) string {
	t.Helper()
	check(t, master.SetReadDeadline(time.Now().Add(kit.Limit)))
	var text strings.Builder
	for buf := make([]byte, 4096); want == "" || !strings.Contains(text.String(), want); {
		n, err := master.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			if want != "" || !errors.Is(err, syscall.EIO) {
				t.Fatalf("read the terminal: got %v after %q, want %q", err, text.String(), want)
			}
			break
		}
	}
	return text.String()
}

func withTerminal(s *specs.Spec) {
	s.Process.Terminal = true
	s.Process.ConsoleSize = &specs.Box{Height: 33, Width: 77}
}

func onTerminal(t *testing.T, tty kit.TTY, rows, columns int) {
	t.Helper()
	if tty.IsATTY != [3]bool{true, true, true} || tty.DevTTY != "ok" || !strings.HasPrefix(tty.Controlling, "136:") ||
		tty.Foreground != tty.Group || tty.Window == nil || tty.Window.Rows != rows || tty.Window.Columns != columns {
		t.Errorf("terminal: got %+v, window %+v, want %d by %d", tty, tty.Window, rows, columns)
	}
}

func TestConsoleSocket(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.terminal", "process.consoleSize.height", "process.consoleSize.width")
	b := kit.New(t, withTerminal, kit.Args("tty"), process(func(p *specs.Process) { p.User.UID = 1000 }))
	socket := receiver(t, b, "console")
	b.OK("create", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	b.OK("start", b.ID)
	tty := kit.JSON[kit.TTY](b, screen(t, master, ""))
	onTerminal(t, tty, 33, 77)
	if tty.Session != 1 || tty.Name != "/dev/pts/0" {
		t.Errorf("terminal: got %+v, want session 1, name /dev/pts/0", tty)
	}
}

// TestConsole: /dev/console is the terminal, which belongs to the user and the group that devpts names, tty.
func TestConsole(t *testing.T) {
	t.Parallel()
	b := kit.New(t, withTerminal, kit.Args("stat", "/dev/console", "/dev/pts/0"), process(func(p *specs.Process) { p.User.UID, p.User.GID = 1000, 1000 }))
	socket := receiver(t, b, "console")
	b.OK("run", "--detach", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	for _, f := range kit.JSON[[]kit.File](b, screen(t, master, "")) {
		if f.Type != "char" || f.Rdev != "136:0" || f.UID != 1000 || f.GID != 5 {
			t.Errorf("stat of the terminal: got %+v, want a char device 136:0 of uid 1000 and gid 5", f)
		}
	}
}

// TestConsoleUserNamespace: the pseudo-terminal is of the container's own devpts, and its user's.
func TestConsoleUserNamespace(t *testing.T) {
	t.Parallel()
	b := newUser(t, userNamespace, withTerminal, kit.Args("tty"), process(func(p *specs.Process) { p.User.UID = 1000 }))
	socket := receiver(t, b, "console")
	b.OK("run", "--detach", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	onTerminal(t, kit.JSON[kit.TTY](b, screen(t, master, "")), 33, 77)
	b.OK("delete", "--force", b.ID)
	b.Edit(kit.Args("stat", "/dev/console"))
	b.OK("run", "--detach", "--console-socket", socket.path, b.ID)
	master, _ = socket.received()
	if f := kit.JSON[[]kit.File](b, screen(t, master, ""))[0]; f.Rdev != "136:0" || f.UID != 1000 {
		t.Errorf("stat /dev/console: got %+v, want 136:0 of uid 1000", f)
	}
}

// TestConsoleHostile: what the image has for /dev/console and /dev/ptmx leads nowhere else (CVE-2025-52565).
func TestConsoleHostile(t *testing.T) {
	t.Parallel()
	b := kit.New(t, writable, withTerminal, kit.Args("stat", "/dev/console"), func(s *specs.Spec) {
		// A tmpfs would hide what the image has.
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev" })
	})
	b.File("/etc/target", "text", 0o644)
	b.Symlink("/etc/target", "/dev/ptmx")
	b.File("/dev/console", "", 0o644)
	socket := receiver(t, b, "console")
	b.OK("run", "--detach", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	if f := kit.JSON[[]kit.File](b, screen(t, master, ""))[0]; f.Rdev != "136:0" {
		t.Errorf("stat of the terminal: got %+v, want 136:0", f)
	}
	b.OK("delete", "--force", b.ID)
	check(t, os.Remove(b.Rootfs+"/dev/console"))
	b.Symlink("/etc/target", "/dev/console")
	b.Fails([]string{"run", "--detach", "--console-socket", socket.path, b.ID}, "process.terminal: bind the terminal on /dev/console: a symlink is in the way")
	if st, err := os.Stat(b.Rootfs + "/etc/target"); err != nil {
		t.Errorf("stat of the target on the host: %v", err)
	} else if !st.Mode().IsRegular() {
		t.Errorf("mode of /etc/target on the host: got %v, want a regular file", st.Mode())
	}
}

func TestConsoleInput(t *testing.T) {
	t.Parallel()
	b := kit.New(t, withTerminal, kit.Args("cat"))
	socket := receiver(t, b, "console")
	b.OK("create", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	b.OK("start", b.ID)
	_, err := master.WriteString("hello\n")
	check(t, err)
	screen(t, master, "hello\r\nhello\r\n")
	_, err = master.WriteString("\x04")
	check(t, err)
	screen(t, master, "")
	b.Ended()
}

// TestConsoleSignals: the terminal is the controlling one, so its keys and its window make signals.
func TestConsoleSignals(t *testing.T) {
	t.Parallel()
	b := kit.New(t, withTerminal, kit.Args("trap", "3"))
	socket := receiver(t, b, "console")
	b.OK("create", "--console-socket", socket.path, b.ID)
	master, _ := socket.received()
	b.OK("start", b.ID)
	screen(t, master, "ready")
	_, err := master.WriteString("\x03")
	check(t, err)
	screen(t, master, "SIGINT")
	fd, err := sys.Dup(int(master.Fd()))
	check(t, err)
	defer sys.Close(fd)
	check(t, syscall.SetNonblock(fd, true)) // Fd made it blocking
	check(t, sys.SetWinsize(fd, &sys.Winsize{Row: 5, Col: 6}))
	screen(t, pollable(t, fd), "SIGWINCH")
	b.OK("kill", b.ID, "TERM")
	b.Ended()
}

// inTerminal runs teu in a terminal as a user would; it returns the master of that and the command, which has started.
func inTerminal(t *testing.T, b *kit.Bundle, args ...string) (*os.File, *exec.Cmd) {
	t.Helper()
	m, s, err := sys.OpenPTY()
	check(t, err)
	slave := os.NewFile(uintptr(s), "slave")
	check(t, sys.SetWinsize(m, &sys.Winsize{Row: 11, Col: 22}))
	before, err := sys.GetTermios(m)
	check(t, err)
	again, err := sys.Dup(m)
	check(t, err)
	t.Cleanup(func() {
		defer slave.Close()
		defer sys.Close(again)
		after, err := sys.GetTermios(again)
		if err != nil || *after != *before {
			t.Errorf("attributes of the terminal afterwards: got %+v, %v, want %+v", after, err, before)
		}
	})
	cmd := b.Command(args...)
	out, errs := cmd.Stdout.(*os.File), cmd.Stderr.(*os.File)
	out.Close()
	errs.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	check(t, cmd.Start())
	return pollable(t, m), cmd
}

func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	timer := time.AfterFunc(kit.Limit, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("wait for %v: %v", cmd.Args, err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestRunInTerminal(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("tty"), process(func(p *specs.Process) { p.Terminal = true }))
	master, cmd := inTerminal(t, b, "run", b.ID)
	text := screen(t, master, "}\r\n")
	onTerminal(t, kit.JSON[kit.TTY](b, text), 11, 22)
	if code := ended(t, cmd); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}

func TestRunInTerminalInput(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("trap", "3"), process(func(p *specs.Process) { p.Terminal = true }))
	master, cmd := inTerminal(t, b, "run", b.ID)
	screen(t, master, "ready")
	fd, err := sys.Dup(int(master.Fd()))
	check(t, err)
	again := pollable(t, fd)
	check(t, sys.SetWinsize(fd, &sys.Winsize{Row: 44, Col: 55}))
	check(t, syscall.SetNonblock(fd, true))
	screen(t, again, "SIGWINCH") // teu has passed the size on
	_, err = again.WriteString("\x03")
	check(t, err)
	screen(t, again, "SIGINT") // not teu's: the terminal is raw
	_, err = again.WriteString("\x1c")
	check(t, err)
	screen(t, again, "SIGQUIT")
	if code := ended(t, cmd); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}

// TestRunInTerminalOutput: all that was written before the end is seen.
func TestRunInTerminalOutput(t *testing.T) {
	t.Parallel()
	const size = 300000
	b := kit.New(t, kit.Args("bigout", fmt.Sprint(size)), process(func(p *specs.Process) { p.Terminal = true }))
	master, cmd := inTerminal(t, b, "run", b.ID)
	done := make(chan int, 1)
	go func() { done <- ended(t, cmd) }()
	got := 0
	check(t, master.SetReadDeadline(time.Now().Add(kit.Limit)))
	for buf := make([]byte, 65536); got < size; {
		n, err := master.Read(buf)
		if err != nil {
			t.Fatalf("read the terminal after %d of %d bytes: %v", got, size, err)
		}
		got += n
	}
	if code := <-done; code != 0 || got != size {
		t.Errorf("got exit code %d, %d bytes; want 0, %d", code, got, size)
	}
}

// TestExitCodeOutlivesTheTerminal: what teu ends with is the process's, whoever takes its output: a full disk, nobody any more, or a
// terminal that is gone before the process ends.
func TestExitCodeOutlivesTheTerminal(t *testing.T) {
	t.Parallel()
	const code = 9
	b := kit.Running(t)
	run := kit.New(t, kit.Args("lines", "20000", fmt.Sprint(code)), process(func(p *specs.Process) { p.Terminal = true }))
	for _, out := range []string{"full", "closed"} {
		for _, cmd := range []*exec.Cmd{
			run.Command("--log", run.Dir+"/log", "run", run.ID),
			run.Command("run", run.ID),
			b.Command("exec", "-t", b.ID, kit.PayloadPath, "lines", "20000", fmt.Sprint(code)),
		} {
			cmd.Stdout.(*os.File).Close()
			cmd.Stderr.(*os.File).Close()
			in, inW, err := os.Pipe()
			check(t, err)
			defer inW.Close()
			w, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if out == "closed" {
				var r *os.File
				if r, w, err = os.Pipe(); err == nil {
					err = r.Close()
				}
			}
			check(t, err)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = in, w, w
			check(t, cmd.Start())
			in.Close()
			w.Close()
			if got := ended(t, cmd); got != code {
				t.Errorf("%v, standard output %s: got exit code %d, want %d", cmd.Args, out, got, code)
			}
		}
	}
	run.Edit(kit.Args("graceful", "100", fmt.Sprint(code)))
	pidFile := run.Dir + "/pid"
	for _, cmd := range []*exec.Cmd{
		run.Command("run", "--pid-file", pidFile, run.ID),
		b.Command("exec", "-t", "--pid-file", pidFile, b.ID, kit.PayloadPath, "graceful", "100", fmt.Sprint(code)),
	} {
		cmd.Stdout.(*os.File).Close()
		cmd.Stderr.(*os.File).Close()
		m, s, err := sys.OpenPTY()
		check(t, err)
		slave := os.NewFile(uintptr(s), "slave")
		master := pollable(t, m)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		check(t, cmd.Start())
		slave.Close()
		screen(t, master, "ready")
		check(t, master.Close())
		text, err := os.ReadFile(pidFile)
		check(t, err)
		pid, err := strconv.Atoi(string(text))
		check(t, err)
		check(t, syscall.Kill(pid, syscall.SIGTERM))
		if got := ended(t, cmd); got != code {
			t.Errorf("%v, its terminal hung up: got exit code %d, want %d", cmd.Args, got, code)
		}
	}
}

// TestEndOfTerminalInput: where teu's own input has come to its end, so has that of the terminal.
func TestEndOfTerminalInput(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("cat"), process(func(p *specs.Process) { p.Terminal = true }))
	b.OK("run", b.ID)
	running := kit.Running(t)
	running.OK("exec", "-t", running.ID, kit.PayloadPath, "cat")
}

func TestExecTerminal(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	t.Run("console socket", func(t *testing.T) {
		socket := receiver(t, b, "exec-console")
		b.OK("exec", "--tty", "--detach", "--console-socket", socket.path, b.ID, kit.PayloadPath, "tty")
		master, _ := socket.received()
		tty := kit.JSON[kit.TTY](b, screen(t, master, ""))
		if tty.IsATTY != [3]bool{true, true, true} || tty.DevTTY != "ok" {
			t.Errorf("terminal: got %+v, want the three streams and /dev/tty on it", tty)
		}
	})
	t.Run("process.json", func(t *testing.T) {
		p := *b.Spec.Process
		p.Args, p.Terminal, p.ConsoleSize = []string{kit.PayloadPath, "tty"}, true, &specs.Box{Height: 12, Width: 34}
		text, err := json.Marshal(p)
		check(t, err)
		check(t, os.WriteFile(b.Dir+"/process.json", text, 0o644))
		socket := receiver(t, b, "process-console")
		b.OK("exec", "--process", "process.json", "--detach", "--console-socket", socket.path, b.ID)
		master, _ := socket.received()
		onTerminal(t, kit.JSON[kit.TTY](b, screen(t, master, "")), 12, 34)
	})
	t.Run("direct", func(t *testing.T) {
		master, cmd := inTerminal(t, b, "exec", "-t", b.ID, kit.PayloadPath, "tty")
		onTerminal(t, kit.JSON[kit.TTY](b, screen(t, master, "}\r\n")), 11, 22)
		if code := ended(t, cmd); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
	})
}

func TestTerminalErrors(t *testing.T) {
	t.Parallel()
	b := kit.New(t, withTerminal)
	b.Fails([]string{"create", b.ID}, "--console-socket")
	b.Fails([]string{"run", "--detach", b.ID}, "--console-socket")
	b.Fails([]string{"create", "--console-socket", "/nowhere", b.ID}, "/nowhere", "no such file or directory")
	b.File("/plain", "", 0o644)
	b.Fails([]string{"create", "--console-socket", b.Rootfs + "/plain", b.ID}, "connection refused")
	b.Edit(func(s *specs.Spec) { s.Process.Terminal = false })
	socket := receiver(t, b, "console")
	b.Fails([]string{"create", "--console-socket", socket.path, b.ID}, "--console-socket", "process.terminal")
	b.Start("sleep", "forever")
	b.Fails([]string{"exec", "--detach", "--console-socket", socket.path, b.ID, "/bin/payload", "true"}, "--console-socket", "process.terminal")
	b.Fails([]string{"exec", "--detach", "--tty", b.ID, "/bin/payload", "true"}, "--console-socket")
}
