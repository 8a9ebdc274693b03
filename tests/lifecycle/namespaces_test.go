package lifecycle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// everyNamespace has a new one of every type but user.
func everyNamespace(s *specs.Spec) {
	all(namespace(specs.CgroupNamespace, ""), namespace(specs.TimeNamespace, ""))(s)
}

func TestNamespacesNew(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.namespaces[].type")
	b := kit.New(t, everyNamespace)
	inside := b.Inspect()
	b.Start("sleep", "forever")
	pid := b.State().Pid
	for typ, name := range nsLinks {
		same := typ == specs.UserNamespace
		if got, host := inside.NS[name], link(t, 0, name); (got == host) != same {
			t.Errorf("%s namespace from inside: got %s, the host's is %s, want the same: %v", typ, got, host, same)
		}
		if got, host := link(t, pid, name), link(t, 0, name); (got == host) != same {
			t.Errorf("%s namespace from outside: got %s, the host's is %s, want the same: %v", typ, got, host, same)
		}
	}
	if inside.Pid != 1 || inside.Ppid != 0 {
		t.Errorf("got pid %d, parent %d, want 1, 0", inside.Pid, inside.Ppid)
	}
	for _, name := range []string{"pid", "time"} { // children are where their parent is
		if children := inside.NS[name+"_for_children"]; children != inside.NS[name] {
			t.Errorf("%s namespace for children: got %s, want %s", name, children, inside.NS[name])
		}
	}
	// Only lo, and up, with its addresses routed to it.
	if len(inside.Netif) != 1 || inside.Netif[0].Name != "lo" || !strings.Contains(inside.Netif[0].Flags, "up|loopback|running") {
		t.Errorf("interfaces: got %+v, want lo alone, up and running", inside.Netif)
	}
	if cg := strings.Split(inside.Cgroup, "\n"); cg[len(cg)-1] != "0::/" {
		t.Errorf("cgroup inside: got %q, want %q last", inside.Cgroup, "0::/")
	}
}

func TestNamespaceAbsent(t *testing.T) {
	t.Parallel()
	for _, typ := range []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace, specs.TimeNamespace,
	} {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, everyNamespace, kit.NoNamespace(typ))
			inside := b.Inspect()
			for other, name := range nsLinks {
				same := other == typ || other == specs.UserNamespace
				if got, host := inside.NS[name], link(t, 0, name); (got == host) != same {
					t.Errorf("%s namespace: got %s, the host's is %s, want the same: %v", other, got, host, same)
				}
			}
		})
	}
}

// nothingToMount leaves out what takes a mount namespace.
func nothingToMount(s *specs.Spec) {
	kit.NoNamespace(specs.MountNamespace)(s)
	s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths, s.Root.Readonly = nil, nil, nil, false
}

// TestMountNamespaceAbsent: what mounts nothing can do without, and it is chrooted; the host's mounts are as they were.
func TestMountNamespaceAbsent(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.NoNamespace(specs.MountNamespace))
	b.Fails([]string{"run", b.ID}, "mounts: got", "root.readonly: got", "linux.maskedPaths: got", "linux.readonlyPaths: got", "without a mount namespace")
	b = kit.New(t, nothingToMount, kit.Args("ls", "/"), func(s *specs.Spec) {
		s.Process.Cwd = "/work"
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5}}
		s.Linux.Sysctl = map[string]string{"kernel.shmmni": "77"}
	})
	if res := b.Run(); res.Stdout != "bin\ndev\netc\ntmp\nwork\n" {
		t.Errorf("the root: got %q, want bin, dev, etc, tmp and the working directory", res.Stdout)
	}
	for _, path := range []string{"/dev/null", "/dev/urandom", "/dev/mine"} {
		if out := b.Run(kit.Args("open", path, "r")).Stdout; out != "ok\n" {
			t.Errorf("open %s: got %q, want %q", path, out, "ok\n")
		}
	}
	b.Start("sleep", "forever")
	pid := b.State().Pid
	if got := link(t, pid, "mnt"); got != link(t, 0, "mnt") {
		t.Errorf("mount namespace: got %s, want the host's, %s", got, link(t, 0, "mnt"))
	}
	if text := procFile(t, pid, "mountinfo"); strings.Contains(text, b.ID) {
		t.Errorf("mounts: got %s, want none of the container's", text)
	}
	b.OK("exec", "--cwd", "/work", b.ID, kit.PayloadPath, "true")
	b = kit.New(t, nothingToMount, func(s *specs.Spec) { s.Process.Terminal = true })
	b.Fails([]string{"run", b.ID}, "process.terminal", "without a mount namespace")
}

// TestMountNamespaceAbsentForUser: a user namespace in the host's mount namespace has no devices, which it could only bind, and a
// root that its own root may not reach.
func TestMountNamespaceAbsentForUser(t *testing.T) {
	t.Parallel()
	b := newUser(t, nothingToMount, userNamespace, kit.Args("ls", "/"))
	check(t, os.Chmod(b.Dir, 0o700))
	if res := b.Run(); res.Stdout != "bin\netc\ntmp\n" {
		t.Errorf("the root: got %q, want bin, etc and tmp", res.Stdout)
	}
	b.Start("sleep", "forever")
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b = newUser(t, nothingToMount, userNamespace, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5}}
		s.Linux.Sysctl = map[string]string{"kernel.shmmni": "77"}
	})
	b.Fails([]string{"run", b.ID}, "linux.devices: got", "linux.sysctl: got", "without a mount namespace")
}

