package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec"
	"teu/tests/needs"
)

func check(t *testing.T, edit func(dir string, s *specs.Spec)) (problems, warnings []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec.Example(false)
	s.Process.Rlimits, s.Process.Capabilities = nil, nil // this machine, or this user, may not have them to grant
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
			name: "root that is a symlink", edit: func(dir string, s *specs.Spec) {
				os.Symlink("rootfs", dir+"/link")
				s.Root.Path = "link"
			},
			warn: []string{`root.path: got "DIR/link", a symlink, which is followed once, want the directory that it leads to`},
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
			name: "another filesystem on /proc",
			edit: func(dir string, s *specs.Spec) {
				s.Mounts = []specs.Mount{{Destination: "/proc", Source: dir, Type: "bind"}, {Destination: "//proc/.", Source: "/proc", Type: "bind"}, {Destination: "/proc", Source: "/proc/tty", Type: "bind"}}
			},
			problems: []string{`mounts[0].source: got "DIR" on /proc, want a whole procfs to bind there`, `mounts[2].source: got "/proc/tty" on /proc, want a whole procfs to bind there`},
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
				t.Errorf("got problems %q and warnings %q, want %q and %q", problems, warnings, c.problems, c.warn)
			}
		})
	}
}

func TestTooRevealing(t *testing.T) {
	const bare = "22 27 0:21 / /proc rw - proc proc rw\n"
	for _, c := range []struct {
		name, mountinfo, want string
		readonly              bool
	}{
		{name: "read-only", mountinfo: "22 27 0:21 / /proc ro,nosuid - proc proc rw\n", want: "/proc is read-only"},
		{name: "as read-only", mountinfo: "22 27 0:21 / /proc ro,nosuid - proc proc rw\n", readonly: true},
		{"wholly visible", bare, "", false},
		{"none", "27 1 254:0 / / rw - ext4 /dev/vda rw\n", "no proc is mounted here", false},
		{"masked", bare + "28 22 0:30 / /proc/acpi rw - tmpfs tmpfs ro\n", "/proc/acpi is mounted over", false},
		{"mounted on what is there for it", bare + "28 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n", "", false},
		{"a part", "22 27 0:21 /sys /proc/sys rw - proc proc rw\n", "/proc/sys is only a part of one", false},
		{"another is visible", bare + "28 22 0:30 / /proc/acpi rw - tmpfs tmpfs ro\n30 27 0:21 / /x rw - proc proc rw\n", "", false},
	} {
		if got := tooRevealing(c.mountinfo, "proc", c.readonly); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := tooRevealing("23 27 0:22 / /sys rw - sysfs sysfs rw\n24 23 0:23 / /sys/fs/cgroup rw - cgroup2 c rw\n", "sysfs", false); got != "" {
		t.Errorf("sysfs with a cgroup2 in it: got %q, want nothing that hides it", got)
	}
}

// found is what a check finds.
func found(do func(c *checker)) (problems, warnings []string) {
	var c checker
	do(&c)
	for _, p := range c.report.Problems {
		problems = append(problems, p.String())
	}
	for _, p := range c.report.Warnings {
		warnings = append(warnings, p.String())
	}
	return problems, warnings
}

func TestCapabilities(t *testing.T) {
	sets := &specs.LinuxCapabilities{
		Bounding: []string{"CAP_CHOWN", "CAP_BPF", "CAP_NOBODY_KNOWS"}, Ambient: []string{"CAP_BPF", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE"},
	}
	const has = " has it in its permitted and its bounding set"
	_, got := found(func(c *checker) { c.capabilities(sets, 39, 1<<0|1<<40) })
	want := []string{
		`process.capabilities.bounding[1]: got "CAP_BPF", which the runtime has not itself, want a runtime that` + has,
		`process.capabilities.ambient[1]: got "CAP_SYS_ADMIN", which the runtime has not itself, want a runtime that` + has,
		`process.capabilities.ambient[2]: got "CAP_CHECKPOINT_RESTORE", which this kernel does not know, want a newer kernel`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings: got %q, want %q", got, want)
	}
}

func TestLimitsWithoutPrivilege(t *testing.T) {
	own := func(n int) (uint64, bool) { return 100, n != 0 } // RLIMIT_CPU is 0
	got, _ := found(func(c *checker) {
		c.rlimits([]specs.POSIXRlimit{{Type: "RLIMIT_CPU", Hard: 1000}, {Type: "RLIMIT_NOFILE", Hard: 100}, {Type: "RLIMIT_NPROC", Hard: 101}, {Type: "X", Hard: 1000}}, own)
	})
	if want := []string{"process.rlimits[2].hard: got 101, and the runtime has no CAP_SYS_RESOURCE, want at most its own hard limit, 100"}; !slices.Equal(got, want) {
		t.Errorf("problems: got %q, want %q", got, want)
	}
	for adj, n := range map[int]int{-1000: 1, -901: 1, -900: 0, -500: 0, 0: 0} {
		value := "-500"
		set := func(text string) error { // the lowest that may be set is -900
			if v, _ := strconv.Atoi(text); v < -900 {
				return syscall.EACCES
			}
			value = text
			return nil
		}
		if got, _ := found(func(c *checker) { c.oomScore(adj, "-500", set) }); len(got) != n || value != "-500" {
			t.Errorf("score of %d: got problems %q and the own score %s, want %d problems and -500", adj, got, value, n)
		}
	}
}

func TestSeccompOfAnOldKernel(t *testing.T) {
	s := &specs.LinuxSeccomp{
		DefaultAction: specs.ActKillProcess, Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow}, {Action: specs.ActNotify}, {Action: "x"}},
		Flags: []specs.LinuxSeccompFlag{"A", "B", "C"},
	}
	got, _ := found(func(c *checker) {
		c.seccompActions(s, []string{"kill_thread", "allow"})
		c.seccompFlags(s, []string{"A", "B"}, []string{"A"})
	})
	want := []string{
		`linux.seccomp.defaultAction: got "SCMP_ACT_KILL_PROCESS", which this kernel does not know, want one of those for kill_thread, allow`,
		`linux.seccomp.syscalls[1].action: got "SCMP_ACT_NOTIFY", which this kernel does not know, want one of those for kill_thread, allow`,
		`linux.seccomp.flags[1]: got "B", which this kernel does not know, want one of A`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems: got %q, want %q", got, want)
	}
}

