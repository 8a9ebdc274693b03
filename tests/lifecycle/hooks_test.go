package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// hookKinds are the six, in the order in which they run.
var hookKinds = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// hookList is the list of a kind.
func hookList(s *specs.Spec, kind string) *[]specs.Hook {
	if s.Hooks == nil {
		s.Hooks = &specs.Hooks{}
	}
	return map[string]*[]specs.Hook{
		"prestart": &s.Hooks.Prestart, "createRuntime": &s.Hooks.CreateRuntime, "createContainer": &s.Hooks.CreateContainer,
		"startContainer": &s.Hooks.StartContainer, "poststart": &s.Hooks.Poststart, "poststop": &s.Hooks.Poststop,
	}[kind]
}

// hooked is a bundle whose hooks write to a file of the host, which the container has as /log/hooks.
type hooked struct{ *kit.Bundle }

func withHooks(t *testing.T, edits ...edit) hooked {
	t.Helper()
	b := kit.New(t, edits...)
	check(t, os.Mkdir(b.Dir+"/log", 0o755))
	b.Edit(bind(b.Dir+"/log", "/log", "bind"), kit.Args("sleep", "forever"))
	return hooked{b}
}

// hook is a recording hook: for startContainer the payload in the container, else the host's.
func (b hooked) hook(kind, name string, rest ...string) specs.Hook {
	path, log := kit.Payload(), b.Dir+"/log/hooks"
	if kind == "startContainer" {
		path, log = kit.PayloadPath, "/log/hooks"
	}
	return specs.Hook{Path: path, Args: append([]string{"its-name", "hook", log, name}, rest...), Env: []string{"KIND=" + kind, "TEU_TEST=" + b.ID}}
}

func (b hooked) add(kind string, h specs.Hook) {
	b.T.Helper()
	b.Edit(func(s *specs.Spec) {
		l := hookList(s, kind)
		*l = append(*l, h)
	})
}

// hookCall is what `payload hook` wrote.
type hookCall struct {
	Name, State, Cwd string
	NS               map[string]string
	Env, Args, Root  []string
}

func (b hooked) calls() (list []hookCall, names string) {
	b.T.Helper()
	text, err := os.ReadFile(b.Dir + "/log/hooks")
	if err != nil && !os.IsNotExist(err) {
		b.T.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		c := kit.JSON[hookCall](b.Bundle, line)
		list = append(list, c)
		all = append(all, c.Name)
	}
	return list, strings.Join(all, " ")
}

func TestHooks(t *testing.T) {
	t.Parallel()
	b := withHooks(t, everyNamespace, func(s *specs.Spec) { s.Annotations = map[string]string{"org.example.key": "value"} })
	for _, kind := range hookKinds {
		b.add(kind, b.hook(kind, kind+"1"))
		b.add(kind, b.hook(kind, kind+"2"))
	}
	step := func(verb, want string) {
		t.Helper()
		if _, names := b.calls(); names != want {
			t.Errorf("hooks called after %s: got %s, want %s", verb, names, want)
		}
	}
	want := func(n int) string {
		var all []string
		for _, kind := range hookKinds[:n] {
			all = append(all, kind+"1", kind+"2")
		}
		return strings.Join(all, " ")
	}
	b.OK("create", b.ID)
	step("create", want(3))
	b.OK("start", b.ID)
	step("start", want(5))
	pid := b.State().Pid
	theirs := map[string]string{}
	for _, name := range nsLinks {
		theirs[name] = link(t, pid, name)
	}
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	step("kill", want(5))
	b.OK("delete", b.ID)
	step("delete", want(6))

	calls, _ := b.calls()
	status := []specs.ContainerState{"creating", "creating", "creating", "created", "running", "stopped"}
	for i, c := range calls {
		kind := hookKinds[i/2]
		inside := kind == "createContainer" || kind == "startContainer"
		for typ, name := range nsLinks {
			want := link(t, 0, name)
			if inside {
				want = theirs[name]
			}
			if c.NS[name] != want {
				t.Errorf("%s: got %s namespace %s, want %s", c.Name, typ, c.NS[name], want)
			}
		}
		// The path of a createContainer hook is the host's, of a startContainer hook the container's.
		if got := !slices.Contains(c.Root, "proc") || slices.Contains(c.Root, "log"); got != (kind == "startContainer") {
			t.Errorf("%s: got a root with %v, want the host's or, for startContainer, the container's", c.Name, c.Root)
		}
		st := kit.JSON[specs.State](b.Bundle, c.State)
		wantPid := pid
		if inside {
			wantPid = 1 // as the container sees it (runtime.md, "State")
		}
		if kind == "poststop" {
			wantPid = 0
		}
		if st.ID != b.ID || st.Bundle != b.Dir || st.Version == "" || st.Annotations["org.example.key"] != "value" ||
			st.Status != status[i/2] || st.Pid != wantPid {
			t.Errorf("%s: got state %s, want %s and pid %d", c.Name, c.State, status[i/2], wantPid)
		}
		if env := strings.Join(c.Env, " "); env != "KIND="+kind+" TEU_TEST="+b.ID {
			t.Errorf("%s: got environment %q, want %q", c.Name, env, "KIND="+kind+" TEU_TEST="+b.ID)
		}
		if c.Args[0] != "its-name" {
			t.Errorf("%s: got args %q, want %q first", c.Name, c.Args, "its-name")
		}
	}
}

