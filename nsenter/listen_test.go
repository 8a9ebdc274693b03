package nsenter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Filters of one instruction, the same verdict for every call.
const (
	retErrno  = 0x00050000
	retNotify = 0x7fc00000
	retAllow  = 0x7fff0000
)

func verdict(v uint32) []byte {
	f := binary.NativeEndian.AppendUint16(nil, sys.BPFReturn)
	return binary.NativeEndian.AppendUint32(append(f, 0, 0), v)
}

// listening is an interpreter whose program loads filter, passes its listener to our end of a socket, and does the rest.
func listening(t *testing.T, filter, state []byte, rest func(b *program.Builder)) (in *Init, peer int) {
	t.Helper()
	needRoot(t)
	pair, err := sys.UnixStreamPair()
	if err == nil {
		err = sys.SetSendTimeout(pair[1], 200*time.Millisecond)
	}
	if err != nil {
		t.Fatalf("set up the socket pair: %v", err)
	}
	b := program.New()
	b.Input(InputControl)
	conn, st := b.Input("conn"), b.Input("state")
	b.Listen(conn, st, 0, filter)
	rest(b)
	b.Fail(reached)
	in = spawned(t, 0)
	prepared(t, in)
	err = in.Run(b.Program(), map[string]int{"conn": pair[1], "state": memfd(t, state, true)}, program.Options{})
	if err != nil {
		t.Fatalf("run the program: %v", err)
	}
	sys.Close(pair[1])
	return in, pair[0]
}

// prepared is what a test does to the interpreter before it has its program.
var prepared = func(*testing.T, *Init) {}

// received is all that comes over the socket to its end, and the one descriptor.
func received(t *testing.T, peer, step int) (data []byte, listener int) {
	t.Helper()
	listener = -1
	buf := make([]byte, step)
	for {
		n, fds, err := sys.RecvFDs(peer, buf, 1)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		if len(fds) > 0 && (len(data) > 0 || n == 0) {
			t.Errorf("descriptors after the first message: got %d, want none", len(fds))
		}
		if len(fds) > 0 {
			listener = fds[0]
			t.Cleanup(func() { sys.Close(listener) })
		}
		if n == 0 {
			return data, listener
		}
		data = append(data, buf[:n]...)
	}
}

// TestListenThroughAnyFilter: whatever the filter refuses, its listener is passed on, and the process ends.
func TestListenThroughAnyFilter(t *testing.T) {
	for _, size := range []int{1, 1000, 32 << 10, 32<<10 + 1, 1 << 20} {
		state := bytes.Repeat([]byte("state "), size/6+1)[:size]
		in, peer := listening(t, verdict(retErrno|uint32(syscall.EPERM)), state, func(*program.Builder) {})
		data, listener := received(t, peer, 4099)
		sys.Close(peer)
		if !bytes.Equal(data, state) || listener < 0 {
			t.Errorf("got %d bytes, the state: %v, listener %d; want the state of %d and a listener", len(data), bytes.Equal(data, state), listener, size)
		}
		pe, ws := ended(t, in)
		if pe.Report.Errno != reached || pe.Report.Detail != 0 {
			t.Errorf("got %v, detail %d, want %v, detail 0", pe, pe.Report.Detail, reached)
		}
		if ws.Signal() != syscall.SIGILL { // neither exit was let through
			t.Errorf("got status %#x, want SIGILL", ws)
		}
	}
}

