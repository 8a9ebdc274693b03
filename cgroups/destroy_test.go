package cgroups

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDestroyOfNothing is what delete does after a create that had only stored its record.
func TestDestroyOfNothing(t *testing.T) {
	root := t.TempDir()
	m, err := Load(Record{Mode: Hybrid, Places: []Place{
		{Mountpoint: root, Path: "/a/b", Kept: "/"}, {Name: "freezer", Mountpoint: root, Path: "/a/b", Kept: "/"},
	}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if err := errors.Join(m.Kill(), m.Destroy(0), m.Freeze(false)); err != nil {
		t.Errorf("kill, destroy and thaw a cgroup that is not there: %v", err)
	}
	if pids, err := m.Pids(true); len(pids) != 0 || err != nil {
		t.Errorf("pids of a cgroup that is not there: got %v, %v, want none", pids, err)
	}
	if frozen, err := m.Frozen(); frozen || err != nil {
		t.Errorf("frozen of a cgroup that is not there: got %v, %v, want false", frozen, err)
	}
	if _, ok := m.Dir(); ok {
		t.Error("directory fd of a cgroup that is not there: got one, want none")
	}
}

// TestDestroyKeepsParents removes what was made and stops at what was there.
func TestDestroyKeepsParents(t *testing.T) {
	for kept, left := range map[string]string{"/a": "a", "/": "", "": "a/b", "/a/b/c": "a/b"} {
		root := t.TempDir()
		if err := os.MkdirAll(root+"/a/b/c/payload/deep", 0o755); err != nil {
			t.Fatal(err)
		}
		m, err := Load(Record{Mode: Legacy, Places: []Place{{Name: "pids", Mountpoint: root, Path: "/a/b/c", Kept: kept}}})
		if err == nil {
			err = m.Destroy(time.Second)
		}
		if err != nil {
			t.Fatalf("load and destroy, kept %q: %v", kept, err)
		}
		deepest := ""
		for _, dir := range []string{"a", "a/b", "a/b/c"} {
			if _, err := os.Stat(filepath.Join(root, dir)); err == nil {
				deepest = dir
			}
		}
		if deepest != left {
			t.Errorf("kept %q: got %q left, want %q", kept, deepest, left)
		}
	}
}
