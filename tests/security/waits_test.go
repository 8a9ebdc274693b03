package security

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// What a container controls holds up whoever asked for it, and nobody else: `delete --force` comes through promptly,
// and the verb that waited fails in words.

// promptly is how long `delete --force` may take, whatever others wait for: 5 s on an idle machine, half of what it waits for a lock.
var promptly = kit.Limit / 4

// held is a verb that waits.
type held struct {
	b    *kit.Bundle
	view func(*exec.Cmd)
	cmd  *exec.Cmd
}

func hold(b *kit.Bundle, view func(*exec.Cmd), env []string, args ...string) *held {
	b.T.Helper()
	c := b.Command(args...)
	c.Env = append(c.Env, env...)
	view(c)
	check(b.T, c.Start())
	return &held{b, view, c}
}

// deleted deletes the container by force, and wants the verb to fail with an error that holds each of want.
func (h *held) deleted(want ...string) {
	h.b.T.Helper()
	c := h.b.Command("delete", "--force", h.b.ID)
	h.view(c)
	began := time.Now()
	if res := h.b.Do(c); res.Code != 0 || res.Stderr != "" {
		h.b.T.Errorf("%v: want exit code 0 and no stderr", res)
	}
	if took := time.Since(began); took > promptly {
		h.b.T.Errorf("delete --force took %v, want %v at most", took, promptly)
	}
	res := h.b.Wait(h.cmd)
	if !oneLine(res) {
		h.b.T.Errorf("%v: want a failure in one line", res)
	}
	for _, w := range want {
		if !strings.Contains(res.Stderr, w) {
			h.b.T.Errorf("%v: want %q in stderr", res, w)
		}
	}
	h.b.Fails([]string{"state", h.b.ID}, "does not exist")
}

func plain(*exec.Cmd) {}

// stat returns the fields of /proc/PID/stat behind the name, nil of a process that is gone.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// child is a child of the process for which is holds, 0 for none.
func child(parent int, is func(pid int, state string) bool) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if f := stat(pid); f != nil && f[1] == strconv.Itoa(parent) && is(pid, f[0]) {
			return pid
		}
	}
	return 0
}

// A process of a shared pid namespace stops whatever appears there: the init of a create that joins it.
func TestPodMateStopsCreate(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		mate := kit.New(t)
		attacker(mate)
		mate.Edit(process("/bin/attacker", "stop", "60"))
		mate.Start().Output("ready")
		pod := fmt.Sprintf("/proc/%d/ns/pid", mate.State().Pid)
		for _, verb := range []string{"create", "run"} {
			b := kit.New(t, namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
				if n.Type == specs.PIDNamespace {
					n.Path = pod
				}
				return n
			}), func(s *specs.Spec) {
				// It enters the pid namespace before anything else for its hooks, which are told its pid.
				s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/true", Args: []string{"true"}}}}
			})
			h := hold(b, view, nil, verb, b.ID)
			b.Until("init is stopped", func() bool {
				return child(h.cmd.Process.Pid, func(_ int, state string) bool { return state == "T" }) != 0
			})
			h.deleted("killed")
		}
	})
}

// What waits for a process that the container has stopped is ended by a signal, and takes the process with it.
// It runs by itself: another that stops processes takes a processor.
func TestStoppedExecEndsBySignal(t *testing.T) {
	mate := kit.New(t)
	attacker(mate)
	mate.Edit(process("/bin/attacker", "stop", "60"))
	mate.Start().Output("ready")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		cmd, stopped := stoppedExec(mate)
		began := time.Now()
		check(t, cmd.Process.Signal(sig))
		res := mate.Wait(cmd)
		// Nothing is said when the signal comes before signals are taken.
		told := res.Stderr == "" || strings.Contains(res.Stderr, sig.String())
		if !told || res.Code != 128+int(sig) || time.Since(began) > promptly {
			t.Errorf("%v after %v: want exit code %d and %q within %v", res, time.Since(began), 128+int(sig), sig, promptly)
		}
		if f := stat(stopped); f != nil {
			t.Errorf("the process that was stopped: got %v, want none", f)
		}
	}
}