// TestListenLeavesNothing: while the next call waits for its answer there is one thread, and neither socket nor listener.
func TestListenLeavesNothing(t *testing.T) {
	in, peer := listening(t, verdict(retNotify), []byte("{}"), func(b *program.Builder) { b.Umask(0) })
	_, listener := received(t, peer, 100)
	n, ok, err := sys.SeccompRecv(listener)
	if err != nil || !ok || int(n.Pid) != in.Pid || n.Nr != syscall.SYS_UMASK {
		t.Fatalf("call that waits: got %+v, %v, %v, want umask of process %d", n, ok, err, in.Pid)
	}
	proc := fmt.Sprintf("/proc/%d/", in.Pid)
	for end := time.Now().Add(patience * time.Millisecond); ; { // the thread is on its way out
		if tasks, err := os.ReadDir(proc + "task"); err != nil || time.Now().After(end) {
			t.Fatalf("threads: got %d, %v, want 1", len(tasks), err)
		} else if len(tasks) == 1 {
			break
		}
	}
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatalf("list the descriptors: %v", err)
	}
	for _, fd := range fds {
		// Control is a socket, too.
		if link, _ := os.Readlink(proc + "fd/" + fd.Name()); strings.Contains(link, "seccomp") || strings.HasPrefix(link, "socket:") && fd.Name() != "3" {
			t.Errorf("descriptor %s: got %s, want neither the listener nor its socket left", fd.Name(), link)
		}
	}
	// With the last holder of the listener goes the wait for an answer.
	if err := sys.Close(listener); err != nil {
		t.Errorf("close the listener: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached && pe.Report.Errno != syscall.ENOSYS {
		t.Errorf("got %v, want %v or %v", pe, reached, syscall.ENOSYS)
	}
}

func TestListenFailures(t *testing.T) {
	null := func(*program.Builder) {}
	check := func(name string, in *Init, errno syscall.Errno, detail uint32) {
		t.Helper()
		if pe, _ := ended(t, in); pe.Report.Errno != errno || pe.Report.Detail != detail || pe.Report.Insn != 0 {
			t.Errorf("%s: got %v, detail %d at instruction %d; want %v, detail %d at 0", name, pe, pe.Report.Detail, pe.Report.Insn, errno, detail)
		}
	}
	in, peer := listening(t, verdict(0x12345678)[:4], []byte("{}"), null)
	check("no filter", in, syscall.EINVAL, 2)
	sys.Close(peer)
	in, peer = listening(t, verdict(retNotify), nil, null)
	check("no state", in, syscall.ENODATA, 3)
	sys.Close(peer)
	in, peer = listening(t, verdict(retNotify), make([]byte, 4<<20), null)
	check("nobody reads", in, syscall.ETIMEDOUT, 3)
	sys.Close(peer)

	pair, err := sys.UnixStreamPair()
	if err != nil {
		t.Fatalf("make a socket pair: %v", err)
	}
	b := program.New()
	b.Input(InputControl)
	conn, st := b.Input("conn"), b.Input("state")
	b.Listen(conn, st, 0, verdict(retNotify))
	b.Fail(reached)
	sys.Close(pair[0])
	check("peer gone", launched(t, b.Program(), map[string]int{"conn": pair[1], "state": memfd(t, []byte("{}"), true)}, 0, program.Options{}), syscall.EPIPE, 3)
	sys.Close(pair[1])
}

// TestListenUnderFIFO: on one processor, where the thread would never run, listen fails at once; on two it goes through.
func TestListenUnderFIFO(t *testing.T) {
	defer func() { prepared = func(*testing.T, *Init) {} }()
	for _, c := range []struct {
		cpus string
		want syscall.Errno
	}{{"0", syscall.EDEADLK}, {"0-1", reached}} {
		prepared = func(t *testing.T, in *Init) {
			for _, args := range []string{"taskset -pc " + c.cpus + " %d", "chrt -f -p 1 %d"} {
				f := strings.Fields(fmt.Sprintf(args, in.Pid))
				if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
					sys.PidfdSendSignal(in.PidFd, sys.SIGKILL)
					t.Skipf("%v: %v: %s", f, err, out)
				}
			}
		}
		in, peer := listening(t, verdict(retAllow), []byte("{}"), func(*program.Builder) {})
		if pe, _ := ended(t, in); pe.Report.Errno != c.want {
			t.Errorf("processors %s: got %v, detail %d, want %v", c.cpus, pe, pe.Report.Detail, c.want)
		}
		sys.Close(peer)
	}
}
