package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// filter is a profile that allows all but what the rules say.
func filter(rules ...specs.LinuxSyscall) edit {
	return func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rules}
	}
}

func rule(action specs.LinuxSeccompAction, name string, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: action, Args: args}
}

func errnoRule(errno uint, name string, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	r := rule(specs.ActErrno, name, args...)
	r.ErrnoRet = &errno
	return r
}

func arg(index uint, op specs.LinuxSeccompOperator, value, two uint64) specs.LinuxSeccompArg {
	return specs.LinuxSeccompArg{Index: index, Op: op, Value: value, ValueTwo: two}
}

// TestSeccomp calls through each filter. umask(2) takes one number, and always succeeds without one.
func TestSeccomp(t *testing.T) {
	t.Parallel()
	const umask, call = "95", "syscall"
	if runtime.GOARCH != "amd64" {
		t.Skip("numbers of amd64")
	}
	for _, c := range []struct {
		name string
		rule specs.LinuxSyscall
		args []string
		want string // output
		code int
	}{
		{"errno", errnoRule(38, "umask"), []string{call, umask, "0"}, "ENOSYS\n", 1},
		{"errno by default", rule(specs.ActErrno, "umask"), []string{call, umask, "0"}, "EPERM\n", 1},
		{"errno zero", errnoRule(0, "umask"), []string{call, umask, "7"}, "ok 0\n", 0},
		{"kill process", rule(specs.ActKillProcess, "umask"), []string{call, umask, "0"}, "", 128 + 31},
		{"log", rule(specs.ActLog, "umask"), []string{call, umask, "0"}, "ok 18\n", 0},
		{"allow", rule(specs.ActAllow, "umask"), []string{call, umask, "0"}, "ok 18\n", 0},
		{"other call", errnoRule(38, "mkdirat"), []string{call, umask, "0"}, "ok 18\n", 0},
		{"unknown name is passed over", errnoRule(38, "wonder"), []string{call, umask, "0"}, "ok 18\n", 0},
		{"equal", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 7, 0)), []string{call, umask, "7"}, "ENOSYS\n", 1},
		{"equal is not", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 7, 0)), []string{call, umask, "8"}, "ok 18\n", 0},
		{"not equal", errnoRule(38, "umask", arg(0, specs.OpNotEqual, 7, 0)), []string{call, umask, "8"}, "ENOSYS\n", 1},
		{"less", errnoRule(38, "umask", arg(0, specs.OpLessThan, 7, 0)), []string{call, umask, "6"}, "ENOSYS\n", 1},
		{"less is not", errnoRule(38, "umask", arg(0, specs.OpLessThan, 7, 0)), []string{call, umask, "7"}, "ok 18\n", 0},
		{"less or equal", errnoRule(38, "umask", arg(0, specs.OpLessEqual, 7, 0)), []string{call, umask, "7"}, "ENOSYS\n", 1},
		{"greater", errnoRule(38, "umask", arg(0, specs.OpGreaterThan, 7, 0)), []string{call, umask, "8"}, "ENOSYS\n", 1},
		{"greater or equal", errnoRule(38, "umask", arg(0, specs.OpGreaterEqual, 7, 0)), []string{call, umask, "7"}, "ENOSYS\n", 1},
		{"masked", errnoRule(38, "umask", arg(0, specs.OpMaskedEqual, 4, 4)), []string{call, umask, "6"}, "ENOSYS\n", 1},
		{"masked is not", errnoRule(38, "umask", arg(0, specs.OpMaskedEqual, 4, 4)), []string{call, umask, "2"}, "ok 18\n", 0},
		{"large argument", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 1<<40, 0)), []string{call, umask, "1099511627776"}, "ENOSYS\n", 1},
		{"large argument, low half", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 1<<40, 0)), []string{call, umask, "0"}, "ok 18\n", 0},
		{"two arguments", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 1, 0), arg(1, specs.OpEqualTo, 2, 0)), []string{call, umask, "1", "2"}, "ENOSYS\n", 1},
		{"one of two", errnoRule(38, "umask", arg(0, specs.OpEqualTo, 1, 0), arg(1, specs.OpEqualTo, 2, 0)), []string{call, umask, "1", "3"}, "ok 18\n", 0},
	} {
		for _, nnp := range []bool{true, false} {
			name := c.name
			if !nnp {
				name += " without no_new_privs"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := kit.New(t, filter(c.rule), kit.Args(c.args...), process(func(p *specs.Process) {
					p.NoNewPrivileges = nnp
					p.User.UID = 1000 // without any capability at the end
				}))
				if res := b.Teu("run", b.ID); res.Stdout != c.want || res.Code != c.code {
					t.Errorf("%v, want %q and %d", res, c.want, c.code)
				}
			})
		}
	}
}

