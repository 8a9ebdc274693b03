package churn

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/tests/kit"
)

// patience bounds a command, and a wait for what one has set going.
const patience = 30 * time.Second

// result is how a command ended.
type result struct {
	args   []string
	code   int
	killed bool // by us
	stdout string
	stderr string
	took   time.Duration
}

func (r *result) String() string {
	if r.killed {
		return fmt.Sprintf("teu %s: killed after %v", strings.Join(r.args, " "), r.took.Round(10*time.Microsecond))
	}
	return fmt.Sprintf("teu %s: exit code %d, %q, stderr %q", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// teu runs a command. One that is to be killed gets SIGKILL after a delay, if it still is there by then. One that hangs is
// looked at and killed, and fails the test.
func teu(t testing.TB, b *kit.Bundle, mark string, kill time.Duration, args ...string) *result {
	t.Helper()
	c := exec.Command(kit.Teu(), append([]string{"--root", b.Root}, args...)...)
	c.Dir = b.Dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "TEU_TEST=" + b.ID, "_TEU_CACHE=" + b.Cache}
	// Files, not pipes: the container goes on holding them.
	out, errs := unnamed(t, b.Dir), unnamed(t, b.Dir)
	defer out.Close()
	defer errs.Close()
	c.Stdout, c.Stderr = out, errs
	begin := time.Now()
	if err := c.Start(); err != nil {
		t.Fatalf("start teu %s: %v", strings.Join(args, " "), err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Wait() // ProcessState tells
	}()
	r := &result{args: args}
	limit := patience
	if kill > 0 {
		limit = kill
	}
	select {
	case <-done:
	case <-time.After(limit):
		if kill == 0 {
			t.Errorf("teu %s: want an end within %v, got:\n%s", strings.Join(args, " "), patience, lookAt(c.Process.Pid, mark))
		}
		c.Process.Kill() // it may have ended by now
		<-done
	}
	r.took = time.Since(begin)
	ws := c.ProcessState.Sys().(syscall.WaitStatus)
	r.killed = ws.Signaled() && ws.Signal() == syscall.SIGKILL
	if r.code = ws.ExitStatus(); ws.Signaled() {
		r.code = 128 + int(ws.Signal())
	}
	r.stdout, r.stderr = text(t, out), text(t, errs)
	return r
}

func unnamed(t testing.TB, dir string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(dir, "output")
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		t.Fatalf("make a file for the output: %v", err)
	}
	return f
}

func text(t testing.TB, f *os.File) string {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		t.Fatalf("read the output: %v", err)
	}
	return string(data)
}

// moment is when to kill a command: as often within 100 µs as within the milliseconds that it takes.
func moment(rng *rand.Rand) time.Duration {
	const least, most = 50 * time.Microsecond, 40 * time.Millisecond
	return time.Duration(float64(least) * math.Pow(float64(most)/float64(least), rng.Float64()))
}

// lookAt says where a process and its threads, and all that bear the mark, are waiting in the kernel.
func lookAt(pid int, mark string) string {
	var b strings.Builder
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		args, _ := os.ReadFile(dir + "/cmdline")
		if dir == fmt.Sprintf("/proc/%d", pid) || strings.Contains(string(args), mark) || belongs(dir, mark) {
			fmt.Fprintf(&b, "%s %s\n", dir, strings.ReplaceAll(string(args), "\x00", " "))
			threads, _ := filepath.Glob(dir + "/task/*")
			for _, thread := range threads {
				for _, file := range []string{"comm", "wchan", "syscall", "stack"} {
					data, _ := os.ReadFile(thread + "/" + file) // it may be gone, or not ours to see
					fmt.Fprintf(&b, "\t%s: %s\n", file, strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", " < "))
				}
				status, _ := os.ReadFile(thread + "/status")
				for line := range strings.Lines(string(status)) {
					if strings.HasPrefix(line, "State:") || strings.HasPrefix(line, "PPid:") || strings.HasPrefix(line, "SigPnd:") || strings.HasPrefix(line, "ShdPnd:") {
						fmt.Fprintf(&b, "\t%s", line)
					}
				}
			}
		}
	}
	return b.String()
}

func belongs(dir, mark string) bool {
	for _, file := range []string{"cgroup", "environ"} {
		if data, err := os.ReadFile(dir + "/" + file); err == nil && strings.Contains(string(data), mark) {
			return true
		}
	}
	return false
}
