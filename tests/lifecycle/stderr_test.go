package lifecycle

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// ungrantable has what the test starts be without CAP_WAKE_ALARM: the test's goroutine keeps its thread, which ends with it.
func ungrantable(t *testing.T) string {
	t.Helper()
	const capWakeAlarm = 35
	runtime.LockOSThread()
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_CAPBSET_DROP, capWakeAlarm, 0); errno != 0 {
		t.Fatalf("drop CAP_WAKE_ALARM from the bounding set: %v", errno)
	}
	return "CAP_WAKE_ALARM"
}

// warned is a container of which there is much to warn: as in the profiles of Podman, Buildah and CRI-O one call is allowed and
// denied, a capability cannot be granted, one is not known, an entry of the environment is no variable.
func warned(missing string) edit {
	return func(s *specs.Spec) {
		p := s.Process
		p.Capabilities.Bounding = append(p.Capabilities.Bounding, missing, "CAP_WONDER")
		p.Env = append(p.Env, "NOTHING")
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
			rule(specs.ActAllow, "setns"), errnoRule(38, "setns"), {Names: everyCall(), Action: specs.ActAllow},
		}}
	}
}

// everyCall names what a program of Go needs, and exec before it.
func everyCall() []string {
	return strings.Fields("arch_prctl brk capget capset chdir clone clone3 close close_range epoll_create1 epoll_ctl epoll_pwait eventfd2 execve " +
		"execveat exit exit_group fchdir fcntl fstat fstatfs futex getcwd getdents64 geteuid getgid getgroups getpid getppid getrlimit gettid getuid " +
		"ioctl lseek madvise mincore mmap mprotect munmap nanosleep newfstatat openat openat2 pipe2 ppoll prctl pread64 prlimit64 pselect6 pwrite64 " +
		"read readlinkat restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield sendmsg recvmsg set_robust_list " +
		"set_tid_address setgid setgroups setresgid setresuid setsid setuid sigaltstack statx tgkill timer_create timer_delete timer_settime uname " +
		"umask unlinkat wait4 waitid write writev")
}

// warnings are the messages of level warning in a log in JSON.
func warnings(t *testing.T, log string) (list []string) {
	t.Helper()
	for text := range strings.Lines(log) {
		var line struct{ Level, Msg string }
		check(t, json.Unmarshal([]byte(text), &line))
		if line.Level == "warning" {
			list = append(list, line.Msg)
		}
	}
	return list
}

// has wants a warning for each text, and no other.
func has(t *testing.T, of string, got []string, want ...string) {
	t.Helper()
	missing := slices.ContainsFunc(want, func(w string) bool {
		return !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, w) })
	})
	if missing || len(got) != len(want) {
		t.Errorf("warnings of %s: got %q, want one with each of %q", of, got, want)
	}
}

// TestStderrIsTheContainers: what the process may share with create, run and exec has no warning of theirs; the log has them, once.
func TestStderrIsTheContainers(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	missing := ungrantable(t)
	b := kit.New(t, kit.Args("sleep", "forever"), warned(missing))
	text, err := json.Marshal(b.Spec.Process)
	check(t, err)
	process := b.Dir + "/process.json"
	check(t, os.WriteFile(process, []byte(strings.Replace(string(text), `"sleep","forever"`, `"true"`, 1)), 0o644))
	logged := func(args ...string) []string {
		t.Helper()
		res, log := b.Logged(append([]string{"--log-format", "json"}, args...)...)
		if res.Code != 0 || res.Stdout+res.Stderr != "" {
			t.Errorf("%v: want exit code 0 and nothing on stdout and stderr", res)
		}
		return warnings(t, log)
	}
	quiet := func(args ...string) {
		t.Helper()
		if res := b.OK(args...); res.Stdout+res.Stderr != "" {
			t.Errorf("%v: want nothing on stdout and stderr", res)
		}
	}
	all := []string{"linux.seccomp.syscalls[1].names[0]: setns: SCMP_ACT_ERRNO without effect", missing, "CAP_WONDER", "NOTHING"}
	has(t, "create", logged("create", b.ID), all...)
	quiet("start", b.ID)
	has(t, "exec", logged("exec", b.ID, kit.PayloadPath, "true"))
	has(t, "exec --process", logged("exec", "--process", process, b.ID))
	has(t, "exec of more", logged("exec", "--cap", "CAP_MIRACLE", "--env", "NONE", b.ID, kit.PayloadPath, "true"), "CAP_MIRACLE", "NONE")
	quiet("exec", b.ID, kit.PayloadPath, "true")
	quiet("exec", "--process", process, b.ID)
	quiet("exec", "--cap", "CAP_MIRACLE", b.ID, kit.PayloadPath, "true")
	quiet("exec", "--detach", b.ID, kit.PayloadPath, "true")
	quiet("delete", "--force", b.ID)
	quiet("create", b.ID)
	quiet("delete", "--force", b.ID)
	b.Edit(kit.Args("true"))
	has(t, "run", logged("run", b.ID), all...)
	quiet("run", b.ID)
	// Who asks for them gets them.
	for _, flags := range [][]string{{"--log-level", "warning"}, {"--log", "/dev/stderr"}} {
		if res := b.OK(append(flags, "run", b.ID)...); strings.Count(res.Stderr, " level=warning ") != len(all) {
			t.Errorf("%v: want %d warnings on stderr", res, len(all))
		}
	}
}

// TestStderrOfAFailure: there it says why it has failed, and nothing else; where there is a log it comes last, as containerd reads
// it.
func TestStderrOfAFailure(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	missing := ungrantable(t)
	b := kit.New(t, kit.Args("sleep", "forever"), warned(missing))
	fails := func(want string, args ...string) {
		t.Helper()
		if res := b.Fails(args, want); strings.Count(res.Stderr, "\n") != 1 {
			t.Errorf("%v: want one line on stderr", res)
		}
		res, log := b.Logged(append([]string{"--log-format", "json"}, args...)...)
		lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
		var last struct{ Level, Msg string }
		check(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		if last.Level != "error" || !strings.Contains(last.Msg, want) || res.Stderr != last.Msg+"\n" {
			t.Errorf("%v: logged %q: want an error with %q last, and its message on stderr", res, log, want)
		}
	}
	b.Start()
	fails("/nope", "exec", b.ID, "/nope")
	b.OK("delete", "--force", b.ID)
	b.Edit(kit.Args("x"), func(s *specs.Spec) { s.Process.Args[0] = "/nope" })
	fails("/nope", "run", b.ID)
	fails("/nope", "create", b.ID)
}
