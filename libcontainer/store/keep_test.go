package store

import (
	"os"
	"testing"
)

func TestKeepResources(t *testing.T) {
	s := &Store{Root: t.TempDir()}
	c, err := s.Create("a", &State{ID: "a", Phase: Creating}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if name, ok := c.HasResources(); ok || name != "a/resources.json" {
		t.Errorf("%s %v", name, ok)
	}
	for _, text := range []string{`{"pids":{"limit":100000}}`, `{}`} {
		if err := c.KeepResources([]byte(text)); err != nil {
			t.Fatal(err)
		}
		name, ok := c.HasResources()
		if got, err := os.ReadFile(s.Root + "/" + name); err != nil || !ok || string(got) != text {
			t.Errorf("%q, %v, %v, want %q", got, err, ok, text)
		}
	}
	if _, err := os.Lstat(s.Root + "/a/" + tempName); !os.IsNotExist(err) {
		t.Errorf("a temporary file is left: %v", err)
	}
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(s.Root); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
