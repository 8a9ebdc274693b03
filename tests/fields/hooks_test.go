package fields

import (
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// hookLists are the six kinds in the order in which they run.
func hookLists(h *specs.Hooks) [6]*[]specs.Hook {
	return [6]*[]specs.Hook{&h.Prestart, &h.CreateRuntime, &h.CreateContainer, &h.StartContainer, &h.Poststart, &h.Poststop}
}

var hookKinds = [6]string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// start is the index of the first kind that is not part of create.
const start = 3

// hookBundle is a bundle whose hooks append to a file, which is the same on the host and in the container.
func hookBundle(t *testing.T, edits ...edit) (b *kit.Bundle, log func() []string) {
	t.Helper()
	b = kit.New(t, edits...)
	check(t, os.Mkdir(b.Dir+"/log", 0o755))
	b.Edit(kit.Args("sleep", "forever"), func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/log", Type: "bind", Source: b.Dir + "/log", Options: []string{"bind"}})
	})
	return b, func() []string {
		text, err := os.ReadFile(b.Dir + "/log/hooks")
		if os.IsNotExist(err) {
			return nil
		}
		check(t, err)
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// hookPath is where the payload and the log are for hooks of a kind.
func hookPath(b *kit.Bundle, kind int) (payload, log string) {
	if hookKinds[kind] == "startContainer" {
		return kit.PayloadPath, "/log/hooks"
	}
	return kit.Payload(), b.Dir + "/log/hooks"
}

// hookLine is what `payload hook` writes.
type hookLine struct {
	Name, State string
	Env, Args   []string
}

// TestHooks: path, arguments, environment and state of a hook of each kind.
func TestHooks(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "hooks.prestart[].path", "hooks.createRuntime[].path", "hooks.createContainer[].path", "hooks.startContainer[].path",
		"hooks.poststart[].path", "hooks.poststop[].path")
	kit.Covers(t, "hooks.prestart[].args[]", "hooks.createRuntime[].args[]", "hooks.createContainer[].args[]", "hooks.startContainer[].args[]",
		"hooks.poststart[].args[]", "hooks.poststop[].args[]")
	kit.Covers(t, "hooks.prestart[].env[]", "hooks.createRuntime[].env[]", "hooks.createContainer[].env[]", "hooks.startContainer[].env[]",
		"hooks.poststart[].env[]", "hooks.poststop[].env[]", "annotations{}", "ociVersion")
	b, log := hookBundle(t)
	big := strings.Repeat("x", 200<<10) // more than a pipe holds
	b.Edit(func(s *specs.Spec) {
		s.Version, s.Annotations = "1.1.0", map[string]string{"org.example.key": "value", "big": big}
		for i, l := range hookLists(s.Hooks) {
			path, file := hookPath(b, i)
			h := specs.Hook{Path: path, Args: []string{"its name", "hook", file, hookKinds[i]}, Env: []string{"A=1 2", "KIND=" + hookKinds[i], "TEU_TEST=" + b.ID}}
			deaf := specs.Hook{Path: path, Args: []string{"x", "true"}, Env: h.Env} // reads no state
			*l = []specs.Hook{deaf, h, h}
		}
	})
	b.Start()
	pid := b.State().Pid
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.OK("delete", b.ID)
	lines := log()
	if len(lines) != 2*len(hookKinds) {
		t.Fatalf("calls of hooks: got %d, want %d", len(lines), 2*len(hookKinds))
	}
	status := []specs.ContainerState{"creating", "creating", "creating", "created", "running", "stopped"}
	pids := []int{pid, pid, 1, 1, pid, 0}
	for i, line := range lines {
		got, kind := kit.JSON[hookLine](b, line), i/2
		if got.Name != hookKinds[kind] || !slices.Equal(got.Env, []string{"A=1 2", "KIND=" + hookKinds[kind], "TEU_TEST=" + b.ID}) || got.Args[0] != "its name" {
			t.Errorf("hook call %d: got %s %q %q, want %s with the configured environment and its name as argument 0", i, got.Name, got.Env, got.Args, hookKinds[kind])
		}
		st := kit.JSON[specs.State](b, got.State)
		if st.Version != "1.1.0" || st.ID != b.ID || st.Status != status[kind] || st.Pid != pids[kind] || st.Bundle != b.Dir ||
			st.Annotations["org.example.key"] != "value" || st.Annotations["big"] != big {
			t.Errorf("state for hook call %d: got %.300s, want version 1.1.0, status %s, pid %d, bundle %s and the annotations", i, got.State, status[kind], pids[kind], b.Dir)
		}
	}
}

// TestHookTimeouts: a hook of each kind that takes too long, and one whose time never comes.
func TestHookTimeouts(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "hooks.prestart[].timeout", "hooks.createRuntime[].timeout", "hooks.createContainer[].timeout", "hooks.startContainer[].timeout",
		"hooks.poststart[].timeout", "hooks.poststop[].timeout")
	for i, kind := range hookKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, _ := hookBundle(t)
			path, _ := hookPath(b, i)
			b.Edit(func(s *specs.Spec) {
				for _, n := range []int{1 << 31, int(^uint(0) >> 1), 1} {
					h := specs.Hook{Path: path, Args: []string{"x", "true"}, Env: []string{"TEU_TEST=" + b.ID}, Timeout: &n}
					if n == 1 {
						h.Args = []string{"x", "sleep", "forever"}
					}
					l := hookLists(s.Hooks)[i]
					*l = append(*l, h)
				}
			})
			args := []string{"create", b.ID}
			if i >= start {
				b.OK(args...)
				args[0] = "start"
			}
			if kind != "poststop" {
				b.Fails(args, "hooks."+kind+"[2]", "timeout")
				b.Fails([]string{"state", b.ID}, "does not exist")
				return
			}
			b.OK(args...)
			if res := b.OK("delete", "--force", b.ID); !strings.Contains(res.Stderr, "hooks.poststop[2]") || !strings.Contains(res.Stderr, "level=warning") {
				t.Errorf("%v: want a warning with %q", res, "hooks.poststop[2]")
			}
		})
	}
}
