package lifecycle

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestDefaultMounts asks the kernel for every mount that `teu spec` writes.
func TestDefaultMounts(t *testing.T) {
	t.Parallel()
	inside := kit.New(t).Inspect()
	cgroups := "tmpfs" // with a directory for each hierarchy
	if kit.Unified() {
		cgroups = "cgroup2"
	}
	for target, want := range map[string]struct {
		fstype, source string
		options        []string
	}{
		"/proc":          {"proc", "proc", []string{"rw", "!nosuid", "!noexec", "!nodev"}},
		"/dev":           {"tmpfs", "tmpfs", []string{"rw", "nosuid", "!noexec", "!relatime", "size=65536k", "mode=755"}},
		"/dev/pts":       {"devpts", "devpts", []string{"rw", "nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"}},
		"/dev/shm":       {"tmpfs", "shm", []string{"rw", "nosuid", "noexec", "nodev", "size=65536k"}},
		"/dev/mqueue":    {"mqueue", "mqueue", []string{"rw", "nosuid", "noexec", "nodev"}},
		"/sys":           {"sysfs", "sysfs", []string{"ro", "nosuid", "noexec", "nodev"}},
		"/sys/fs/cgroup": {cgroups, "", []string{"ro", "nosuid", "noexec", "nodev", "relatime"}},
	} {
		m := inside.Mount(target)
		if m == nil || m.Type != want.fstype || want.source != "" && m.Source != want.source || !m.Has(want.options...) {
			t.Errorf("mount on %s: got %+v, want %+v", target, m, want)
		}
	}
}