// TestNamespaceJoined: a second container joins one namespace of a first, by path.
func TestNamespaceJoined(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.namespaces[].path")
	owner := kit.New(t, everyNamespace)
	owner.Start("sleep", "forever")
	pid := owner.State().Pid
	for typ, name := range nsLinks {
		if typ == specs.UserNamespace || typ == specs.MountNamespace { // these are special: see their own tests
			continue
		}
		t.Run(string(typ), func(t *testing.T) {
			b := kit.New(t, everyNamespace, namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", pid, name)))
			inside := b.Inspect()
			for other, name := range nsLinks {
				same := other == typ
				if got, theirs := inside.NS[name], link(t, pid, name); (got == theirs) != same && other != specs.UserNamespace {
					t.Errorf("%s namespace: got %s, the other container's is %s, want the same: %v", other, got, theirs, same)
				}
			}
			if typ == specs.PIDNamespace && (inside.Pid == 1 || inside.Ppid != 0) {
				t.Errorf("got pid %d, parent %d, want another than 1, 0", inside.Pid, inside.Ppid)
			}
			b.Start("sleep", "forever")
			if got, want := link(t, b.State().Pid, name), link(t, pid, name); got != want {
				t.Errorf("from outside: %s, want %s", got, want)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		b := kit.New(t)
		for typ, name := range nsLinks {
			if typ != specs.UserNamespace && typ != specs.MountNamespace {
				b.Edit(namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", pid, name)))
			}
		}
		b.Edit(func(s *specs.Spec) { s.Hostname = "" })
		inside := b.Inspect()
		for typ, name := range nsLinks {
			if got, theirs := inside.NS[name], link(t, pid, name); got != theirs && typ != specs.MountNamespace {
				t.Errorf("%s namespace: got %s, want the other container's, %s", typ, got, theirs)
			}
		}
	})
}

// TestMountNamespaceJoined: the root is built in a mount namespace that somebody has prepared.
func TestMountNamespaceJoined(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	pid := holder(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS})
	b := kit.New(t, namespace(specs.MountNamespace, fmt.Sprintf("/proc/%d/ns/mnt", pid)))
	inside := b.Inspect()
	if got, want := inside.NS["mnt"], link(t, pid, "mnt"); got != want {
		t.Errorf("mnt namespace: got %s, want %s", got, want)
	}
	if m := inside.Mount("/proc"); m == nil || m.Type != "proc" {
		t.Errorf("mount on /proc: got %+v, want a proc", inside.Mountinfo)
	}
}

func TestNamespaceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit edit
		want []string
	}{
		{"missing path", namespace(specs.NetworkNamespace, "/nowhere/net"), []string{"linux.namespaces[4].path", "/nowhere/net", "no such file or directory"}},
		{"not a namespace", namespace(specs.NetworkNamespace, "/etc/passwd"), []string{"linux.namespaces[4].path", "not a namespace"}},
		{"a directory", namespace(specs.NetworkNamespace, "/proc/self/ns"), []string{"linux.namespaces[4].path", "not a namespace"}},
		{"wrong kind", namespace(specs.NetworkNamespace, "/proc/self/ns/ipc"), []string{"linux.namespaces[4].path", "invalid argument"}},
		{"relative path", namespace(specs.NetworkNamespace, "ns/net"), []string{"linux.namespaces[4].path", "absolute"}},
		{"unknown type", namespace("wonder", ""), []string{"linux.namespaces[5].type", "wonder"}},
		{"twice", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, s.Linux.Namespaces[0])
		}, []string{"linux.namespaces[5]"}},
		{"time offsets without a namespace", func(s *specs.Spec) {
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}
		}, []string{"linux.timeOffsets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t, c.edit)
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}

func TestTimeNamespace(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.timeOffsets{}.secs", "linux.timeOffsets{}.nanosecs")
	const day = 24 * 3600
	b := kit.New(t, namespace(specs.TimeNamespace, ""), kit.Args("cat", "/proc/self/timens_offsets", "/proc/uptime"), func(s *specs.Spec) {
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{
			"monotonic": {Secs: 7 * day, Nanosecs: 500}, "boottime": {Secs: 1000 * day},
		}
	})
	got := lines(b.Run())
	if len(got) != 3 || strings.Join(strings.Fields(got[0]), " ") != "monotonic 604800 500" ||
		strings.Join(strings.Fields(got[1]), " ") != "boottime 86400000 0" {
		t.Fatalf("offsets: got %q, want monotonic 604800 500, boottime 86400000 0, and the uptime", got)
	}
	up, err := strconv.ParseFloat(strings.Fields(got[2])[0], 64)
	if err != nil || up < 1000*day {
		t.Errorf("uptime: got %s, %v, want at least %d", got[2], err, 1000*day)
	}
	b.Start("sleep", "forever")
	if out := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/uptime").Stdout; len(out) < len("86400000.00") {
		t.Errorf("uptime in an exec: got %s, want at least %d seconds", out, 1000*day)
	}
}
