package cgroups

import (
	"reflect"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/systemd"
)

func TestUnitRecord(t *testing.T) {
	for _, u := range []systemd.Unit{
		{Name: "teu-x.scope", Slice: "system.slice"}, {Name: "a-b.slice", Slice: "a.slice", User: true}, {Name: "x.scope", Slice: "-.slice"},
	} {
		rec := Record{Mode: Hybrid, Unit: &u, Places: []Place{
			{Mountpoint: "/c/unified", Path: "/root" + u.Path()}, {Name: "cpu,cpuacct", Mountpoint: "/c/cpu", Path: u.Path(), Kept: "/"},
		}}
		back, err := ParseRecord(rec.String())
		if err != nil || !reflect.DeepEqual(back, rec) {
			t.Errorf("%q: got %+v, %v, want the record", rec, back, err)
		}
		m, err := Load(back)
		if err != nil || !m.HasUnit() || m.bus.User != u.User {
			t.Errorf("load %q: got %v, want a unit of user %v", rec, err, u.User)
		}
	}
	for text, want := range map[string]string{
		"unified system a.slice\n\n/c\n/a.slice/x.scope\n":                   "not a unit",
		"unified admin a.slice x.scope\n\n/c\n/a.slice/x.scope\n":            "not a unit",
		"unified system a.slice dbus.service\n\n/c\n/a.slice/dbus.service\n": "want a scope or a slice",
		"unified system a.slice x.scope\n\n/c\n/a.slice/y.scope\n":           "not that of the unit",
		"unified system a.slice x.scope\n\n/c\n/a.slice\n":                   "not that of the unit",
		"unified system ../a x.scope\n\n/c\n/a.slice/x.scope\n":              "want the name of a slice",
	} {
		rec, err := ParseRecord(text)
		if err == nil {
			_, err = Load(rec)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cgroup record: ") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestPlanUnitRefuses: a path that is none is found out before systemd is asked; a systemd that is not there is named.
func TestPlanUnitRefuses(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+t.TempDir()+"/none")
	l := &Layout{Mode: Unified, V2: Hierarchy{Mountpoint: "/c"}}
	s := &specs.Spec{Linux: &specs.Linux{CgroupsPath: "/a/b"}}
	if _, err := PlanUnit(l, "x", s, &systemd.Bus{User: true}); err == nil || !strings.HasPrefix(err.Error(), `linux.cgroupsPath: "/a/b": want "slice:prefix:name"`) {
		t.Errorf("a path that is none of systemd's: got %v, want that it wants %s", err, `"slice:prefix:name"`)
	}
	s.Linux.CgroupsPath = "a.slice:b:c"
	_, err := PlanUnit(l, "x", s, &systemd.Bus{User: true})
	if err == nil || !strings.Contains(err.Error(), "connect to the user's systemd: unix:path=") || !strings.Contains(err.Error(), syscall.ENOENT.Error()) {
		t.Errorf("plan without a bus: got %v, want ENOENT of the user's systemd", err)
	}
}

// TestUnitTrees: in which hierarchies systemd makes the slices.
func TestUnitTrees(t *testing.T) {
	for name, want := range map[string]bool{
		"": true, "name=systemd": true, "cpu,cpuacct": true, "memory": true, "blkio": true, "pids": true, "devices": true,
		"cpuset": false, "freezer": false, "net_cls,net_prio": false, "name=other": false, "rdma": false,
	} {
		if got := (&Place{Name: name}).systemds(); got != want {
			t.Errorf("%q is one of systemd's: got %v, want %v", name, got, want)
		}
	}
}
