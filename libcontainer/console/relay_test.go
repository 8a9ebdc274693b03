package console

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
)

func file(t *testing.T, fd int, name string) *os.File {
	t.Helper()
	f := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { f.Close() })
	return f
}

// pty gives a master and its open slave.
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	m, s, err := sys.OpenPTY()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	return file(t, m, "master"), file(t, s, "slave")
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// within fails the test when f takes too long.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: got no end within 10s, want one", what)
	}
}

func TestAllOutputIsDrainedWhenTheProcessIsGone(t *testing.T) {
	// Larger than the buffers of the terminal and of the pipe together.
	want := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)
	for _, holder := range []bool{false, true} {
		master, slave := pty(t)
		outR, outW := pipe(t)
		inR, _ := pipe(t)
		r, err := newRelay(master, int(inR.Fd()), int(outW.Fd()), int(outW.Fd()))
		if err != nil {
			t.Fatalf("start the relay: %v", err)
		}
		got := make(chan []byte)
		go func() { b, _ := io.ReadAll(outR); got <- b }()
		if _, err := slave.Write(want); err != nil {
			t.Fatalf("write to the slave: %v", err)
		}
		if !holder { // else somebody outlives the process with the slave open
			slave.Close()
		}
		within(t, "close", func() { err = r.Close() })
		if err != nil {
			t.Errorf("close the relay, slave held %v: got error %v, want none", holder, err)
		}
		outW.Close()
		if b := <-got; !bytes.Equal(b, want) {
			t.Errorf("output, slave held %v: got %d bytes, want %d", holder, len(b), len(want))
		}
	}
}

func TestInputReachesTheProcess(t *testing.T) {
	master, slave := pty(t)
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	r, err := newRelay(master, int(inR.Fd()), int(outW.Fd()), int(outW.Fd()))
	if err != nil {
		t.Fatalf("start the relay: %v", err)
	}
	inW.WriteString("hello\n")
	inW.Close()
	buf := make([]byte, 64)
	within(t, "read", func() {
		n, err := slave.Read(buf)
		if err != nil || string(buf[:n]) != "hello\n" {
			t.Errorf("read from the slave: got %q, %v, want %q", buf[:n], err, "hello\n")
		}
	})
	slave.WriteString("out\n")
	slave.Close()
	within(t, "close", func() { r.Close() })
	outW.Close()
	if b, _ := io.ReadAll(outR); string(b) != "hello\nout\n" {
		t.Errorf("output: got %q, want %q", b, "hello\nout\n")
	}
}

func TestSlaveOpenedAnewIsHeardAgain(t *testing.T) {
	master, slave := pty(t)
	// The peer again, for later: a duplicate would keep the slave open.
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(slave.Fd())))
	if err != nil {
		t.Fatal(err)
	}
	inR, _ := pipe(t)
	outR, outW := pipe(t)
	r, err := newRelay(master, int(inR.Fd()), int(outW.Fd()), int(outW.Fd()))
	if err != nil {
		t.Fatalf("start the relay: %v", err)
	}
	buf := make([]byte, 64)
	for range 3 {
		slave.WriteString("line\n")
		slave.Close()
		within(t, "output", func() {
			n, _ := outR.Read(buf)
			if string(buf[:n]) != "line\n" {
				t.Errorf("output of a slave opened anew: got %q, want %q", buf[:n], "line\n")
			}
		})
		fd, err := sys.Openat(sys.AtFdcwd, name, sys.ORdwr|sys.ONoctty, 0)
		if err != nil {
			t.Fatalf("open the slave %s again: %v", name, err)
		}
		slave = file(t, fd, name)
	}
	slave.Close()
	within(t, "close", func() { err = r.Close() })
	if err != nil {
		t.Errorf("close the relay: got error %v, want none", err)
	}
}

