package cgroups

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// What no driver has: to be let through to it is ENXIO, to be held up before EPERM.
const (
	openNode = `{"allow":true,"type":"c","major":1,"minor":12,"access":"rw"}`
	none     = `{"allow":false,"access":"rwm"}`
)

// watching is a container that watches /dev/open, which its list has, and /dev/shut, which no list has.
func watching(t testing.TB) (*kit.Bundle, kit.Result) {
	t.Helper()
	b := kit.New(t, kit.Args("devices", "/dev/open", "/dev/shut"), func(s *specs.Spec) {
		for minor, path := range map[int64]string{12: "/dev/open", 13: "/dev/shut"} {
			s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: path, Type: "c", Major: 1, Minor: minor, FileMode: ptr(os.FileMode(0o666))})
		}
		s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
			{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(12)), Access: "rw"},
		}}
	})
	res := b.Start()
	res.Output("ready\n")
	return b, res
}

// filters are the ids of teu's device programs on the container's v2 cgroup, in their order; systemd has its own there.
// Where a v1 hierarchy has the list, there are none.
func filters(t testing.TB, p places) []uint32 {
	t.Helper()
	if p.v2 == "" {
		return nil
	}
	fd, err := sys.Openat(sys.AtFdcwd, p.v2, sys.OPath|sys.ODirectory, 0)
	check(t, err)
	defer sys.Close(fd)
	ids, err := sys.DeviceProgs(fd)
	check(t, err)
	return slices.DeleteFunc(ids, func(id uint32) bool {
		fd, err := sys.BPFProgByID(id)
		if err != nil {
			return true // replaced meanwhile
		}
		defer sys.Close(fd)
		name, err := sys.BPFProgName(fd)
		check(t, err)
		return !strings.HasPrefix(name, "teu")
	})
}

// TestUpdateDevices changes the list under a process that never stops using it.
func TestUpdateDevices(t *testing.T) {
	t.Parallel()
	b, out := watching(t)
	p := placesOf(t, b.State().Pid)
	first := filters(t, p)
	lists := []string{
		none + `,` + openNode + `,{"allow":true,"type":"b","major":8,"access":"r"}`,
		none + `,{"allow":true,"type":"c","major":10,"minor":229,"access":"rwm"},` + openNode,
		none + `,{"allow":true,"type":"c","minor":12,"access":"r"}`,
		none + `,` + openNode,
	}
	for i := range 40 {
		if res := update(b, `{"devices":[`+lists[i%len(lists)]+`]}`, "--resources", "-"); res.Code != 0 {
			t.Fatalf("update number %d: %v: want exit code 0", i, res)
		}
	}
	if now := filters(t, p); len(now) != len(first) || len(now) > 0 && slices.Equal(now, first) {
		t.Errorf("device programs after updates: got %v, want as many as in the beginning, %v, and others", now, first)
	}
	if dir := p.v1["devices"]; dir != "" {
		list := read(t, dir, "devices.list") + "\n"
		if !strings.Contains(list, "\nc 1:12 rw\n") || strings.Contains(list, "c *:12") || strings.Contains(list, "b 8:") {
			t.Errorf("devices.list: got %q, want c 1:12 rw, and neither c *:12 nor b 8:", list)
		}
	}
	b.OK("kill", b.ID, "TERM")
	b.Ended()
	text := out.Output("rounds")
	var rounds int
	if _, err := fmt.Sscanf(text, "ready\nrounds %d\n", &rounds); err != nil || rounds < 40 {
		t.Errorf("output of the container: got %q, %v; want ready and at least 40 rounds, none denied", text, err)
	}
}