// TestSeccompKillThread: SCMP_ACT_KILL ends the thread that makes the call and leaves the others of the Go runtime.
func TestSeccompKillThread(t *testing.T) {
	t.Parallel()
	for _, action := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillThread} {
		b := kit.New(t, filter(rule(action, "umask")), kit.Args("syscall", "95", "0"))
		b.OK("create", b.ID)
		pid := b.State().Pid
		b.OK("start", b.ID)
		b.Until("the first thread is gone", func() bool {
			return strings.Contains(procFile(t, pid, "status"), "State:\tZ") || !exists(fmt.Sprintf("/proc/%d/task/%d", pid, pid))
		})
	}
}

// TestSeccompState: the kernel's own word, for the first process and for an exec, and that start and exec come through a
// filter that denies what they themselves have done before.
func TestSeccompState(t *testing.T) {
	t.Parallel()
	var deny []specs.LinuxSyscall
	for _, name := range []string{
		"mount", "umount2", "pivot_root", "setns", "unshare", "move_mount", "fsopen", "open_tree", "mount_setattr", "openat2",
		"setresuid", "setresgid", "setgroups", "prctl", "keyctl", "chdir", "umask", "close_range", "sethostname", "chroot", "sendto", "recvmsg",
		"sendmsg", "accept4", "mknodat", "setsid", "seccomp",
	} {
		deny = append(deny, rule(specs.ActErrno, name))
	}
	b := kit.New(t, filter(deny...), kit.Args("sleep", "forever"))
	b.Start()
	status := procFile(t, b.State().Pid, "status")
	if want := "Seccomp:\t2\nSeccomp_filters:\t1"; !strings.Contains(status, want) {
		t.Errorf("status: got %s, want %q in it", status, want)
	}
	in := kit.JSON[map[string]string](b, b.OK("exec", b.ID, kit.PayloadPath, "status").Stdout)
	if in["Seccomp"] != "2" || in["Seccomp_filters"] != "1" || in["NoNewPrivs"] != "1" {
		t.Errorf("status of an exec: got %v, want Seccomp 2, Seccomp_filters 1, NoNewPrivs 1", in)
	}
	b.Fails([]string{"exec", b.ID, "/nowhere"}, "no such file or directory")
}

// TestSeccompDefaultDeny: a list of what is allowed, as Docker's is, with ENOSYS for what did not exist when it was written.
func TestSeccompDefaultDeny(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(uint(1)),
			Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
			Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow},
			Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow, Names: []string{
				"read", "write", "close", "fstat", "mmap", "mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
				"sigaltstack", "gettid", "getpid", "futex", "sched_getaffinity", "sched_yield", "clone", "clone3", "exit", "exit_group",
				"execve", "arch_prctl", "set_tid_address", "set_robust_list", "fcntl", "prlimit64", "nanosleep", "madvise", "openat",
				"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "pipe2", "tgkill", "uname", "newfstatat", "getrlimit", "setrlimit",
				"capset", "rseq", "prctl", "umask", "close_range", "readlinkat", "getrandom", "clock_gettime",
			}}},
		}
	})
	for call, want := range map[string]string{"getppid": "EPERM\n", "999": "ENOSYS\n"} {
		b.Edit(kit.Args("syscall", call))
		if res := b.Teu("run", b.ID); res.Stdout != want {
			t.Errorf("%s: %v, want %q", call, res, want)
		}
	}
}

