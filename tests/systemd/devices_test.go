package systemd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// watching is a container that watches two devices which no driver has: /dev/open, which its list has, and /dev/shut, which
// no list has.
func watching(t testing.TB, list ...specs.LinuxDeviceCgroup) (*kit.Bundle, kit.Result) {
	t.Helper()
	b := kit.New(t, kit.Args("devices", "/dev/open", "/dev/shut"), func(s *specs.Spec) {
		for minor, path := range map[int64]string{12: "/dev/open", 13: "/dev/shut"} {
			s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: path, Type: "c", Major: 1, Minor: minor, FileMode: ptr(os.FileMode(0o666))})
		}
		s.Linux.Resources = &specs.LinuxResources{Devices: list}
	})
	res := b.Start()
	res.Output("ready\n")
	return b, res
}

func allow(major, minor *int64, access string) specs.LinuxDeviceCgroup {
	return specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: major, Minor: minor, Access: access}
}

// watched ends the container, which must not have been denied what it may have, nor been given what it may not.
func watched(t testing.TB, b *kit.Bundle, out kit.Result) {
	t.Helper()
	b.OK("kill", b.ID, "TERM")
	b.Ended()
	text := out.Output("rounds")
	var rounds int
	if _, err := fmt.Sscanf(text, "ready\nrounds %d\n", &rounds); err != nil || rounds == 0 {
		t.Errorf("output of the container: got %.300q, %v; want ready and at least 1 round, none denied", text, err)
	}
}

// TestDevicesStay: a daemon-reload, and whatever else makes systemd install its own filter anew, neither takes a device away
// nor gives one (NVIDIA/nvidia-docker#1730).
func TestDevicesStay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		list []specs.LinuxDeviceCgroup
	}{
		{"by number", []specs.LinuxDeviceCgroup{{Access: "rwm"}, allow(ptr(int64(1)), ptr(int64(12)), "rw")}},
		{"any major", []specs.LinuxDeviceCgroup{{Access: "rwm"}, allow(nil, ptr(int64(12)), "rw")}},
		{"all but one", []specs.LinuxDeviceCgroup{
			{Allow: true, Access: "rwm"}, {Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(13)), Access: "rwm"},
		}},
		{"a major but for one", []specs.LinuxDeviceCgroup{
			{Access: "rwm"}, allow(ptr(int64(1)), nil, "rw"), {Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(13)), Access: "rwm"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "a major but for one" || c.name == "any major" {
				needsV2(t)
			}
			b, out := watching(t, c.list...)
			for i := range 3 {
				systemctl(t, "daemon-reload")
				systemctl(t, "set-property", "--runtime", scope(b), fmt.Sprint("CPUWeight=", 50+i))
			}
			watched(t, b, out)
		})
	}
}

// TestDevicesUpdated: the list of an update is in the unit as well.
func TestDevicesUpdated(t *testing.T) {
	t.Parallel()
	b, out := watching(t, specs.LinuxDeviceCgroup{Access: "rwm"}, allow(ptr(int64(1)), ptr(int64(12)), "rw"))
	for i := range 6 {
		c := b.Command("update", "--resources", "-", b.ID)
		c.Stdin = strings.NewReader(fmt.Sprintf(`{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":12,"access":"rw"},`+
			`{"allow":true,"type":"c","major":10,"minor":%d,"access":"rw"}]}`, 220+i))
		if res := b.Do(c); res.Code != 0 {
			t.Fatalf("update number %d: %v: want exit code 0", i, res)
		}
		systemctl(t, "daemon-reload")
	}
	if got := show(t, scope(b), "DeviceAllow"); !strings.Contains(got, "10:225") && !strings.Contains(got, "char-") {
		t.Errorf("DeviceAllow: got %q, want 10:225 or a char- group in it", got)
	}
	watched(t, b, out)
}

// TestDevicesOfTheUnit: a unit's own filter restricts further, and is never narrower than what the container may have.
func TestDevicesOfTheUnit(t *testing.T) {
	t.Parallel()
	b := kit.Running(t, func(s *specs.Spec) {
		s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: "/dev/shut", Type: "c", Major: 1, Minor: 13, FileMode: ptr(os.FileMode(0o666))})
	})
	systemctl(t, "daemon-reload")
	for _, dev := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		if res := b.Teu("exec", b.ID, kit.PayloadPath, "open", dev, "rw"); res.Stdout != "ok\n" {
			t.Errorf("%v: want stdout %q", res, "ok\n")
		}
	}
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "open", "/dev/shut", "r"); res.Stdout != "EPERM\n" {
		t.Errorf("%v: want stdout %q", res, "EPERM\n")
	}
	if got := show(t, scope(b), "DevicePolicy"); got != "strict" {
		t.Errorf("DevicePolicy: got %s, want strict", got)
	}
}
