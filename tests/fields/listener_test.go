package fields

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

func rule(action specs.LinuxSeccompAction, names ...string) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: names, Action: action}
}

// mkdir is a call to be supervised; its result is what the container prints.
var mkdir = kit.Args("syscall", "mkdirat", "-100", "s:/tmp/made", "493")

func noNewPrivs(on bool) edit {
	return process(func(p *specs.Process) { p.NoNewPrivileges = on })
}

// both runs a test with and without no_new_privs, on which depends what comes after the filter.
func both(t *testing.T, f func(t *testing.T, nnp edit)) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("no_new_privs %v", on), func(t *testing.T) {
			t.Parallel()
			f(t, noNewPrivs(on))
		})
	}
}

// TestListener: created and started, the supervisor gets the state of the container with the listener, and decides.
func TestListener(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath", "linux.seccomp.listenerMetadata", "linux.seccomp.syscalls[].action", "linux.seccomp.syscalls[].names[]")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, mkdir, nnp, func(s *specs.Spec) { s.Annotations = map[string]string{"org.example.key": "value"} })
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
		sent, calls := s.behind(only(syscall.SYS_MKDIRAT, syscall.ENOMEDIUM))
		res := b.OK("create", b.ID)
		pid := b.State().Pid
		b.OK("start", b.ID)
		b.Ended()
		if out := res.Output("\n"); out != "ENOMEDIUM\n" {
			t.Errorf("supervised mkdirat: got %q, want %q", out, "ENOMEDIUM\n")
		}
		p := <-sent
		if p.Version != specs.Version || p.Pid != pid || p.Metadata != "what the supervisor knows" {
			t.Errorf("what the supervisor got: %+v, want version %s, pid %d and the configured metadata", p, specs.Version, pid)
		}
		st := p.State
		if st.ID != b.ID || st.Pid != pid || st.Bundle != b.Dir || st.Status != specs.StateCreating || st.Version != b.Spec.Version || st.Annotations["org.example.key"] != "value" {
			t.Errorf("state that the supervisor got: %+v, want ID %s, pid %d, bundle %s, status %s, version %s and the annotation", st, b.ID, pid, b.Dir, specs.StateCreating, b.Spec.Version)
		}
		if got := <-calls; len(got) != 1 {
			t.Errorf("supervised calls: got %v, want 1", got)
		}
	})
}

// TestListenerOfRun: the connection ends though teu stays in front of the container.
func TestListenerOfRun(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, mkdir, nnp, func(s *specs.Spec) { s.Root.Readonly = false })
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
		_, calls := s.behind(func(*sys.SeccompNotif) answer { return goOn })
		if out := b.Run().Stdout; out != "ok 0\n" {
			t.Errorf("supervised mkdirat that goes on: got %q, want %q", out, "ok 0\n")
		}
		if got := <-calls; len(got) != 1 {
			t.Errorf("supervised calls: got %v, want 1", got)
		}
	})
}

// TestListenerOfExec: each exec has a listener and a connection of its own.
func TestListenerOfExec(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath", "linux.seccomp.listenerMetadata")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, kit.Args("sleep", "forever"), nnp)
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
		s.behind(func(*sys.SeccompNotif) answer { return goOn })
		b.OK("create", b.ID)
		b.OK("start", b.ID)
		for range 2 {
			var asked uint32
			sent, calls := s.behind(func(n *sys.SeccompNotif) answer {
				asked = n.Pid
				return answer{errno: syscall.EXFULL}
			})
			res := b.Teu("exec", b.ID, kit.PayloadPath, "syscall", "mkdirat", "-100", "s:/tmp/x", "493")
			p := <-sent
			if res.Stdout != "EXFULL\n" || p.State.Status != specs.StateRunning || p.State.Pid != b.State().Pid || p.Pid == p.State.Pid {
				t.Errorf(`%v: want stdout "EXFULL\n"; the supervisor got %+v, want status %s, the pid of the container and another of the exec`, res, p, specs.StateRunning)
			}
			if got := <-calls; len(got) != 1 || p.Metadata == "" || int(asked) != p.Pid {
				t.Errorf("supervised calls %v of pid %d, metadata %q; want 1 of pid %d, with metadata", got, asked, p.Metadata, p.Pid)
			}
		}
	})
}