func TestSeccompCache(t *testing.T) {
	t.Parallel()
	b := kit.New(t, filter(errnoRule(38, "umask")), kit.Args("syscall", "umask"))
	b.Edit(kit.Args("syscall", "95", "0"))
	for range 2 {
		if res := b.Teu("run", b.ID); res.Stdout != "ENOSYS\n" {
			t.Errorf("%v, want stdout %q", res, "ENOSYS\n")
		}
	}
	files, err := filepath.Glob(b.Cache + "/*")
	check(t, err)
	if len(files) != 1 {
		t.Fatalf("files in the cache: got %q, want 1", files)
	}
	// A torn entry is made anew, not loaded.
	check(t, os.WriteFile(files[0], []byte("torn"), 0o600))
	if res := b.Teu("run", b.ID); res.Stdout != "ENOSYS\n" {
		t.Errorf("%v, want stdout %q", res, "ENOSYS\n")
	}
}

// The cache is one for all roots, and none of it lies among the containers: another runtime that lists the root, and a caller
// that looks for leftovers, find nothing that they do not know.
func TestSeccompCacheIsNotInTheRoot(t *testing.T) {
	// In the host's own cache, from which the entry is removed again.
	const dir = "/run/teu-cache"
	list := func() (names []string) {
		entries, _ := os.ReadDir(dir) // there is none before the first filter
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	// Of the whole 32-bit range, so that no other run has compiled it yet.
	b := kit.New(t, filter(rule(specs.ActErrno, "umask", arg(0, specs.OpEqualTo, uint64(time.Now().UnixNano()), 0))), kit.Args("true"))
	run := func(root string) {
		t.Helper()
		c := b.Command("--root", root, "run", "--keep", b.ID)
		c.Env = slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "_TEU_CACHE=") })
		if res := b.Do(c); res.Code != 0 {
			t.Errorf("%v, want exit code 0", res)
		}
		entries, err := os.ReadDir(root)
		check(t, err)
		if len(entries) != 1 || entries[0].Name() != b.ID {
			t.Errorf("entries of the root: got %v, want the container %s alone", entries, b.ID)
		}
		b.OK("--root", root, "delete", b.ID)
	}
	before := list()
	run(b.Dir + "/one")
	fresh := slices.DeleteFunc(list(), func(name string) bool { return slices.Contains(before, name) })
	if len(fresh) != 1 {
		t.Fatalf("new entries of %s: got %q, want one", dir, fresh)
	}
	entry := filepath.Join(dir, fresh[0])
	defer os.Remove(entry)
	was, err := os.Stat(entry)
	check(t, err)
	run(b.Dir + "/two")
	if is, err := os.Stat(entry); err != nil || !os.SameFile(was, is) {
		t.Errorf("entry after a run with another root: got %v, %v, want that of the first one", is, err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode of %s: got %v, %v, want 0700", dir, st, err)
	}
	// A cache that cannot be used is no error of the container.
	for _, cache := range []string{b.Dir + "/none/cache", "/dev/null", "/proc/teu"} {
		c := b.Command("run", b.ID)
		c.Env = append(c.Env, "_TEU_CACHE="+cache)
		if res := b.Do(c); res.Code != 0 {
			t.Errorf("with the cache %s: %v, want exit code 0", cache, res)
		}
	}
}

func TestSeccompErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit edit
		want []string
	}{
		{"unknown action", filter(rule("SCMP_ACT_WONDER", "umask")), []string{"linux.seccomp.syscalls[0].action", "SCMP_ACT_WONDER"}},
		{"unknown operator", filter(rule(specs.ActErrno, "umask", arg(0, "SCMP_CMP_WONDER", 0, 0))), []string{"linux.seccomp.syscalls[0].args[0].op"}},
		{"argument out of range", filter(rule(specs.ActErrno, "umask", arg(6, specs.OpEqualTo, 0, 0))), []string{"linux.seccomp.syscalls[0].args[0].index"}},
		{"unknown architecture", all(filter(), func(s *specs.Spec) { s.Linux.Seccomp.Architectures = []specs.Arch{"SCMP_ARCH_WONDER"} }), []string{"linux.seccomp.architectures[0]"}},
		{"unknown flag", all(filter(), func(s *specs.Spec) { s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{"WONDER"} }), []string{"linux.seccomp.flags[0]"}},
		{"no names", filter(specs.LinuxSyscall{Action: specs.ActErrno}), []string{"linux.seccomp.syscalls[0].names"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, c.edit)
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}
