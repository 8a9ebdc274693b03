package host

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/tests/headless"
)

func TestParseStat(t *testing.T) {
	line := func(state, flags, start string) string {
		return "7 (a) Z) " + state + " 6 1 1 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 0 0"
	}
	const most = 1<<64 - 1
	for _, c := range []struct {
		name, data       string
		want             stat
		exits, dead, bad bool
	}{
		{"a running one", line("R", "4194304", "123"), stat{'R', 6, 123, 4194304}, false, false, false},
		{"a sleeping one", line("S", "4194560", "18446744073709551615"), stat{'S', 6, most, 4194560}, false, false, false},
		{"one that exits", line("R", "4194308", "1"), stat{'R', 6, 1, 4194308}, true, false, false},
		{"a zombie", line("Z", "4194316", "1"), stat{'Z', 6, 1, 4194316}, true, true, false},
		{"one that is being reaped", line("X", "4194308", "1"), stat{'X', 6, 1, 4194308}, true, true, false},
		{"no name", "7 R 1", stat{}, false, false, true},
		{"cut short", strings.TrimSuffix(line("R", "0", "1"), "1 0 0"), stat{}, false, false, true},
		{"a start that is no number", line("R", "0", "x"), stat{}, false, false, true},
		{"flags that are no number", line("R", "x", "1"), stat{}, false, false, true},
	} {
		got, err := parseStat("stat", []byte(c.data))
		if errors.Is(err, syscall.EBADMSG) != c.bad {
			t.Errorf("%s: got %v, want EBADMSG: %v", c.name, err, c.bad)
		}
		if !c.bad && (got != c.want || got.exits() != c.exits || got.dead() != c.dead) {
			t.Errorf("%s: got %+v, exits %v, dead %v, want %+v, %v, %v", c.name, got, got.exits(), got.dead(), c.want, c.exits, c.dead)
		}
	}
}

func TestAlive(t *testing.T) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatalf("start of this process: %v", err)
	}
	for _, c := range []struct {
		pid   int
		start uint64
		want  bool
	}{{os.Getpid(), start, true}, {os.Getpid(), start + 1, false}, {0, start, false}, {-1, start, false}, {1 << 30, 1, false}} {
		if alive, err := Alive(c.pid, c.start); alive != c.want || err != nil {
			t.Errorf("process %d of the start %d is alive: got %v, %v, want %v", c.pid, c.start, alive, err, c.want)
		}
		pidfd, err := OpenProcess(c.pid, c.start)
		if (err == nil) != c.want || err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("open process %d of the start %d: got %v, want nil: %v, or ESRCH", c.pid, c.start, err, c.want)
		}
		if err == nil {
			sys.Close(pidfd)
		}
	}
}

func TestParent(t *testing.T) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatalf("start of this process: %v", err)
	}
	if ppid, got, err := Parent(os.Getpid()); ppid != os.Getppid() || got != start || err != nil {
		t.Errorf("parent of this process: got %d, %d, %v, want %d, %d", ppid, got, err, os.Getppid(), start)
	}
	if _, _, err := Parent(1 << 30); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("parent of no process: got %v, want ESRCH", err)
	}
}

// headlessVar makes the test binary a process whose first thread ends.
const headlessVar = "TEU_TEST_HEADLESS"

func init() {
	if os.Getenv(headlessVar) == "" {
		return
	}
	headless.Become(func() {
		os.Stdin.Read(make([]byte, 1)) // the end of it ends the process
		os.Exit(0)
	})
}

// TestAliveWithoutFirstThread: a process is its threads, and lives until the last of them has ended; a zombie does not live.
func TestAliveWithoutFirstThread(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), headlessVar+"=1")
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	pid := cmd.Process.Pid
	start, err := StartTime(pid)
	if err != nil {
		t.Fatalf("start of the process: %v", err)
	}
	state := func() byte {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		return text[strings.LastIndexByte(string(text), ')')+2]
	}
	for state() != 'Z' { // the test's own timeout is the bound
		time.Sleep(time.Millisecond)
	}
	if alive, err := Alive(pid, start); !alive || err != nil {
		t.Errorf("process whose first thread has ended is alive: got %v, %v, want true", alive, err)
	}
	pidfd, err := OpenProcess(pid, start)
	if err != nil {
		t.Fatalf("open a process whose first thread has ended: %v", err)
	}
	defer sys.Close(pidfd)
	if ended, err := Ended(pidfd); ended || err != nil {
		t.Errorf("process whose first thread has ended: got ended %v, %v, want false", ended, err)
	}
	stdin.Close()
	if done, err := sys.PidfdWait(pidfd, 20000); !done || err != nil {
		t.Fatalf("wait for the process: got %v, %v, want its end within 20s", done, err)
	}
	// It is a zombie now, that nobody has waited for.
	if alive, err := Alive(pid, start); alive || err != nil {
		t.Errorf("zombie is alive: got %v, %v, want false", alive, err)
	}
	if ended, err := Ended(pidfd); !ended || err != nil {
		t.Errorf("zombie: got ended %v, %v, want true", ended, err)
	}
}

// TestEndOfTraced: a thread that is traced stays, whatever signal the process got, until its tracer waits for it; the process has
// ended all the same.
func TestEndOfTraced(t *testing.T) {
	runtime.LockOSThread() // whoever traces is a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), headlessVar+"=1")
	_, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	start, err := StartTime(pid)
	if err != nil {
		t.Fatalf("start of the process: %v", err)
	}
	pidfd, err := OpenProcess(pid, start)
	if err != nil {
		t.Fatalf("open the process: %v", err)
	}
	defer sys.Close(pidfd)
	traced := 0
	for traced == 0 { // the test's own timeout is the bound
		ids, err := threads("/proc/" + strconv.Itoa(pid) + "/task/")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids[min(1, len(ids)):] {
			tid, _ := strconv.Atoi(id)
			if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(tid), 0, 0, 0, 0); errno == 0 {
				traced = tid
				break
			}
		}
	}
	if got := Tracer(pid); got != syscall.Gettid() {
		t.Errorf("tracer of the process: got %d, want %d", got, syscall.Gettid())
	}
	if done, err := AwaitEnd(pidfd, pid, 0); done || err != nil {
		t.Errorf("end of a process that lives: got %v, %v, want false", done, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if done, err := AwaitEnd(pidfd, pid, 20*time.Second); !done || err != nil {
		t.Errorf("end of the process: got %v, %v, want true within 20s", done, err)
	}
	if ended, err := Ended(pidfd); ended || err != nil {
		t.Errorf("pidfd of the process says that it has ended: got %v, %v, want false, or the rest proves nothing", ended, err)
	}
	if alive, err := Alive(pid, start); alive || err != nil {
		t.Errorf("process of which only a traced thread is left is alive: got %v, %v, want false", alive, err)
	}
	if _, err := syscall.Wait4(traced, nil, wall, nil); err != nil {
		t.Errorf("wait for the traced thread: %v", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended well, want it killed")
	}
}

const (
	ptraceSeize = 0x4206     // PTRACE_SEIZE
	wall        = 0x40000000 // __WALL
)