// stoppedExec starts exec until its process is stopped before it has executed its program.
func stoppedExec(b *kit.Bundle) (*exec.Cmd, int) {
	b.T.Helper()
	for range 200 {
		cmd := b.Command("exec", b.ID, kit.PayloadPath, "true")
		check(b.T, cmd.Start())
		stopped := 0
		b.Until("the process is stopped", func() bool {
			stopped = child(cmd.Process.Pid, func(_ int, state string) bool { return state == "T" })
			return stopped != 0
		})
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", stopped)); err == nil && strings.HasPrefix(string(text), "teu\x00init\x00") {
			return cmd, stopped
		}
		check(b.T, syscall.Kill(stopped, syscall.SIGKILL))
		b.Wait(cmd)
	}
	b.T.Fatal("got each exec stopped after it had executed its program, want one before")
	return nil, 0
}

// What hooks write goes to a pipe that an annotation names, and that nobody reads: whoever may read it may be in the container.
func TestOutputOfHooksThatNobodyReads(t *testing.T) {
	t.Parallel()
	hook := func(args ...string) []specs.Hook {
		return []specs.Hook{{Path: kit.PayloadPath, Args: append([]string{"payload"}, args...)}}
	}
	b := kit.New(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: append(hook("bigout", "300000"), hook("sleep", "forever")...)}
	})
	fifo := b.Dir + "/fifo"
	check(t, syscall.Mkfifo(fifo, 0o600))
	idle, err := os.OpenFile(fifo, os.O_RDWR, 0)
	check(t, err)
	defer idle.Close()
	b.Edit(func(s *specs.Spec) { s.Annotations = map[string]string{"run.oci.hooks.stdout": fifo} })
	b.OK("create", b.ID)
	h := hold(b, plain, nil, "start", b.ID)
	b.Until("the pipe is full", func() bool {
		fds := []sys.PollFD{{Fd: int32(idle.Fd()), Events: sys.PollOut}}
		_, err := sys.Poll(fds, 0)
		check(t, err)
		return fds[0].Revents == 0
	})
	h.deleted("start container")
}

// A process of a shared pid namespace traces the container's threads, which so stay when they have ended.
func TestPodMateHoldsThreads(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		mate := kit.New(t)
		attacker(mate)
		mate.Edit(process("/bin/attacker", "hold"))
		out := mate.Start()
		b := kit.New(t, kit.Args("sleep", "forever"), namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
			if n.Type == specs.PIDNamespace {
				n.Path = fmt.Sprintf("/proc/%d/ns/pid", mate.State().Pid)
			}
			return n
		}))
		do := func(args ...string) {
			t.Helper()
			c := b.Command(args...)
			view(c)
			began := time.Now()
			if res := b.Do(c); res.Code != 0 || time.Since(began) > promptly {
				t.Errorf("%v after %v: want exit code 0 within %v", res, time.Since(began), promptly)
			}
		}
		do("create", b.ID)
		do("start", b.ID)
		out.Output("held")
		pid := b.State().Pid
		do("kill", b.ID, "KILL")
		b.Until("the container is stopped", func() bool { return b.State().Status == specs.StateStopped })
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			t.Errorf("%v: want the process there yet, or the rest proves nothing", err)
		}
		do("delete", b.ID)
	})
}

// A process of a shared pid namespace that may look into init keeps its sockets open: whoever waits there for init hears of its end.
func TestPodMateKeepsGate(t *testing.T) {
	t.Parallel()
	mate := kit.New(t, caps(append(dockerCaps, "CAP_SYS_PTRACE")...))
	attacker(mate)
	mate.Edit(process("/bin/attacker", "take"))
	out := mate.Start()
	b := kit.New(t, kit.Args("sleep", "forever"), namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
		if n.Type == specs.PIDNamespace {
			n.Path = fmt.Sprintf("/proc/%d/ns/pid", mate.State().Pid)
		}
		return n
	}))
	b.OK("create", b.ID)
	if text := out.Output("took"); strings.Contains(text, "took 0") {
		t.Fatalf("the mate says %q: want it to have init's descriptors, or the rest proves nothing", text)
	}
	h := hold(b, plain, nil, "start", b.ID)
	b.Until("start has connected to init", func() bool {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", h.cmd.Process.Pid))
		for _, link := range links {
			if to, _ := os.Readlink(link); strings.HasPrefix(to, "socket:") {
				return true
			}
		}
		return false
	})
	h.deleted("init has ended")
}

