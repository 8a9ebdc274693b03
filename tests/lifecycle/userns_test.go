package lifecycle

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

const firstID, idCount = 100000, 65536

// userNamespace maps root of the container to an id that is nobody on the host.
func userNamespace(s *specs.Spec) {
	namespace(specs.UserNamespace, "")(s)
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstID, Size: idCount}}
	s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
}

// newUser is kit.New for a bundle whose root belongs to root of the container, who makes the mount points in it.
func newUser(t *testing.T, edits ...edit) *kit.Bundle {
	t.Helper()
	b := kit.New(t, edits...)
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(b.Rootfs+dir, firstID, firstID))
	}
	return b
}

func fields(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestUserNamespace(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.uidMappings[].containerID", "linux.uidMappings[].hostID", "linux.uidMappings[].size",
		"linux.gidMappings[].containerID", "linux.gidMappings[].hostID", "linux.gidMappings[].size")
	b := newUser(t, userNamespace, everyNamespace, func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 6}}
		s.Process.OOMScoreAdj = ptr(500)
	})
	inside := b.Inspect()
	for typ, name := range nsLinks {
		if got := inside.NS[name]; got == link(t, 0, name) {
			t.Errorf("%s namespace: got the host's, %s, want another", typ, got)
		}
	}
	const want = "0 100000 65536"
	if fields(inside.UIDMap) != want || fields(inside.GIDMap) != want {
		t.Errorf("maps: got %q, %q, want %q for both", inside.UIDMap, inside.GIDMap, want)
	}
	id := inside.ID
	if id.UID != 1000 || id.EUID != 1000 || id.GID != 1001 || id.EGID != 1001 || fmt.Sprint(id.Groups) != "[5 6]" {
		t.Errorf("ids inside: got %+v, want 1000:1001, groups [5 6]", id)
	}
	if inside.OOMScoreAdj != "500" {
		t.Errorf("oom_score_adj: got %s, want 500", inside.OOMScoreAdj)
	}
	if len(inside.Netif) != 1 || !strings.Contains(inside.Netif[0].Flags, "up|") {
		t.Errorf("interfaces: got %+v, want one that is up", inside.Netif)
	}
	b.Start("sleep", "forever")
	pid := b.State().Pid
	status := procFile(t, pid, "status")
	if !strings.Contains(status, "Uid:\t101000\t101000\t101000\t101000") || !strings.Contains(status, "Gid:\t101001\t101001") {
		t.Errorf("status from outside: got %s, want Uid 101000, Gid 101001", status)
	}
	if got := procFile(t, pid, "setgroups"); got != "allow" {
		t.Errorf("setgroups: got %s, want allow", got)
	}
	res := b.OK("exec", b.ID, kit.PayloadPath, "all")
	in := kit.JSON[*kit.Report](b, res.Stdout)
	if in.ID.UID != 1000 || in.NS["user"] != link(t, pid, "user") || in.NS["mnt"] != link(t, pid, "mnt") {
		t.Errorf("exec: got %+v, %v, want uid 1000 in the container's user and mnt namespaces", in.ID, in.NS)
	}
}

func TestUserNamespaceRoot(t *testing.T) {
	t.Parallel()
	b := newUser(t, userNamespace, privileged, writable, kit.Args("write", "/tmp/mine", "text"))
	b.Run()
	st, err := os.Stat(b.Rootfs + "/tmp/mine")
	check(t, err)
	if sys := st.Sys().(*syscall.Stat_t); sys.Uid != firstID || sys.Gid != firstID {
		t.Errorf("owner of /tmp/mine: got %d:%d, want %[3]d:%[3]d", sys.Uid, sys.Gid, firstID)
	}
	inside := b.Inspect()
	if got := inside.Status["CapEff"]; got == "0000000000000000" {
		t.Errorf("CapEff of root in the user namespace: got %s, want some", got)
	}
	// The null device and its like are the host's, bound, since mknod(2) is refused.
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"} {
		if m := inside.Mount(path); m == nil || m.Type != "devtmpfs" {
			t.Errorf("mount on %s: got %+v, want a devtmpfs", path, m)
		}
	}
	if out := b.Run(kit.Args("open", "/dev/null", "rw")).Stdout; out != "ok\n" {
		t.Errorf("open /dev/null: got %q, want %q", out, "ok\n")
	}
}