// TestIdMaps: procfs cannot, and what the test is on can, or all of it is told.
func TestIdMaps(t *testing.T) {
	needs.Root(t, "clones mounts")
	ids := []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
	problems, warnings := check(t, func(_ string, s *specs.Spec) {
		s.Mounts = []specs.Mount{
			{Destination: "/a", Source: "/proc", Options: []string{"bind"}, UIDMappings: ids, GIDMappings: ids},
			{Destination: "/b", Source: "/dev/pts", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: ids},
			{Destination: "/c", Source: "/proc", Options: []string{"bind"}},
			{Destination: "/d", Source: "/proc/self/fd", Options: []string{"rbind", "ridmap"}, UIDMappings: ids, GIDMappings: ids},
			{Destination: "/e", Type: "tmpfs", Options: []string{"idmap"}, UIDMappings: ids, GIDMappings: ids},
			{Destination: "/f", Source: "/absent", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: ids},
		}
	})
	want := []string{
		`mounts[5].source: got "/absent": no such file or directory, want the path of what to bind`,
		`mounts[0]: got mappings of ids for "/proc", of type proc, which cannot, want no mappings, or a filesystem that can`,
		`mounts[1]: got mappings of ids for "/dev/pts", of type devpts, which cannot, want no mappings, or a filesystem that can`,
		`mounts[3]: got mappings of ids for "/proc/self/fd", of type proc, where it or a mount below it cannot, want no mappings, idmap instead of ridmap, or filesystems that can`,
	}
	if !slices.Equal(problems, want) || warnings != nil {
		t.Errorf("got problems %q and warnings %q, want %q and none", problems, warnings, want)
	}
	if problems, _ := check(t, func(dir string, s *specs.Spec) {
		s.Mounts = []specs.Mount{{Destination: "/a", Source: "rootfs", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: ids}}
	}); len(problems) > 0 {
		t.Logf("a temporary directory: %q", problems)
	}
}

func TestForbiddenUserNamespaces(t *testing.T) {
	for _, c := range []struct {
		sysctls map[string]int
		root    bool
		found   string
		sure    bool
	}{
		{nil, false, "", false},
		{map[string]int{"user/max_user_namespaces": 7, "kernel/unprivileged_userns_clone": 1, "kernel/apparmor_restrict_unprivileged_userns": 0}, false, "", false},
		{map[string]int{"user/max_user_namespaces": 0}, true, "user.max_user_namespaces is 0", true},
		{map[string]int{"kernel/unprivileged_userns_clone": 0}, true, "", false},
		{map[string]int{"kernel/unprivileged_userns_clone": 0}, false, "kernel.unprivileged_userns_clone is 0", true},
		{map[string]int{"kernel/apparmor_restrict_unprivileged_userns": 1}, false, "kernel.apparmor_restrict_unprivileged_userns is 1", false},
	} {
		found, want, sure := forbidden(func(name string) (int, bool) { n, ok := c.sysctls[name]; return n, ok }, c.root)
		if found != c.found || sure != c.sure || (want == "") != (found == "") {
			t.Errorf("user namespaces with %v, root %v: got %q, sure %v, to do %q, want %q, sure %v, and something to do if forbidden", c.sysctls, c.root, found, sure, want, c.found, c.sure)
		}
	}
}

func TestNetDevices(t *testing.T) {
	const dev = "Inter-|   Receive\n face |bytes\n    lo:  1 2\neth0.5: 3 4\n"
	got, _ := found(func(c *checker) {
		c.Spec = &specs.Spec{Linux: &specs.Linux{NetDevices: map[string]specs.LinuxNetDevice{"eth0.5": {}, "eth0": {}, "a": {}}}}
		c.missingDevices(dev)
	})
	want := []string{
		`linux.netDevices["a"]: got "a", which is not in the runtime's network namespace, want a device that is there`,
		`linux.netDevices["eth0"]: got "eth0", which is not in the runtime's network namespace, want a device that is there`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems: got %q, want %q", got, want)
	}
}
