package cgroups

import (
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// update plans and applies an update.
func update(m *Manager, now, change *specs.LinuxResources) (then *specs.LinuxResources, err error) {
	u, err := m.PlanUpdate(now, change)
	if err == nil {
		err = u.Apply()
	}
	if err != nil {
		return nil, err
	}
	return u.Then, nil
}

// TestUpdatePutsBack has plain files in place of a v2 cgroup, one of which is missing.
func TestUpdatePutsBack(t *testing.T) {
	files := map[string]string{
		"c/cgroup.controllers": "cpuset cpu memory pids\n", "c/cpuset.cpus": "\n", "c/cpuset.cpus.effective": "0-3\n", "c/cpu.idle": "0\n", "c/cpu.weight": "300\n",
		"c/pids.max": "max\n", "c/memory.low": "64\n", "c/memory.swap.max": "max\n",
	}
	root := fakeTree(t, files)
	m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/c"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	now := resources(t, `{"cpu":{"shares":4096}}`)
	change := resources(t, `{"cpu":{"cpus":"0","idle":1},"pids":{"limit":5},"memory":{"limit":100,"swap":150,"reservation":50}}`)
	then, err := update(m, now, change)
	if then != nil || err == nil || !strings.HasPrefix(err.Error(), "linux.resources.memory.limit: write ") || strings.Contains(err.Error(), "put back") {
		t.Errorf("update: got %v, %v, want an error of the write of memory.limit, without put back", then, err)
	}
	files["c/cpuset.cpus"] = "0-3" // what an empty one comes to
	for name, want := range files {
		if got := content(t, filepath.Join(root, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestUpdateBuildsOnTheLast: the swap limit is one of memory and swap together, and stays so.
func TestUpdateBuildsOnTheLast(t *testing.T) {
	root := fakeTree(t, map[string]string{"c/cgroup.controllers": "memory\n", "c/memory.max": "-----", "c/memory.swap.max": "-----"})
	m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/c"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	now, err := update(m, nil, resources(t, `{"memory":{"limit":40000,"swap":99999}}`))
	if err != nil {
		t.Fatalf("first update: %v", err)
	}
	if _, err = update(m, now, resources(t, `{"memory":{"limit":50000}}`)); err != nil {
		t.Fatalf("second update: %v", err)
	}
	if got := content(t, root+"/c/memory.max") + " " + content(t, root+"/c/memory.swap.max"); got != "50000 49999" {
		t.Errorf("memory.max and memory.swap.max: got %q, want %q", got, "50000 49999")
	}
	if _, err = update(m, now, resources(t, `{"memory":{"limit":100000}}`)); err == nil || !strings.Contains(err.Error(), "smaller than the memory limit 100000") {
		t.Errorf("a limit above that of swap: got %v, want that swap is smaller than the memory limit 100000", err)
	}
}
