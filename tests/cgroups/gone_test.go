package cgroups

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// rearranged has a running container, limited to 50 processes, whose cgroups in these hierarchies have been removed after its
// process was moved, as by a manager that rearranges. It returns where that is.
func rearranged(t *testing.T, list ...string) (b *kit.Bundle, moved map[string]string) {
	t.Helper()
	b = kit.New(t, kit.Args("sleep", "forever"), kit.Resources(func(r *specs.LinuxResources) {
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(50))}
	}))
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	moved = map[string]string{}
	for _, h := range list {
		moved[h] = made(t, h+"/"+b.ID+"/moved")
	}
	b.Start()
	pid := strconv.Itoa(b.State().Pid)
	for _, h := range list {
		write(t, moved[h]+"/cgroup.procs", pid)
		b.Until("the cgroup is removed", func() bool { return syscall.Rmdir(h+"/"+b.ID+"/c") == nil })
	}
	return b, moved
}

// inCgroup says which cgroup of a hierarchy a file of /proc names.
func inCgroup(t testing.TB, text, h string) string {
	t.Helper()
	want := filepath.Base(h)
	if h == kit.V2Top() {
		want = ""
	}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for name := range strings.SplitSeq(strings.TrimPrefix(f[1], "name="), ",") {
			if name == want {
				return h + f[2]
			}
		}
	}
	t.Fatalf("no cgroup of %s in %q", h, text)
	return ""
}

// TestGone: where one of the container's cgroups is gone exec goes to where the first process is, and every verb does what it can.
func TestGone(t *testing.T) {
	t.Parallel()
	kit.Cgroupfs(t, "systemd would make its cgroups anew")
	kit.NeedsController(t, "pids")
	all := hierarchies()
	lists := [][]string{all}
	for _, h := range all {
		lists = append(lists, []string{h})
	}
	for _, list := range lists {
		t.Run(strings.Join(list, " "), func(t *testing.T) {
			t.Parallel()
			b, moved := rearranged(t, list...)
			log := b.Dir + "/log"
			res := b.OK("--log", log, "exec", b.ID, kit.PayloadPath, "cat", "/proc/self/cgroup")
			for _, h := range all {
				want := h + "/" + b.ID + "/c"
				if at := moved[h]; at != "" {
					want = at
					text, err := os.ReadFile(log)
					if err != nil || !strings.Contains(string(text), h+"/"+b.ID+"/c is gone: "+at+" is joined") {
						t.Errorf("log: got %q, %v, want a warning that %s is joined", text, err, at)
					}
				}
				if got := inCgroup(t, res.Stdout, h); got != want {
					t.Errorf("cgroup of exec: got %s, want %s", got, want)
				}
			}
			b.OK("exec", "--detach", b.ID, kit.PayloadPath, "sleep", "forever")
			others(t, b, moved)
		})
	}
}

// others are the other verbs of a container with cgroups that are gone.
func others(t *testing.T, b *kit.Bundle, moved map[string]string) {
	t.Helper()
	gone := func(controller string) bool {
		_, v1 := moved[top+"/"+controller]
		_, v2 := moved[kit.V2Top()]
		return v1 || v2 && !exists(top+"/"+controller+"/cgroup.procs")
	}
	b.OK("state", b.ID)
	b.OK("events", "--stats", b.ID)
	if len(moved) == 1 {
		b.OK("ps", b.ID)
	}
	limited := top + "/pids/" + b.ID + "/c"
	if !exists(top + "/pids/cgroup.procs") {
		limited = kit.V2Top() + "/" + b.ID + "/c"
	}
	if !gone("pids") {
		if got := read(t, limited, "pids.max"); got != "50" {
			t.Errorf("pids.max: got %q, want 50", got)
		}
		b.OK("update", "--pids-limit", "60", b.ID)
	} else {
		b.Fails([]string{"update", "--pids-limit", "60", b.ID}, "no such file")
	}
	if _, v2 := moved[kit.V2Top()]; !gone("freezer") || !v2 && kit.V2Top() != "" {
		b.OK("pause", b.ID)
		if st := b.State(); st.Status != "paused" {
			t.Errorf("status after pause: got %s, want paused", st.Status)
		}
		b.OK("resume", b.ID)
	} else {
		b.Fails([]string{"pause", b.ID}, "no such file")
	}
	b.OK("kill", "--all", b.ID, "KILL")
	b.OK("delete", "--force", b.ID)
}
