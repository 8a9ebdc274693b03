package fields

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestAnnotations: they are in the state, whatever they say; properties of a systemd unit get a warning where there is none, and
// are checked where there would be one.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "annotations{}")
	b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) {
		s.Annotations = map[string]string{"org.example.a": "", "with a / and a \"": "é", "org.systemd.property.TimeoutStopSec": "inactive"}
	})
	res, log := b.Logged("create", b.ID)
	if res.Code != 0 || !strings.Contains(log, "org.systemd.property.TimeoutStopSec") || !strings.Contains(log, "level=warning") {
		t.Fatalf("%v: logged %q: want exit code 0 and a warning of TimeoutStopSec", res, log)
	}
	a := b.State().Annotations
	if v, ok := a["org.example.a"]; !ok || v != "" || a["with a / and a \""] != "é" || len(a) != 3 {
		t.Errorf("annotations in the state: got %q, want the 3 of the configuration", a)
	}
	b.OK("delete", "--force", b.ID)
	b.Edit(func(s *specs.Spec) { s.Annotations = map[string]string{"org.systemd.property.CollectMode": "inactive"} })
	b.Fails([]string{"--systemd-cgroup", "create", b.ID}, `annotations[`, "org.systemd.property.CollectMode", "GVariant")
	// systemd would do to the machine, as root, what these say.
	for name, value := range map[string]string{
		"Slice": "'-.slice'", "PIDs": "[@u 1]", "Wants": "['reboot.target']", "FailureAction": "'reboot-force'", "DeviceAllow": "[('/dev/sda', 'rwm')]",
	} {
		b.Edit(func(s *specs.Spec) { s.Annotations = map[string]string{"org.systemd.property." + name: value} })
		b.Fails([]string{"--systemd-cgroup", "create", b.ID}, "annotations[", name, "does not let through")
	}
}

// TestVersions: ociVersion is in the state; a later minor version is tried, with a warning.
func TestVersions(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "ociVersion")
	for version, warned := range map[string]bool{"1.0.0": false, "1.0.2-dev": false, "1.3.0": false, "1.99.0": true} {
		b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) { s.Version = version })
		res, log := b.Logged("create", b.ID)
		if v := b.State().Version; v != version {
			t.Errorf("ociVersion in the state: got %s, want %s", v, version)
		}
		if got := strings.Contains(log, "ociVersion"); got != warned {
			t.Errorf("ociVersion %s: %v: logged %q: got a warning: %v, want %v", version, res, log, got, warned)
		}
	}
}

// TestUserSysctls: the limits of a user namespace are its own.
func TestUserSysctls(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.sysctl{}")
	b := kit.New(t, kit.Args("cat", "/proc/sys/user/max_uts_namespaces"), func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 0, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Linux.Sysctl = map[string]string{"user.max_uts_namespaces": "77"}
	})
	if out := b.Run().Stdout; out != "77\n" {
		t.Errorf("user.max_uts_namespaces in the container: got %q, want %q", out, "77\n")
	}
}
