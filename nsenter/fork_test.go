package nsenter

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
)

func TestFork(t *testing.T) {
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Fork(control, sys.CloneParent)
		b.Sync(control, 'a', 'a')
	}), nil, 0, program.Options{})
	first := in.Pid
	if err := in.Join(); err != nil {
		t.Fatalf("join: %v", err)
	}
	if in.Pid == first {
		t.Errorf("pid after the fork: got %d, the first's, want another", in.Pid)
	}
	if err := in.Expect('a'); err != nil {
		t.Fatalf("wait for the second process: %v", err)
	}
	if err := in.Go('a'); err != nil {
		t.Fatalf("let the second process go on: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestForkWithoutAWord: the first process ends before it can name the second one, which goes on with the socket.
func TestForkWithoutAWord(t *testing.T) {
	fd, err := sys.Memfd("none", 0)
	if err != nil {
		t.Fatalf("make the memfd: %v", err)
	}
	defer sys.Close(fd)
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		noSocket := b.Input("no socket")
		b.Fork(noSocket, sys.CloneParent)
		b.Sync(control, 'a', 'a')
	}), map[string]int{"no socket": fd}, 0, program.Options{})
	if err := in.Join(); err == nil {
		t.Error("join with nobody to tell of the second process: got no error, want one")
	}
}

func TestForkIntoAPidNamespace(t *testing.T) {
	needRoot(t)
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Prctl(sys.PrSetDumpable, 0)
		b.Unshare(sys.CloneNewPid)
		b.Fork(control, sys.CloneParent)
		// The first in its namespace may ask for its death signal like any other.
		b.Prctl(sys.PrSetPdeathsig, 9)
	}), nil, 0, program.Options{})
	if err := in.Join(); err != nil {
		t.Fatalf("join: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestForgedPid: whoever gets at the report page names a process that is not the parent's child, or the one that forked.
func TestForgedPid(t *testing.T) {
	for _, forged := range []func(*Init) int{
		func(*Init) int { return os.Getppid() },
		func(*Init) int { return os.Getpid() },
		func(in *Init) int { return in.Pid },
	} {
		in := launched(t, part(func(b *program.Builder, control program.Slot) {
			b.Fork(control, sys.CloneParent)
			b.Sync(control, 0, 'a')
		}), nil, 0, program.Options{})
		if _, err := sys.PollAny(in.Control); err != nil { // it has forked, and named the other
			t.Fatal(err)
		}
		first := in.Pid
		page := os.NewFile(uintptr(in.report), "report")
		if _, err := page.WriteAt(binary.NativeEndian.AppendUint32(nil, uint32(forged(in))), 16); err != nil {
			t.Fatalf("forge the pid: %v", err)
		}
		if err := page.Truncate(0); !errors.Is(err, syscall.EPERM) {
			t.Errorf("truncate the report page, which the parent reads: got %v, want EPERM", err)
		}
		if err := in.Join(); !errors.Is(err, syscall.EPROTO) {
			t.Errorf("join with pid %d in the report: got %v, want EPROTO", forged(in), err)
		}
		if in.Pid != first {
			t.Errorf("pid after it: got %d, want that of the first process, %d", in.Pid, first)
		}
		in.report = -1 // page closes it
		page.Close()
	}
}

// TestKeptSocket: somebody keeps the process's end of the socket open; that it has ended is told all the same.
func TestKeptSocket(t *testing.T) {
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Sync(control, 'a', 'a')
	}), nil, 0, program.Options{})
	if err := in.Expect('a'); err != nil {
		t.Fatalf("wait for the process: %v", err)
	}
	kept := keep(t, in)
	defer sys.Close(kept)
	if err := sys.PidfdSendSignal(in.PidFd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for what, wait := range map[string]func() error{
		"the next message": func() error { return in.Expect('b') }, "exec": in.WaitExec,
	} {
		done := make(chan error, 1)
		go func() { done <- wait() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("wait for %s: got no error, want one", what)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("wait for %s: got nothing in 20s, want an error", what)
		}
	}
}

// keep copies the control socket of the process: its first descriptor behind the standard streams.
func keep(t *testing.T, in *Init) int {
	t.Helper()
	needRoot(t) // to look into it
	fd, _, errno := syscall.Syscall(pidfdGetfd, uintptr(in.PidFd), 3, 0)
	if errno != 0 {
		t.Fatalf("copy the socket: %v", errno)
	}
	return int(fd)
}

const pidfdGetfd = 438 // pidfd_getfd(2)