// TestUserNamespaceSources: what root of the container may not reach can be bound all the same; its parent opens it.
func TestUserNamespaceSources(t *testing.T) {
	t.Parallel()
	b := newUser(t, userNamespace)
	secret := b.Dir + "/secret"
	check(t, os.MkdirAll(secret+"/inner", 0o755))
	check(t, os.WriteFile(secret+"/inner/file", []byte("text"), 0o644))
	check(t, os.Chmod(secret, 0o700))
	b.Edit(bind(secret+"/inner", "/mnt", "bind", "ro"), kit.Args("cat", "/mnt/file"))
	if out := b.Run().Stdout; out != "text" {
		t.Errorf("cat of the bound file: got %q, want %q", out, "text")
	}
	// The root itself, too.
	check(t, os.Chmod(b.Dir, 0o700))
	if out := b.Run().Stdout; out != "text" {
		t.Errorf("cat of the bound file in a closed bundle: got %q, want %q", out, "text")
	}
}

func TestUserNamespaceJoined(t *testing.T) {
	t.Parallel()
	owner := newUser(t, userNamespace, privileged)
	owner.Start("sleep", "forever")
	pid := owner.State().Pid
	join := func(s *specs.Spec) {
		namespace(specs.UserNamespace, fmt.Sprintf("/proc/%d/ns/user", pid))(s)
	}
	t.Run("alone", func(t *testing.T) {
		inside := newUser(t, join).Inspect()
		if inside.NS["user"] != link(t, pid, "user") || inside.NS["net"] == link(t, pid, "net") {
			t.Errorf("namespaces: got %v, want the user namespace joined, and a net namespace of its own", inside.NS)
		}
		if fields(inside.UIDMap) != "0 100000 65536" || inside.ID.UID != 0 || inside.Pid != 1 {
			t.Errorf("got map %q, %+v, pid %d, want %q, uid 0, pid 1", inside.UIDMap, inside.ID, inside.Pid, "0 100000 65536")
		}
	})
	t.Run("with net, ipc, uts and pid", func(t *testing.T) {
		b := newUser(t, join, func(s *specs.Spec) { s.Hostname = "" })
		for _, typ := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.PIDNamespace} {
			b.Edit(namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", pid, nsLinks[typ])))
		}
		inside := b.Inspect()
		for typ, name := range nsLinks {
			same := typ != specs.MountNamespace
			if (inside.NS[name] == link(t, pid, name)) != same {
				t.Errorf("%s namespace: got %s, the other container's is %s, want the same: %v", typ, inside.NS[name], link(t, pid, name), same)
			}
		}
	})
}

