package fault

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
	"teu/tests/kit"
)

// private are the system calls that concern nothing but the process that makes them: see the package comment. What the
// numbers are is libseccomp's to know.
var private = numbers("mmap", "munmap", "mprotect", "madvise", "brk", "mremap", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sigaltstack", "tgkill", "futex", "nanosleep", "clock_nanosleep", "clock_gettime", "sched_yield",
	"sched_getaffinity", "gettid", "getpid", "set_robust_list", "rseq", "arch_prctl", "set_tid_address", "getrandom",
	"epoll_pwait", "epoll_create1", "epoll_ctl", "eventfd2", "prlimit64", "geteuid", "getuid", "seccomp", "restart_syscall", "timer_create", "timer_settime", "timer_delete")

func numbers(names ...string) map[int]bool {
	set := map[int]bool{}
	for _, name := range names {
		if n, err := libseccomp.GetSyscallFromName(name); err == nil {
			set[int(n)] = true
		}
	}
	return set
}

func callName(nr int) string {
	name, err := libseccomp.ScmpSyscall(nr).GetName()
	if err != nil {
		return fmt.Sprint(nr)
	}
	return name
}

// everyCall asks for the calls in private too.
func everyCall() bool { return os.Getenv("TEU_FAULT") == "all" }

// killed is how a traced command ended.
type killed struct {
	result
	reached bool   // it was killed; if not, it came to its end before
	call    string // the system call that it was killed before
}

// kill runs a command and kills it before its n-th system call, counted from 1 over all threads.
func (r *rig) kill(n int, args ...string) *killed {
	r.t.Helper()
	// The thread that starts the process is its tracer.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr := r.attr("")
	attr.Sys = &syscall.SysProcAttr{Ptrace: true}
	p, err := os.StartProcess(kit.Teu(), r.argv(args), attr)
	r.must(err)
	k := &killed{result: result{args: args}}
	bound := time.AfterFunc(kit.Limit, func() { syscall.Kill(p.Pid, syscall.SIGKILL) })
	ws, err := k.trace(p.Pid, n)
	r.must(err)
	p.Release()
	k.out, k.err = r.outputs()
	k.code = ws.ExitStatus()
	if !bound.Stop() {
		r.t.Fatalf("call %d: %v: want an end within %v", n, &k.result, kit.Limit)
	}
	if k.reached != (ws.Signaled() && ws.Signal() == syscall.SIGKILL) {
		r.t.Fatalf("call %d: %v: got wait status %#x, want that of SIGKILL: %v", n, &k.result, ws, k.reached)
	}
	return k
}

// trace drives the process pid, which stops at its first instruction, until it ends.
func (k *killed) trace(pid, n int) (end sys.WaitStatus, err error) {
	var known []int // the threads that have stopped before
	count := 0
	for {
		tid, ws, err := sys.WaitTracee()
		if err != nil {
			return end, err
		}
		if !ws.Stopped() {
			if tid == pid {
				return ws, nil
			}
			continue
		}
		sig := ws.StopSignal()
		fresh := !slices.Contains(known, tid)
		switch {
		case fresh:
			// The stop at execve of the first, the stop that a new thread begins with of the others.
			known = append(known, tid)
			sig = 0
			if tid == pid {
				if err := sys.TraceSyscalls(tid); err != nil {
					return end, err
				}
			}
		case sig == sys.SyscallStop:
			sig = 0
			nr, entry, err := sys.SyscallEntry(tid)
			if errors.Is(err, syscall.ESRCH) { // killed meanwhile
				continue
			}
			if err == nil && entry && (everyCall() || !private[nr]) {
				if count++; count == n {
					k.reached, k.call = true, callName(nr)
					err = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if err != nil {
				return end, err
			}
		case ws.TrapCause() > 0: // clone
			sig = 0
		}
		if k.reached {
			continue
		}
		// A thread that another one's exit_group has ended is stopped no more.
		if err := sys.Resume(tid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return end, err
		}
	}
}
