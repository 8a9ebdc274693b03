package intelrdt

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestUpdate is in a directory in place of resctrl, where what is written stands over what was there.
func TestUpdate(t *testing.T) {
	dir := tree(t)
	g := again(t, made1(t, dir, specs.LinuxIntelRdt{L3CacheSchema: "L3:0=7", MemBwSchema: "MB:0=20"}))
	undo, err := g.Update([]Change{{"--l3-cache-schema", "L3:0=f"}, {"--mem-bw-schema", ""}})
	if got := read(t, dir+"/box/schemata"); err != nil || got != "L3:0=f\nMB:0=20\n" {
		t.Errorf("update: got the schemata %q, %v, want %q", got, err, "L3:0=f\nMB:0=20\n")
	}
	if err := undo(); err != nil || !strings.HasPrefix(read(t, dir+"/box/schemata"), "L3:0=7\n") {
		t.Errorf("undo: got the schemata %q, %v, want L3:0=7 in the first line", read(t, dir+"/box/schemata"), err)
	}
	if _, err := g.Update(nil); err != nil {
		t.Errorf("update nothing: got error %v, want none", err)
	}
	if err := os.Remove(dir + "/box/schemata"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Update([]Change{{"--l3-cache-schema", "L3:0=f"}}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("update of a group without schemata: got error %v, want ENOENT", err)
	}
}

// TestUpdateOfOthers: a class that was there is shared with whoever made it.
func TestUpdateOfOthers(t *testing.T) {
	for _, closID := range []string{"gold", "/"} {
		dir := tree(t)
		g := again(t, made1(t, dir, specs.LinuxIntelRdt{ClosID: closID}))
		_, err := g.Update([]Change{{"--l3-cache-schema", ""}, {"--mem-bw-schema", "MB:0=10"}})
		if !errors.Is(err, syscall.EPERM) || !strings.HasPrefix(err.Error(), "--mem-bw-schema: the class "+dir) {
			t.Errorf("update of the class %q: got error %v, want EPERM, which begins with --mem-bw-schema: the class %s", closID, err, dir)
		}
		if read(t, dir+"/gold/schemata") != read(t, tree(t)+"/gold/schemata") {
			t.Errorf("schemata of gold after an update of the class %q: got %q, want %q", closID, read(t, dir+"/gold/schemata"), read(t, tree(t)+"/gold/schemata"))
		}
	}
}
