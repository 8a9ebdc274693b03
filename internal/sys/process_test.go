package sys

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// TestPidfdOpenOfNone: an id that is in use, but not for a process, is that of no process.
func TestPidfdOpenOfNone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := make(chan int)
	go func() {
		runtime.LockOSThread() // never this test's thread
		defer runtime.UnlockOSThread()
		tid <- syscall.Gettid()
		<-tid
	}()
	thread := <-tid
	defer close(tid)
	if thread == syscall.Getpid() {
		thread = syscall.Gettid()
	}

	leader := exec.Command("sh", "-c", "sleep 1000 & exit 0")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := leader.Run(); err != nil {
		t.Fatalf("run the leader: %v", err)
	}
	group := leader.Process.Pid
	defer syscall.Kill(-group, syscall.SIGKILL)

	for name, pid := range map[string]int{"a thread": thread, "a process group without its leader": group} {
		if fd, err := PidfdOpen(pid); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("pidfd of %s: got %d, %v, want %v", name, fd, err, syscall.ESRCH)
		}
	}
	if _, err := PidfdOpen(0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("pidfd of process 0: got error %v, want %v", err, syscall.EINVAL)
	}
}