// TestUserNamespaceWithoutRoot: where id 0 is not mapped the process's own user makes what the container gets.
func TestUserNamespaceWithoutRoot(t *testing.T) {
	t.Parallel()
	const user = 1000
	some := []specs.LinuxIDMapping{{ContainerID: user, HostID: firstID, Size: 10}}
	withRoot := append([]specs.LinuxIDMapping{{ContainerID: 0, HostID: firstID + 100, Size: 1}}, some...)
	as := func(uids, gids []specs.LinuxIDMapping) edit {
		return func(s *specs.Spec) {
			namespace(specs.UserNamespace, "")(s)
			s.Linux.UIDMappings, s.Linux.GIDMappings = uids, gids
			s.Process.User = specs.User{UID: user, GID: user, AdditionalGids: []uint32{user + 1}}
			for i := range s.Mounts { // a group that is not mapped
				s.Mounts[i].Options = slices.DeleteFunc(s.Mounts[i].Options, func(o string) bool { return o == "gid=5" })
			}
		}
	}
	for _, c := range []struct {
		name       string
		uids, gids []specs.LinuxIDMapping
	}{{"neither", some, some}, {"root's group alone", some, withRoot}, {"root alone", withRoot, some}} {
		t.Run(c.name, func(t *testing.T) {
			b := newUser(t, as(c.uids, c.gids), privileged, writable)
			check(t, os.Chmod(b.Rootfs, 0o777))
			inside := b.Inspect()
			if id := inside.ID; id.UID != user || id.EUID != user || id.GID != user || fmt.Sprint(id.Groups) != "[1001]" {
				t.Errorf("ids inside: got %+v, want 1000:1000, groups [1001]", id)
			}
			for _, path := range []string{"/dev/null", "/proc", "/sys", "/dev/pts"} {
				if inside.Mount(path) == nil {
					t.Errorf("mounts: got %+v, want one on %s", inside.Mountinfo, path)
				}
			}
			b.Edit(func(s *specs.Spec) { s.Process.Capabilities.Ambient, s.Process.Capabilities.Effective = nil, nil })
			if got := b.Inspect().Status["CapEff"]; got != "0000000000000000" {
				t.Errorf("CapEff of a process without capabilities: got %s, want none", got)
			}
			b.Start("sleep", "forever")
			in := kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout)
			if in.ID.UID != user || in.NS["user"] != link(t, b.State().Pid, "user") {
				t.Errorf("exec: got %+v, %v, want uid 1000 in the container's user namespace", in.ID, in.NS)
			}
			b.Fails([]string{"exec", "--user", "5:1000", b.ID, kit.PayloadPath, "true"}, "process.user", "invalid argument: the user namespace has no such id")
			join := namespace(specs.UserNamespace, fmt.Sprintf("/proc/%d/ns/user", b.State().Pid))
			other := newUser(t, as(nil, nil), join, writable)
			check(t, os.Chmod(other.Rootfs, 0o777))
			if got := other.Inspect().ID; got.UID != user || got.GID != user {
				t.Errorf("another container in the user namespace: got %+v, want 1000:1000", got)
			}
		})
	}
}

// TestLongIDMap: many mappings are one to the kernel where each goes on where the one before it ends.
func TestLongIDMap(t *testing.T) {
	t.Parallel()
	b := newUser(t, userNamespace, func(s *specs.Spec) {
		var list []specs.LinuxIDMapping
		for i := range uint32(400) {
			list = append(list, specs.LinuxIDMapping{ContainerID: i, HostID: firstID + i, Size: 1})
		}
		s.Linux.UIDMappings, s.Linux.GIDMappings = list, append(list, specs.LinuxIDMapping{ContainerID: 500, HostID: firstID + 500, Size: 1})
	})
	inside := b.Inspect()
	if got, want := fields(inside.UIDMap), "0 100000 400"; got != want {
		t.Errorf("uid_map: got %q, want %q", got, want)
	}
	if got, want := fields(inside.GIDMap), "0 100000 400 500 100500 1"; got != want {
		t.Errorf("gid_map: got %q, want %q", got, want)
	}
	b.Edit(func(s *specs.Spec) {
		for i := range s.Linux.UIDMappings {
			s.Linux.UIDMappings[i].HostID += firstID + uint32(i)
		}
	})
	b.Fails([]string{"run", b.ID}, "linux.uidMappings[3")
	if res := b.Teu("validate", b.Dir); res.Code == 0 || !strings.Contains(res.Stdout, "problem: /linux/uidMappings/3") {
		t.Errorf("%v: want a problem of /linux/uidMappings/3…", res)
	}
}

func TestUserNamespaceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit edit
		want []string
	}{
		{"no mappings, and another user", all(namespace(specs.UserNamespace, ""), func(s *specs.Spec) { s.Process.User.UID = 5 }), []string{"process.user.uid"}},
		{"mappings and no namespace", func(s *specs.Spec) {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}}
		}, []string{"linux.uidMappings"}},
		{"user not mapped", all(userNamespace, func(s *specs.Spec) { s.Process.User.UID = 70000 }), []string{"process.user"}},
		{"overlap", all(userNamespace, func(s *specs.Spec) {
			s.Linux.UIDMappings = append(s.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: 5, HostID: 5, Size: 1})
		}), []string{"linux.uidMappings"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newUser(t, c.edit)
			b.Fails([]string{"run", b.ID}, c.want...)
		})
	}
}

