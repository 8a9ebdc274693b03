package security

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// headless is a container whose process goes on without its first thread.
type headless struct {
	*kit.Bundle
	view func(*exec.Cmd)
	end  func(t *testing.T) bool // the process has ended, waited for promptly
}

func (h *headless) teu(args ...string) kit.Result {
	h.T.Helper()
	c := h.Command(args...)
	h.view(c)
	return h.Do(c)
}

func (h *headless) ok(args ...string) kit.Result {
	h.T.Helper()
	res := h.teu(args...)
	if res.Code != 0 {
		h.T.Fatalf("%v, want exit code 0", res)
	}
	return res
}

func (h *headless) status(t *testing.T, want specs.ContainerState) {
	t.Helper()
	st := kit.JSON[specs.State](h.Bundle, h.ok("state", h.ID).Stdout)
	if st.Status != want || (st.Pid == 0) != (want == specs.StateStopped) {
		t.Errorf("state: got %s with pid %d, want %s", st.Status, st.Pid, want)
	}
	if list := h.ok("list").Stdout; !strings.Contains(list, fmt.Sprintf(" %s ", want)) {
		t.Errorf("list: got %q, want %s in it", list, want)
	}
}

// start starts it. pid is the process's.
func (h *headless) start(t *testing.T) (pid int) {
	t.Helper()
	out := h.ok("create", h.ID)
	h.ok("start", h.ID)
	out.Output("ready")
	pid = kit.JSON[specs.State](h.Bundle, h.ok("state", h.ID).Stdout).Pid
	h.end = ends(t, pid)
	return pid
}

// ends tells of a process of now whether it ends promptly, with all of its threads.
func ends(t *testing.T, pid int) func(*testing.T) bool {
	t.Helper()
	fd, err := sys.PidfdOpen(pid)
	check(t, err)
	t.Cleanup(func() { sys.Close(fd) })
	return func(t *testing.T) bool {
		t.Helper()
		done, err := sys.PidfdWait(fd, int(promptly.Milliseconds()))
		check(t, err)
		return done
	}
}

func onPidNamespaces(t *testing.T, test func(t *testing.T, edits ...func(*specs.Spec))) {
	t.Run("pid namespace", func(t *testing.T) { test(t) })
	t.Run("no pid namespace", func(t *testing.T) { test(t, kit.NoNamespace(specs.PIDNamespace)) })
}

// TestHeadless: a process lives as long as one of its threads does, for every verb.
func TestHeadless(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		onPidNamespaces(t, func(t *testing.T, edits ...func(*specs.Spec)) {
			h := &headless{Bundle: kit.New(t, append(edits, kit.Args("headless"))...), view: view}
			pid := h.start(t)
			h.status(t, specs.StateRunning)
			if pids := kit.JSON[[]int](h.Bundle, h.ok("ps", "--format", "json", h.ID).Stdout); !slices.Equal(pids, []int{pid}) {
				t.Errorf("ps: got %v, want [%d]", pids, pid)
			}
			h.ok("events", "--stats", h.ID)
			h.ok("exec", h.ID, kit.PayloadPath, "true")
			h.ok("kill", h.ID, "0")
			h.ok("pause", h.ID)
			h.status(t, "paused")
			h.ok("resume", h.ID)
			h.status(t, specs.StateRunning)
			h.ok("exec", h.ID, kit.PayloadPath, "true") // it joins the namespaces of another thread
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"delete", h.ID}, "it is running, not stopped"},
				{[]string{"start", h.ID}, "it is running, want created"},
			} {
				if res := h.teu(c.args...); res.Code == 0 || !strings.Contains(res.Stderr, c.want) {
					t.Errorf("%v: want a failure with %q", res, c.want)
				}
			}
			h.status(t, specs.StateRunning)
			for i, args := range [][]string{
				{"kill", h.ID, "TERM"}, {"kill", h.ID, "KILL"}, {"kill", "--all", h.ID, "TERM"}, {"kill", "--all", h.ID, "KILL"}, {"delete", "--force", h.ID},
			} {
				if i > 0 {
					h.start(t)
				}
				h.ok(args...)
				if !h.end(t) {
					t.Errorf("teu %s: got the process alive %v later, want its end", strings.Join(args, " "), promptly)
				}
				if args[0] == "kill" {
					h.status(t, specs.StateStopped)
					h.ok("delete", h.ID)
				}
			}
		})
	})
}

// TestHeadlessUpdate is a test of its own, for hosts without the controller.
func TestHeadlessUpdate(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "pids")
	h := &headless{Bundle: kit.New(t, kit.Args("headless")), view: func(*exec.Cmd) {}}
	h.start(t)
	h.ok("update", "--pids-limit", "77", h.ID)
	// The first thread is in no cgroup any more.
	if stats := h.ok("events", "--stats", h.ID).Stdout; !strings.Contains(stats, `"pids":{"current":`) || !strings.Contains(stats, `"limit":77`) {
		t.Errorf("stats after update: got %s, want a pids limit of 77", stats)
	}
}

// TestHeadlessPaused: such a process is frozen, and killed while it is.
func TestHeadlessPaused(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		h := &headless{Bundle: kit.New(t, kit.Args("headless")), view: view}
		for _, args := range [][]string{{"kill", h.ID, "KILL"}, {"kill", "--all", h.ID, "KILL"}, {"delete", "--force", h.ID}} {
			h.start(t)
			h.ok("pause", h.ID)
			h.ok(args...)
			if !h.end(t) {
				t.Errorf("paused, teu %s: got the process alive %v later, want its end", strings.Join(args, " "), promptly)
			}
			if args[0] == "kill" {
				h.ok("delete", h.ID)
			}
		}
	})
}

// TestHeadlessChild: one that is not the first process, and not in a pid namespace that ends with that.
func TestHeadlessChild(t *testing.T) {
	t.Parallel()
	kit.OnHierarchies(t, func(t *testing.T, view func(*exec.Cmd)) {
		h := &headless{Bundle: kit.New(t, kit.NoNamespace(specs.PIDNamespace), kit.Args("headless", "child")), view: view}
		start := func() (child func(*testing.T) bool) {
			out := h.ok("create", h.ID)
			h.ok("start", h.ID)
			out.Output("ready") // of the child, which may come before its parent tells of it
			_, after, _ := strings.Cut(out.Output("child "), "child ")
			var pid int
			if _, err := fmt.Sscan(after, &pid); err != nil {
				t.Fatalf("pid of the child in %q: %v", after, err)
			}
			return ends(t, pid)
		}
		for name, verbs := range map[string][][]string{
			"kill --all":   {{"kill", "--all", h.ID, "KILL"}},
			"delete force": {{"delete", "--force", h.ID}},
			"left behind":  {{"kill", h.ID, "KILL"}, {"delete", h.ID}},
		} {
			child, began := start(), time.Now()
			for i, args := range verbs {
				if i > 0 {
					h.Until("the container is stopped", func() bool { return strings.Contains(h.ok("state", h.ID).Stdout, `"stopped"`) })
				}
				h.ok(args...)
			}
			if !child(t) || time.Since(began) > promptly {
				t.Errorf("%s: got no end of the child within %v, want one", name, promptly)
			}
			h.ok("delete", "--force", h.ID)
		}
	})
}
