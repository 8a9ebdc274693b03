package cgroups

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"teu/internal/mountinfo"
	"teu/internal/sys"
)

// fakeHost is a source made of text: what is mounted where, and the two files of /proc.
type fakeHost struct {
	magic             map[string]int64 // beside the mounts of mountinfo
	cgroup, mountinfo string
}

func (f fakeHost) source(t *testing.T) source {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) string {
		p := filepath.Join(dir, name)
		if text != "" {
			if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	return source{
		base:      "/sys/fs/cgroup",
		cgroup:    put("cgroup", f.cgroup),
		mountinfo: put("mountinfo", f.mountinfo), // no text, no file: reading it is a failure
		magic: func(p string) (int64, error) {
			if m, ok := f.magic[p]; ok {
				return m, nil
			}
			for _, m := range mountinfo.Parse(f.mountinfo) {
				if m.Point == p && m.Type == "cgroup2" {
					return v2, nil
				} else if m.Point == p {
					return v1, nil
				}
			}
			return 0, syscall.ENOENT
		},
	}
}

const (
	v1 = sys.CgroupSuperMagic
	v2 = sys.Cgroup2SuperMagic
)

func TestProbe(t *testing.T) {
	h := func(name, mountpoint, root, own string) Hierarchy {
		return Hierarchy{Name: name, Mountpoint: mountpoint, Root: root, Own: own}
	}
	const usual = "/sys/fs/cgroup/"
	for _, c := range []struct {
		name string
		host fakeHost
		want Layout
	}{
		{
			"pure v2 needs no file at all",
			fakeHost{magic: map[string]int64{"/sys/fs/cgroup": v2}},
			Layout{Mode: Unified, V2: h("", "/sys/fs/cgroup", "", "")},
		},
		{
			"hybrid in the usual places needs no mountinfo",
			fakeHost{
				magic:  map[string]int64{usual + "memory": v1, usual + "cpu,cpuacct": v1, usual + "systemd": v1, usual + "unified": v2},
				cgroup: "5:name=systemd:/a.scope\n4:memory:/x:y\n3:cpu,cpuacct:/\n0::/a.scope\n",
			},
			Layout{
				Mode: Hybrid, V2: h("", usual+"unified", "", "/a.scope"),
				V1: []Hierarchy{h("name=systemd", usual+"systemd", "", "/a.scope"), h("memory", usual+"memory", "", "/x:y"), h("cpu,cpuacct", usual+"cpu,cpuacct", "", "/")},
			},
		},
		{
			"legacy without a v2 line",
			fakeHost{magic: map[string]int64{usual + "pids": v1}, cgroup: "2:pids:/\n"},
			Layout{Mode: Legacy, V1: []Hierarchy{h("pids", usual+"pids", "", "/")}},
		},
		{
			"co-mounted controllers below the name of one",
			fakeHost{magic: map[string]int64{usual + "cpuacct": v1}, cgroup: "2:cpu,cpuacct:/\n"},
			Layout{Mode: Legacy, V1: []Hierarchy{h("cpu,cpuacct", usual+"cpuacct", "", "/")}},
		},
		{
			"elsewhere, with a space in the path, and not mounted",
			fakeHost{
				magic:  map[string]int64{usual + "pids": v1},
				cgroup: "4:hugetlb:/\n3:cpuacct,cpu:/\n2:pids:/p\n0::/\n",
				mountinfo: "30 20 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n" +
					"31 20 0:27 / /mnt/my\\040cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +
					"32 20 0:28 / /tmp rw - tmpfs tmpfs rw\n",
			},
			Layout{Mode: Legacy, V1: []Hierarchy{h("cpuacct,cpu", "/mnt/my cpu", "/", "/"), h("pids", usual+"pids", "/", "/p")}, Unmounted: []string{"hugetlb"}},
		},
		{
			"v2 elsewhere, optional fields in the line",
			fakeHost{
				magic:  map[string]int64{usual + "pids": v1},
				cgroup: "2:pids:/\n0::/u\n",
				mountinfo: "30 20 0:26 / /sys/fs/cgroup/pids rw shared:4 master:2 - cgroup cgroup rw,pids\n" +
					"31 20 0:27 / /run/cg2 rw shared:5 - cgroup2 none rw,nsdelegate\n",
			},
			Layout{Mode: Hybrid, V2: h("", "/run/cg2", "/", "/u"), V1: []Hierarchy{h("pids", usual+"pids", "/", "/")}},
		},
		{
			"v2 hidden by what is mounted above it, and by what is mounted on it",
			fakeHost{
				magic:  map[string]int64{usual + "pids": v1, "/gone": 0, "/covered": v1},
				cgroup: "2:pids:/\n0::/u\n",
				mountinfo: "31 20 0:27 / /gone rw - cgroup2 none rw\n32 20 0:27 / /covered rw - cgroup2 none rw\n" +
					"33 20 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
			},
			Layout{Mode: Legacy, V1: []Hierarchy{h("pids", usual+"pids", "/", "/")}},
		},
		{
			"only v2, elsewhere",
			fakeHost{cgroup: "0::/u\n", mountinfo: "31 20 0:27 / /run/cg2 rw - cgroup2 none rw\n"},
			Layout{Mode: Unified, V2: h("", "/run/cg2", "/", "/u")},
		},
		{
			"several mounts: the one that shows the own cgroup",
			fakeHost{
				cgroup: "2:pids:/docker/1/x\n",
				mountinfo: "30 20 0:26 /docker/2 /a rw - cgroup cgroup rw,pids\n" +
					"31 20 0:26 /docker/1 /b rw - cgroup cgroup rw,pids\n" +
					"32 20 0:26 / /c rw - cgroup cgroup rw,pids\n",
			},
			Layout{Mode: Legacy, V1: []Hierarchy{h("pids", "/b", "/docker/1", "/docker/1/x")}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := probe(c.host.source(t))
			if err != nil {
				t.Fatalf("probe: %v", err)
			}
			l.from = source{}
			if !reflect.DeepEqual(*l, c.want) {
				t.Errorf("got  %+v\nwant %+v", *l, c.want)
			}
		})
	}
}

func TestProbeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		host fakeHost
		want string
	}{
		"no cgroups at all":    {fakeHost{cgroup: "2:pids:/\n", mountinfo: "1 2 0:3 / / rw - ext4 /dev/x rw\n"}, "no cgroup filesystem is mounted"},
		"a line that is not":   {fakeHost{cgroup: "pids\n"}, "not understood"},
		"a path that is not":   {fakeHost{cgroup: "2:pids:x\n"}, "not understood"},
		"no /proc/self/cgroup": {fakeHost{}, "no such file or directory"},
	} {
		if _, err := probe(c.host.source(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestOwnCgroup(t *testing.T) {
	for _, c := range []struct{ root, own, want, err string }{
		{"/", "/", "/", ""},
		{"/", "/a/b", "/a/b", ""},
		{"/docker/1", "/docker/1", "/", ""},
		{"/docker/1", "/docker/1/x", "/x", ""},
		{"/docker/1", "/docker/12", "", "own cgroup /docker/12: not below /docker/1, which is mounted on /m"},
		{"/", "/../x", "", "own cgroup /../x: outside of the cgroup namespace"},
		{"", "/x", "", "own cgroup /x: /m: not found in mountinfo"},
	} {
		h := Hierarchy{Mountpoint: "/m", Root: c.root, Own: c.own}
		got, err := h.beneath()
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q in %q: got %v, want %s", c.own, c.root, err, c.err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q in %q: got %q, %v, want %q", c.own, c.root, got, err, c.want)
		}
	}
}

func TestStackedMounts(t *testing.T) {
	f := fakeHost{
		magic:  map[string]int64{"/sys/fs/cgroup": v2},
		cgroup: "4:memory:/m\n0::/pod/x\n",
		mountinfo: "20 1 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
			"21 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" +
			"22 20 0:27 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	}
	l, err := probe(f.source(t))
	if err == nil {
		err = l.findOwn()
	}
	if err != nil {
		t.Fatalf("probe and find the own cgroup: %v", err)
	}
	if want := (Hierarchy{"", "/sys/fs/cgroup", "/pod", "/pod/x"}); l.V2 != want || len(l.V1) != 0 {
		t.Errorf("layout: got %+v, want v2 alone, %+v", l, want)
	}
}

// TestLinkToMount has a usual place that is a link: mountinfo knows the mount by its real name only.
func TestLinkToMount(t *testing.T) {
	f := fakeHost{
		magic:     map[string]int64{"/sys/fs/cgroup/cpu": v1},
		cgroup:    "4:cpu:/m\n",
		mountinfo: "21 20 0:27 /r /elsewhere/cpu rw - cgroup cgroup rw,cpu\n",
	}
	l, err := probe(f.source(t))
	if err == nil {
		err = l.findOwn()
	}
	if err != nil {
		t.Fatalf("probe and find the own cgroup: %v", err)
	}
	if l.V1[0].Mountpoint != "/sys/fs/cgroup/cpu" || l.V1[0].Root != "/r" {
		t.Errorf("v1 hierarchies: got %+v, want /sys/fs/cgroup/cpu of root /r first", l.V1)
	}
}
