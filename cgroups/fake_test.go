package cgroups

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/limits"
)

// fakeTree makes plain files under a temporary directory, in which writes leave their last value behind.
func fakeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEnableFromTheTop walks a v2 tree of plain files: each ancestor is told to give its children what the root
// has.
func TestEnableFromTheTop(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"cgroup.controllers":         "cpu memory pids\n",
		"cgroup.subtree_control":     "",
		"a/cgroup.subtree_control":   "",
		"a/b/cgroup.subtree_control": "",
		"a/b/c/cgroup.controllers":   "cpu\n",
		"a/b/c/cgroup.type":          "domain\n",
		"a/b/c/cgroup.procs":         "",
	})
	m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/a/b/c"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if err := m.Create(); err != nil {
		t.Fatalf("create: %v", err)
	}
	for _, dir := range []string{"", "a", "a/b"} {
		if got := content(t, filepath.Join(root, dir, "cgroup.subtree_control")); got != "+cpu +memory +pids" {
			t.Errorf("%q: got subtree_control %q, want +cpu +memory +pids", dir, got)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "a/b/c/cgroup.type"), []byte("domain invalid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Create(); err != nil {
		t.Fatalf("create below a threaded cgroup: %v", err)
	}
	if got := content(t, filepath.Join(root, "a/b/c/cgroup.type")); !strings.HasPrefix(got, "threaded") { // the write does not shorten a plain file
		t.Errorf("below a threaded cgroup: got type %q, want threaded", got)
	}
	if err := m.denied["memory"]; err == nil || !strings.Contains(err.Error(), "is a threaded cgroup") {
		t.Errorf("memory below a threaded cgroup: got %v, want it denied", err)
	}
}

// TestMissingController asks for a limit whose controller could not be enabled: the reason is told.
func TestMissingController(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"cgroup.controllers":     "memory pids\n",
		"c/cgroup.controllers":   "\n",
		"c/cgroup.type":          "domain\n",
		"c/cgroup.procs":         "",
		"d/cgroup.controllers":   "memory pids\n",
		"e/cgroup.controllers":   "pids\n",
		"d/cgroup.type":          "domain\n",
		"d/cgroup.procs":         "",
		"e/cgroup.type":          "domain\n",
		"e/cgroup.procs":         "",
		"cgroup.subtree_control": "",
	})
	if err := os.Remove(filepath.Join(root, "cgroup.subtree_control")); err != nil {
		t.Fatal(err)
	}
	limit := int64(100)
	for dir, want := range map[string]string{
		"/c": `linux.resources.memory.limit: memory cgroup controller: write ROOT/cgroup.subtree_control "+memory": no such file or directory`,
		"/d": `linux.resources.memory.limit: write ROOT/d/memory.max "100": no such file or directory`,
		"/e": `linux.resources.memory.limit: no memory cgroup controller: write ROOT/e/memory.max "100": no such file or directory`,
	} {
		m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: dir}}})
		if err == nil && dir != "/e" {
			err = m.Create()
		}
		if err != nil {
			t.Fatalf("load and create: %v", err)
		}
		writes, _, err := limits.Compile(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}, m.host())
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		err = m.apply(writes)
		if !errors.Is(err, syscall.ENOENT) || err.Error() != strings.ReplaceAll(want, "ROOT", root) {
			t.Errorf("%s: got  %v\nwant %s", dir, err, want)
		}
	}
}

// TestCheckMissesControllers: what the root of the v2 tree has not, no container gets.
func TestCheckMissesControllers(t *testing.T) {
	root := fakeTree(t, map[string]string{"cgroup.controllers": "memory pids\n"})
	m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/c"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	n := int64(100)
	for _, c := range []struct {
		r    specs.LinuxResources
		want string
	}{
		{specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}}, ""},
		{specs.LinuxResources{Unified: map[string]string{"cgroup.max.depth": "1"}}, ""},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}}, "linux.resources.cpu.cpus: no cpuset cgroup controller"},
		{specs.LinuxResources{Unified: map[string]string{"misc.max": "1"}}, `linux.resources.unified["misc.max"]: no misc cgroup controller`},
	} {
		if _, err := m.Check(&c.r); err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("%+v: got %v, want %q", c.r, err, c.want)
		}
	}
	// Beside v1 hierarchies unified means the v2 tree still.
	if m, err = Load(Record{Mode: Hybrid, Places: m.rec.Places}); err != nil {
		t.Fatalf("load: %v", err)
	}
	const want = `linux.resources.unified["misc.max"]: no misc cgroup controller`
	if _, err := m.Check(&specs.LinuxResources{Unified: map[string]string{"misc.max": "1"}}); err == nil || err.Error() != want {
		t.Errorf("hybrid: got %v, want %q", err, want)
	}
}

