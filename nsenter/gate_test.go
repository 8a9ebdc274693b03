package nsenter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// gate is an interpreter at its gate. Past it the program writes a line to what it got for the output of hooks.
type gate struct {
	t    *testing.T
	in   *Init
	path string
}

func atGate(t *testing.T, ns uint64) *gate {
	t.Helper()
	needShell(t)
	g := &gate{t: t, path: filepath.Join(t.TempDir(), "g")}
	listen, err := sys.ListenUnix(g.path)
	if err != nil {
		t.Fatalf("listen on %s: %v", g.path, err)
	}
	defer sys.Close(listen)
	g.in = launched(t, part(func(b *program.Builder, control program.Slot) {
		l := b.Input("gate")
		b.SigReset()
		b.Sync(control, 'r', 0)
		out := b.Gate(l)
		b.Hook(shell, []string{"sh", "-c", "echo through"}, nil, path0(b), out, 10000)
	}), map[string]int{"gate": listen}, ns, program.Options{})
	if err := g.in.Expect('r'); err != nil {
		t.Fatalf("wait for the interpreter: %v", err)
	}
	return g
}

// path0 is something to read for a hook.
func path0(b *program.Builder) program.Slot {
	return b.Openat2(program.Host, "/dev/null", program.How{})
}

// dial comes to the gate and takes what it hands out.
func (g *gate) dial() (sock int, fds []int) {
	g.t.Helper()
	sock, err := sys.UnixStream()
	if err == nil {
		err = sys.ConnectUnix(sock, g.path)
	}
	if err != nil {
		g.t.Fatalf("connect to the gate: %v", err)
	}
	buf := make([]byte, 1)
	n, fds, err := sys.RecvFDs(sock, buf, 2)
	if err != nil || n != 1 || buf[0] != program.ByteAtGate || len(fds) != 2 {
		g.t.Fatalf("%v: got %q with %d descriptors, want %q with 2", err, buf[:n], len(fds), program.ByteAtGate)
	}
	return sock, fds
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		sys.Close(fd)
	}
}

// opened checks that the gate is open and what was written past it.
func (g *gate) opened(r *os.File, want string) {
	g.t.Helper()
	if pe, _ := ended(g.t, g.in); pe.Report.Errno != reached {
		g.t.Fatalf("end at the gate: got %v, want %v", pe, reached)
	}
	data := make([]byte, 100)
	n, _ := r.Read(data)
	if got, _, _ := strings.Cut(string(data[:n]), "\n"); got != want {
		g.t.Errorf("past the gate: got %q, want %q", data[:n], want)
	}
	r.Close()
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("make a pipe: %v", err)
	}
	return r, w
}

func TestGate(t *testing.T) {
	g := atGate(t, 0)
	sock, fds := g.dial()
	page := make([]byte, program.ReportHeader)
	if _, err := sys.Pread(fds[0], page, 0); err != nil {
		t.Fatalf("read the report: %v", err)
	}
	if status, err := program.ReportStatus(page); err != nil || status != program.AtGate {
		t.Errorf("report at the gate: got status %d, %v, want %d", status, err, program.AtGate)
	}
	image := make([]byte, 1<<16)
	n, err := sys.Pread(fds[1], image, 0)
	if err != nil || !sys.Sealed(fds[1]) {
		t.Errorf("read the program: got %v, sealed %v, want it sealed", err, sys.Sealed(fds[1]))
	}
	if notes, err := program.Notes(image[:n]); err != nil || len(notes) != len(g.in.prog.Insns) {
		t.Errorf("notes of the program: got %d, %v, want %d", len(notes), err, len(g.in.prog.Insns))
	}
	r, w := pipe(t)
	if err := sys.SendFDs(sock, []byte{program.ByteGo}, int(w.Fd())); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	w.Close()
	g.opened(r, "through")
	closeAll(append(fds, sock)...)
}

// TestGateStaysShut: a start that goes away, or says something else, leaves the gate for the next.
func TestGateStaysShut(t *testing.T) {
	g := atGate(t, 0)
	for name, do := range map[string]func(sock int) error{
		"goes away":         func(int) error { return nil },
		"says another word": func(sock int) error { return sys.SendByte(sock, 'x') },
		"says it and more":  func(sock int) error { return sys.SendFDs(sock, []byte("xg"), sock) },
	} {
		for range 20 {
			sock, fds := g.dial()
			if err := do(sock); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			closeAll(append(fds, sock)...)
		}
	}
	// One that connects and goes at once, before the gate has answered.
	for range 20 {
		sock, err := sys.UnixStream()
		if err == nil {
			err = sys.ConnectUnix(sock, g.path)
		}
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			t.Fatalf("connect to the gate: %v", err)
		}
		sys.Close(sock)
	}
	if done, err := sys.PidfdWait(g.in.PidFd, 0); err != nil || done {
		t.Fatalf("the interpreter: got done %v, %v, %v, want it waiting", done, err, g.in.Failure())
	}
	sock, fds := g.dial()
	r, w := pipe(t)
	if err := sys.SendFDs(sock, []byte{program.ByteGo}, int(w.Fd())); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	w.Close()
	g.opened(r, "through")
	closeAll(append(fds, sock)...)
}