func TestHostTerminalIsRawWithSizeAndRestored(t *testing.T) {
	hostMaster, host := pty(t)
	size := &sys.Winsize{Row: 33, Col: 99}
	if err := sys.SetWinsize(int(hostMaster.Fd()), size); err != nil {
		t.Fatalf("set the size of the host's terminal: %v", err)
	}
	before, err := sys.GetTermios(int(host.Fd()))
	if err != nil {
		t.Fatalf("read the settings of the host's terminal: %v", err)
	}
	master, slave := pty(t)
	fd := int(host.Fd())
	r, err := newRelay(master, fd, fd, fd)
	if err != nil {
		t.Fatalf("start the relay: %v", err)
	}
	raw, _ := sys.GetTermios(fd)
	if *raw != *sys.RawKeepOutput(before) || *raw == *before {
		t.Errorf("settings of the host's terminal: got %+v, want raw %+v, not %+v", raw, sys.RawKeepOutput(before), before)
	}
	if ws, err := sys.GetWinsize(int(slave.Fd())); err != nil || *ws != *size {
		t.Errorf("size of the container's terminal: got %+v, %v, want %+v", ws, err, size)
	}
	size.Row = 44
	sys.SetWinsize(int(hostMaster.Fd()), size)
	syscall.Kill(os.Getpid(), syscall.SIGWINCH)
	within(t, "resize", func() {
		for {
			if ws, err := sys.GetWinsize(int(slave.Fd())); err != nil || ws.Row == 44 {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	within(t, "close", func() { err = r.Close() })
	if err != nil {
		t.Errorf("close the relay: got error %v, want none", err)
	}
	if after, _ := sys.GetTermios(fd); *after != *before {
		t.Errorf("settings of the host's terminal after the relay: got %+v, want %+v as before", after, before)
	}
}

// TestFailingOutputIsDropped: the process goes on, whoever takes what it says.
func TestFailingOutputIsDropped(t *testing.T) {
	closed, gone := pipe(t)
	closed.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	hostMaster, host := pty(t)
	hostMaster.Close()
	for _, c := range []struct {
		name string
		out  *os.File
		want error
	}{
		{"reader is gone", gone, nil},
		{"disk is full", full, syscall.ENOSPC},
		{"terminal was hung up", host, syscall.EIO},
	} {
		master, slave := pty(t)
		inR, _ := pipe(t)
		r, err := newRelay(master, int(inR.Fd()), int(c.out.Fd()), int(c.out.Fd()))
		if err != nil {
			t.Fatalf("start the relay: %v", err)
		}
		within(t, c.name, func() { // more than the terminal and the relay hold
			_, err = slave.Write(bytes.Repeat([]byte("0123456789abcde\n"), 64<<10))
		})
		if err != nil {
			t.Errorf("%s: write to the slave: got error %v, want none", c.name, err)
		}
		within(t, "close", func() { err = r.Close() })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: close the relay: got error %v, want %v", c.name, err, c.want)
		}
	}
}

// TestEndOfInput: it reaches whoever reads lines, after half a line too, and whoever sets the terminal raw only later.
func TestEndOfInput(t *testing.T) {
	for _, c := range []struct {
		input string
		raw   bool
	}{{"", false}, {"line\n", false}, {"half a line", false}, {"line\n", true}} {
		master, slave := pty(t)
		inR, inW := pipe(t)
		_, outW := pipe(t)
		r, err := newRelay(master, int(inR.Fd()), int(outW.Fd()), int(outW.Fd()))
		if err != nil {
			t.Fatalf("start the relay: %v", err)
		}
		inW.WriteString(c.input)
		inW.Close()
		within(t, "read the input to its end", func() {
			got, buf := "", make([]byte, 64)
			for got != c.input {
				n, err := slave.Read(buf)
				if got += string(buf[:n]); err != nil {
					t.Errorf("input: got %q and %v, want %q", got, err, c.input)
					return
				}
			}
			if c.raw {
				settings, err := sys.GetTermios(int(slave.Fd()))
				if err == nil {
					err = sys.SetTermios(int(slave.Fd()), sys.RawKeepOutput(settings))
				}
				if err != nil {
					t.Errorf("set the terminal raw: %v", err)
				}
				for n := 0; n == 0 || buf[0] != 4; { // what it held of lines comes before
					n, _ = slave.Read(buf[:1])
				}
			} else if n, err := slave.Read(buf); n != 0 || err != io.EOF {
				t.Errorf("after the input: got %q and %v, want the end", buf[:n], err)
			}
		})
		within(t, "close", func() { err = r.Close() })
		if err != nil {
			t.Errorf("close the relay: got error %v, want none", err)
		}
	}
}

func TestRelayLeavesNoDescriptors(t *testing.T) {
	count := func() int {
		names, _ := os.ReadDir("/proc/self/fd")
		return len(names)
	}
	inR, _ := pipe(t)
	_, outW := pipe(t)
	before := count()
	m, s, err := sys.OpenPTY()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	r, err := newRelay(os.NewFile(uintptr(m), "m"), int(inR.Fd()), int(outW.Fd()), int(outW.Fd()))
	if err != nil {
		t.Fatalf("start the relay: %v", err)
	}
	sys.Close(s)
	r.Close()
	if n := count(); n != before {
		t.Errorf("open descriptors at the end: got %d, want %d as before", n, before)
	}
	if _, err := newRelay(outW, 0, 1, 2); !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("start the relay of a pipe as master: got error %v, want ENOTTY", err)
	}
}
