package cgroups

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// status is what `state` says; runtime-spec knows no "paused".
func status(t testing.TB, b *kit.Bundle, want specs.ContainerState) {
	t.Helper()
	if got := b.State().Status; got != want {
		t.Errorf("status in state: got %s, want %s", got, want)
	}
	if out := b.OK("list").Stdout; !strings.Contains(out, fmt.Sprintf(" %s ", want)) {
		t.Errorf("list: got %q, want %s in it", out, want)
	}
}

// frozen asks the kernel.
func frozen(t testing.TB, b *kit.Bundle) bool {
	t.Helper()
	p := placesOf(t, b.State().Pid)
	if dir := p.v1["freezer"]; dir != "" {
		return read(t, dir, "freezer.state") == "FROZEN"
	}
	return strings.Contains(read(t, p.v2, "cgroup.events"), "frozen 1")
}

func TestPause(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	b.Fails([]string{"resume", b.ID}, "cannot resume container", "it is running: container not paused")
	b.OK("pause", b.ID)
	status(t, b, "paused")
	if !frozen(t, b) {
		t.Error("cgroup after pause: got it thawed, want it frozen")
	}
	if b.State().Pid == 0 {
		t.Error("pid of a paused container: got 0, want another")
	}
	b.Fails([]string{"pause", b.ID}, "cannot pause container", "it is paused: container not running")
	b.Fails([]string{"start", b.ID}, "it is paused, want created")
	b.Fails([]string{"delete", b.ID}, "not stopped")
	b.Fails([]string{"exec", b.ID, kit.PayloadPath, "true"}, "paused")
	b.OK("resume", b.ID)
	status(t, b, specs.StateRunning)
	if frozen(t, b) {
		t.Error("cgroup after resume: got it frozen, want it thawed")
	}
	b.OK("exec", b.ID, kit.PayloadPath, "true")
}

// TestPauseIgnored: exec --ignore-paused is born frozen, and goes on with the container.
func TestPauseIgnored(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	b.OK("pause", b.ID)
	exec := b.Command("exec", "--ignore-paused", b.ID, kit.PayloadPath, "true")
	check(t, exec.Start())
	b.Until("exec has its process in the container", func() bool {
		text, err := os.ReadFile(procs(t, b))
		return err == nil && strings.Count(string(text), "\n") > 1
	})
	b.OK("resume", b.ID)
	if res := b.Wait(exec); res.Code != 0 {
		t.Errorf("exec that waited for resume: %v: want exit code 0", res)
	}
}

// procs is a file that lists the processes of the container.
func procs(t testing.TB, b *kit.Bundle) string {
	t.Helper()
	p := placesOf(t, b.State().Pid)
	if dir := p.v1["freezer"]; dir != "" {
		return dir + "/cgroup.procs"
	}
	return p.v2 + "/cgroup.procs"
}

// TestPauseCreated: init stands still at its gate, and nobody hangs because of it.
func TestPauseCreated(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.OK("create", b.ID)
	b.OK("pause", b.ID)
	b.Fails([]string{"start", b.ID}, "it is paused, want created")
	for range 10 { // more than may wait at the gate
		status(t, b, "paused")
	}
	b.OK("resume", b.ID)
	status(t, b, specs.StateCreated)
	b.OK("start", b.ID)
	status(t, b, specs.StateRunning)
}

// TestPauseStopped: there is nothing to pause.
func TestPauseStopped(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Start()
	b.Ended()
	b.Fails([]string{"pause", b.ID}, "it is stopped: container not running")
	b.Fails([]string{"resume", b.ID}, "it is stopped: container not paused")
	b.Fails([]string{"pause", b.ID + "x"}, "does not exist")
	b.Fails([]string{"resume", b.ID + "x"}, "does not exist")
}

// TestPausedGoes: neither kill nor delete waits for what cannot go on.
func TestPausedGoes(t *testing.T) {
	t.Parallel()
	for _, verb := range [][]string{{"kill", "ID", "KILL"}, {"kill", "--all", "ID", "KILL"}, {"delete", "--force", "ID"}} {
		t.Run(strings.Join(verb, " "), func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("spawn", "3"))
			b.Start()
			b.OK("pause", b.ID)
			for i := range verb {
				verb[i] = strings.ReplaceAll(verb[i], "ID", b.ID)
			}
			b.OK(verb...)
			if verb[0] == "kill" {
				b.Ended()
				b.OK("delete", b.ID)
			}
		})
	}
}

// TestPauseNested: what the container has in cgroups below its own stops too.
func TestPauseNested(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	p := placesOf(t, b.State().Pid)
	dir, isV1 := p.v1["freezer"]
	if !isV1 {
		dir = p.v2
	}
	check(t, os.Mkdir(dir+"/below", 0o755))
	check(t, os.WriteFile(dir+"/below/cgroup.procs", fmt.Append(nil, b.State().Pid), 0o644))
	b.OK("pause", b.ID)
	file, want := "cgroup.events", "frozen 1"
	if isV1 {
		file, want = "freezer.state", "FROZEN"
	}
	if got := read(t, dir+"/below", file); !strings.Contains(got, want) {
		t.Errorf("%s/below/%s after pause: got %q, want %q in it", dir, file, got, want)
	}
	b.OK("resume", b.ID)
	if got := read(t, dir+"/below", file); strings.Contains(got, want) {
		t.Errorf("%s/below/%s after resume: got %q, want it without %q", dir, file, got, want)
	}
}
