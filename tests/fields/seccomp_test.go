package fields

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

func filter(defaultAction specs.LinuxSeccompAction, rules ...specs.LinuxSyscall) edit {
	return linux(func(l *specs.Linux) { l.Seccomp = &specs.LinuxSeccomp{DefaultAction: defaultAction, Syscalls: rules} })
}

// TestSeccompActions: what becomes of umask(2), which always succeeds. SCMP_ACT_NOTIFY is listener_test.go's.
func TestSeccompActions(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.syscalls[].action", "linux.seccomp.syscalls[].errnoRet", "linux.seccomp.syscalls[].names[]")
	for _, c := range []struct {
		action specs.LinuxSeccompAction
		errno  *uint
		want   string
		code   int
	}{
		{specs.ActAllow, nil, "ok 18\n", 0},
		{specs.ActLog, nil, "ok 18\n", 0},
		{specs.ActErrno, nil, "EPERM\n", 1},
		{specs.ActErrno, ptr(uint(syscall.EXFULL)), "EXFULL\n", 1},
		{specs.ActErrno, ptr(uint(0)), "ok 0\n", 0},
		{specs.ActTrace, nil, "ENOSYS\n", 1}, // nobody traces
		{specs.ActTrace, ptr(uint(7)), "ENOSYS\n", 1},
		{specs.ActKillProcess, nil, "", 128 + int(syscall.SIGSYS)},
		{specs.ActTrap, nil, "", 2}, // the Go runtime's end by SIGSYS
	} {
		b := kit.New(t, kit.Args("syscall", fmt.Sprint(syscall.SYS_UMASK), "0"), filter(specs.ActErrno))
		r := rule(c.action, "umask")
		r.ErrnoRet = c.errno
		other := specs.ActAllow
		if c.action == specs.ActAllow {
			other = specs.ActLog // the same as the default would be no rule
		}
		b.Edit(filter(other, r))
		if res := b.Teu("run", b.ID); res.Stdout != c.want || res.Code != c.code {
			t.Errorf("action %s: %v: want stdout %q and exit code %d", c.action, res, c.want, c.code)
		}
	}
}

// TestSeccompKill: both names end the thread that calls, and it alone.
func TestSeccompKill(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.syscalls[].action")
	for _, action := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillThread} {
		b := kit.New(t, kit.Args("syscall", fmt.Sprint(syscall.SYS_UMASK), "0"), filter(specs.ActAllow, rule(action, "umask")))
		b.Start()
		threadEnds(b)
	}
}

// threadEnds waits until the first thread of the container's process is gone.
func threadEnds(b *kit.Bundle) {
	b.T.Helper()
	pid := b.State().Pid
	b.Until("the first thread is gone", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		return err != nil || strings.Contains(string(status), "State:\tZ")
	})
}

// needed is what the payload, and the runtime behind the filter, call.
var needed = rule(specs.ActAllow, strings.Fields(`read write close fstat mmap mprotect munmap brk rt_sigaction rt_sigprocmask
	rt_sigreturn sigaltstack gettid getpid futex sched_getaffinity sched_yield clone clone3 exit exit_group execve arch_prctl
	set_tid_address set_robust_list fcntl prlimit64 nanosleep madvise openat epoll_create1 epoll_ctl epoll_pwait eventfd2 pipe2 tgkill
	uname newfstatat fstatat64 getrlimit setrlimit capset rseq prctl readlinkat getrandom clock_gettime pread64`)...)

// TestSeccompDefault: the errno of what no rule names, and ENOSYS for what is newer than all that is named.
func TestSeccompDefault(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet")
	b := kit.New(t)
	for _, c := range []struct {
		errno *uint
		call  string
		want  string
	}{
		{nil, fmt.Sprint(syscall.SYS_UMASK), "EPERM\n"},
		{ptr(uint(syscall.EXFULL)), fmt.Sprint(syscall.SYS_UMASK), "EXFULL\n"},
		{nil, "999", "ENOSYS\n"},
	} {
		b.Edit(kit.Args("syscall", c.call, "0"), filter(specs.ActErrno, needed), linux(func(l *specs.Linux) { l.Seccomp.DefaultErrnoRet = c.errno }))
		if res := b.Teu("run", b.ID); res.Stdout != c.want {
			t.Errorf("call %s: %v: want stdout %q", c.call, res, c.want)
		}
	}
}

