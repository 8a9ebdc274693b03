package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestRunExitCode(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for _, code := range []int{0, 1, 7, 126, 127, 255} {
		b.Edit(kit.Args("exit", fmt.Sprint(code)))
		if res := b.Teu("run", b.ID); res.Code != code || res.Stderr != "" {
			t.Errorf("%v, want %d", res, code)
		}
	}
	b.Edit(kit.Args("sleep", "forever"), kit.NoNamespace(specs.PIDNamespace)) // as pid 1 it would not see signals before it asks for them
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		cmd := b.Command("run", b.ID)
		check(t, cmd.Start())
		b.Until("it runs", func() bool { return b.Teu("state", b.ID).Code == 0 && b.State().Status == specs.StateRunning })
		b.OK("kill", b.ID, fmt.Sprint(int(sig)))
		if res := b.Wait(cmd); res.Code != 128+int(sig) {
			t.Errorf("%v, want %d", res, 128+int(sig))
		}
	}
}

// TestStateBeforeExec: a container is created, not running, until it has executed the program (runtime.md, "State"), also when run
// is what makes it.
func TestStateBeforeExec(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"run", "start"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "cat", "/fifo"}}}}
			})
			fifo := b.Rootfs + "/fifo"
			check(t, syscall.Mkfifo(fifo, 0o600))
			if verb == "start" {
				b.OK("create", b.ID)
			}
			cmd := b.Command(verb, b.ID)
			check(t, cmd.Start())
			var end *os.File
			b.Until("the hook reads", func() (done bool) {
				fd, err := syscall.Open(fifo, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
				if err == nil {
					end = os.NewFile(uintptr(fd), fifo)
				}
				return err == nil
			})
			if got := b.State().Status; got != specs.StateCreated {
				t.Errorf("status while the hook runs: got %s, want created", got)
			}
			check(t, end.Close())
			b.Until("it runs", func() bool { return b.State().Status == specs.StateRunning })
			if comm := strings.TrimSpace(procFile(t, b.State().Pid, "comm")); comm != "payload" {
				t.Errorf("comm of a running container: got %s, want payload", comm)
			}
			b.OK("kill", b.ID, "KILL")
			b.Wait(cmd)
		})
	}
}

// TestRunForwardsSignals: what teu gets, the process gets; teu itself stays.
func TestRunForwardsSignals(t *testing.T) {
	t.Parallel()
	sent := []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTERM}
	for _, verb := range []string{"run", "exec"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			var cmd *exec.Cmd
			trap := []string{"trap", fmt.Sprint(len(sent))}
			if verb == "run" {
				b.Edit(kit.Args(trap...))
				cmd = b.Command("run", b.ID)
			} else {
				b.Edit(kit.Args("sleep", "forever"))
				b.Start()
				cmd = b.Command(append([]string{"exec", b.ID, kit.PayloadPath}, trap...)...)
			}
			out := cmd.Stdout.(*os.File).Name()
			check(t, cmd.Start())
			seen := func(want string) {
				t.Helper()
				b.Until(want, func() bool {
					text, err := os.ReadFile(out)
					check(t, err)
					return strings.Contains(string(text), want)
				})
			}
			seen("ready")
			names := []string{"SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT", "SIGTERM"}
			for i, sig := range sent {
				check(t, cmd.Process.Signal(sig))
				seen(names[i] + "\n")
			}
			if res := b.Wait(cmd); res.Code != 0 || res.Stdout != "ready\n"+strings.Join(names, "\n")+"\n" {
				t.Errorf("%v, want exit code 0 and the signals %v", res, names)
			}
		})
	}
}

func TestRunKeep(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("exit", "3"))
	if res := b.Teu("run", "--keep", b.ID); res.Code != 3 {
		t.Errorf("%v, want exit code 3", res)
	}
	if st := b.State(); st.Status != specs.StateStopped {
		t.Errorf("state after run --keep: got %+v, want stopped", st)
	}
	b.Fails([]string{"run", b.ID}, "already exists")
	b.OK("delete", b.ID)
}

func TestRunDetach(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.OK("run", "--detach", "--pid-file", b.Dir+"/pid", b.ID)
	st := b.State()
	text, err := os.ReadFile(b.Dir + "/pid")
	check(t, err)
	if st.Status != specs.StateRunning || string(text) != fmt.Sprint(st.Pid) {
		t.Errorf("state after run --detach: got %+v, pid file %q; want running and its pid in the file", st, text)
	}
	b.OK("kill", b.ID, "KILL")
	b.Ended()
}

// TestRunStdin: the streams are the caller's own, to their end.
func TestRunStdin(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("cat"))
	cmd := b.Command("run", b.ID)
	cmd.Stdin = strings.NewReader("text")
	if res := b.Do(cmd); res.Code != 0 || res.Stdout != "text" {
		t.Errorf("%v, want exit code 0 and stdout %q", res, "text")
	}
	b.Edit(kit.Args("fds"))
	cmd = b.Command("run", b.ID)
	out := cmd.Stdout.(*os.File)
	defer out.Close()
	cmd = exec.Command("sh", "-c", `exec "$@" <&- 2>&-`, "sh", cmd.Path, "--root", b.Root, "run", b.ID)
	cmd.Dir = b.Dir
	closed, err := cmd.Output()
	if err != nil {
		t.Fatalf("run with stdin and stderr closed: %v", err)
	}
	for fd, target := range kit.JSON[map[string]string](b, string(closed)) {
		if fd != "1" && target != "/dev/null" {
			t.Errorf("fd %s with stdin and stderr closed: got %s, want /dev/null", fd, target)
		}
	}
}

// TestRunKilled: when teu run itself is killed, nobody is left waiting: the container goes on, as with runc, and can be deleted.
func TestRunKilled(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	cmd := b.Command("run", b.ID)
	check(t, cmd.Start())
	b.Until("it runs", func() bool { return b.Teu("state", b.ID).Code == 0 && b.State().Status == specs.StateRunning })
	check(t, cmd.Process.Kill())
	b.Wait(cmd)
	b.OK("delete", "--force", b.ID)
}

// TestRunOrphans: what the container's processes leave to teu as its children is reaped while it waits.
func TestRunOrphans(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.NoNamespace(specs.PIDNamespace), kit.Args("spawn", "3"))
	for _, flag := range []string{"--no-subreaper=false", "--no-subreaper"} {
		cmd := b.Command("run", flag, b.ID)
		out := cmd.Stdout.(*os.File).Name()
		check(t, cmd.Start())
		b.Until("its children are there", func() bool {
			text, err := os.ReadFile(out)
			check(t, err)
			return strings.Contains(string(text), "]")
		})
		b.OK("kill", b.ID, "KILL")
		if res := b.Wait(cmd); res.Code != 137 {
			t.Errorf("%v, want exit code 137", res)
		}
	}
}

// TestRunDeleted: whoever deletes the container that a teu stands in front of need not wait for it.
func TestRunDeleted(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	cmd := b.Command("run", b.ID)
	check(t, cmd.Start())
	b.Until("it runs", func() bool { return b.Teu("state", b.ID).Code == 0 && b.State().Status == specs.StateRunning })
	b.OK("delete", "--force", b.ID)
	if res := b.Wait(cmd); res.Code != 137 || res.Stderr != "" {
		t.Errorf("%v, want exit code 137 and no stderr", res)
	}
}
