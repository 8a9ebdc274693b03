package lifecycle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestRootReadonly(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "root.readonly")
	for _, c := range []struct {
		name     string
		readonly bool
		want     string
	}{{"read-only", true, "EROFS"}, {"writable", false, ""}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, func(s *specs.Spec) { s.Root.Readonly = c.readonly })
			inside := b.Inspect()
			if m := inside.Mount("/"); m.Has("ro") != c.readonly {
				t.Errorf("mount on /: got %+v, want ro: %v", m, c.readonly)
			}
			b.Edit(kit.Args("write", "/new", "x"))
			res := b.Teu("run", b.ID)
			if code := map[bool]int{true: 1}[c.readonly]; res.Code != code || strings.TrimSpace(res.Stdout) != c.want {
				t.Errorf("%v, want exit code %d and stdout %q", res, code, c.want)
			}
			if _, err := os.Stat(b.Rootfs + "/new"); (err == nil) == c.readonly {
				t.Errorf("stat /new on the host: got %v, want it there: %v", err, !c.readonly)
			}
			// The mount is the container's own: the host's file system stays writable.
			check(t, os.WriteFile(b.Rootfs+"/host", nil, 0o644))
		})
	}
}

// hostTree makes root.path a shared mount on the host with a directory /mnt that is a shared mount too.
func hostTree(t *testing.T, b *kit.Bundle) {
	t.Helper()
	mountAt(t, b.Rootfs, b.Rootfs, "", syscall.MS_BIND|syscall.MS_REC)
	check(t, os.Mkdir(b.Rootfs+"/mnt", 0o755))
	check(t, os.Mkdir(b.Rootfs+"/later", 0o755))
	mountAt(t, "tmpfs", b.Rootfs+"/mnt", "tmpfs", 0)
	check(t, os.Mkdir(b.Rootfs+"/mnt/sub", 0o755))
}

func mounted(t *testing.T, target string) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	return strings.Contains(string(text), " "+target+" ")
}

// TestRootfsPropagation asks the kernel what became of the root and of a mount below it, mounts from inside and from outside, and looks
// at the other side.
func TestRootfsPropagation(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.rootfsPropagation")
	for _, c := range []struct {
		propagation string
		want        string // the kind of propagation of the mount on /
		in          bool   // what is mounted outside on the root shows inside
		out         bool   // what is mounted inside, on a mount below the root, shows outside
	}{
		{"", "master", true, false},
		{"rslave", "master", true, false},
		{"slave", "master", true, false},
		{"rprivate", "", false, false},
		{"private", "", false, false},
		// A peer group of its own (config-linux.md, "Rootfs Mount Propagation"); mounts below stay peers.
		{"shared", "shared", false, true},
		{"rshared", "shared", false, true},
		{"unbindable", "unbindable", false, false},
		{"runbindable", "unbindable", false, false},
	} {
		t.Run("propagation "+c.propagation, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, privileged, writable, kit.Args("sleep", "forever"), func(s *specs.Spec) { s.Linux.RootfsPropagation = c.propagation })
			hostTree(t, b)
			b.Start()
			in := kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout)
			root := in.Mount("/")
			kind := func(m *kit.Mount) string {
				k := make([]string, 0, 1)
				for _, p := range m.Propagation {
					name, _, _ := strings.Cut(p, ":")
					k = append(k, name)
				}
				return strings.Join(k, " ")
			}
			if got := kind(root); got != c.want {
				t.Errorf("propagation of /: got %q, want %q", got, c.want)
			}
			if m := in.Mount("/mnt"); m == nil || strings.HasPrefix(c.propagation, "r") && kind(m) != c.want {
				t.Errorf("mount on /mnt: got %+v, want one, with propagation %q if recursive", m, c.want)
			}

			res := b.Teu("exec", b.ID, kit.PayloadPath, "syscall", "mount", "s:tmpfs", "s:/mnt/sub", "s:tmpfs", "0", "0")
			if res.Code != 0 {
				t.Fatalf("%v, want exit code 0", res)
			}
			if got := mounted(t, b.Rootfs+"/mnt/sub"); got != c.out {
				t.Errorf("what was mounted inside shows outside: %v, want %v", got, c.out)
			}
			if c.out {
				check(t, syscall.Unmount(b.Rootfs+"/mnt/sub", 0))
			}
			mountAt(t, "tmpfs", b.Rootfs+"/later", "tmpfs", 0)
			in = kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout)
			if got := in.Mount("/later") != nil; got != c.in {
				t.Errorf("mount made outside shows inside: got %v, want %v", got, c.in)
			}
			b.OK("delete", "--force", b.ID)
			if !mounted(t, b.Rootfs+"/mnt") {
				t.Error("mount of the host on /mnt after delete: got none, want it left")
			}
		})
	}
}

