package cgroups

import (
	"os"
	"testing"
)

// TestWatchOOMCountsKills works on a plain file: changes without a kill are no event, and the end of the cgroup is none.
func TestWatchOOMCountsKills(t *testing.T) {
	root := fakeTree(t, map[string]string{"x/memory.events": "low 0\nhigh 0\nmax 0\noom 1\noom_kill 2\n"})
	m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/x"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	w, err := m.WatchOOM()
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	defer w.Close()
	for i, c := range []struct {
		text string
		want bool
	}{
		{"oom 1\noom_kill 2\n", false}, {"max 5\noom 2\noom_kill 2\n", false}, {"oom 3\noom_kill 4\n", true}, {"oom 3\noom_kill 4\n", false},
		{"oom 3\noom_kill 5\noom_group_kill 1\n", true},
	} {
		if err := os.WriteFile(root+"/x/memory.events", []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Fired(); got != c.want || err != nil {
			t.Errorf("%d: %v %v, want %v", i, got, err, c.want)
		}
	}
	if err := os.WriteFile(root+"/x/memory.events", []byte("oom_kill x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Fired(); err == nil {
		t.Error("oom_kill x: got no error, want one")
	}
}

// TestWatchOOMOfNothing: no memory controller, and no cgroup any more.
func TestWatchOOMOfNothing(t *testing.T) {
	for _, rec := range []Record{
		{Mode: Legacy, Places: []Place{{Name: "pids", Mountpoint: "/nowhere", Path: "/x"}}},
		{Mode: Legacy, Places: []Place{{Name: "memory", Mountpoint: "/nowhere", Path: "/x"}}},
		{Mode: Unified, Places: []Place{{Mountpoint: "/nowhere", Path: "/x"}}},
	} {
		m, err := Load(rec)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		if w, err := m.WatchOOM(); w != nil || err != nil {
			t.Errorf("watch %+v: got %v, %v, want nothing", rec, w, err)
		}
		if s, err := m.Stats(); s == nil || err != nil {
			t.Errorf("stats of %+v: got %v, %v, want some", rec, s, err)
		}
	}
}