// TestSeccompArguments: each operator on both sides of its border, on the first argument and on another.
func TestSeccompArguments(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.syscalls[].args[].index", "linux.seccomp.syscalls[].args[].value",
		"linux.seccomp.syscalls[].args[].valueTwo", "linux.seccomp.syscalls[].args[].op")
	b := kit.New(t)
	for _, c := range []struct {
		op         specs.LinuxSeccompOperator
		value, two uint64
		in, out    uint64
	}{
		{specs.OpEqualTo, 1<<40 | 7, 0, 1<<40 | 7, 7},
		{specs.OpNotEqual, 7, 0, 8, 7},
		{specs.OpLessThan, 7, 0, 6, 7},
		{specs.OpLessEqual, 7, 0, 7, 8},
		{specs.OpGreaterThan, 7, 0, 8, 7},
		{specs.OpGreaterEqual, 7, 0, 7, 6},
		{specs.OpMaskedEqual, 6, 4, 0o15, 0o17},
	} {
		for _, index := range []uint{0, 1, 5} {
			r := rule(specs.ActErrno, "umask")
			r.Args = []specs.LinuxSeccompArg{{Index: index, Value: c.value, ValueTwo: c.two, Op: c.op}}
			for arg, want := range map[uint64]string{c.in: "EPERM\n", c.out: "ok 18\n"} {
				args := []string{"syscall", fmt.Sprint(syscall.SYS_UMASK), "0", "0", "0", "0", "0", "0"}
				args[2+index] = fmt.Sprint(arg)
				b.Edit(kit.Args(args...), filter(specs.ActAllow, r))
				if res := b.Teu("run", b.ID); res.Stdout != want {
					t.Errorf("%s with %d as argument %d: %v: want stdout %q", c.op, arg, index, res, want)
				}
			}
		}
	}
}

// TestSeccompArchitectures: a call of an architecture that is not listed ends the thread; of one that is it gets as far as the
// kernel, which may have it or not.
func TestSeccompArchitectures(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.architectures[]")
	if runtime.GOARCH != "amd64" {
		t.Skip("x32 is the second architecture of amd64 alone")
	}
	x32 := kit.Args("syscall", fmt.Sprint(sys.X32SyscallBit|syscall.SYS_UMASK), "0")
	archs := func(list ...specs.Arch) edit { return linux(func(l *specs.Linux) { l.Seccomp.Architectures = list }) }
	b := kit.New(t, x32, filter(specs.ActAllow, rule(specs.ActErrno, "mkdirat")), archs(specs.ArchX86_64, specs.ArchX32))
	if res := b.Teu("run", b.ID); res.Stdout != "ENOSYS\n" && res.Stdout != "ok 18\n" {
		t.Errorf(`x32 call: %v: want stdout "ENOSYS\n" or "ok 18\n"`, res)
	}
	b.Edit(archs(specs.ArchX86_64))
	b.Start()
	threadEnds(b)
	b.OK("delete", "--force", b.ID)
	b.Edit(archs("SCMP_ARCH_WONDER"))
	b.Fails([]string{"create", b.ID}, "linux.seccomp.architectures[0]", "SCMP_ARCH_WONDER")
	b.Edit(archs(specs.ArchX86_64, specs.ArchS390X))
	b.Fails([]string{"create", b.ID}, "linux.seccomp.architectures[1]: SCMP_ARCH_S390X: not the byte order of this machine")
}

