package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// CgroupTop is where the cgroups are mounted.
const CgroupTop = "/sys/fs/cgroup"

// Unified tells whether the suite sees a v2 tree and nothing else.
func Unified() bool { return holdsFile(CgroupTop, "cgroup.controllers") }

// V2Top is where the v2 tree is mounted, "" where it is not.
func V2Top() string {
	for _, dir := range []string{CgroupTop, CgroupTop + "/unified"} {
		if holdsFile(dir, "cgroup.controllers") {
			return dir
		}
	}
	return ""
}

// NeedsController skips the test where the host lacks a controller, one that has the same name in both versions.
func NeedsController(t testing.TB, names ...string) {
	t.Helper()
	tree, _ := os.ReadFile(V2Top() + "/cgroup.controllers") // none without a v2 tree
	for _, name := range names {
		v1 := !Unified() && holdsFile(filepath.Join(CgroupTop, name), "cgroup.procs")
		if !v1 && !slices.Contains(strings.Fields(string(tree)), name) {
			t.Skipf("this host has no %s cgroup controller", name)
		}
	}
}

func holdsFile(dir, name string) bool { return exists(filepath.Join(dir, name)) }

// OnHierarchies runs a test on the cgroups that the suite sees and, where those are hybrid, also on v1 alone: view makes a
// command see them so.
func OnHierarchies(t *testing.T, test func(t *testing.T, view func(*exec.Cmd))) {
	t.Helper()
	t.Run("host", func(t *testing.T) {
		t.Parallel()
		test(t, func(*exec.Cmd) {})
	})
	if Unified() || V2Top() == "" || Systemd() {
		return
	}
	t.Run("v1", func(t *testing.T) {
		t.Parallel()
		unshare, err := exec.LookPath("unshare")
		if err != nil {
			t.Fatal(err)
		}
		test(t, func(c *exec.Cmd) {
			script := "umount " + V2Top() + ` && exec "$0" "$@"`
			c.Args = append([]string{"unshare", "-m", "sh", "-c", script, c.Path}, c.Args[1:]...)
			c.Path = unshare
		})
	})
}