// Without mappings, for which the specification has no word, root of the namespace is teu's caller, and there is nobody else; crun does the same.
func TestOwnMappings(t *testing.T) {
	t.Parallel()
	maps := []specs.LinuxIDMapping{{HostID: firstID, Size: idCount}}
	for name, c := range map[string]struct {
		edit       edit
		uids, gids string
	}{
		"none":     {func(*specs.Spec) {}, "0 0 1", "0 0 1"},
		"uid only": {func(s *specs.Spec) { s.Linux.UIDMappings = maps }, "0 100000 65536", "0 0 1"},
		"gid only": {func(s *specs.Spec) { s.Linux.GIDMappings = maps }, "0 0 1", "0 100000 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, namespace(specs.UserNamespace, ""), without("gid=5"), c.edit)
			for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
				check(t, os.Chmod(b.Rootfs+dir, 0o777))
			}
			inside := b.Inspect()
			if fields(inside.UIDMap) != c.uids || fields(inside.GIDMap) != c.gids {
				t.Errorf("maps: got %q, %q, want %q, %q", inside.UIDMap, inside.GIDMap, c.uids, c.gids)
			}
			if inside.ID.UID != 0 || inside.ID.GID != 0 {
				t.Errorf("ids inside: got %+v, want root", inside.ID)
			}
			b.OK("validate", b.Dir)
		})
	}
}

// A sysfs shows the network namespace, and the kernel makes none for who does not administer that. A clone of the host's takes its place, read-only
// in all its mounts.
func TestSysOfAnothersNetwork(t *testing.T) {
	t.Parallel()
	sysfs := func(options ...string) edit {
		return func(s *specs.Spec) {
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
			s.Mounts = append(slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys" }),
				specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: options})
		}
	}
	for _, readonly := range []string{"ro", "rro"} {
		t.Run(readonly, func(t *testing.T) {
			t.Parallel()
			b := newUser(t, userNamespace, sysfs("nosuid", "noexec", "nodev", readonly))
			b.Start("sleep", "forever")
			all := 0
			for line := range strings.Lines(procFile(t, b.State().Pid, "mountinfo")) {
				f := strings.Fields(line)
				if f[4] != "/sys" && !strings.HasPrefix(f[4], "/sys/") {
					continue
				}
				all++
				want := []string{"ro", "nosuid", "noexec", "nodev"}
				if f[4] == "/sys/firmware" { // a masked path
					want = want[:1]
				}
				for _, o := range want {
					if !slices.Contains(strings.Split(f[5], ","), o) {
						t.Errorf("options of %s: got %s, want %s among them", f[4], f[5], o)
					}
				}
			}
			if host := strings.Count(procFile(t, os.Getpid(), "mountinfo"), " /sys"); all == 0 || all < host {
				t.Errorf("mounts of /sys and below: got %d, want the host's %d", all, host)
			}
			if res := b.Teu("exec", b.ID, kit.PayloadPath, "ls", "/sys/kernel"); res.Code != 0 || !strings.Contains(res.Stdout, "mm") {
				t.Errorf("%v: want what the host has there", res)
			}
			b.OK("validate", b.Dir)
		})
	}
	b := newUser(t, userNamespace, sysfs("nosuid", "noexec", "nodev"))
	b.Fails([]string{"create", b.ID}, "mount sysfs on /sys: fsopen: operation not permitted", "administers the network namespace")
	if res := b.Teu("validate", b.Dir); res.Code != 1 || !strings.Contains(res.Stdout, "a network namespace of its own") {
		t.Errorf("%v: want exit code 1, and what would be right", res)
	}
}

// without takes an option out of all mounts.
func without(option string) edit {
	return func(s *specs.Spec) {
		for i := range s.Mounts {
			s.Mounts[i].Options = slices.DeleteFunc(slices.Clone(s.Mounts[i].Options), func(o string) bool { return o == option })
		}
	}
}
