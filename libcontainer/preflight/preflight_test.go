package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec"
)

func check(t *testing.T, edit func(dir string, s *specs.Spec)) (problems, warnings []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec.Example(false)
	edit(dir, s)
	r := Check(s, dir)
	for _, p := range r.Problems {
		problems = append(problems, strings.ReplaceAll(p.String(), dir, "DIR"))
	}
	for _, p := range r.Warnings {
		warnings = append(warnings, strings.ReplaceAll(p.String(), dir, "DIR"))
	}
	return problems, warnings
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name           string
		edit           func(dir string, s *specs.Spec)
		problems, warn []string
	}{
		{name: "nothing wrong", edit: func(string, *specs.Spec) {}},
		{
			name: "no root", edit: func(_ string, s *specs.Spec) { s.Root.Path = "absent" },
			problems: []string{`root.path: got "DIR/absent": no such file or directory, want a directory`},
		},
		{
			name: "root that is a file", edit: func(_ string, s *specs.Spec) { s.Root.Path = "/dev/null" },
			problems: []string{`root.path: got "/dev/null", which is none, want a directory`},
		},
		{
			name: "sources",
			edit: func(_ string, s *specs.Spec) {
				s.Mounts = []specs.Mount{
					{Destination: "/a", Source: "rootfs", Options: []string{"bind"}}, {Destination: "/b", Type: "bind", Source: "nothing"},
					{Destination: "/c", Source: "/dev/null/x", Options: []string{"rbind"}},
					{Destination: "/d", Source: "nothing", Options: []string{"bind", "remount"}},
					{Destination: "/e", Source: "nothing", Options: []string{"bind", "copy-symlink"}},
				}
			},
			problems: []string{
				`mounts[1].source: got "DIR/nothing": no such file or directory, want the path of what to bind`,
				`mounts[2].source: got "/dev/null/x": not a directory, want the path of what to bind`,
				`mounts[4].source: got "DIR/nothing": no such file or directory, want the path of what to bind`,
			},
		},
		{
			name: "unknown filesystem",
			edit: func(_ string, s *specs.Spec) { s.Mounts = []specs.Mount{{Destination: "/a", Type: "teufs"}} },
			warn: []string{`mounts[0].type: got "teufs", which is not in /proc/filesystems, want a filesystem of this kernel, or a module that brings it`},
		},
		{
			name: "hooks",
			edit: func(_ string, s *specs.Spec) {
				s.Hooks = &specs.Hooks{
					CreateRuntime: []specs.Hook{{Path: "/bin/sh"}, {Path: "/absent"}}, Poststop: []specs.Hook{{Path: "/etc/passwd"}},
					StartContainer: []specs.Hook{{Path: "/only/in/the/container"}},
				}
			},
			problems: []string{
				`hooks.createRuntime[1].path: got "/absent": no such file or directory, want a program`,
				`hooks.poststop[0].path: got "/etc/passwd", which is none, want a program`,
			},
		},
		{
			name: "namespaces",
			edit: func(dir string, s *specs.Spec) {
				s.Linux.Namespaces = []specs.LinuxNamespace{
					{Type: "network", Path: "/proc/self/ns/net"}, {Type: "uts", Path: "/proc/self/ns/ipc"}, {Type: "ipc", Path: "/dev/null"},
					{Type: "pid", Path: dir + "/absent"},
				}
			},
			problems: []string{
				`linux.namespaces[1].path: got "/proc/self/ns/ipc", a namespace of another type, want one of type uts`,
				`linux.namespaces[2].path: got "/dev/null", which is no namespace, want the path of one`,
				`linux.namespaces[3].path: got "DIR/absent": no such file or directory, want the path of a namespace`,
			},
		},
		{
			name: "nobody listens",
			edit: func(_ string, s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{ListenerPath: "/absent"} },
			warn: []string{`linux.seccomp.listenerPath: got "/absent", where there is no socket, want one that somebody listens at`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			problems, warnings := check(t, c.edit)
			if !slices.Equal(problems, c.problems) || !slices.Equal(warnings, c.warn) {
				t.Errorf("problems %q, warnings %q", problems, warnings)
			}
		})
	}
}

func TestTooRevealing(t *testing.T) {
	const bare = "22 27 0:21 / /proc rw - proc proc rw\n"
	for _, c := range []struct{ name, mountinfo, want string }{
		{"wholly visible", bare, ""},
		{"none", "27 1 254:0 / / rw - ext4 /dev/vda rw\n", "no proc is mounted here"},
		{"masked", bare + "28 22 0:30 / /proc/acpi rw - tmpfs tmpfs ro\n", "/proc/acpi is mounted over"},
		{"mounted on what is there for it", bare + "28 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n", ""},
		{"a part", "22 27 0:21 /sys /proc/sys rw - proc proc rw\n", "/proc/sys is only a part of one"},
		{"another is visible", bare + "28 22 0:30 / /proc/acpi rw - tmpfs tmpfs ro\n30 27 0:21 / /x rw - proc proc rw\n", ""},
	} {
		if got := tooRevealing(c.mountinfo, "proc"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := tooRevealing("23 27 0:22 / /sys rw - sysfs sysfs rw\n24 23 0:23 / /sys/fs/cgroup rw - cgroup2 c rw\n", "sysfs"); got != "" {
		t.Error(got)
	}
}
