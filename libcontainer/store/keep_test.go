package store

import (
	"os"
	"testing"
)

func TestKeepResources(t *testing.T) {
	s := &Store{Root: t.TempDir()}
	c, err := s.Create("a", &State{ID: "a", Phase: Creating}, 0)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	defer c.Close()
	if name, ok := c.HasResources(); ok || name != "a/resources.json" {
		t.Errorf("resources before any are kept: got %s, %v, want a/resources.json, false", name, ok)
	}
	for _, text := range []string{`{"pids":{"limit":100000}}`, `{}`} {
		if err := c.KeepResources([]byte(text)); err != nil {
			t.Fatalf("keep the resources %s: %v", text, err)
		}
		name, ok := c.HasResources()
		if got, err := os.ReadFile(s.Root + "/" + name); err != nil || !ok || string(got) != text {
			t.Errorf("resources that are kept: got %q, %v, %v, want %q, no error, true", got, err, ok, text)
		}
	}
	if _, err := os.Lstat(s.Root + "/a/" + tempName); !os.IsNotExist(err) {
		t.Errorf("the temporary file: got error %v, want that it does not exist", err)
	}
	if err := c.Remove(); err != nil {
		t.Errorf("remove: got error %v, want none", err)
	}
	if left, err := os.ReadDir(s.Root); err != nil || len(left) > 0 {
		t.Errorf("the root after remove: got %v, %v, want nothing in it", left, err)
	}
}
