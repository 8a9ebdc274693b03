package hooks

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func seconds(n int) *int { return &n }

// sh is a hook that runs a script.
func sh(script string, env ...string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: env}
}

func state(t *testing.T) *specs.State {
	return &specs.State{
		Version: "1.3.0", ID: "c", Status: specs.StateCreating, Pid: 42, Bundle: t.TempDir(),
		Annotations: map[string]string{"a": "b"},
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func openFDs() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

func TestHooksRunInOrderWithTheState(t *testing.T) {
	st := state(t)
	err := Run("hooks.prestart", []specs.Hook{
		sh("/bin/cat >one; echo 1 >>order"),
		sh("echo 2 >>order"), // reads nothing
		sh("/bin/cat >three; echo 3 >>order"),
	}, st)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	if got := read(t, st.Bundle+"/order"); got != "1\n2\n3\n" {
		t.Errorf("order of the hooks: got %q, want %q", got, "1\n2\n3\n")
	}
	for _, f := range []string{"one", "three"} {
		var got specs.State
		if err := json.Unmarshal([]byte(read(t, st.Bundle+"/"+f)), &got); err != nil || got.ID != "c" || got.Pid != 42 || got.Annotations["a"] != "b" {
			t.Errorf("state that hook %s read: got %+v, %v, want the id c, the pid 42 and the annotation a=b", f, got, err)
		}
	}
}

func TestEnvironmentAndArgumentsAreAsGiven(t *testing.T) {
	t.Setenv("OF", "teu")
	t.Setenv("_TEU_LEAK", "x")
	st := state(t)
	env := specs.Hook{Path: "/usr/bin/env", Args: []string{"other-name"}}
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{}, ""},
		{[]string{"A=1", "B=two words"}, "A=1; B=two words"},
	} {
		h := hookFor(t, st, &env)
		env.Env = c.env
		if err := h.run(); err != nil {
			t.Fatalf("run with the environment %q: %v", c.env, err)
		}
		if got := strings.TrimPrefix(h.said, ": "); got != c.want {
			t.Errorf("environment: got %q, want %q", got, c.want)
		}
	}
	none := hookFor(t, st, &specs.Hook{Path: "/usr/bin/env"})
	if err := none.run(); err != nil || !strings.Contains(none.said, "OF=teu") || strings.Contains(none.said, "_TEU_LEAK") {
		t.Errorf("run without an environment: got %v, and %q, want teu's own, with OF=teu and without _TEU_LEAK", err, none.said)
	}
	for want, args := range map[string][]string{
		": name":         {"name", "-c", "echo $0"},
		": arg0 and two": {"x", "-c", "echo $0 and $1", "arg0", "two"},
	} {
		h := hookFor(t, st, &specs.Hook{Path: "/bin/sh", Args: args})
		if err := h.run(); err != nil || h.said != want {
			t.Errorf("run with the args %q: got %q, %v, want %q", args, h.said, err, want)
		}
	}
	script := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $0 $#\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := hookFor(t, st, &specs.Hook{Path: script})
	if err := h.run(); err != nil || h.said != ": "+script+" 0" {
		t.Errorf("run without args: got %q, %v, want %q", h.said, err, ": "+script+" 0")
	}
}

