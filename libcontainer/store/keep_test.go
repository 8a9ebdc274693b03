package store

import (
	"errors"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"

	"teu/tests/needs"
)

func TestKeepResources(t *testing.T) {
	s := &Store{Root: t.TempDir()}
	c := create(t, s, "a")
	if name, ok := c.HasResources(); ok || name != "a/resources.json" {
		t.Errorf("resources before any are kept: got %s, %v, want a/resources.json, false", name, ok)
	}
	kept := func(when, want string) {
		t.Helper()
		name, ok := c.HasResources()
		if got, err := os.ReadFile(s.Root + "/" + name); ok != (want != "") || ok && (err != nil || string(got) != want) {
			t.Errorf("resources that are kept %s: got %q, %v, %v, want %q", when, got, err, ok, want)
		}
	}
	refused := errors.New("refused")
	before := ""
	for _, text := range []string{`{"pids":{"limit":100000}}`, `{}`} {
		err := c.KeepResources([]byte("other"), func() error {
			kept("while they are applied", "other")
			return refused
		})
		if err != refused {
			t.Errorf("keep what is refused: got error %v, want the refusal alone", err)
		}
		kept("after a refusal", before)
		if err := c.KeepResources([]byte(text), func() error { return nil }); err != nil {
			t.Fatalf("keep the resources %s: %v", text, err)
		}
		kept("at last", text)
		before = text
		if _, err := os.Lstat(s.Root + "/a/" + tempName); !os.IsNotExist(err) {
			t.Errorf("the temporary file: got error %v, want that it does not exist", err)
		}
	}
	if err := c.Remove(); err != nil {
		t.Errorf("remove: got error %v, want none", err)
	}
	if left, err := os.ReadDir(s.Root); err != nil || len(left) > 0 {
		t.Errorf("the root after remove: got %v, %v, want nothing in it", left, err)
	}
}

// TestKeepResourcesOnAFullDisk: nothing is applied that could not be kept, and what is refused leaves what was kept before,
// though there is no room to write it again.
func TestKeepResourcesOnAFullDisk(t *testing.T) {
	needs.Root(t, "mounts a small tmpfs")
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(root, syscall.MNT_DETACH) })
	s := &Store{Root: root}
	c := create(t, s, "a")
	fill := func() { os.WriteFile(root+"/fill", make([]byte, 1<<20), 0o600) }
	first := strings.Repeat("1", 9000)
	if err := c.KeepResources([]byte(first), func() error { return nil }); err != nil {
		t.Fatalf("keep the first: %v", err)
	}
	refused := errors.New("refused")
	if err := c.KeepResources([]byte("{}"), func() error { fill(); return refused }); err != refused {
		t.Errorf("refused, on a disk that is full by then: got error %v, want the refusal alone", err)
	}
	applied := false
	err := c.KeepResources([]byte(strings.Repeat("2", 20000)), func() error { applied = true; return nil })
	if !errors.Is(err, syscall.ENOSPC) || applied {
		t.Errorf("keep on a full disk: got error %v, applied %v, want ENOSPC, and nothing applied", err, applied)
	}
	if got, err := os.ReadFile(root + "/a/resources.json"); err != nil || string(got) != first {
		t.Errorf("resources at last: got %.20q, %v, want the first", got, err)
	}
	os.Remove(root + "/fill")
	c.Remove()
}

func TestKeptMembers(t *testing.T) {
	s := newStore(t)
	st := intent("a")
	text := string(config)
	span := func(value string) Span { at := strings.Index(text, value); return Span{at, at + len(value)} }
	st.AnnotationsAt, st.HooksAt = span(`{"k\u0041": "v\n", "n": null}`), span(`{"poststop": []}`)
	c, err := s.Create("a", st, config, long)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	defer c.Close()
	want := map[string]string{"kA": "v\n", "n": ""}
	if got, err := s.ReadWhole("a"); err != nil || !maps.Equal(got.Annotations, want) {
		t.Errorf("read with annotations: got %+v, %v, want %v", got, err, want)
	}
	if got, err := s.Read("a"); err != nil || got.Annotations != nil {
		t.Errorf("read without annotations: got %+v, %v, want none", got, err)
	}
	all, bad, err := s.List()
	if err != nil || len(bad) > 0 || len(all) != 1 || !maps.Equal(all[0].Annotations, want) {
		t.Errorf("list: got %+v, bad %v, %v, want %v", all, bad, err, want)
	}
	if hooks, err := c.Hooks(); err != nil || string(hooks) != `{"poststop": []}` {
		t.Errorf("hooks: got %q, %v, want those of the config", hooks, err)
	}
	c.State = &State{ID: "a"}
	if hooks, err := c.Hooks(); err != nil || hooks != nil {
		t.Errorf("hooks of a record without: got %q, %v, want none", hooks, err)
	}
	// Anything may have damaged the file.
	c.State = st
	for _, damaged := range []string{"", text[:40], strings.Repeat(" ", len(text))} {
		if err := os.WriteFile(s.Root+"/a/config.json", []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ReadWhole("a"); err == nil {
			t.Errorf("read with annotations in %q: got %+v, want an error", damaged, got.Annotations)
		}
		if _, err := s.Read("a"); err != nil {
			t.Errorf("read without annotations beside %q: %v", damaged, err)
		}
	}
}