// The workload that is to say READY=1 says nothing. Until it does others get at the container.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"start", "run --detach"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("sleep", "forever"))
			env := []string{"NOTIFY_SOCKET=" + b.Dir + "/notify"}
			if verb == "start" {
				c := b.Command("create", b.ID)
				c.Env = append(c.Env, env...)
				if res := b.Do(c); res.Code != 0 {
					t.Fatalf("%v: want exit code 0", res)
				}
			}
			h := hold(b, plain, env, append(strings.Fields(verb), b.ID)...)
			b.Until("it runs", func() bool {
				res := b.Teu("state", b.ID)
				return res.Code == 0 && strings.Contains(res.Stdout, `"running"`)
			})
			began := time.Now()
			b.OK("pause", b.ID)
			b.OK("resume", b.ID)
			if took := time.Since(began); took > promptly {
				t.Errorf("pause and resume took %v, want %v at most", took, promptly)
			}
			h.deleted("deleted before it was ready")
		})
	}
}

// Init is stopped at its gate, and does not answer `start`.
func TestStoppedAtTheGate(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.OK("create", b.ID)
	check(t, syscall.Kill(b.State().Pid, syscall.SIGSTOP))
	h := hold(b, plain, nil, "start", b.ID)
	b.Until("start waits", func() bool { f := stat(h.cmd.Process.Pid); return f != nil && f[0] == "S" && locked(b) })
	h.deleted("init has ended, or was killed")
}

// locked tells whether somebody holds the lock of the container.
func locked(b *kit.Bundle) bool {
	dir, err := os.Open(b.Root + "/" + b.ID)
	if err != nil {
		return false
	}
	defer dir.Close()
	return syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == syscall.EWOULDBLOCK
}

// Somebody connects to the gate, as a `state` of an older teu does, and is stopped before it goes again.
func TestOccupiedGate(t *testing.T) {
	t.Parallel()
	for _, callers := range []int{1, 8, 20} {
		b := kit.New(t, kit.Args("sleep", "forever"))
		b.OK("create", b.ID)
		for range callers {
			sock, err := sys.UnixStream()
			check(t, err)
			t.Cleanup(func() { sys.Close(sock) })
			b.Until("the gate is reached", func() bool {
				check(t, sys.SetNonblock(sock, true))
				err := sys.ConnectUnix(sock, b.Root+"/"+b.ID+"/gate")
				return err == nil
			})
		}
		began := time.Now()
		b.OK("state", b.ID)
		b.OK("start", b.ID)
		if took := time.Since(began); took > promptly {
			t.Errorf("start with %d at the gate took %v, want %v at most", callers, took, promptly)
		}
		if st := b.State(); st.Status != specs.StateRunning {
			t.Errorf("state after start with %d at the gate: got %s, want running", callers, st.Status)
		}
	}
}

// hook is one that sleeps, without a timeout.
func hook(b *kit.Bundle, path string) []specs.Hook {
	return []specs.Hook{{Path: path, Args: []string{"payload", "sleep", "forever"}, Env: []string{"TEU_TEST=" + b.ID}}}
}

// A hook does not end.
func TestHookHangs(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Edit(func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: hook(b, kit.Payload())} })
	h := hold(b, plain, nil, "create", b.ID)
	b.Until("the hook runs", func() bool { return locked(b) && hookOf(h.cmd.Process.Pid) != 0 })
	h.deleted("hooks.createRuntime[0]", "killed")

	b.Edit(func(s *specs.Spec) { s.Hooks = &specs.Hooks{StartContainer: hook(b, kit.PayloadPath)} })
	b.OK("create", b.ID)
	init := b.State().Pid
	h = hold(b, plain, nil, "start", b.ID)
	b.Until("the hook runs", func() bool { return hookOf(init) != 0 })
	h.deleted("hooks.startContainer[0]")
}

// hookOf is a child of the process that runs the payload, 0 for none.
func hookOf(parent int) int {
	return child(parent, func(pid int, _ string) bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err == nil && strings.HasSuffix(exe, "/payload")
	})
}

// The creating teu itself is stopped: nobody undoes what it has done but whoever deletes the container.
func TestStoppedCreate(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		b := kit.New(t)
		b.Edit(func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: hook(b, kit.Payload())} })
		h := hold(b, view, nil, "create", b.ID)
		b.Until("the hook runs", func() bool { return locked(b) && hookOf(h.cmd.Process.Pid) != 0 })
		check(t, h.cmd.Process.Signal(syscall.SIGSTOP))
		c := b.Command("delete", "--force", b.ID)
		view(c)
		began := time.Now()
		if res := b.Do(c); res.Code != 0 {
			t.Errorf("%v: want exit code 0", res)
		}
		if took := time.Since(began); took > promptly {
			t.Errorf("delete --force took %v, want %v at most", took, promptly)
		}
		if res := b.Wait(h.cmd); res.Code != 128+int(syscall.SIGKILL) {
			t.Errorf("%v: want its end by SIGKILL", res)
		}
	})
}
