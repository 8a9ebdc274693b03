package fields

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

const userBase = 100000

// userNamespace maps the container's ids to ones that are nobody's.
func userNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = idRange(0, userBase, 65536)
	s.Linux.GIDMappings = idRange(0, 2*userBase, 65536)
}

// give gives the root filesystem to the root of userNamespace.
func give(t *testing.T, b *kit.Bundle) {
	t.Helper()
	check(t, filepath.WalkDir(b.Rootfs, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == b.Rootfs+kit.PayloadPath { // a hard link of all bundles'
			return err
		}
		return os.Lchown(path, userBase, 2*userBase)
	}))
}

func idRange(container, host, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: container, HostID: host, Size: size}}
}

// owned makes a directory of the bundle, with another filesystem in it, whose files belong to 5:6.
func owned(t *testing.T, b *kit.Bundle) {
	t.Helper()
	dir := tree(t, b, "src")
	for _, f := range []string{"/f", "/sub/f"} {
		check(t, os.WriteFile(dir+f, nil, 0o644))
		check(t, os.Chown(dir+f, 5, 6))
	}
	check(t, os.Chown(dir+"/sub", 5, 6))
}

// owners are the owners of paths as the container sees them.
func owners(b *kit.Bundle, paths ...string) string {
	var list []string
	for _, f := range kit.JSON[[]kit.File](b, b.Run(kit.Args(append([]string{"stat"}, paths...)...)).Stdout) {
		list = append(list, fmt.Sprintf("%s%d:%d", f.Error, f.UID, f.GID))
	}
	return strings.Join(list, " ")
}

// TestIDMappings: each way to say how the ids of a mount are translated, each kind of mount, with and without a user
// namespace.
func TestIDMappings(t *testing.T) {
	kit.Covers(t, "mounts[].uidMappings[].containerID", "mounts[].uidMappings[].hostID", "mounts[].uidMappings[].size",
		"mounts[].gidMappings[].containerID", "mounts[].gidMappings[].hostID", "mounts[].gidMappings[].size", "mounts[].options[]")
	given := specs.Mount{UIDMappings: idRange(0, 1000, 10), GIDMappings: idRange(0, 2000, 10)}
	inside := specs.Mount{UIDMappings: idRange(0, userBase+7, 10), GIDMappings: idRange(0, 2*userBase+8, 10)}
	const nobody = "65534:65534"
	for _, c := range []struct {
		name    string
		m       specs.Mount
		options string
		user    bool
		want    string // owners of the root, f, sub/f
	}{
		{"idmap", given, "bind idmap", false, "1000:2000 1005:2006 ENOENT0:0"},
		{"no option", given, "bind", false, "1000:2000 1005:2006 ENOENT0:0"},
		{"idmap of a tree", given, "rbind idmap", false, "1000:2000 1005:2006 5:6"},
		{"ridmap of a tree", given, "rbind ridmap ro", false, "1000:2000 1005:2006 1005:2006"},
		{"a part", specs.Mount{UIDMappings: idRange(5, 3000, 1), GIDMappings: idRange(6, 4000, 1)}, "bind idmap", false, nobody + " 3000:4000 ENOENT0:0"},
		{"text", specs.Mount{}, "bind idmap=uids=0-100-1#5-200-1;gids=0-300-10", false, "100:300 200:306 ENOENT0:0"},
		{"of a user namespace", specs.Mount{}, "rbind idmap", true, "0:0 5:6 " + nobody},
		{"of a user namespace, all", specs.Mount{}, "rbind ridmap", true, "0:0 5:6 5:6"},
		{"given in a user namespace", inside, "rbind ridmap nosuid", true, "7:8 12:14 12:14"},
		{"outside of the user namespace", given, "rbind ridmap", true, nobody + " " + nobody + " " + nobody},
		{"relative text", specs.Mount{}, "rbind ridmap=uids=@0-20-10;gids=@0-30-10", true, "20:30 25:36 25:36"},
		{"half a text", specs.Mount{}, "rbind idmap=uids=@0-20-10", true, "20:0 25:6 " + nobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t)
			owned(t, b)
			m := c.m
			m.Destination, m.Source, m.Options = "/data", "src", strings.Fields(c.options)
			b.Edit(mounts(m))
			if c.user {
				b.Edit(userNamespace, writable)
				give(t, b)
			}
			if got := owners(b, "/data", "/data/f", "/data/sub/f"); got != c.want {
				t.Errorf("owners: got %s, want %s", got, c.want)
			}
		})
	}
}

