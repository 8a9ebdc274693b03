package cgroups

import (
	"errors"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
)

// testLifecycle goes through a container's life, each step twice.
func testLifecycle(t *testing.T) {
	b := newBox(t, parent()+"/deep/c")
	b.ok(b.Create())
	b.set(nil)
	b.set(nil)
	p := b.start("exec sleep 1000")
	b.ok(b.Join(p.Process.Pid, false))
	if pids, err := b.Pids(true); err != nil || len(pids) != 1 || pids[0] != p.Process.Pid {
		t.Errorf("pids: got %v, %v, want %d", pids, err, p.Process.Pid)
	}
	err := b.Destroy(20 * time.Millisecond)
	if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "1 process(es) left") {
		t.Errorf("destroy while a process is in it: got %v, want EBUSY with 1 process(es) left", err)
	}
	again := load(t, b.Record())
	again.ok(again.Kill())
	again.ok(again.Kill())
	p.killed(t)
	again.ok(again.Destroy(5 * time.Second))
	again.gone(b.Record())
	again.ok(again.Destroy(0))
}

// testCutShort leaves off after each directory that Create makes, and cleans up from the record.
func testCutShort(t *testing.T) {
	full := record(t, parent()+"/deep/c")
	for n := range 3*len(full.Places) + 1 {
		rec := record(t, parent()+"/deep/c")
		if err := rec.Survey(); err != nil {
			t.Fatalf("survey: %v", err)
		}
		left := n
		for _, p := range rec.Places {
			for _, dir := range []string{path.Dir(path.Dir(p.Path)), path.Dir(p.Path), p.Path} {
				if left--; left < 0 {
					break
				}
				err := os.Mkdir(p.Mountpoint+dir, 0o755)
				if errors.Is(err, syscall.EROFS) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		b := load(t, rec)
		b.end()
		b.gone(rec)
	}
}

// testOccupied wants a second container refused where there is one, or a process in a cgroup below.
func testOccupied(t *testing.T) {
	top := parent()
	b := newBox(t, top+"/c")
	b.start("exec sleep 1000")
	for _, where := range []string{top + "/c", top} {
		rec := record(t, where)
		if err := rec.Survey(); err == nil || !strings.Contains(err.Error(), "container's cgroup is not empty: 1 process(es) found") {
			t.Errorf("survey of %s: got %v, want that it is not empty", where, err)
		}
	}
	// Somebody who came after the Survey.
	late := record(t, top+"/c")
	for i := range late.Places {
		late.Places[i].Kept = top
	}
	m, err := Load(late)
	b.ok(err)
	if err := m.Create(); err == nil || !strings.Contains(err.Error(), "container's cgroup is not empty") {
		t.Errorf("create: got %v, want that it is not empty", err)
	}
}

// testFrozen wants a frozen cgroup, or one below it, refused.
func testFrozen(t *testing.T) {
	top := parent()
	b := newBox(t, top+"/c")
	b.ok(b.Freeze(true))
	for _, where := range []string{top + "/c", top + "/c/d"} {
		rec := record(t, where)
		if err := rec.Survey(); err == nil || !strings.Contains(err.Error(), "container's cgroup unexpectedly frozen") {
			t.Errorf("survey of %s: got %v, want that it is frozen", where, err)
		}
	}
	b.ok(b.Freeze(false))
	rec := record(t, top+"/c")
	b.ok(rec.Survey())
	if kept := rec.Places[len(rec.Places)-1].Kept; kept != top+"/c" {
		t.Errorf("cgroup that is kept: got %q, want %q", kept, top+"/c")
	}
}

// testFreeze pauses a counting payload.
func testFreeze(t *testing.T) {
	b := newBox(t, parent()+"/c")
	file := t.TempDir() + "/count"
	b.start("while :; do echo x; done >" + file)
	size := func() int64 {
		st, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	grows := func() bool {
		was := size()
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
			if size() > was {
				return true
			}
		}
		return false
	}
	if !grows() {
		t.Fatal("output before the freeze: got no more within a second, want some")
	}
	for range 2 {
		b.ok(b.Freeze(true))
		was := size()
		if frozen, err := b.Frozen(); !frozen || err != nil {
			t.Errorf("frozen after freeze: got %v, %v, want true", frozen, err)
		}
		sys.PollUntil(nil, time.Now().Add(20*time.Millisecond))
		if size() != was {
			t.Errorf("output while frozen: got %d bytes, want still %d", size(), was)
		}
	}
	b.ok(b.Freeze(false))
	if frozen, err := b.Frozen(); frozen || err != nil {
		t.Errorf("frozen after thaw: got %v, %v, want false", frozen, err)
	}
	if !grows() {
		t.Error("output after the thaw: got no more within a second, want some")
	}
}

// testNested has a payload with cgroups of its own, in which processes and none are left.
func testNested(t *testing.T) {
	b := newBox(t, parent()+"/c")
	for _, p := range b.rec.Places {
		b.mkdir(b.mkdir(p.Dir()+"/sub") + "/deeper")
		b.mkdir(p.Dir() + "/empty")
	}
	p, q := b.start("exec sleep 1000"), b.start("exec sleep 1000")
	b.put(b.main()+"/sub/deeper", q.Process.Pid)
	if one, all := count(t, b, false), count(t, b, true); one != 1 || all != 2 {
		t.Errorf("processes of its own and in all: got %d and %d, want 1 and 2", one, all)
	}
	b.ok(b.Kill())
	p.killed(t)
	q.killed(t)
}

// testExecBelow joins a cgroup below the container's, named by path and by the process that is in it.
func testExecBelow(t *testing.T) {
	b := newBox(t, parent()+"/c")
	for _, p := range b.rec.Places {
		b.mkdir(p.Dir() + "/sub")
		b.ok(inheritIfCpuset(&p, p.Path+"/sub"))
	}
	at, err := b.At(map[string]string{"": "sub"})
	b.ok(err)
	p, q := b.start("exec sleep 1000"), b.start("exec sleep 1000")
	b.ok(at.Join(p.Process.Pid, false))
	b.ok(at.CheckJoined(p.Process.Pid))
	if b.CheckJoined(p.Process.Pid) == nil {
		t.Error("check that a process below the container's cgroup is in it: got no error, want one")
	}
	if one, all := count(t, b, false), count(t, b, true); one != 1 || all != 2 {
		t.Errorf("processes of its own and in all: got %d and %d, want 1 and 2", one, all)
	}
	beside, err := b.AtProcess(p.Process.Pid)
	if b.unified() == nil {
		if err == nil {
			t.Error("AtProcess without v2: got no error, want one")
		}
		return
	}
	b.ok(err)
	b.ok(beside.Join(q.Process.Pid, false))
	b.ok(beside.CheckJoined(q.Process.Pid))
	pids, err := procs(b.unified().Dir(), false)
	b.ok(err)
	if len(pids) != 0 {
		t.Errorf("processes in the container's own v2 cgroup: got %d, want 0", len(pids))
	}
	if _, err := b.AtProcess(os.Getpid()); err == nil {
		t.Error("AtProcess of a process outside: got no error, want one")
	}
}

func inheritIfCpuset(p *Place, dir string) error {
	if !nameHas(p.Name, "cpuset") {
		return nil
	}
	return inherit(p.Mountpoint, dir, true)
}

// testBusy waits for a process that takes its time to end.
func testBusy(t *testing.T) {
	b := newBox(t, parent()+"/c")
	p := b.start("sleep 0.2")
	start := time.Now()
	b.ok(b.Destroy(10 * time.Second))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("destroy of a busy cgroup: took %v, want %v at most", took, 5*time.Second)
	}
	p.wait(t)
}

// testRelative has no cgroupsPath but the id.
func testRelative(t *testing.T) {
	l := layout(t)
	id := strings.TrimPrefix(parent(), "/")
	rec, err := Plan(l, id, withPath(""))
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if err := rec.Survey(); err != nil {
		t.Fatalf("survey: %v", err)
	}
	b := load(t, rec)
	b.ok(b.Create())
	p := b.start("exec sleep 1000")
	for i, h := range append([]Hierarchy{l.V2}, l.V1...) {
		if h.Mountpoint == "" {
			continue
		}
		if l.V2.Mountpoint == "" {
			i--
		}
		own, err := h.beneath()
		b.ok(err)
		if l.Mode == Unified {
			own = path.Dir(own)
		}
		if want := path.Join(own, id); rec.Places[i].Path != want {
			t.Errorf("path in %s: got %s, want %s", h.Name, rec.Places[i].Path, want)
		}
	}
	b.ok(b.Kill())
	p.killed(t)
}

// testWithoutV2 sees what hybrid mode does with a v2 tree that it cannot write.
func testWithoutV2(t *testing.T) {
	if os.Getenv(worldVar) != "readonly" {
		t.Skip("only where the v2 tree is read-only")
	}
	rec := record(t, parent()+"/c")
	if err := rec.Survey(); err != nil {
		t.Fatalf("survey: %v", err)
	}
	b := load(t, rec)
	before := len(b.Record().Places)
	b.ok(b.Create())
	if _, ok := b.Dir(); ok || len(b.Record().Places) != before-1 {
		t.Errorf("places without the v2 tree: got %+v, want %d", b.Record(), before-1)
	}
	// A later teu may have only the record of before.
	stale := load(t, rec)
	p := b.start("exec sleep 1000")
	stale.ok(stale.Kill())
	p.killed(t)
	stale.ok(stale.Destroy(5 * time.Second))
}

func status(t *testing.T, pid int, field string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+field+":\t")
	v, _, _ := strings.Cut(rest, "\n")
	return v
}