func TestHooksOfRun(t *testing.T) {
	t.Parallel()
	b := withHooks(t)
	for _, kind := range hookKinds {
		b.add(kind, b.hook(kind, kind))
	}
	b.Edit(kit.Args("hook", "/log/hooks", "process"))
	b.Run()
	_, names := b.calls()
	want := "prestart createRuntime createContainer startContainer process poststart poststop"
	// A workload this short may write before or after the poststart hooks, which run once it was started.
	if other := strings.Replace(want, "process poststart", "poststart process", 1); names != want && names != other {
		t.Errorf("hooks called: got %s, want %s", names, want)
	}
}

// TestHookFails: runtime.md, "Lifecycle": what a failing hook of each kind leads to.
func TestHookFails(t *testing.T) {
	t.Parallel()
	for i, kind := range hookKinds {
		for _, verb := range []string{"create", "run"} {
			t.Run(kind+" of "+verb, func(t *testing.T) {
				t.Parallel()
				b := withHooks(t)
				for _, k := range hookKinds {
					b.add(k, b.hook(k, k))
				}
				b.add(kind, b.hook(kind, "failing", "3"))
				b.add(kind, b.hook(kind, "after"))
				where := fmt.Sprintf("hooks.%s[1]", kind)
				want := strings.Join(hookKinds[:i+1], " ") + " failing poststop"
				fails := func(args ...string) {
					t.Helper()
					res := b.Fails(args, where, "3", "the hook failing has something to say")
					if res.Code != 1 {
						t.Errorf("%v, want exit code 1", res)
					}
				}
				switch {
				case kind == "poststop": // logged, and the others run
					want = strings.Join(hookKinds, " ") + " failing after"
					if verb == "run" {
						b.Edit(kit.Args("true"))
						if res, log := b.Logged("run", b.ID); res.Code != 0 || res.Stderr != "" || !strings.Contains(log, where) || !strings.Contains(log, "level=warning") {
							t.Errorf("%v: logged %q, want exit code 0 and a warning of %s in the log alone", res, log, where)
						}
						break
					}
					b.Start()
					if res := b.OK("delete", "--force", b.ID); !strings.Contains(res.Stderr, where) || !strings.Contains(res.Stderr, "level=warning") {
						t.Errorf("%v, want a warning of %s", res, where)
					}
				case verb == "run":
					fails("run", b.ID)
				case i < 3:
					fails("create", b.ID)
				default:
					b.OK("create", b.ID)
					fails("start", b.ID)
				}
				if _, names := b.calls(); names != want {
					t.Errorf("hooks called: got %s, want %s", names, want)
				}
				b.Fails([]string{"state", b.ID}, "does not exist")
			})
		}
	}
}

func TestHookTimeout(t *testing.T) {
	t.Parallel()
	for _, kind := range hookKinds[:5] {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := withHooks(t)
			path := kit.Payload()
			if kind == "startContainer" {
				path = kit.PayloadPath
			}
			b.add(kind, specs.Hook{Path: path, Args: []string{"x", "sleep", "forever"}, Env: []string{"TEU_TEST=" + b.ID}, Timeout: ptr(1)})
			args := []string{"create", b.ID}
			if kind == "startContainer" || kind == "poststart" {
				b.OK(args...)
				args[0] = "start"
			}
			b.Fails(args, "hooks."+kind+"[0]", "timeout")
		})
	}
}

func TestHookErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind string
		hook specs.Hook
		want []string
	}{
		{"prestart", specs.Hook{Path: "relative"}, []string{"hooks.prestart[0].path", "absolute"}},
		{"poststop", specs.Hook{Path: ""}, []string{"hooks.poststop[0].path"}},
		{"createRuntime", specs.Hook{Path: "/bin/true", Timeout: ptr(0)}, []string{"hooks.createRuntime[0].timeout"}},
		{"prestart", specs.Hook{Path: "/nowhere"}, []string{"hooks.prestart[0]", "/nowhere", "no such file or directory"}},
		{"createContainer", specs.Hook{Path: "/nowhere"}, []string{"hooks.createContainer[0]", "/nowhere", "no such file or directory"}},
		{"createRuntime", specs.Hook{Path: "/etc/passwd"}, []string{"hooks.createRuntime[0]", "/etc/passwd", "permission denied"}},
	} {
		t.Run(c.want[0], func(t *testing.T) {
			t.Parallel()
			b := withHooks(t)
			b.add(c.kind, c.hook)
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}

// TestHookBare: without args a hook has its path, and its output goes nowhere.
func TestHookBare(t *testing.T) {
	t.Parallel()
	b := withHooks(t)
	script := b.Dir + "/script"
	check(t, os.WriteFile(script, []byte("#!/bin/sh\nexec "+kit.Payload()+" hook "+b.Dir+"/log/hooks \"$0$#\"\n"), 0o755))
	b.add("createRuntime", specs.Hook{Path: script})
	res := b.OK("create", b.ID)
	if res.Stdout+res.Stderr != "" {
		t.Errorf("%v, want no output", res)
	}
	if _, names := b.calls(); names != script+"0" {
		t.Fatalf("hooks called: got %s, want %s", names, script+"0")
	}
}

// TestHookEnvironment: a hook without env has the environment of the verb that it is due in, or for startContainer the process's; one
// that is empty is empty.
func TestHookEnvironment(t *testing.T) {
	t.Parallel()
	b := withHooks(t, func(s *specs.Spec) { s.Process.Env = []string{"OF=process", "HOME=/x"} })
	for _, kind := range hookKinds {
		none, empty := b.hook(kind, "none"), b.hook(kind, "empty")
		none.Env, empty.Env = nil, []string{"EMPTY"}
		b.add(kind, none)
		b.add(kind, empty)
	}
	config, err := os.ReadFile(b.Dir + "/config.json") // an empty list is left out by what writes it
	check(t, err)
	check(t, os.WriteFile(b.Dir+"/config.json", bytes.ReplaceAll(config, []byte(`"EMPTY"`), nil), 0o644))
	for _, args := range [][]string{{"create", b.ID}, {"start", b.ID}, {"delete", "--force", b.ID}} {
		c := b.Command(args...)
		c.Env = append(c.Env, "OF=the runtime's "+args[0])
		if res := b.Do(c); res.Code != 0 {
			t.Fatalf("%v, want exit code 0", res)
		}
	}
	want := map[string]string{
		"prestart": "the runtime's create", "createRuntime": "the runtime's create", "createContainer": "the runtime's create",
		"startContainer": "process", "poststart": "the runtime's start", "poststop": "the runtime's delete",
	}
	calls, _ := b.calls()
	if len(calls) != 2*len(hookKinds) {
		t.Fatalf("calls of hooks: got %d, want %d", len(calls), 2*len(hookKinds))
	}
	for i, c := range calls {
		kind := hookKinds[i/2]
		switch {
		case c.Name == "empty" && len(c.Env) > 0:
			t.Errorf("environment of %s, an empty one: got %q, want none", kind, c.Env)
		case c.Name == "none" && !slices.Contains(c.Env, "OF="+want[kind]):
			t.Errorf("environment of %s, none given: got %q, want OF=%s in it", kind, c.Env, want[kind])
		case c.Name == "none" && kind == "startContainer" && len(c.Env) != 2:
			t.Errorf("environment of %s, none given: got %q, want the process's alone", kind, c.Env)
		}
	}
}

// TestHookSeesTheContainer: a hook may act on the container by the pid it is told, as those for networks and GPUs do.
func TestHookSeesTheContainer(t *testing.T) {
	t.Parallel()
	b := withHooks(t, writable)
	script := b.Dir + "/script"
	check(t, os.WriteFile(script, []byte(`#!/bin/sh
pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/')
nsenter --target "$pid" --net ip link set lo mtu 1234
echo made > "`+b.Rootfs+`/etc/made"
`), 0o755))
	b.add("createRuntime", specs.Hook{Path: script, Env: []string{"PATH=" + os.Getenv("PATH")}})
	b.Edit(kit.Args("cat", "/etc/made"))
	if out := b.Run().Stdout; out != "made\n" {
		t.Errorf("/etc/made by the hook: got %q, want %q", out, "made\n")
	}
	b.Edit(kit.Args("netif"))
	var netif []struct{ MTU int }
	check(t, json.Unmarshal([]byte(b.Run().Stdout), &netif))
	if len(netif) != 1 || netif[0].MTU != 1234 {
		t.Errorf("interfaces: got %+v, want one with MTU 1234", netif)
	}
}

// TestInitKilled: somebody kills init while the container is being made, which is told with the signal.
func TestInitKilled(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Edit(func(s *specs.Spec) {
		script := `kill -KILL $(sed 's/.*"pid":\([0-9]*\).*/\1/')`
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}}}
	})
	for _, verb := range []string{"create", "run"} {
		b.Fails([]string{verb, b.ID}, "init died: signal: killed")
		b.Fails([]string{"state", b.ID}, "does not exist")
	}
}