// TestInherit fills empty cpusets from the nearest ancestor that has something.
func TestInherit(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"cpuset.cpus": "0-3\n", "cpuset.mems": "0\n",
		"a/cpuset.cpus": "\n", "a/cpuset.mems": "0\n",
		"a/b/cpuset.cpus": "\n", "a/b/cpuset.mems": "\n", "a/b/cgroup.procs": "",
		"c/cpuset.cpus": "2\n", "c/cpuset.mems": "0\n", "c/cgroup.procs": "",
	})
	for _, dir := range []string{"/a/b", "/c"} {
		m, err := Load(Record{Mode: Legacy, Places: []Place{{Name: "cpuset", Mountpoint: root, Path: dir}}})
		if err == nil {
			err = m.Create()
		}
		if err != nil {
			t.Fatalf("load and create: %v", err)
		}
	}
	for file, want := range map[string]string{
		"a/cpuset.cpus": "0-3", "a/cpuset.mems": "0\n", "a/b/cpuset.cpus": "0-3", "a/b/cpuset.mems": "0", "c/cpuset.cpus": "2\n",
	} {
		if got := content(t, filepath.Join(root, file)); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// TestHybridSplit has memory in the v2 tree of a hybrid host, pids in v1 and no cpu anywhere.
func TestHybridSplit(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"u/cgroup.controllers": "memory\n",
		"u/x/memory.max":       "", "u/x/memory.swap.max": "",
		"p/x/pids.max": "", "p/x/devices.list": "a *:* rwm\n", "p/x/devices.deny": "", "p/x/devices.allow": "",
	})
	m, err := Load(Record{Mode: Hybrid, Places: []Place{
		{Mountpoint: root + "/u", Path: "/x"}, {Name: "pids,devices", Mountpoint: root + "/p", Path: "/x"},
	}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	n, shares := int64(7), uint64(1024)
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n, Swap: &n}, Pids: &specs.LinuxPids{Limit: &n}}
	if _, err := m.Set(r); err != nil {
		t.Fatalf("set: %v", err)
	}
	for file, want := range map[string]string{
		"u/x/memory.max": "7", "u/x/memory.swap.max": "0", "p/x/pids.max": "7", "p/x/devices.deny": "a *:* rwm",
		// The file holds all lines that were written through one open.
		"p/x/devices.allow": "c *:* mb *:* mc 1:3 rwmc 1:5 rwmc 1:7 rwmc 1:8 rwmc 1:9 rwmc 5:0 rwmc 5:2 rwmc 136:* rwmc 10:200 rwm",
	} {
		if got := content(t, filepath.Join(root, file)); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	r.CPU = &specs.LinuxCPU{Shares: &shares}
	if _, err := m.Set(r); err == nil || err.Error() != "linux.resources.cpu.shares: no cpu cgroup controller" {
		t.Errorf("cpu: got %v, want that there is no cpu controller", err)
	}
}