// TestListenerOfAll: every call is asked about, those of the runtime after the load of the filter as well.
func TestListenerOfAll(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.defaultAction", "linux.seccomp.listenerPath")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, kit.Args("echo", "through"), nnp, process(func(p *specs.Process) { p.User.UID = 1000 }))
		s := supervise(b)
		b.Edit(s.profile(specs.ActNotify))
		_, calls := s.behind(func(*sys.SeccompNotif) answer { return goOn })
		if out := b.Run().Stdout; out != "through\n" {
			t.Errorf("output with every call supervised: got %q, want %q", out, "through\n")
		}
		got := <-calls
		exec := slices.Index(got, syscall.SYS_EXECVE)
		if exec < 0 || b.Spec.Process.NoNewPrivileges && exec != 0 {
			t.Fatalf("supervised calls %v: got execve at %d, want it there, and first with no_new_privs", got, exec)
		}
		for _, nr := range got[:exec] {
			if nr != syscall.SYS_CAPSET && nr != syscall.SYS_PRCTL {
				t.Errorf("call of the runtime after it had loaded the filter: got %d, want capset or prctl", nr)
			}
		}
	})
}

// TestListenerBesideDenials: the profile denies whatever passing the listener on takes.
func TestListenerBesideDenials(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, mkdir, nnp)
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat"), rule(specs.ActKillProcess, "sendmsg", "sendto", "recvmsg", "seccomp", "close_range"),
			rule(specs.ActErrno, "pread64", "sched_yield", "close", "exit", "capget")))
		s.behind(only(syscall.SYS_MKDIRAT, syscall.EDOM))
		if res := b.Teu("run", b.ID); res.Stdout != "EDOM\n" {
			t.Errorf(`%v: want stdout "EDOM\n"`, res)
		}
	})
}

func TestListenerInUserNamespace(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, mkdir, nnp, linux(func(l *specs.Linux) {
			l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			l.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
			l.GIDMappings = l.UIDMappings
		}))
		for _, dir := range []string{"", "/bin", "/etc", "/tmp"} { // root of the container makes the mount points in them
			check(t, os.Chown(b.Rootfs+dir, 100000, 100000))
		}
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
		_, calls := s.behind(only(syscall.SYS_MKDIRAT, syscall.EL2HLT))
		if res := b.Teu("run", b.ID); res.Stdout != "EL2HLT\n" {
			t.Errorf(`%v: want stdout "EL2HLT\n"`, res)
		}
		<-calls
	})
}

// TestListenerSlowly: a state that does not fit into the socket, read in small pieces.
func TestListenerSlowly(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerMetadata")
	b := kit.New(t, mkdir)
	s := supervise(b)
	s.step = 511
	metadata := strings.Repeat("\u00e9 ", 300<<10)
	b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")), linux(func(l *specs.Linux) { l.Seccomp.ListenerMetadata = metadata }))
	sent, _ := s.behind(only(syscall.SYS_MKDIRAT, syscall.EBADE))
	if res := b.Teu("run", b.ID); res.Stdout != "EBADE\n" {
		t.Errorf(`%v: want stdout "EBADE\n"`, res)
	}
	if p := <-sent; p.Metadata != metadata {
		t.Errorf("metadata that the supervisor got: %d bytes, want the %d of the configuration", len(p.Metadata), len(metadata))
	}
}

// TestListenerLeaksNothing: the workload has neither the listener nor the socket, and is one thread when it starts.
func TestListenerLeaksNothing(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, kit.Args("all"), nnp)
		s := supervise(b)
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
		s.behind(func(*sys.SeccompNotif) answer { return goOn })
		r := b.Inspect()
		for fd, link := range r.FDs {
			if strings.Contains(link, "seccomp") || strings.HasPrefix(link, "socket:") || strings.Contains(link, "memfd") {
				t.Errorf("descriptor %s of the workload: got %s, want no listener, socket or memfd", fd, link)
			}
		}
		if r.Status["Seccomp"] != "2" || r.Status["Seccomp_filters"] != "1" {
			t.Errorf("seccomp of the workload: got mode %q and %q filters, want 2 and 1", r.Status["Seccomp"], r.Status["Seccomp_filters"])
		}
	})
}

