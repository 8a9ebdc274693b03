package cgroups

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

func openDir(t *testing.T, dir string) int {
	t.Helper()
	fd, err := sys.Openat(sys.AtFdcwd, dir, sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	t.Cleanup(func() { sys.Close(fd) })
	return fd
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestWalk: everything once, what is above before and after what is below. Ordinary directories do for cgroups.
func TestWalk(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"a/b/c", "a/d", "e", "left out/never"} {
		if err := os.MkdirAll(top+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := descriptors(t)
	trace := ""
	err := walk(openDir(t, top), func(_ int, name string) (bool, error) {
		trace += "(" + name + " "
		return name != "left out", nil
	}, func(_ int, name string) error {
		trace += name + ") "
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	if n := descriptors(t); n != before+1 {
		t.Errorf("descriptors open: got %d, want %d", n, before+1)
	}
	for _, want := range []string{"(a ", "(b (c c) b) ", "(d d) ", "(e e) ", "(left out "} {
		if strings.Count(trace, want) != 1 {
			t.Errorf("trace: got %q, want %q once in it", trace, want)
		}
	}
	if strings.Contains(trace, "never") || strings.Index(trace, "(a ") > strings.Index(trace, "(b ") || strings.Index(trace, "a)") < strings.Index(trace, "d)") {
		t.Errorf("trace: got %s, want nothing of never, a entered before b, and left after d", trace)
	}
}

// TestWalkErrors: an error ends the walk at any depth, and leaves nothing open.
func TestWalkErrors(t *testing.T) {
	top := t.TempDir()
	if err := os.MkdirAll(top+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	fd := openDir(t, top)
	before := descriptors(t)
	for _, at := range []string{"(a", "(b", "(c", "c)", "b)", "a)"} {
		fail := func(what string) error {
			if what == at {
				return syscall.EUCLEAN
			}
			return nil
		}
		err := walk(fd, func(_ int, name string) (bool, error) { return true, fail("(" + name) },
			func(_ int, name string) error { return fail(name + ")") })
		if err != syscall.EUCLEAN {
			t.Errorf("an error at %s: got %v, want EUCLEAN", at, err)
		}
	}
	if n := descriptors(t); n != before {
		t.Errorf("descriptors open: got %d, want %d", n, before)
	}
}

// TestWalkVanishing has the directories removed under the walk's feet.
func TestWalkVanishing(t *testing.T) {
	for _, victim := range []string{"a", "a/b", "a/b/c"} {
		top := t.TempDir()
		for _, dir := range []string{"a/b/c", "z"} {
			if err := os.MkdirAll(top+"/"+dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		vanish := func(when string) func(int, string) {
			return func(_ int, name string) {
				if name == when {
					if err := os.RemoveAll(top + "/" + victim); err != nil {
						t.Error(err)
					}
				}
			}
		}
		for _, when := range []string{"a", "b", "c"} {
			if err := os.MkdirAll(top+"/a/b/c", 0o755); err != nil {
				t.Fatal(err)
			}
			down, seen := vanish(when), map[string]int{}
			err := walk(openDir(t, top), func(dir int, name string) (bool, error) {
				down(dir, name)
				seen[name]++
				return true, nil
			}, nil)
			if err != nil || seen["z"] != 1 || seen["a"] != 1 {
				t.Errorf("%s removed at %s: got %v, %v, want z and a once each", victim, when, seen, err)
			}
		}
	}
}

// TestDeep removes directories nested deeper than there are descriptors, and wider than one read of their list holds.
func TestDeep(t *testing.T) {
	top := openDir(t, t.TempDir())
	const depth, width = 3000, 2000
	at, err := sys.Dup(top)
	for range depth {
		if err == nil {
			err = sys.Mkdirat(at, "deep", 0o755)
		}
		var sub int
		if err == nil {
			sub, err = sys.Openat(at, "deep", sys.ORdonly|sys.ODirectory, 0)
		}
		if err != nil {
			t.Fatalf("make and open the directories: %v", err)
		}
		sys.Close(at)
		at = sub
	}
	for i := range width {
		if err := sys.Mkdirat(at, strings.Repeat("w", 100)+itoa(i), 0o755); err != nil {
			t.Fatalf("make a directory: %v", err)
		}
	}
	sys.Close(at)
	before, most := descriptors(t), 0
	if err := walk(top, func(int, string) (bool, error) { most = max(most, descriptors(t)); return true, nil }, nil); err != nil {
		t.Fatalf("walk: %v", err)
	}
	if most > before+2 {
		t.Errorf("descriptors open at most: got %d, want %d", most, before+2)
	}
	if n, err := removeBelow(top); n != depth+width || err != nil {
		t.Errorf("remove below: got %d, %v, want %d", n, err, depth+width)
	}
}
