// Package systemd asks systemd and the kernel about containers under the systemd cgroup driver: a file for each area. The
// tests need a host that was booted with systemd, and are skipped elsewhere.
package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestMain(m *testing.M) {
	os.Setenv(kit.DriverVar, "systemd")
	kit.Main(m)
}

type edit = func(*specs.Spec)

const top = kit.CgroupTop

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// needsV2 skips the test on a host with v1 hierarchies.
func needsV2(t testing.TB) {
	t.Helper()
	if !kit.Unified() {
		t.Skip("this host has cgroup v1")
	}
}

// scope is the unit of a container without linux.cgroupsPath.
func scope(b *kit.Bundle) string { return "teu-" + b.ID + ".scope" }

// systemctl runs it and returns what it prints.
func systemctl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// show is what systemctl shows of a property of a unit.
func show(t testing.TB, unit, property string) string {
	t.Helper()
	return systemctl(t, "show", "--value", "-p", property, unit)
}

// shows wants properties "NAME VALUE" of a unit.
func shows(t testing.TB, unit string, want ...string) {
	t.Helper()
	for _, w := range want {
		name, value, _ := strings.Cut(w, " ")
		if got := show(t, unit, name); got != value {
			t.Errorf("%s of %s: got %q, want %q", name, unit, got, value)
		}
	}
}

// read is a control file of the v2 cgroup of the container's first process.
func read(t testing.TB, b *kit.Bundle, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir(t, b.State().Pid), file))
	check(t, err)
	return strings.TrimSpace(string(text))
}

// holds wants control files "FILE TEXT".
func holds(t testing.TB, b *kit.Bundle, want ...string) {
	t.Helper()
	for _, w := range want {
		file, text, _ := strings.Cut(w, " ")
		if got := read(t, b, file); got != text {
			t.Errorf("%s: got %q, want %q", file, got, text)
		}
	}
}

// path is the cgroup of a process: in the v2 tree, or on a host of v1 in systemd's own hierarchy.
func path(t testing.TB, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "cgroup"))
	check(t, err)
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if f[1] == "name=systemd" || f[1] == "" && kit.Unified() {
			return f[2]
		}
	}
	t.Fatalf("cgroup of process %d: got %q, want a line of systemd's hierarchy", pid, text)
	return ""
}

// dir is the directory of path.
func dir(t testing.TB, pid int) string {
	t.Helper()
	if kit.Unified() {
		return filepath.Join(top, path(t, pid))
	}
	return filepath.Join(top, "systemd", path(t, pid))
}