// TestUnified writes to the v2 tree of a hybrid host, whatever hierarchy has the controller.
func TestUnified(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"u/cgroup.controllers": "hugetlb\n", "u/x/cgroup.controllers": "hugetlb\n",
		"u/x/hugetlb.2MB.max": "", "u/x/pids.max": "", "p/x/pids.max": "", "u/x/cgroup.max.depth": "",
		"p/x/devices.list": "a *:* rwm\n", "p/x/devices.deny": "", "p/x/devices.allow": "",
	})
	m, err := Load(Record{Mode: Hybrid, Places: []Place{
		{Mountpoint: root + "/u", Path: "/x"}, {Name: "pids,devices", Mountpoint: root + "/p", Path: "/x"},
	}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	n := int64(7)
	r := &specs.LinuxResources{
		Pids:           &specs.LinuxPids{Limit: &n},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 3}},
		Unified:        map[string]string{"pids.max": "8", "hugetlb.2MB.max": "4\n", "cgroup.max.depth": "2"},
	}
	if _, err := m.Set(r); err != nil {
		t.Fatalf("set: %v", err)
	}
	for file, want := range map[string]string{"p/x/pids.max": "7", "u/x/pids.max": "8", "u/x/hugetlb.2MB.max": "4", "u/x/cgroup.max.depth": "2"} {
		if got := content(t, filepath.Join(root, file)); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	for key, want := range map[string]string{
		"memory.max":      `linux.resources.unified["memory.max"]: no memory cgroup controller: write ROOT/u/x/memory.max "1": no such file or directory`,
		"hugetlb.2MB.x":   `linux.resources.unified["hugetlb.2MB.x"]: write ROOT/u/x/hugetlb.2MB.x "1": no such file or directory`,
		"cgroup.no":       `linux.resources.unified["cgroup.no"]: write ROOT/u/x/cgroup.no "1": no such file or directory`,
		"cgroup.freeze":   `linux.resources.unified["cgroup.freeze"]: is the runtime's to write`,
		"../../u/x/y.max": `linux.resources.unified["../../u/x/y.max"]: not a file of a cgroup controller`,
	} {
		_, err := m.Set(&specs.LinuxResources{Unified: map[string]string{key: "1"}})
		if err == nil || err.Error() != strings.ReplaceAll(want, "ROOT", root) {
			t.Errorf("%s: got %v, want %s", key, err, want)
		}
	}
	_, err = m.Set(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "3MB"}}})
	if err == nil || !strings.HasSuffix(err.Error(), "/hugetlb.3MB.max \"0\": no such file or directory: needs huge pages of 3MB, see /sys/kernel/mm/hugepages") {
		t.Errorf("a page size that the host has not: got %v, want that it needs huge pages of 3MB", err)
	}
}