// TestGateHearsAll: callers that say nothing, as many as there may be and more, keep nobody out.
func TestGateHearsAll(t *testing.T) {
	for _, callers := range []int{1, 8, 30} {
		g := atGate(t, 0)
		for range callers {
			sock, fds := g.dial()
			t.Cleanup(func() { closeAll(append(fds, sock)...) })
		}
		sock, fds := g.dial()
		if err := sys.SendByte(sock, program.ByteGo); err != nil {
			t.Fatalf("send the word to go on behind %d callers: %v", callers, err)
		}
		if pe, _ := ended(t, g.in); pe.Report.Errno != reached {
			t.Errorf("behind %d callers: got %v, want %v", callers, pe, reached)
		}
		closeAll(append(fds, sock)...)
	}
}

// TestGateForgetsTheFirst: of one caller too many, the one that has been there longest has to go, and no other.
func TestGateForgetsTheFirst(t *testing.T) {
	const most = 8
	g := atGate(t, 0)
	var socks []int
	for range most + 1 {
		sock, fds := g.dial()
		t.Cleanup(func() { closeAll(append(fds, sock)...) })
		socks = append(socks, sock)
	}
	if _, ok, err := sys.RecvByte(socks[0]); ok || err != nil {
		t.Errorf("first of %d callers: got ok %v, %v, want its end", most+1, ok, err)
	}
	for _, sock := range socks[1:] {
		if ready, err := sys.PidfdWait(sock, 0); ready || err != nil {
			t.Errorf("another of %d callers: got ready %v, %v, want it still there", most+1, ready, err)
		}
	}
	if err := sys.SendByte(socks[1], program.ByteGo); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	if pe, _ := ended(t, g.in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestGateTakesOneDescriptor: what else comes with the word is not kept.
func TestGateTakesOneDescriptor(t *testing.T) {
	g := atGate(t, 0)
	sock, fds := g.dial()
	defer closeAll(append(fds, sock)...)
	r, w := pipe(t)
	second, hold := pipe(t)
	defer second.Close()
	if err := sys.SendFDs(sock, []byte{program.ByteGo}, int(w.Fd()), int(hold.Fd())); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	w.Close()
	hold.Close()
	// Were it kept it would be open until the interpreter is gone; it is not, or the wait is short.
	if err := second.SetReadDeadline(time.Now().Add(time.Duration(patience) * time.Millisecond)); err != nil {
		t.Fatalf("set a deadline: %v", err)
	}
	if n, err := second.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from the second descriptor: got %d, %v, want its end before the deadline", n, err)
	}
	g.opened(r, "through")
}

// TestGateWithoutDescriptor: hooks then write to standard error.
func TestGateWithoutDescriptor(t *testing.T) {
	g := atGate(t, 0)
	sock, fds := g.dial()
	defer closeAll(append(fds, sock)...)
	if err := sys.SendByte(sock, program.ByteGo); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	if pe, _ := ended(t, g.in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestGateConnectionEndsWithTheProgram: that is how start learns of it.
func TestGateConnectionEndsWithTheProgram(t *testing.T) {
	g := atGate(t, 0)
	sock, fds := g.dial()
	defer closeAll(append(fds, sock)...)
	if err := sys.SendByte(sock, program.ByteGo); err != nil {
		t.Fatalf("send the word to go on: %v", err)
	}
	if _, ok, err := sys.RecvByte(sock); ok || err != nil {
		t.Errorf("read from the gate: got ok %v, %v, want its end", ok, err)
	}
	if pe, _ := ended(t, g.in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestGateEndedBySignals: as the first process of a pid namespace, too, which no signal ends that has no handler.
func TestGateEndedBySignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		g := atGate(t, 0)
		if err := sys.PidfdSendSignal(g.in.PidFd, sig); err != nil {
			t.Fatalf("send %v: %v", sig, err)
		}
		if _, ws := ended(t, g.in); !ws.Signaled() || ws.Signal() != sig {
			t.Errorf("end by %v: got wait status %#x, want that signal", sig, ws)
		}
		if os.Geteuid() != 0 {
			continue
		}
		g = atGate(t, sys.CloneNewPid)
		if err := sys.PidfdSendSignal(g.in.PidFd, sig); err != nil {
			t.Fatalf("send %v: %v", sig, err)
		}
		if _, ws := ended(t, g.in); ws.ExitStatus() != 128+int(sig) {
			t.Errorf("end of pid 1 by %v: got wait status %#x, want exit status %d", sig, ws, 128+int(sig))
		}
	}
}
