package cgroups

import (
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func withPath(p string) *specs.Spec { return &specs.Spec{Linux: &specs.Linux{CgroupsPath: p}} }

// layouts of a teu in the cgroup /u/s of each hierarchy, and of one in a container that shares the host's cgroup
// namespace.
func layouts() map[string]*Layout {
	h := func(name, mountpoint, root, own string) Hierarchy { return Hierarchy{name, mountpoint, root, own} }
	return map[string]*Layout{
		"v2":     {Mode: Unified, V2: h("", "/c", "/", "/u/s")},
		"v2root": {Mode: Unified, V2: h("", "/c", "/", "/")},
		"hybrid": {Mode: Hybrid, V2: h("", "/c/unified", "/", "/u/s"), V1: []Hierarchy{h("pids", "/c/pids", "/", "/u/s"), h("name=systemd", "/c/systemd", "/", "/")}},
		"nested": {Mode: Legacy, V1: []Hierarchy{h("pids", "/c/pids", "/docker/1", "/docker/1/s")}},
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		layout, path string
		want         string // directories
	}{
		{"v2", "/a/b", "/c/a/b"},
		{"v2", "//a/./b/", "/c/a/b"},
		{"v2", "a/b", "/c/u/a/b"}, // beside teu, which is in /u/s
		{"v2", "", "/c/u/id1"},
		{"v2", "./a", "/c/u/a"},
		{"v2root", "a", "/c/a"},
		{"v2root", "", "/c/id1"},
		{"v2", "slice:prefix:name", "/c/u/slice:prefix:name"},
		{"v2", "/a..b/...", "/c/a..b/..."},
		{"hybrid", "/a/b", "/c/unified/a/b /c/pids/a/b /c/systemd/a/b"},
		{"hybrid", "a", "/c/unified/u/s/a /c/pids/u/s/a /c/systemd/a"},
		{"hybrid", "", "/c/unified/u/s/id1 /c/pids/u/s/id1 /c/systemd/id1"},
		{"nested", "/a", "/c/pids/a"},
		{"nested", "a", "/c/pids/s/a"},
	} {
		rec, err := Plan(layouts()[c.layout], "id1", withPath(c.path))
		if err != nil {
			t.Errorf("plan %s %q: %v", c.layout, c.path, err)
			continue
		}
		var dirs []string
		for i := range rec.Places {
			dirs = append(dirs, rec.Places[i].Dir())
		}
		if got := strings.Join(dirs, " "); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.layout, c.path, got, c.want)
		}
		if _, err := Load(rec); err != nil {
			t.Errorf("load the plan of %s %q: %v", c.layout, c.path, err)
		}
	}
	rec, err := Plan(layouts()["v2"], "id1", &specs.Spec{})
	if err != nil || rec.Places[0].Dir() != "/c/u/id1" {
		t.Errorf("no linux object: got %+v, %v, want /c/u/id1", rec, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct{ id, path, want string }{
		{"x", "/", `linux.cgroupsPath: "/": names no cgroup below the root`},
		{"x", "//.", `linux.cgroupsPath: "//.": names no cgroup below the root`},
		{"x", ".", `linux.cgroupsPath: ".": names no cgroup below the root`},
		{"x", "/../a", `linux.cgroupsPath: "/../a": ".." is not allowed`},
		{"x", "../a", `linux.cgroupsPath: "../a": ".." is not allowed`},
		{"x", "/a/../b", `linux.cgroupsPath: "/a/../b": ".." is not allowed`},
		{"x", "/a/..", `linux.cgroupsPath: "/a/..": ".." is not allowed`},
		{"x", "/a\nb", `linux.cgroupsPath: "/a\nb": holds a newline or a zero byte`},
		{"x", "/a\x00b", `linux.cgroupsPath: "/a\x00b": holds a newline or a zero byte`},
		{"..", "", `container id "..": cannot name a cgroup`},
		{"", "", `container id "": cannot name a cgroup`},
		{"a/b", "", `container id "a/b": cannot name a cgroup`},
	} {
		_, err := Plan(layouts()["v2"], c.id, withPath(c.path))
		if err == nil || err.Error() != c.want {
			t.Errorf("id %q path %q: got %v, want %s", c.id, c.path, err, c.want)
		}
	}
	outside := &Layout{Mode: Unified, V2: Hierarchy{Mountpoint: "/c", Root: "/", Own: "/../x"}}
	if _, err := Plan(outside, "x", withPath("a")); err == nil || !strings.Contains(err.Error(), "outside of the cgroup namespace") {
		t.Errorf("outside: got %v, want that it is outside of the cgroup namespace", err)
	}
}

func TestRecordSurvivesText(t *testing.T) {
	rec, err := Plan(layouts()["hybrid"], "id1", withPath("/a/b"))
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	rec.Places[0].Kept, rec.Places[1].Kept = "/", "/a"
	text := rec.String()
	const want = "hybrid\n\n/c/unified\n/a/b\n/\npids\n/c/pids\n/a/b\n/a\nname=systemd\n/c/systemd\n/a/b\n"
	if text != want {
		t.Errorf("got  %q\nwant %q", text, want)
	}
	if back, err := ParseRecord(text); err != nil || !reflect.DeepEqual(back, rec) {
		t.Errorf("parse the record's text: got %+v, %v, want %+v", back, err, rec)
	}
	for _, bad := range []string{"", "other", "hybrid\n", text + "\n", text[:len(text)-8]} {
		if back, err := ParseRecord(bad); err == nil {
			t.Errorf("parse %q: got %+v, want an error", bad, back)
		}
	}
}

// TestLoadRefuses has records that would make Kill and Destroy act on what is not the container's.
func TestLoadRefuses(t *testing.T) {
	for _, p := range []Place{
		{Mountpoint: "/c", Path: ""},
		{Mountpoint: "/c", Path: "/"},
		{Mountpoint: "/c", Path: "a"},
		{Mountpoint: "/c", Path: "/a/../.."},
		{Mountpoint: "/c", Path: "/a/"},
		{Mountpoint: "c", Path: "/a"},
		{Mountpoint: "", Path: "/a"},
		{Mountpoint: "/c", Path: "/a/b", Kept: "/x"},
		{Mountpoint: "/c", Path: "/a/b", Kept: "/a/b/c"},
	} {
		if _, err := Load(Record{Mode: Unified, Places: []Place{p}}); err == nil {
			t.Errorf("load %+v: got no error, want one", p)
		}
	}
	if _, err := Load(Record{}); err == nil {
		t.Error("load an empty record: got no error, want one")
	}
}

func TestMounts(t *testing.T) {
	rec := Record{Mode: Hybrid, Places: []Place{
		{Name: "", Mountpoint: "/sys/fs/cgroup/unified", Path: "/x"},
		{Name: "memory", Mountpoint: "/sys/fs/cgroup/memory", Path: "/x"},
		{Name: "cpu,cpuacct", Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", Path: "/x"},
		{Name: "net_cls,net_prio", Mountpoint: "/sys/fs/cgroup/net_cls", Path: "/x"},
		{Name: "name=systemd", Mountpoint: "/sys/fs/cgroup/systemd", Path: "/u/x"},
	}}
	want := Mounts{Mode: Hybrid, Unified: "/sys/fs/cgroup/unified", V1: []MountV1{
		{"memory", "memory", "/sys/fs/cgroup/memory/x", nil},
		{"cpu,cpuacct", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/x", []string{"cpu", "cpuacct"}},
		{"net_cls", "net_cls,net_prio", "/sys/fs/cgroup/net_cls/x", []string{"net_prio"}},
		{"systemd", "none,name=systemd", "/sys/fs/cgroup/systemd/u/x", nil},
	}}
	if got := rec.Mounts(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestCheckJoined(t *testing.T) {
	const moved = ": somebody has moved the process"
	places := []Place{{Mountpoint: "/c", Path: "/a/b"}, {Name: "name=systemd", Mountpoint: "/d", Path: "/b"}}
	for text, want := range map[string]string{
		"1:name=systemd:/b\n0::/a/b\n":             "",
		"1:name=systemd:/host/b\n0::/host/a/b\n":   "",
		"1:name=systemd:/b\n0::/b\n":               "", // teu's cgroup namespace begins at /a
		"1:name=systemd:/b\n0::/\n":                `join cgroup /c/a/b: F names "/"` + moved,
		"1:name=systemd:/c\n0::/a/b\n":             `join cgroup /d/b: F names "/c"` + moved,
		"1:name=systemd:/b\n0::/a/b/moved\n":       `join cgroup /c/a/b: F names "/a/b/moved"` + moved,
		"0::/a/b\n":                                `join cgroup /d/b: F names ""` + moved,
		"1:name=systemd:/b\n0::/a/b (deleted)\n":   `join cgroup /c/a/b: F names "/a/b (deleted)"` + moved,
		"1:name=systemd:/b\nnot a line\n0::/a/b\n": "read F: \"not a line\\n\": not understood",
	} {
		got := ""
		if err := checkJoined(text, "F", places); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestSubCgroups(t *testing.T) {
	rec := Record{Mode: Hybrid, Places: []Place{
		{Mountpoint: "/c/unified", Path: "/x"},
		{Name: "cpu,cpuacct", Mountpoint: "/c/cpu", Path: "/x"},
		{Name: "name=systemd", Mountpoint: "/c/systemd", Path: "/x"},
	}}
	m, err := Load(rec)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, c := range []struct {
		sub  map[string]string
		want string
	}{
		{nil, "/x /x /x"},
		{map[string]string{"": "s"}, "/x/s /x/s /x/s"},
		{map[string]string{"": "/"}, "/x /x /x"},
		{map[string]string{"cpu": "/s/t", "systemd": "u"}, "/x /x/s/t /x/u"},
		{map[string]string{"": "../y"}, "!bad sub cgroup path: ../y"},
		{map[string]string{"cpuset": "s"}, "!bad sub cgroup path: s: no cpuset cgroup controller"},
	} {
		got := ""
		if at, err := m.At(c.sub); err != nil {
			got = "!" + err.Error()
		} else {
			for _, p := range at.rec.Places {
				got += " " + p.Path
			}
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%v: got %s, want %s", c.sub, got, c.want)
		}
	}
	if m.rec.Places[0].Path != "/x" {
		t.Errorf("path of the manager that At was called on: got %s, want /x", m.rec.Places[0].Path)
	}
}
