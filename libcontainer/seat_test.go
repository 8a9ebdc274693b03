package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

func TestSeatIsReadAsWritten(t *testing.T) {
	want, err := seatOf(os.Getpid())
	if err != nil {
		t.Fatalf("ask for the seat of this process: %v", err)
	}
	for i, id := range want.ns {
		if id == (fileID{}) && joinOrder[i] != sys.CloneNewTime {
			t.Errorf("namespace %s of this process: got none, want one", names.ProcNamespace(joinOrder[i]))
		}
	}
	got, err := parseSeat(want.String())
	if err != nil || *got != *want {
		t.Errorf("read %q: got %+v, %v, want %+v", want, got, err, want)
	}
	if s, err := parseSeat(""); s != nil || err != nil {
		t.Errorf("read the record of an older teu: got %v, %v, want none and no error", s, err)
	}
}

func TestMalformedSeats(t *testing.T) {
	for _, text := range []string{
		"root", "root=", "root=1:2", "root=1:2:3:4", "root=1:2:x", "root=1:2:-3", "root=0:0:0", "net=4:5", "net=4:5:6 root=1:2:3",
		"net=4 root=1:2:3", "mount=4:5 root=1:2:3", " root=1:2:3", "root=1:2:3 ", "root=1:2:18446744073709551616",
	} {
		if s, err := parseSeat(text); !errors.Is(err, syscall.EBADMSG) {
			t.Errorf("read %q: got %v, %v, want EBADMSG", text, s, err)
		}
	}
}

// TestPinned pins this process as though it were a container's.
func TestPinned(t *testing.T) {
	here, err := seatOf(os.Getpid())
	if err != nil {
		t.Fatalf("ask for the seat of this process: %v", err)
	}
	for _, recorded := range []*seat{here, nil} {
		p, err := pinned(os.Getpid(), recorded)
		if err != nil {
			t.Fatalf("pin this process, recorded %v: %v", recorded != nil, err)
		}
		if p.joined != 0 || len(p.fds) > 0 || !p.held || p.root < 0 || p.way.root != here.root {
			t.Errorf("pin this process, recorded %v: got %+v, want nothing to join, and its root", recorded != nil, p)
		}
		p.close()
	}
	for i, flag := range joinOrder {
		moved := *here
		moved.ns[i].ino++
		want := fmt.Sprintf("its first process has moved to another %s namespace; ", names.NamespaceOf(flag))
		if p, err := pinned(os.Getpid(), &moved); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("pin with another %s recorded: got %+v, %v, want %s…", names.ProcNamespace(flag), p, err, want)
		}
	}
	for _, change := range []func(*rootID){func(r *rootID) { r.dev++ }, func(r *rootID) { r.ino++ }, func(r *rootID) { r.mount++ }} {
		moved := *here
		change(&moved.root)
		const want = "its first process has moved to another root directory; "
		if p, err := pinned(os.Getpid(), &moved); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("pin with root %v recorded: got %+v, %v, want %s…", moved.root, p, err, want)
		}
	}
}

// TestPinLeavesNothingOpen counts descriptors: whatever the outcome, all are closed again.
func TestPinLeavesNothingOpen(t *testing.T) {
	here, err := seatOf(os.Getpid())
	if err != nil {
		t.Fatalf("ask for the seat of this process: %v", err)
	}
	moved := *here
	moved.ns[3].ino++
	before := openFiles(t)
	for range 10 {
		if p, err := pinned(os.Getpid(), here); err == nil {
			p.close()
		}
		pinned(os.Getpid(), &moved)
		pinned(1<<30, here)
	}
	if after := openFiles(t); after != before {
		t.Errorf("open descriptors: got %d, want %d", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

const orphanArg = "orphan"

// init is of the process that TestThreadOfTheDead starts: its first thread ends, and the rest wait for the end of input.
func init() {
	if len(os.Args) != 2 || os.Args[1] != orphanArg {
		return
	}
	runtime.LockOSThread()
	go func() {
		fmt.Println("ready")
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

func TestThreadOfTheDead(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", orphanArg)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 6))
	pid := cmd.Process.Pid
	for { // until the first thread has ended
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || strings.Contains(string(text), "State:\tZ") {
			break
		}
	}
	if _, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid)); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("root of the first thread: got error %v, want ENOENT", err)
	}
	here, err := seatOf(os.Getpid())
	if err != nil {
		t.Fatalf("ask for the seat of this process: %v", err)
	}
	if s, err := seatOf(pid); err != nil || *s != *here {
		t.Errorf("seat of a process without a first thread: got %v, %v, want %v", s, err, here)
	}
	p, err := pinned(pid, here)
	if err != nil {
		t.Errorf("pin a process without a first thread: %v", err)
	} else {
		p.close()
	}
	in.Close()
	// A process that has ended, and nobody has waited for, has no thread left.
	if done, err := sys.PidfdWait(pidfd(t, pid), 20000); err != nil || !done {
		t.Fatalf("wait for the process: got %v, %v, want its end", done, err)
	}
	if s, err := seatOf(pid); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("seat of a process that has ended: got %v, %v, want ESRCH", s, err)
	}
	cmd.Wait()
	if s, err := seatOf(pid); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("seat of no process: got %v, %v, want ESRCH", s, err)
	}
}

func pidfd(t *testing.T, pid int) int {
	t.Helper()
	fd, err := sys.PidfdOpen(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close(fd) })
	return fd
}