// TestListenerThatNobodyTakes: what is not asked about runs; the wait for an answer is the container's.
func TestListenerThatNobodyTakes(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	b := kit.New(t, kit.Args("echo", "alone"))
	s := supervise(b)
	b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")))
	if out := b.Run().Stdout; out != "alone\n" {
		t.Errorf("output of a container that asks nothing: got %q, want %q", out, "alone\n")
	}
	// One that does ask can be ended.
	b.Edit(mkdir)
	b.Start()
	b.OK("kill", b.ID, "KILL")
	b.Ended()
}

// TestListenerForNothing: without SCMP_ACT_NOTIFY nobody connects.
func TestListenerForNothing(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	b := kit.New(t, kit.Args("echo", "free"))
	b.Edit(linux(func(l *specs.Linux) {
		l.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/nowhere", Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "mkdirat")}}
	}))
	if out := b.Run().Stdout; out != "free\n" {
		t.Errorf("output with a listener for nothing: got %q, want %q", out, "free\n")
	}
}

// TestListenerGone: whoever has closed the connection, or the listener, does not keep the container waiting.
func TestListenerGone(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	const where = "linux.seccomp.listenerPath: pass the listener to "
	both(t, func(t *testing.T, nnp edit) {
		b := kit.New(t, nnp)
		s := supervise(b)
		b.Edit(s.profile(specs.ActNotify))
		b.OK("create", b.ID)
		conn, err := s.accept()
		check(t, err)
		check(t, hangUp(conn))
		b.Fails([]string{"start", b.ID}, where+s.path+": send: broken pipe")
		b.Ended()
		b.OK("delete", b.ID)
		go func() {
			if conn, err := s.accept(); err == nil {
				hangUp(conn)
			}
		}()
		// What was sent before that is lost, and the calls fail that nobody answers then.
		if res := b.Teu("run", b.ID); res.Code == 0 || !strings.Contains(res.Stderr, where) && !strings.Contains(res.Stderr, "function not implemented") {
			t.Errorf("run after the supervisor hung up: %v: want an error with %q or that calls are not implemented", res, where)
		}

		// It has the listener and goes: execve is not answered, and neither is the exit.
		go func() {
			p := s.receive()
			if _, _, err := sys.SeccompRecv(p.listener); err != nil {
				t.Errorf("receive a call from the listener: %v", err)
			}
			syscall.Close(p.listener)
		}()
		b.Fails([]string{"run", b.ID}, "function not implemented")
	})
}

// TestListenerErrors: what is wrong is an error of create, with its place.
func TestListenerErrors(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	b := kit.New(t)
	s := supervise(b)
	s.sock.SetUnlinkOnClose(false)
	const where = "linux.seccomp.listenerPath: "
	try := func(path string, want ...string) {
		t.Helper()
		b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")), linux(func(l *specs.Linux) { l.Seccomp.ListenerPath = path }))
		b.Fails([]string{"create", b.ID}, want...)
	}
	try(b.Dir+"/nowhere", where+"connect "+b.Dir+"/nowhere: no such file or directory")
	try(b.Dir+"/config.json", where, "connection refused")
	datagram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: b.Dir + "/datagram"})
	check(t, err)
	defer datagram.Close()
	try(b.Dir+"/datagram", where, "protocol wrong type for socket")
	check(t, shutdown(s.sock))
	check(t, s.sock.Close())
	try(s.path, where, "connection refused")
}

// TestListenerWithoutAThread: passing the listener on takes one process more than the container may have.
func TestListenerWithoutAThread(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.seccomp.listenerPath")
	b := kit.New(t)
	s := supervise(b)
	b.Edit(s.profile(specs.ActAllow, rule(specs.ActNotify, "mkdirat")), linux(func(l *specs.Linux) {
		one := int64(1)
		l.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &one}}
	}))
	b.Fails([]string{"run", b.ID}, "linux.seccomp.listenerPath: ", "start a thread that sends it: resource temporarily unavailable")
}
