package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"teu/tests/kit"
)

const top = kit.CgroupTop

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// places are the cgroups of a container.
type places struct {
	v1 map[string]string // directories by controller; that of systemd by "systemd"
	v2 string            // directory, "" without a v2 tree
}

// placesOf finds them by the first process, so that it does not matter who chose the paths.
func placesOf(t testing.TB, pid int) places {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	check(t, err)
	p := places{v1: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if f[1] == "" {
			if kit.V2Top() != "" {
				p.v2 = filepath.Join(kit.V2Top(), f[2])
			}
			continue
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(f[1], "name="), ",") {
			if exists(filepath.Join(top, name, "cgroup.procs")) && !kit.Unified() {
				p.v1[name] = filepath.Join(top, name, f[2])
			}
		}
	}
	return p
}

// dir is where a controller is, by its names in both versions ("blkio", "io"); a host that has it in neither skips the test.
func (p places) dir(t testing.TB, v1, v2 string) (dir string, isV2 bool) {
	t.Helper()
	if dir := p.v1[v1]; dir != "" {
		return dir, false
	}
	if p.v2 != "" {
		have, err := os.ReadFile(p.v2 + "/cgroup.controllers")
		check(t, err)
		if slices.Contains(strings.Fields(string(have)), v2) {
			return p.v2, true
		}
	}
	t.Skipf("this host has no %s or %s cgroup controller", v1, v2)
	return "", false
}

// read is a control file of the container's cgroup without the final newline.
func read(t testing.TB, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	check(t, err)
	return strings.TrimSuffix(string(text), "\n")
}

// holds wants lines "FILE TEXT" where TEXT is a line of the control file; a number of blanks stands for one.
func holds(t testing.TB, dir string, want ...string) {
	t.Helper()
	for _, w := range want {
		file, line, _ := strings.Cut(w, " ")
		text := read(t, dir, file)
		same := func(got string) bool { return strings.Join(strings.Fields(got), " ") == line }
		if !slices.ContainsFunc(strings.Split(text, "\n"), same) {
			t.Errorf("%s/%s: got %q, want a line %q", dir, file, text, line)
		}
	}
}

// TestEveryHierarchy: the first process is in a cgroup of the container's own in every hierarchy that is mounted.
func TestEveryHierarchy(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	mine, theirs := placesOf(t, os.Getpid()), placesOf(t, b.State().Pid)
	if theirs.v2 == "" && len(theirs.v1) == 0 {
		t.Fatal("cgroups of the container: got none in any hierarchy, want one at least")
	}
	if theirs.v2 == mine.v2 && mine.v2 != "" {
		t.Errorf("cgroup of the container: got %s, want another than the test's", theirs.v2)
	}
	for name, dir := range theirs.v1 {
		if dir == mine.v1[name] {
			t.Errorf("cgroup of the container in %s: got %s, want another than the test's", name, dir)
		}
	}
}