// dockerMounts are those of Docker 29, containerd and Podman where they differ from `teu spec`.
var dockerMounts = []specs.Mount{
	{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
	{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
	{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"}},
	{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
	{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
}

func TestDockerMounts(t *testing.T) {
	t.Parallel()
	b := kit.New(t, everyNamespace, func(s *specs.Spec) { s.Mounts = slices.Clone(dockerMounts) })
	for name, text := range map[string]string{"resolv.conf": "nameserver", "hostname": "name", "hosts": "127.0.0.1"} {
		check(t, os.WriteFile(b.Dir+"/"+name, []byte(text), 0o644))
		b.Edit(bind(b.Dir+"/"+name, "/etc/"+name, "rbind", "rprivate"))
	}
	// Podman's: of the type that its name gives, with options of its own.
	b.Edit(bind(b.Dir+"/hosts", "/run/.containerenv", "bind", "rprivate", "nosuid", "nodev", "noexec"))
	inside := b.Inspect()
	for _, m := range append(slices.Clone(dockerMounts), b.Spec.Mounts[len(dockerMounts):]...) {
		got := inside.Mount(m.Destination)
		if got == nil {
			t.Errorf("mount on %s: got none, want one", m.Destination)
			continue
		}
		if len(got.Propagation) > 0 && m.Destination != "/dev/pts" {
			t.Errorf("mount on %s: got propagation %v, want none", m.Destination, got.Propagation)
		}
		for _, o := range []string{"nosuid", "noexec", "nodev", "ro"} {
			if slices.Contains(m.Options, o) && !slices.Contains(got.Options, o) {
				t.Errorf("mount on %s: got options %v, want %s in them", m.Destination, got.Options, o)
			}
		}
	}
	if shm := inside.Mount("/dev/shm"); !shm.Has("size=65536k") {
		t.Errorf("mount on /dev/shm: got %+v, want size=65536k", shm)
	}
	if out := b.Run(kit.Args("cat", "/etc/resolv.conf", "/etc/hostname", "/run/.containerenv")).Stdout; out != "nameservername127.0.0.1" {
		t.Errorf("cat of the bound files: got %q, want %q", out, "nameservername127.0.0.1")
	}
}

// TestHostMounts: with the host's network, and no user namespace, Podman and Docker bind the host's own /sys; with its ipc, /dev/shm and
// /dev/mqueue.
func TestHostMounts(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.NoNamespace(specs.NetworkNamespace), kit.NoNamespace(specs.IPCNamespace), func(s *specs.Spec) {
		for i := range s.Mounts {
			switch m := &s.Mounts[i]; m.Destination {
			case "/sys":
				*m = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rprivate", "nosuid", "noexec", "nodev", "ro", "rbind"}}
			case "/dev/mqueue":
				*m = specs.Mount{Destination: "/dev/mqueue", Type: "bind", Source: "/dev/mqueue", Options: []string{"bind", "nosuid", "noexec", "nodev"}}
			case "/dev/shm":
				*m = specs.Mount{Destination: "/dev/shm", Type: "bind", Source: "/dev/shm", Options: []string{"rbind", "nosuid", "noexec", "nodev"}}
			}
		}
	})
	if !mounted(t, "/dev/mqueue") {
		b.Edit(func(s *specs.Spec) {
			s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev/mqueue" && !exists(m.Source) })
		})
	}
	inside := b.Inspect()
	if m := inside.Mount("/sys"); m.Type != "sysfs" || !m.Has("ro", "nosuid", "noexec", "nodev") || len(m.Propagation) > 0 {
		t.Errorf("mount on /sys: got %+v, want a private sysfs with ro, nosuid, noexec, nodev", m)
	}
	if m := inside.Mount("/dev/shm"); m == nil || m.Type != "tmpfs" || !m.Has("nosuid", "noexec", "nodev") {
		t.Errorf("mount on /dev/shm: got %+v, want a tmpfs with nosuid, noexec, nodev", m)
	}
	if m := inside.Mount("/sys/fs/cgroup"); m == nil || !m.Has("ro") { // the container's, over the host's
		t.Errorf("mount on /sys/fs/cgroup: got %+v, want it there and ro", m)
	}
}

// TestMountOptions: each option, and the last of those that exclude each other, on a new file system and on a bind mount.
func TestMountOptions(t *testing.T) {
	t.Parallel()
	table := []struct {
		options []string
		want    []string // of mountinfo
	}{
		{nil, []string{"rw", "relatime", "!nosuid", "!nodev", "!noexec"}},
		{[]string{"ro"}, []string{"ro"}},
		{[]string{"ro", "rw"}, []string{"rw"}},
		{[]string{"nosuid"}, []string{"nosuid"}},
		{[]string{"nosuid", "suid"}, []string{"!nosuid"}},
		{[]string{"nodev", "noexec"}, []string{"nodev", "noexec"}},
		{[]string{"noexec", "exec", "nodev", "dev"}, []string{"!noexec", "!nodev"}},
		{[]string{"noatime"}, []string{"noatime", "!relatime"}},
		{[]string{"strictatime"}, []string{"!noatime", "!relatime"}},
		{[]string{"noatime", "relatime"}, []string{"!noatime", "relatime"}},
		{[]string{"strictatime", "noatime"}, []string{"noatime", "!relatime"}},
		{[]string{"nodiratime"}, []string{"nodiratime"}},
		{[]string{"nodiratime", "diratime"}, []string{"!nodiratime"}},
		{[]string{"nosymfollow"}, []string{"nosymfollow"}},
		{[]string{"nosymfollow", "symfollow"}, []string{"!nosymfollow"}},
		{[]string{"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"},
			[]string{"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"}},
		{[]string{"rro"}, []string{"ro"}},
		{[]string{"rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rnosymfollow"},
			[]string{"nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"}},
		{[]string{"defaults"}, []string{"rw", "relatime"}},
		{[]string{"sync"}, nil}, // of the file system: see below
	}
	for _, kind := range []string{"tmpfs", "bind", "rbind"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			check(t, os.Mkdir(b.Dir+"/source", 0o755))
			for i, c := range table {
				m := specs.Mount{Destination: "/m" + string(rune('a'+i)), Type: kind, Source: b.Dir + "/source", Options: c.options}
				if kind != "tmpfs" {
					m.Type, m.Options = "bind", append([]string{kind}, c.options...)
				}
				b.Edit(mount(m))
			}
			inside := b.Inspect()
			for i, c := range table {
				m := inside.Mount("/m" + string(rune('a'+i)))
				if m == nil {
					t.Errorf("mount with %v: got none, want one", c.options)
					continue
				}
				own := kit.Mount{Options: m.Options} // without those of the file system
				if !own.Has(c.want...) {
					t.Errorf("mount with %v: got options %v, want %v", c.options, m.Options, c.want)
				}
				if slices.Contains(c.options, "sync") && kind == "tmpfs" && !m.Has("sync") {
					t.Errorf("mount with %v: got options %v of the file system, want sync in them", c.options, m.SuperOptions)
				}
			}
		})
	}
}

// TestTmpfsOptions: what is no option of the mount goes to the file system.
func TestTmpfsOptions(t *testing.T) {
	t.Parallel()
	b := kit.New(t, tmpfs("/mnt", "size=1m", "mode=1770", "uid=5", "gid=6", "nr_inodes=32"), kit.Args("stat", "/mnt"))
	got := kit.JSON[[]kit.File](b, b.Run().Stdout)[0]
	if got.Mode != "1770" || got.UID != 5 || got.GID != 6 {
		t.Errorf("stat /mnt: got %+v, want mode 1770, owner 5:6", got)
	}
	if m := b.Inspect().Mount("/mnt"); !m.Has("size=1024k", "nr_inodes=32") {
		t.Errorf("mount on /mnt: got %+v, want size=1024k and nr_inodes=32", m)
	}
}

func TestMountPropagation(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	check(t, os.MkdirAll(b.Dir+"/source", 0o755))
	mountAt(t, "tmpfs", b.Dir+"/source", "tmpfs", 0) // shared, as its parent is
	check(t, os.Mkdir(b.Dir+"/source/sub", 0o755))
	mountAt(t, "tmpfs", b.Dir+"/source/sub", "tmpfs", 0)
	table := []struct{ option, own, sub string }{
		{"", "master", "master"},
		{"private", "", "master"}, {"rprivate", "", ""},
		{"slave", "master", "master"}, {"rslave", "master", "master"},
		{"shared", "shared master", "master"}, {"rshared", "shared master", "shared master"},
		{"unbindable", "unbindable", "master"}, {"runbindable", "unbindable", "unbindable"},
	}
	for _, c := range table {
		b.Edit(bind(b.Dir+"/source", "/m"+c.option, "rbind", c.option))
	}
	b.Edit(tmpfs("/mnt", "rshared"))
	inside := b.Inspect()
	kind := func(target string) string {
		m := inside.Mount(target)
		if m == nil {
			return "missing"
		}
		var kinds []string
		for _, p := range m.Propagation {
			name, _, _ := strings.Cut(p, ":")
			kinds = append(kinds, name)
		}
		return strings.Join(kinds, " ")
	}
	for _, c := range table {
		if own, sub := kind("/m"+c.option), kind("/m"+c.option+"/sub"); own != c.own || sub != c.sub {
			t.Errorf("propagation, %s: got %q, and below it %q; want %q, %q", c.option, own, sub, c.own, c.sub)
		}
	}
	if got := kind("/mnt"); got != "shared" {
		t.Errorf("propagation of /mnt: got %s, want shared", got)
	}
}

func TestMountErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit edit
		want []string
	}{
		{"unknown type", mount(specs.Mount{Destination: "/m", Type: "wonderfs", Source: "x"}), []string{"mounts[7]", "wonderfs", "no such device"}},
		{"unknown option", tmpfs("/m", "wonder=1"), []string{"mounts[7]", "wonder"}},
		{"bad value", tmpfs("/m", "size=much"), []string{"mounts[7]", "Bad value for 'size'"}},
		{"missing source", bind("/nowhere", "/m", "bind"), []string{"mounts[7]", "/nowhere", "no such file or directory"}},
		{"no source", bind("", "/m", "bind"), []string{"mounts[7].source"}},
		{"no type", mount(specs.Mount{Destination: "/m", Source: "/tmp"}), []string{"mounts[7]"}},
		{"no destination", tmpfs(""), []string{"mounts[7].destination"}},
		{"on the root", tmpfs("/"), []string{"mounts[7].destination"}},
		{"a directory on a file", bind("/tmp", kit.PayloadPath, "bind"), []string{"mounts[7]", "not a directory"}},
		{"a file on a directory", bind("/etc/passwd", "/tmp", "bind"), []string{"mounts[7]", "not a directory"}},
		{"a file system on a file", tmpfs(kit.PayloadPath), []string{"mounts[7]", "not a directory"}},
		{"below a file", tmpfs(kit.PayloadPath + "/sub"), []string{"mounts[7]", "not a directory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, c.edit)
			b.Fails([]string{"run", b.ID}, c.want...)
		})
	}
}

// TestMountKeepsSource: options are the container's own; the mount that was bound keeps its.
func TestMountKeepsSource(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("write", "/mnt/file", "x"))
	source := b.Dir + "/source"
	check(t, os.Mkdir(source, 0o755))
	mountAt(t, "tmpfs", source, "tmpfs", syscall.MS_NOSUID)
	b.Edit(bind(source, "/mnt", "rbind", "rro", "noexec"))
	if res := b.Teu("run", b.ID); res.Stdout != "EROFS\n" {
		t.Errorf("%v, want stdout %q", res, "EROFS\n")
	}
	check(t, os.WriteFile(source+"/host", nil, 0o644))
	if m := b.Inspect().Mount("/mnt"); !m.Has("nosuid", "noexec") { // what the host's mount has stays
		t.Errorf("mount on /mnt: got %+v, want nosuid and noexec", m)
	}
}
