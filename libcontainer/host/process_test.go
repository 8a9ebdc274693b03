package host

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/tests/headless"
)

func TestParseStat(t *testing.T) {
	line := func(state, flags, threads, start string) string {
		return "7 (a) Z) " + state + " 6 1 1 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 " + threads + " 0 " + start + " 0 0"
	}
	const most = 1<<64 - 1
	for _, c := range []struct {
		name, data string
		want       stat
		exits, bad bool
	}{
		{"a running process", line("R", "4194304", "1", "123"), stat{6, 123, 4194304, 1}, false, false},
		{"a sleeping one", line("S", "4194560", "1", "18446744073709551615"), stat{6, most, 4194560, 1}, false, false},
		{"one that exits", line("R", "4194308", "1", "1"), stat{6, 1, 4194308, 1}, true, false},
		{"a zombie", line("Z", "4194316", "1", "1"), stat{6, 1, 4194316, 1}, true, false},
		{"one that is being reaped", line("X", "4194308", "0", "1"), stat{6, 1, 4194308, 0}, true, false},
		{"a zombie of which another thread goes on", line("Z", "4194316", "2", "1"), stat{6, 1, 4194316, 2}, false, false},
		{"no name", "7 R 1", stat{}, false, true},
		{"cut short", strings.TrimSuffix(line("R", "0", "1", "1"), "1 0 0"), stat{}, false, true},
		{"a start that is no number", line("R", "0", "1", "x"), stat{}, false, true},
		{"flags that are no number", line("R", "x", "1", "1"), stat{}, false, true},
		{"threads that are no number", line("R", "0", "-1", "1"), stat{}, false, true},
	} {
		got, err := parseStat("stat", []byte(c.data))
		if got != c.want || errors.Is(err, syscall.EBADMSG) != c.bad || !c.bad && got.exits() != c.exits {
			t.Errorf("%s: got %+v, exits %v, %v, want %+v, %v, EBADMSG: %v", c.name, got, got.exits(), err, c.want, c.exits, c.bad)
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