func TestNoDevicesController(t *testing.T) {
	m, err := Load(Record{Mode: Legacy, Places: []Place{{Name: "pids", Mountpoint: "/nowhere", Path: "/x"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if _, err := m.Set(nil); err == nil || !strings.HasPrefix(err.Error(), "linux.resources.devices: no devices cgroup controller") {
		t.Errorf("set: got %v, want that there is no devices controller", err)
	}
}

func TestSetRefusesBeforeItWrites(t *testing.T) {
	root := fakeTree(t, map[string]string{"x/devices.list": "a *:* rwm\n", "x/devices.deny": "", "x/pids.max": ""})
	m, err := Load(Record{Mode: Legacy, Places: []Place{{Name: "pids,devices", Mountpoint: root, Path: "/x"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	n := int64(7)
	r := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &n}, Unified: map[string]string{"memory.max": "1"}}
	if _, err := m.Set(r); err == nil || err.Error() != `linux.resources.unified["memory.max"]: needs cgroup v2` {
		t.Errorf("set unified on v1: got %v, want that it needs cgroup v2", err)
	}
	if got := content(t, root+"/x/pids.max") + content(t, root+"/x/devices.deny"); got != "" {
		t.Errorf("after a set that was refused: got %q written, want nothing", got)
	}
}

// TestLateWrites has a file that answers EINVAL each time: what follows it in its controller is written, then it
// is tried again and reported, before the next controller.
func TestLateWrites(t *testing.T) {
	root := fakeTree(t, map[string]string{"x/b": "", "x/c": ""})
	m, err := Load(Record{Mode: Legacy, Places: []Place{{Name: "cpu,memory", Mountpoint: root, Path: "/x"}}})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if err := os.Symlink("/proc/self/oom_score_adj", root+"/x/a"); err != nil {
		t.Fatal(err)
	}
	err = m.apply([]limits.Write{
		{Controller: "cpu", File: "a", Value: "x", Field: "f", Late: true},
		{Controller: "cpu", File: "b", Value: "1"},
		{Controller: "memory", File: "c", Value: "2"},
	})
	if !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(err.Error(), "f: write ") {
		t.Errorf("apply: got %v, want EINVAL of the write for f", err)
	}
	if content(t, root+"/x/b") != "1" || content(t, root+"/x/c") != "" {
		t.Errorf("files after the late write failed: got b %q, c %q, want 1 and nothing", content(t, root+"/x/b"), content(t, root+"/x/c"))
	}
}

// TestSurvey works on plain directories: what exists is kept, what is in use is refused.
func TestSurvey(t *testing.T) {
	root := fakeTree(t, map[string]string{
		"pids/a/cgroup.procs": "", "pids/a/full/cgroup.procs": "12\n", "pids/a/full2/cgroup.procs": "", "pids/a/full2/sub/cgroup.procs": "13\n",
		"pids/a/empty/cgroup.procs":     "",
		"freezer/cold/freezer.state":    "FROZEN\n",
		"freezer/cold/cgroup.procs":     "",
		"freezer/warm/freezer.state":    "THAWED\n",
		"unified/cold/cgroup.events":    "populated 0\nfrozen 1\n",
		"unified/warm/cgroup.events":    "populated 0\nfrozen 0\n",
		"freezer/cooling/freezer.state": "FREEZING\n",
	})
	for _, c := range []struct{ name, path, kept, err string }{
		{"pids", "/a/x", "/a", ""},
		{"pids", "/b/c/d", "/", ""},
		{"pids", "/a/empty", "/a/empty", ""},
		{"pids", "/a/full", "", "linux.cgroupsPath: ROOT/pids/a/full: container's cgroup is not empty: 1 process(es) found"},
		{"pids", "/a/full2", "", "linux.cgroupsPath: ROOT/pids/a/full2: container's cgroup is not empty: 1 process(es) found"},
		{"pids", "/a/cgroup.procs/x", "", "cgroup ROOT/pids/a/cgroup.procs/x: not a directory"},
		{"freezer", "/cold", "", "linux.cgroupsPath: ROOT/freezer/cold: container's cgroup unexpectedly frozen"},
		{"freezer", "/cold/x", "", "linux.cgroupsPath: ROOT/freezer/cold: container's cgroup unexpectedly frozen"},
		{"freezer", "/cooling/x", "", "linux.cgroupsPath: ROOT/freezer/cooling: container's cgroup unexpectedly frozen"},
		{"freezer", "/warm/x", "/warm", ""},
		{"unified", "/cold/x", "", "linux.cgroupsPath: ROOT/unified/cold: container's cgroup unexpectedly frozen"},
		{"unified", "/warm/x", "/warm", ""},
	} {
		p := Place{Name: c.name, Mountpoint: root + "/" + c.name, Path: c.path}
		if c.name == "unified" {
			p.Name = ""
		}
		rec := Record{Mode: Legacy, Places: []Place{p}}
		err := rec.Survey()
		if c.err != "" {
			if err == nil || err.Error() != strings.ReplaceAll(c.err, "ROOT", root) {
				t.Errorf("%s: got %v, want %s", c.path, err, strings.ReplaceAll(c.err, "ROOT", root))
			}
		} else if err != nil || rec.Places[0].Kept != c.kept {
			t.Errorf("%s: got kept %q, %v, want %q", c.path, rec.Places[0].Kept, err, c.kept)
		}
	}
	// A v2 tree that cannot be looked at is left out on a hybrid host, and only there.
	for mode, places := range map[Mode]int{Hybrid: 1, Unified: -1} {
		rec := Record{Mode: mode, Places: []Place{
			{Mountpoint: root + "/unified/warm/cgroup.events", Path: "/x"}, // not a directory
			{Name: "pids", Mountpoint: root + "/pids", Path: "/x"},
		}}
		err := rec.Survey()
		if places < 0 && err == nil || places > 0 && (err != nil || len(rec.Places) != places) {
			t.Errorf("survey on a %s host: got %v, %+v, want %d places (-1: an error)", mode, err, rec.Places, places)
		}
	}
}