// TestUpdateKeepsDevices: what somebody else has let the container have stays when the update has no other list.
func TestUpdateKeepsDevices(t *testing.T) {
	t.Parallel()
	b, _ := watching(t)
	p := placesOf(t, b.State().Pid)
	if dir := p.v1["devices"]; dir != "" {
		check(t, os.WriteFile(dir+"/devices.allow", []byte("c 10:77 rw"), 0))
	}
	before := filters(t, p)
	kept := func(what string, want bool) {
		t.Helper()
		if dir := p.v1["devices"]; dir != "" && strings.Contains(read(t, dir, "devices.list"), "c 10:77 rw") != want {
			t.Errorf("%s: devices.list: got %q; with the rule put there before: want %v", what, read(t, dir, "devices.list"), want)
		}
		if now := filters(t, p); len(before) > 0 && slices.Equal(now, before) != want {
			t.Errorf("%s: device programs: got %v, before %v; the same: want %v", what, now, before, want)
		}
	}
	do := func(text string) {
		t.Helper()
		if res := update(b, text, "--resources", "-"); res.Code != 0 {
			t.Fatalf("update by %s: %v: want exit code 0", text, res)
		}
	}
	do(`{"cpu":{}}`)
	kept("no list", true)
	do(`{"devices":[` + none + `,` + openNode + `]}`) // as containerd for Kubernetes
	kept("the same list", true)
	if b.Teu("update", "--cpu-idle", "9", b.ID).Code == 0 {
		t.Error("update --cpu-idle 9: got exit code 0, want another")
	}
	kept("a refused update", true)
	do(`{"devices":[` + none + `,` + openNode + `,{"allow":true,"type":"b","major":8,"access":"r"}]}`)
	kept("another list", false)
}

// TestUpdateOpensDevices: the new list holds for what is opened from then on.
func TestUpdateOpensDevices(t *testing.T) {
	t.Parallel()
	b, _ := watching(t)
	try := func(path, want string) {
		t.Helper()
		if res := b.Teu("exec", b.ID, kit.PayloadPath, "open", path, "r"); res.Stdout != want+"\n" {
			t.Errorf("%v: want stdout %q", res, want+"\n")
		}
	}
	for _, c := range []struct{ list, open, shut string }{
		{none, "EPERM", "EPERM"},
		{none + `,{"allow":true,"type":"c","major":1,"access":"r"}`, "ENXIO", "ENXIO"},
		{`{"allow":true,"access":"rwm"}`, "ENXIO", "ENXIO"},
		{`{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":13,"access":"r"}`, "ENXIO", "EPERM"},
		{none + `,` + openNode, "ENXIO", "EPERM"},
		{``, "EPERM", "EPERM"},
	} {
		if res := update(b, `{"devices":[`+c.list+`]}`, "--resources", "-"); res.Code != 0 {
			t.Fatalf("update by the list %s: %v: want exit code 0", c.list, res)
		}
		try("/dev/open", c.open)
		try("/dev/shut", c.shut)
		try("/dev/null", "ok")
	}
}

// TestMostDeviceRules: as many rules as are let through cost no more than a moment, whatever they are about. The kernel took
// seconds to verify programs of another shape.
func TestMostDeviceRules(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(r *specs.LinuxDeviceCgroup, i int64){
		"devices":             func(r *specs.LinuxDeviceCgroup, i int64) { r.Major, r.Minor = ptr(i%300), ptr(i) },
		"minors of any major": func(r *specs.LinuxDeviceCgroup, i int64) { r.Minor = ptr(i) },
		"majors, half of them denied": func(r *specs.LinuxDeviceCgroup, i int64) {
			r.Allow, r.Major = i%2 == 0, ptr(i)
		},
	}
	for name, shape := range shapes {
		b := kit.New(t, kit.Args("true"), func(s *specs.Spec) {
			s.Linux.Resources = &specs.LinuxResources{Devices: make([]specs.LinuxDeviceCgroup, 1024)}
			for i := range s.Linux.Resources.Devices {
				r := &s.Linux.Resources.Devices[i]
				*r = specs.LinuxDeviceCgroup{Allow: true, Type: "c", Access: []string{"r", "w", "rw", "m", "rm"}[i%5]}
				shape(r, int64(i))
			}
		})
		begin := time.Now()
		b.Run()
		if took := time.Since(begin); took > kit.Limit/10 {
			t.Errorf("run with 1024 rules of %s: took %v, want less than %v", name, took, kit.Limit/10)
		}
		b.Edit(func(s *specs.Spec) {
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Access: "rwm"})
		})
		b.Fails([]string{"create", b.ID}, "linux.resources.devices: got 1025 entries, want at most 1024")
	}
}
