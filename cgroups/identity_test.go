package cgroups

import (
	"os"
	"slices"
	"strings"
	"testing"

	"teu/cgroups/systemd"
)

// TestOwn has plain directories in place of cgroups.
func TestOwn(t *testing.T) {
	root := fakeTree(t, map[string]string{"pids/c/tasks": "", "memory/c/tasks": "", "freezer/c/tasks": ""})
	record := func() Record {
		r := Record{Mode: Legacy, Unit: &systemd.Unit{Name: "c"}}
		for _, name := range []string{"pids", "memory", "freezer"} {
			r.Places = append(r.Places, Place{Name: name, Mountpoint: root + "/" + name, Path: "/c"})
		}
		return r
	}
	made := record()
	ids := (&Manager{rec: made}).IDs()
	own := func(when, ids, missing string, want ...string) {
		t.Helper()
		r := record()
		r.Unit = nil // which check knows
		replaced, gone, known := r.Own(ids)
		if !known || !slices.Equal(replaced, want) || len(r.Places) != 3-len(want) {
			t.Errorf("%s: got %q replaced, known %v, %d places; want %q, true, %d", when, replaced, known, len(r.Places), want, 3-len(want))
		}
		if got := strings.Join(gone, " "); got != missing {
			t.Errorf("%s: got %q gone, want %q", when, got, missing)
		}
	}
	own("as they were made", ids, "")
	for _, unknown := range []string{"", "1", ids + " 1"} {
		r := record()
		r.Unit = nil
		if replaced, _, known := r.Own(unknown); known || len(replaced) > 0 || len(r.Places) != 3 {
			t.Errorf("ids %q: got %q replaced, known %v, %d places; want none, false, 3", unknown, replaced, known, len(r.Places))
		}
	}
	if err := os.RemoveAll(root + "/pids/c"); err != nil {
		t.Fatal(err)
	}
	own("one is gone", ids, root+"/pids/c")
	// Made anew beside the old one, which keeps its number from being used again.
	if err := os.Rename(root+"/memory/c", root+"/memory/old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+"/memory/c", 0o755); err != nil {
		t.Fatal(err)
	}
	own("one is another", ids, root+"/pids/c", root+"/memory/c")
	if (&Manager{rec: made}).IDs() == ids {
		t.Errorf("ids of others: got %s, want others", ids)
	}
}

// TestOwnLeavesOthersUnitsAlone: a unit's name may be another's, as its cgroup is.
func TestOwnLeavesOthersUnitsAlone(t *testing.T) {
	root := fakeTree(t, map[string]string{"u/teu-c.scope/cgroup.procs": ""})
	unit, err := systemd.ParsePath("system.slice:teu:c", "c", false)
	if err != nil {
		t.Fatalf("parse the path of a unit: %v", err)
	}
	r := Record{Mode: Unified, Unit: &unit, Places: []Place{{Mountpoint: root, Path: "/u/teu-c.scope"}}}
	ids := (&Manager{rec: r}).IDs()
	if replaced, _, known := r.Own(ids); !known || len(replaced) > 0 || r.Unit == nil {
		t.Errorf("its own: got %q replaced, known %v, unit %v; want none, true, and the unit", replaced, known, r.Unit)
	}
	if replaced, _, known := r.Own(ids + "1"); !known || len(replaced) != 1 || r.Unit != nil || len(r.Places) > 0 {
		t.Errorf("another's: got %q replaced, known %v, unit %v, %d places; want the one, true, no unit and no place", replaced, known, r.Unit, len(r.Places))
	}
}