// TestSeccompFlags: the kernel takes each of them. What SPEC_ALLOW and TSYNC change does not show on this kernel.
func TestSeccompFlags(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.flags[]")
	for _, list := range [][]specs.LinuxSeccompFlag{
		{}, {"SECCOMP_FILTER_FLAG_TSYNC"}, {specs.LinuxSeccompFlagLog}, {specs.LinuxSeccompFlagSpecAllow}, {specs.LinuxSeccompFlagWaitKillableRecv},
		{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv},
	} {
		for _, notify := range []bool{false, true} {
			b := kit.New(t, mkdir, filter(specs.ActAllow, rule(specs.ActErrno, "mkdirat")))
			if notify {
				s := supervise(b)
				b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
				s.behind(only(syscall.SYS_MKDIRAT, syscall.EPERM))
			}
			b.Edit(linux(func(l *specs.Linux) { l.Seccomp.Flags = list }))
			if res := b.Teu("run", b.ID); res.Stdout != "EPERM\n" {
				t.Errorf(`flags %v, notify %v: %v: want stdout "EPERM\n"`, list, notify, res)
			}
		}
	}
	b := kit.New(t, filter(specs.ActAllow), linux(func(l *specs.Linux) { l.Seccomp.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_NEW_LISTENER"} }))
	b.Fails([]string{"create", b.ID}, "linux.seccomp.flags[0]", "SECCOMP_FILTER_FLAG_NEW_LISTENER")
}

// TestSeccompWaitKillable: once the supervisor has a call, a signal does not make it ask again.
func TestSeccompWaitKillable(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.flags[]")
	for flag, again := range map[specs.LinuxSeccompFlag]bool{specs.LinuxSeccompFlagLog: true, specs.LinuxSeccompFlagWaitKillableRecv: false} {
		b := kit.New(t, mkdir)
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")), linux(func(l *specs.Linux) { l.Seccomp.Flags = []specs.LinuxSeccompFlag{flag} }))
		asked := 0
		_, calls := s.behind(func(n *sys.SeccompNotif) answer {
			if asked++; asked == 1 {
				// The Go runtime has a handler for it, which does nothing here.
				check(t, syscall.Tgkill(int(n.Pid), int(n.Pid), syscall.SIGURG))
				if again {
					b.Until("the signal is taken", func() bool { return !pending(t, n.Pid, syscall.SIGURG) })
				}
			}
			return answer{errno: syscall.EL3RST}
		})
		if res := b.Teu("run", b.ID); res.Stdout != "EL3RST\n" {
			t.Errorf(`flag %s: %v: want stdout "EL3RST\n"`, flag, res)
		}
		if <-calls; asked > 1 != again {
			t.Errorf("flag %s: the supervisor was asked %d times; more than once: want %v", flag, asked, again)
		}
	}
}

// pending reports whether a signal waits for the first thread of a process.
func pending(t testing.TB, pid uint32, sig syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(status), "SigPnd:\t")
	var mask uint64
	_, err = fmt.Sscanf(rest, "%x", &mask)
	check(t, err)
	return mask>>(sig-1)&1 != 0
}

// TestSeccompConflicts: what a rule cannot have for another one is told.
func TestSeccompConflicts(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.syscalls[].action", "linux.seccomp.syscalls[].names[]")
	b := kit.New(t, kit.Args("syscall", fmt.Sprint(syscall.SYS_UMASK), "0"), filter(specs.ActAllow, rule(specs.ActErrno, "umask"), rule(specs.ActKillProcess, "mkdirat", "umask", "wonder")))
	res, log := b.Logged("run", b.ID)
	for _, want := range []string{
		"linux.seccomp.syscalls[1].names[1]: umask: SCMP_ACT_KILL_PROCESS without effect, as linux.seccomp.syscalls[0].names[0] has SCMP_ACT_ERRNO",
		"linux.seccomp.syscalls[1].names[2]: wonder: not known, so not restricted",
	} {
		if res.Stdout != "EPERM\n" || !strings.Contains(log, want) {
			t.Errorf(`%v: logged %q: want stdout "EPERM\n" and a warning with %q`, res, log, want)
		}
	}
}