// TestIDMappedFilesystem: a new filesystem belongs to the host, and the container's root owns it.
func TestIDMappedFilesystem(t *testing.T) {
	kit.Covers(t, "mounts[].uidMappings[].containerID", "mounts[].gidMappings[].containerID", "mounts[].type")
	given := specs.Mount{UIDMappings: idRange(0, 1000, 10), GIDMappings: idRange(0, 2000, 10)}
	b := kit.New(t)
	m := given
	m.Destination, m.Type, m.Source, m.Options = "/fs", "tmpfs", "named", []string{"idmap", "ro", "nosuid", "size=64k", "uid=3"}
	b.Edit(mounts(m))
	if got := owners(b, "/fs"); got != "1003:2000" {
		t.Errorf("owner of /fs: got %s, want %s", got, "1003:2000")
	}
	if m := b.Inspect(kit.Args("all")).Mount("/fs"); m == nil || !m.Has("ro", "nosuid", "size=64k", "idmapped") || m.Source != "named" {
		t.Errorf("mount on /fs: got %+v, want ro, nosuid, size=64k and idmapped of named", m)
	}

	b = kit.New(t, userNamespace, writable, mounts(specs.Mount{Destination: "/fs", Type: "tmpfs", Options: []string{"ridmap"}}))
	check(t, os.Mkdir(b.Rootfs+"/fs", 0o700))
	give(t, b)
	b.Start("sleep", "forever")
	b.OK("exec", b.ID, kit.PayloadPath, "write", "/fs/new", "x")
	files := kit.JSON[[]kit.File](b, b.OK("exec", b.ID, kit.PayloadPath, "stat", "/fs", "/fs/new").Stdout)
	if files[0].UID != 0 || files[1].UID != 0 || files[1].GID != 0 || files[0].Mode != "700" {
		t.Errorf("/fs and /fs/new: got %+v, want both root's and mode 700 of /fs", files)
	}
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "mknod", "/fs/null", "c", "1", "3"); res.Code == 0 {
		t.Errorf("device in a user namespace: %v: want an exit code other than 0", res)
	}
}

// TestIDMappingsRefused: the mount, the type of its filesystem, and why.
func TestIDMappingsRefused(t *testing.T) {
	for want, m := range map[string]specs.Mount{
		"mounts[7]: translate the ids of /proc, of type proc, for /data: mount_setattr: invalid argument": {Source: "/proc", Options: []string{"bind", "idmap"}},
		"translate the ids of a new filesystem, of type mqueue, for /data":                                {Type: "mqueue", Options: []string{"idmap"}},
		"mounts[7]: mount teufs on /data: fsopen: no such device":                                         {Type: "teufs", Options: []string{"idmap"}},
		"mounts[7]: mount tmpfs on /data: fsconfig: invalid argument (tmpfs: Unknown":                     {Type: "tmpfs", Options: []string{"idmap", "teu"}},
		"mounts[7].source: /no/such: open_tree: no such file":                                             {Source: "/no/such", Options: []string{"bind", "idmap"}},
	} {
		m.Destination, m.UIDMappings, m.GIDMappings = "/data", idRange(0, 1, 2), idRange(0, 1, 2)
		b := kit.New(t, mounts(m))
		b.Fails([]string{"run", b.ID}, want)
	}
	b := kit.New(t, mounts(specs.Mount{Destination: "/data", Source: "rootfs", Options: []string{"bind", "idmap"}}))
	b.Fails([]string{"run", b.ID}, "mounts[7].options[1]: got idmap, want uidMappings and gidMappings, as the container has no user namespace")
}

// TestIDMappingsOnce: equal mappings share a namespace, and the processes that made them are gone.
func TestIDMappingsOnce(t *testing.T) {
	b := kit.New(t)
	owned(t, b)
	for i := range 20 {
		b.Edit(mounts(specs.Mount{
			Destination: fmt.Sprintf("/data%d", i), Source: "src", Options: []string{"bind", "idmap"},
			UIDMappings: idRange(0, 1000+uint32(i%2), 10), GIDMappings: idRange(0, 2000, 10),
		}))
	}
	if got := owners(b, "/data0/f", "/data19/f"); got != "1005:2006 1006:2006" {
		t.Errorf("owners in the first and the last mount: got %s, want %s", got, "1005:2006 1006:2006")
	}
	b.Start("sleep", "forever")
	for _, dir := range must(filepath.Glob("/proc/[0-9]*")) {
		if text, err := os.ReadFile(dir + "/cmdline"); err == nil && string(text) == "userns\x00" {
			t.Errorf("%s, which held a user namespace, still runs, want it ended", dir)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestIDMappingOfAJoinedNamespace: the one that linux.namespaces[].path leads to.
func TestIDMappingOfAJoinedNamespace(t *testing.T) {
	kit.Covers(t, "linux.namespaces[].path")
	first := kit.New(t, userNamespace, writable)
	give(t, first)
	first.Start("sleep", "forever")
	b := kit.New(t, writable)
	owned(t, b)
	check(t, os.Mkdir(b.Rootfs+"/data", 0o755))
	give(t, b)
	b.Edit(mounts(specs.Mount{Destination: "/data", Source: "src", Options: []string{"bind", "idmap"}}), func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{
			Type: specs.UserNamespace, Path: fmt.Sprintf("/proc/%d/ns/user", first.State().Pid),
		})
	})
	if got := owners(b, "/data", "/data/f"); got != "0:0 5:6" {
		t.Errorf("owners in a joined user namespace: got %s, want %s", got, "0:0 5:6")
	}
}

// TestIDMappedWrites: what the container writes has the ids that the filesystem has for it.
func TestIDMappedWrites(t *testing.T) {
	b := kit.New(t, userNamespace, writable)
	check(t, os.Mkdir(b.Dir+"/src", 0o700))
	check(t, os.Chown(b.Dir+"/src", 30, 40))
	give(t, b)
	b.Run(kit.Args("write", "/data/new", "text"), mounts(specs.Mount{
		Destination: "/data", Source: "src", Options: []string{"bind", "idmap"}, UIDMappings: idRange(30, userBase, 1), GIDMappings: idRange(40, 2*userBase, 1),
	}))
	var st syscall.Stat_t
	check(t, syscall.Stat(b.Dir+"/src/new", &st))
	if st.Uid != 30 || st.Gid != 40 {
		t.Errorf("owner on the host: got %d:%d, want 30:40", st.Uid, st.Gid)
	}
}