// TestHostMountsGone: nothing of the host is left to see.
func TestHostMountsGone(t *testing.T) {
	t.Parallel()
	inside := kit.New(t, everyNamespace).Inspect()
	for _, m := range inside.Mountinfo {
		if m.Target != "/" && !strings.HasPrefix(m.Target, "/proc") && !strings.HasPrefix(m.Target, "/dev") && !strings.HasPrefix(m.Target, "/sys") {
			t.Errorf("mounts inside: got %+v, want none but /, /proc, /dev, /sys and below", m)
		}
	}
	if root := inside.Mountinfo[0]; root.Target != "/" || slices.ContainsFunc(inside.Mountinfo[1:], func(m kit.Mount) bool { return m.Target == "/" }) {
		t.Errorf("mounts inside: got %+v, want one root, the first", inside.Mountinfo)
	}
}

func TestNoPivot(t *testing.T) {
	t.Parallel()
	b := kit.New(t, writable, kit.Args("all"))
	inside := kit.JSON[*kit.Report](b, b.OK("run", "--no-pivot", b.ID).Stdout)
	if inside.Pid != 1 || inside.Mount("/proc") == nil {
		t.Errorf("run --no-pivot: got %+v, want pid 1 and a mount on /proc", inside)
	}
	b.Edit(kit.Args("ls", "/"))
	if out := b.OK("run", "--no-pivot", b.ID).Stdout; !strings.HasPrefix(out, "bin\ndev\netc\n") {
		t.Errorf("ls /: got %q, want %q first", out, "bin\ndev\netc\n")
	}
	// pivot_root cannot leave a ramfs; moving the mount can.
	ram := b.Dir + "/ram"
	check(t, os.Mkdir(ram, 0o755))
	mountAt(t, "ramfs", ram, "ramfs", 0)
	check(t, os.Mkdir(ram+"/bin", 0o755))
	binary, err := os.ReadFile(kit.Payload())
	check(t, err)
	check(t, os.WriteFile(ram+kit.PayloadPath, binary, 0o755))
	b.Edit(func(s *specs.Spec) { s.Root.Path = ram })
	b.OK("run", "--no-pivot", b.ID)
}

func TestRootPath(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "root.path")
	for _, c := range []struct {
		name string
		make func(t *testing.T, b *kit.Bundle) string
		want []string // of the error; none: it runs
	}{
		{"absolute", func(_ *testing.T, b *kit.Bundle) string { return b.Rootfs }, nil},
		{"with dots", func(*testing.T, *kit.Bundle) string { return "./x/../rootfs/" }, nil},
		{"outside the bundle", func(t *testing.T, b *kit.Bundle) string {
			check(t, os.Rename(b.Rootfs, b.Dir+".root"))
			t.Cleanup(func() { os.RemoveAll(b.Dir + ".root") })
			return "../" + b.ID + ".root"
		}, nil},
		{"missing", func(*testing.T, *kit.Bundle) string { return "nowhere" }, []string{"root.path", "nowhere", "no such file or directory"}},
		{"a file", func(*testing.T, *kit.Bundle) string { return "config.json" }, []string{"root.path", "config.json", "not a directory"}},
		{"a symlink", func(t *testing.T, b *kit.Bundle) string {
			check(t, os.Symlink("rootfs", b.Dir+"/other"))
			check(t, os.Symlink("other", b.Dir+"/link"))
			return "link"
		}, nil},
		{"a symlink, shared", func(t *testing.T, b *kit.Bundle) string {
			b.Edit(func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" })
			check(t, os.Symlink(b.Rootfs, b.Dir+"/link"))
			return b.Dir + "/link"
		}, nil},
		{"a symlink to a file", func(t *testing.T, b *kit.Bundle) string {
			check(t, os.Symlink("config.json", b.Dir+"/link"))
			return "link"
		}, []string{"root.path", "config.json", "not a directory"}},
		{"empty", func(*testing.T, *kit.Bundle) string { return "" }, []string{"root.path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			path := c.make(t, b)
			b.Edit(func(s *specs.Spec) { s.Root.Path = path })
			if c.want == nil {
				b.Run()
				return
			}
			b.Fails([]string{"run", b.ID}, c.want...)
		})
	}
}

// TestBundle: the bundle is the working directory unless --bundle says otherwise, relative or absolute.
func TestBundle(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for _, dir := range []string{b.Dir, ".", "../" + filepath.Base(b.Dir)} {
		b.OK("create", "--bundle", dir, b.ID)
		if st := b.State(); st.Bundle != b.Dir {
			t.Errorf("bundle: got %s, want %s", st.Bundle, b.Dir)
		}
		b.OK("delete", "--force", b.ID)
	}
	b.Fails([]string{"create", "--bundle", "/nowhere", b.ID}, "/nowhere", "no such file or directory")
}