func hookFor(t *testing.T, st *specs.State, s *specs.Hook) *hook {
	t.Helper()
	fd, err := stateFile([]byte("{}"))
	if err != nil {
		t.Fatalf("make the file of the state: %v", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	t.Cleanup(func() { f.Close() })
	return &hook{spec: s, input: fd, dir: st.Bundle}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	slow := sh("echo working; exec sleep 60")
	slow.Timeout = seconds(1)
	zero := sh("true")
	zero.Timeout = seconds(0)
	for name, c := range map[string]struct {
		hook  specs.Hook
		want  string
		errno error
	}{
		"exit status":   {sh("exit 3"), ": /bin/sh: exit status 3", nil},
		"with output":   {sh("echo out; echo err >&2; exit 1"), ": /bin/sh: exit status 1: out; err", nil},
		"signal":        {sh("kill -9 $$"), ": /bin/sh: signal: killed", nil},
		"timeout":       {slow, ": /bin/sh: killed after its timeout of 1 s: connection timed out: working", syscall.ETIMEDOUT},
		"zero timeout":  {zero, ".timeout: 0 is not greater than zero: invalid argument", syscall.EINVAL},
		"relative path": {specs.Hook{Path: "sh"}, `.path: "sh" is not absolute: invalid argument`, syscall.EINVAL},
		"absent":        {specs.Hook{Path: dir + "/none"}, ": " + dir + "/none: no such file or directory", fs.ErrNotExist},
		"no executable": {specs.Hook{Path: plain}, ": " + plain + ": permission denied", fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			before := openFDs()
			st := state(t)
			list := []specs.Hook{sh("echo x >>ran"), c.hook, sh("echo x >>ran")}
			err := Run("hooks.createRuntime", list, st)
			if err == nil || err.Error() != "hooks.createRuntime[1]"+c.want {
				t.Errorf("run: got error %v, want hooks.createRuntime[1]%s", err, c.want)
			}
			if c.errno != nil && !errors.Is(err, c.errno) {
				t.Errorf("errno of the error: got %v, want %v", err, c.errno)
			}
			if got := read(t, st.Bundle+"/ran"); got != "x\n" {
				t.Errorf("hooks that ran, the failing one aside: got %q, want %q", got, "x\n")
			}
			warnings := RunAll("hooks.poststop", list, st)
			if len(warnings) != 1 || warnings[0].Error() != "hooks.poststop[1]"+c.want {
				t.Errorf("run all: got warnings %v, want hooks.poststop[1]%s", warnings, c.want)
			}
			if got := read(t, st.Bundle+"/ran"); got != "x\nx\nx\n" {
				t.Errorf("hooks that ran, after all were run: got %q, want %q", got, "x\nx\nx\n")
			}
			if n := openFDs(); n != before {
				t.Errorf("open descriptors at the end: got %d, want %d as before", n, before)
			}
		})
	}
}

func TestTheEndOfLongOutputIsKept(t *testing.T) {
	for _, n := range []string{"300", "3000", "30000"} {
		err := Run("hooks.prestart", []specs.Hook{sh("i=0; while [ $i -lt " + n + " ]; do echo line $i; i=$((i+1)); done; echo the end; exit 1")}, state(t))
		if err == nil || !strings.HasSuffix(err.Error(), "; the end") || len(err.Error()) > 2*keep+100 {
			t.Errorf("%s lines: got error %v, want at most %d bytes of it, the last of them: ; the end", n, err, 2*keep+100)
		}
		if cut := strings.Contains(err.Error(), ": …"); cut != (n != "300") {
			t.Errorf("%s lines: output is cut: got %v, want %v", n, cut, n != "300")
		}
	}
}

func TestALeftBehindProcessIsNotWaitedFor(t *testing.T) {
	st := state(t)
	start := time.Now()
	if err := Run("hooks.prestart", []specs.Hook{sh("sleep 60 & echo $! >pid")}, st); err != nil {
		t.Fatalf("run a hook that leaves a process behind: %v", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("time of a hook that leaves a process behind: got %v, want at most 30s", d)
	}
	pid := strings.TrimSpace(read(t, st.Bundle+"/pid"))
	if _, err := os.Stat("/proc/" + pid); err != nil {
		t.Errorf("process %s that a hook left behind: got %v, want that it lives", pid, err)
	}
	kill := sh("kill " + pid)
	if err := Run("hooks.prestart", []specs.Hook{kill}, st); err != nil {
		t.Errorf("run a hook that kills process %s: got error %v, want none", pid, err)
	}
}

// TestLongTimeouts: what a poll(2) or a Duration does not hold is no timeout that is over at once.
func TestLongTimeouts(t *testing.T) {
	for _, n := range []int{1, math.MaxInt32 / 1000, math.MaxInt32/1000 + 1, math.MaxInt64/int(time.Second) + 1, math.MaxInt} {
		h := sh("sleep 0.05")
		h.Timeout = seconds(n)
		if err := Run("hooks.prestart", []specs.Hook{h}, state(t)); err != nil {
			t.Errorf("run with a timeout of %d s: got error %v, want none", n, err)
		}
	}
}

// TestABigState is more than a pipe holds; hooks that read none of it, or some, are none the worse for it.
func TestABigState(t *testing.T) {
	st := state(t)
	st.Annotations["big"] = strings.Repeat("x", 1<<20)
	one := sh("/bin/cat >one")
	list := []specs.Hook{sh("true"), sh("exec <&-"), sh("/usr/bin/head -c 10 >some"), one, one}
	if err := Run("hooks.createRuntime", list, st); err != nil {
		t.Fatalf("run with a big state: %v", err)
	}
	var got specs.State
	if err := json.Unmarshal([]byte(read(t, st.Bundle+"/one")), &got); err != nil || len(got.Annotations["big"]) != 1<<20 {
		t.Errorf("annotation of a big state: got %d bytes, %v, want %d", len(got.Annotations["big"]), err, 1<<20)
	}
	if n := len(read(t, st.Bundle+"/some")); n != 10 {
		t.Errorf("state that a hook read the head of: got %d bytes, want 10", n)
	}
}

func TestABundleThatIsGoneIsNoFailure(t *testing.T) {
	st := state(t)
	st.Bundle += "/gone"
	if w := RunAll("hooks.poststop", []specs.Hook{sh("true")}, st); w != nil {
		t.Errorf("run all in a bundle that is gone: got warnings %v, want none", w)
	}
}

func TestNoHooksCostNothing(t *testing.T) {
	if err := Run("hooks.prestart", nil, nil); err != nil {
		t.Errorf("run no hooks: got error %v, want none", err)
	}
	if w := RunAll("hooks.poststop", nil, nil); w != nil {
		t.Errorf("run all of no hooks: got warnings %v, want none", w)
	}
}
