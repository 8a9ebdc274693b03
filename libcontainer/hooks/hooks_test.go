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
		t.Fatal(err)
	}
	if got := read(t, st.Bundle+"/order"); got != "1\n2\n3\n" {
		t.Errorf("order %q", got)
	}
	for _, f := range []string{"one", "three"} {
		var got specs.State
		if err := json.Unmarshal([]byte(read(t, st.Bundle+"/"+f)), &got); err != nil || got.ID != "c" || got.Pid != 42 || got.Annotations["a"] != "b" {
			t.Errorf("%s read %+v, %v", f, got, err)
		}
	}
}

func TestEnvironmentAndArgumentsAreAsGiven(t *testing.T) {
	t.Setenv("TEU_LEAK", "x")
	st := state(t)
	env := specs.Hook{Path: "/usr/bin/env", Args: []string{"other-name"}}
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, ""},
		{[]string{"A=1", "B=two words"}, "A=1; B=two words"},
	} {
		h := hookFor(t, st, &env)
		env.Env = c.env
		if err := h.run(); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(h.said, ": "); got != c.want {
			t.Errorf("environment %q, want %q", got, c.want)
		}
	}
	for want, args := range map[string][]string{
		": name":         {"name", "-c", "echo $0"},
		": arg0 and two": {"x", "-c", "echo $0 and $1", "arg0", "two"},
	} {
		h := hookFor(t, st, &specs.Hook{Path: "/bin/sh", Args: args})
		if err := h.run(); err != nil || h.said != want {
			t.Errorf("%v: %q, want %q, %v", args, h.said, want, err)
		}
	}
	script := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $0 $#\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := hookFor(t, st, &specs.Hook{Path: script})
	if err := h.run(); err != nil || h.said != ": "+script+" 0" {
		t.Errorf("no args: %q, %v", h.said, err)
	}
}

func hookFor(t *testing.T, st *specs.State, s *specs.Hook) *hook {
	t.Helper()
	fd, err := stateFile([]byte("{}"))
	if err != nil {
		t.Fatal(err)
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
				t.Errorf("%v", err)
			}
			if c.errno != nil && !errors.Is(err, c.errno) {
				t.Errorf("%v is not %v", err, c.errno)
			}
			if got := read(t, st.Bundle+"/ran"); got != "x\n" {
				t.Error("a hook ran after the failing one")
			}
			warnings := RunAll("hooks.poststop", list, st)
			if len(warnings) != 1 || warnings[0].Error() != "hooks.poststop[1]"+c.want {
				t.Errorf("warnings %v", warnings)
			}
			if got := read(t, st.Bundle+"/ran"); got != "x\nx\nx\n" {
				t.Error("the hooks after a failing poststop did not run")
			}
			if n := openFDs(); n != before {
				t.Errorf("%d descriptors open, %d before", n, before)
			}
		})
	}
}

func TestTheEndOfLongOutputIsKept(t *testing.T) {
	for _, n := range []string{"300", "3000", "30000"} {
		err := Run("hooks.prestart", []specs.Hook{sh("i=0; while [ $i -lt " + n + " ]; do echo line $i; i=$((i+1)); done; echo the end; exit 1")}, state(t))
		if err == nil || !strings.HasSuffix(err.Error(), "; the end") || len(err.Error()) > 2*keep+100 {
			t.Errorf("%s lines: %v", n, err)
		}
		if cut := strings.Contains(err.Error(), ": …"); cut != (n != "300") {
			t.Errorf("%s lines: cut is %v", n, cut)
		}
	}
}

func TestALeftBehindProcessIsNotWaitedFor(t *testing.T) {
	st := state(t)
	start := time.Now()
	if err := Run("hooks.prestart", []specs.Hook{sh("sleep 60 & echo $! >pid")}, st); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
	pid := strings.TrimSpace(read(t, st.Bundle+"/pid"))
	if _, err := os.Stat("/proc/" + pid); err != nil {
		t.Errorf("process %s was killed", pid)
	}
	kill := sh("kill " + pid)
	if err := Run("hooks.prestart", []specs.Hook{kill}, st); err != nil {
		t.Error(err)
	}
}

// TestLongTimeouts: what a poll(2) or a Duration does not hold is no timeout that is over at once.
func TestLongTimeouts(t *testing.T) {
	for _, n := range []int{1, math.MaxInt32 / 1000, math.MaxInt32/1000 + 1, math.MaxInt64/int(time.Second) + 1, math.MaxInt} {
		h := sh("sleep 0.05")
		h.Timeout = seconds(n)
		if err := Run("hooks.prestart", []specs.Hook{h}, state(t)); err != nil {
			t.Errorf("%d s: %v", n, err)
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
		t.Fatal(err)
	}
	var got specs.State
	if err := json.Unmarshal([]byte(read(t, st.Bundle+"/one")), &got); err != nil || len(got.Annotations["big"]) != 1<<20 {
		t.Errorf("%d bytes, %v", len(got.Annotations["big"]), err)
	}
	if n := len(read(t, st.Bundle+"/some")); n != 10 {
		t.Errorf("%d bytes", n)
	}
}

func TestABundleThatIsGoneIsNoFailure(t *testing.T) {
	st := state(t)
	st.Bundle += "/gone"
	if w := RunAll("hooks.poststop", []specs.Hook{sh("true")}, st); w != nil {
		t.Error(w)
	}
}

func TestNoHooksCostNothing(t *testing.T) {
	if err := Run("hooks.prestart", nil, nil); err != nil {
		t.Error(err)
	}
	if w := RunAll("hooks.poststop", nil, nil); w != nil {
		t.Error(w)
	}
}
