package lifecycle

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestKill: each way to name a signal.
func TestKill(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"1": "SIGHUP", "HUP": "SIGHUP", "SIGINT": "SIGINT", "sigusr1": "SIGUSR1", "usr2": "SIGUSR2", "15": "SIGTERM", "": "SIGTERM",
		"SIGRTMIN+2": "SIG36", "rtmax-1": "SIG63", "64": "SIG64", // Go takes no notice of 34
	}
	b := kit.New(t, kit.Args("trap", fmt.Sprint(len(names))))
	out := b.Start()
	out.Output("ready")
	sent := []string{"ready"}
	for name, want := range names {
		args := []string{"kill", b.ID}
		if name != "" {
			args = append(args, name)
		}
		b.OK(args...)
		sent = append(sent, want)
		out.Output(strings.Join(sent, "\n") + "\n")
	}
	b.Ended()
}

func TestKillErrors(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Fails([]string{"kill", b.ID, "KILL"}, "does not exist")
	b.Fails([]string{"kill", "--all", b.ID, "KILL"}, "does not exist")
	b.Start()
	for _, sig := range []string{"WONDER", "65", "-1", "9x", "SIGSIGKILL"} {
		b.Fails([]string{"kill", "--", b.ID, sig}, sig)
	}
	if st := b.State(); st.Status != specs.StateRunning {
		t.Errorf("state after invalid signals: got %+v, want running", st)
	}
	b.OK("kill", b.ID, "0") // reaches it, and does nothing
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Fails([]string{"kill", b.ID, "KILL"}, "container not running")
}

// TestKillCreated: what was created and not started can be killed too, and is stopped then: pid 1 of its own pid namespace, which
// the kernel keeps from signals that it has no handler for, as well as a process of the host's.
func TestKillCreated(t *testing.T) {
	t.Parallel()
	for _, edits := range [][]func(*specs.Spec){nil, {kit.NoNamespace(specs.PIDNamespace)}} {
		for _, sig := range []string{"KILL", "TERM", "INT", "HUP", "QUIT"} {
			b := kit.New(t, edits...)
			b.OK("create", b.ID)
			b.OK("kill", b.ID, sig)
			b.Ended()
			b.Fails([]string{"start", b.ID}, "stopped")
			b.OK("delete", b.ID)
		}
	}
}

// TestKillInStartHook: nor is it immune while startContainer hooks run, which go with it.
func TestKillInStartHook(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "trap"}}}}
	})
	for _, verb := range []string{"start", "run"} {
		if verb == "start" {
			b.OK("create", b.ID)
		}
		cmd := b.Command(verb, b.ID)
		check(t, cmd.Start())
		b.Until("the hook runs", func() bool {
			res := b.Teu("state", b.ID)
			if res.Code != 0 {
				return false
			}
			st := kit.JSON[specs.State](b, res.Stdout)
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", st.Pid))
			return st.Status == specs.StateCreated && len(text) > 0
		})
		b.OK("kill", b.ID, "TERM")
		if res := b.Wait(cmd); res.Code != 1 {
			t.Errorf("%v, want exit code 1: its container was killed", res)
		}
		if verb == "start" {
			b.Ended()
			b.OK("delete", b.ID)
		}
		b.Fails([]string{"state", b.ID}, "does not exist")
	}
}

// TestRunEndedInStartHook: nor is the teu that waits for them.
func TestRunEndedInStartHook(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "sleep", "forever"}}}}
	})
	cmd := b.Command("run", b.ID)
	check(t, cmd.Start())
	b.Until("the hook runs", func() bool {
		res := b.Teu("state", b.ID)
		return res.Code == 0 && kit.JSON[specs.State](b, res.Stdout).Status == specs.StateCreated
	})
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	if res := b.Wait(cmd); res.Code != 128+15 || !strings.Contains(res.Stderr, "terminated") {
		t.Errorf("%v, want exit code 143 and a word of the signal", res)
	}
	b.Fails([]string{"state", b.ID}, "does not exist")
}

// tree starts a container of three processes, without a pid namespace so that the end of the first leaves the others.
func tree(t *testing.T) (b *kit.Bundle, pids []int) {
	t.Helper()
	b = kit.New(t, kit.NoNamespace(specs.PIDNamespace), kit.Args("spawn", "2"))
	out := b.Start().Output("]\n")
	pids = kit.JSON[[]int](b, out)
	return b, append(pids, b.State().Pid)
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// TestKillAll: every process in the container's cgroup, and no other.
func TestKillAll(t *testing.T) {
	t.Parallel()
	b, pids := tree(t)
	b.OK("kill", "--all", b.ID, "TERM")
	b.Until("all are gone", func() bool { return !slices.ContainsFunc(pids, alive) })
	b.Ended()
	b.OK("kill", "--all", b.ID, "KILL") // of a stopped one: no error, as containerd sends it
	b.OK("delete", b.ID)
}

// TestKillAllLeftBehind: with --all the signal reaches what outlives the first process.
func TestKillAllLeftBehind(t *testing.T) {
	t.Parallel()
	b, pids := tree(t)
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	if !alive(pids[0]) || !alive(pids[1]) {
		t.Fatalf("processes after the first one was killed: got alive %v, %v, want both", alive(pids[0]), alive(pids[1]))
	}
	b.OK("kill", "--all", b.ID, "KILL")
	b.Until("all are gone", func() bool { return !slices.ContainsFunc(pids, alive) })
}

// TestDeleteLeftBehind: and so does delete, without force too, since the container is stopped.
func TestDeleteLeftBehind(t *testing.T) {
	t.Parallel()
	b, pids := tree(t)
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.OK("delete", b.ID)
	if slices.ContainsFunc(pids, alive) {
		t.Errorf("after delete: got a process of %v alive, want none", pids)
	}
}

// TestDeleteForce: in any state, again and again, also of what has never been.
func TestDeleteForce(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	force := func() {
		t.Helper()
		for range 2 {
			// systemd may be slow, which is told.
			if res := b.OK("delete", "--force", b.ID); res.Stdout != "" || res.Stderr != "" && !strings.Contains(res.Stderr, "waiting for systemd") {
				t.Errorf("%v, want no output", res)
			}
		}
		b.Fails([]string{"state", b.ID}, "does not exist")
	}
	force()
	b.OK("create", b.ID)
	force()
	b.Start()
	force()
	b.Start()
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	force()
	// -f, and the flag after the id.
	b.Start()
	b.OK("delete", b.ID, "-f")
}

// TestDeleteForceHalfMade: a directory without a record is that of a create that has made nothing yet. With one that cannot be read
// processes and cgroups may be lost, of which it says nothing.
func TestDeleteForceHalfMade(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{"no record": "-", "empty": "", "torn": `{"ociVersion":"1.3`, "no object": "[]"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			check(t, os.MkdirAll(b.Root+"/"+b.ID, 0o700))
			if record != "-" {
				check(t, os.WriteFile(b.Root+"/"+b.ID+"/state.json", []byte(record), 0o600))
			}
			if name != "no record" {
				b.Fails([]string{"state", b.ID}, b.ID)
			}
			b.Fails([]string{"delete", b.ID}, b.ID)
			b.OK("list")
			if name == "no record" {
				b.OK("delete", "--force", b.ID)
			} else {
				b.Fails([]string{"delete", "--force", b.ID}, "not the JSON of a record", "processes of it may run", b.Root+"/"+b.ID)
				check(t, os.RemoveAll(b.Root+"/"+b.ID))
			}
			b.Run()
		})
	}
}
