package lifecycle

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// stat looks at paths in the container.
func stat(t *testing.T, b *kit.Bundle, paths ...string) map[string]kit.File {
	t.Helper()
	res := b.Run(kit.Args(append([]string{"stat"}, paths...)...))
	files := map[string]kit.File{}
	for _, f := range kit.JSON[[]kit.File](b, res.Stdout) {
		files[f.Path] = f
	}
	return files
}

// TestDefaultDevices: config-linux.md, "Default Devices", made whatever the umask and although linux.devices is empty.
func TestDefaultDevices(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	want := map[string]string{
		"/dev/null": "1:3", "/dev/zero": "1:5", "/dev/full": "1:7", "/dev/random": "1:8", "/dev/urandom": "1:9", "/dev/tty": "5:0",
	}
	paths := make([]string, 0, len(want))
	for path := range want {
		paths = append(paths, path)
	}
	for path, f := range stat(t, b, paths...) {
		if f.Type != "char" || f.Mode != "666" || f.Rdev != want[path] || f.UID != 0 || f.GID != 0 {
			t.Errorf("stat %s: got %+v, want a char device %s of root with mode 666", path, f, want[path])
		}
	}
	for path, want := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2", "/dev/ptmx": "pts/ptmx",
	} {
		if out := b.Run(kit.Args("readlink", path)).Stdout; out != want+"\n" {
			t.Errorf("readlink %s: got %q, want %q", path, out, want+"\n")
		}
	}
	if f := stat(t, b, "/dev/console")["/dev/console"]; f.Error != "ENOENT" {
		t.Errorf("/dev/console without a terminal: got %+v, want ENOENT", f)
	}
	core, err := os.Lstat("/proc/kcore")
	if f := stat(t, b, "/dev/core")["/dev/core"]; (f.Type == "symlink") != (err == nil) {
		t.Errorf("/dev/core: got %+v, want a symlink only if the host has /proc/kcore: %v, %v", f, core, err)
	}
}

func device(path, typ string, major, minor int64, mode fs.FileMode, uid, gid uint32) edit {
	return func(s *specs.Spec) {
		s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{
			Path: path, Type: typ, Major: major, Minor: minor, FileMode: &mode, UID: &uid, GID: &gid,
		})
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.devices[].path", "linux.devices[].type", "linux.devices[].major", "linux.devices[].minor",
		"linux.devices[].fileMode", "linux.devices[].uid", "linux.devices[].gid")
	b := kit.New(t,
		device("/dev/char", "c", 1, 3, 0o640, 5, 6), device("/dev/unbuffered", "u", 1, 5, 0o600, 0, 0),
		device("/dev/block", "b", 7, 300, 0o660, 0, 7), device("/dev/pipe", "p", 0, 0, 0o622, 8, 9),
		device("/dev/deep/down/big", "c", 300, 70000, 0o4777, 0, 0), device("/etc/elsewhere", "c", 1, 3, 0o666, 0, 0),
		func(s *specs.Spec) {
			s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: "/dev/plain", Type: "c", Major: 1, Minor: 3})
		},
		// One of the default ones with an owner of its own.
		device("/dev/null", "c", 1, 3, 0o666, 0, 0),
	)
	want := map[string]kit.File{
		"/dev/char":          {Type: "char", Mode: "640", Rdev: "1:3", UID: 5, GID: 6},
		"/dev/unbuffered":    {Type: "char", Mode: "600", Rdev: "1:5"},
		"/dev/block":         {Type: "block", Mode: "660", Rdev: "7:300", GID: 7},
		"/dev/pipe":          {Type: "fifo", Mode: "622", UID: 8, GID: 9},
		"/dev/deep/down/big": {Type: "char", Mode: "4777", Rdev: "300:70000"},
		"/etc/elsewhere":     {Type: "char", Mode: "666", Rdev: "1:3"},
		"/dev/plain":         {Type: "char", Mode: "666", Rdev: "1:3"},
		"/dev/null":          {Type: "char", Mode: "666", Rdev: "1:3"},
	}
	paths := make([]string, 0, len(want))
	for path := range want {
		paths = append(paths, path)
	}
	for path, f := range stat(t, b, paths...) {
		w := want[path]
		if f.Type != w.Type || f.Mode != w.Mode || f.Rdev != w.Rdev || f.UID != w.UID || f.GID != w.GID {
			t.Errorf("stat %s: got %+v, want %+v", path, f, w)
		}
	}
	if out := b.Run(kit.Args("open", "/dev/plain", "w")).Stdout; out != "ok\n" {
		t.Errorf("open /dev/plain to write: got %q, want %q", out, "ok\n")
	}
}

// TestDeviceThere: a node that the image has already has to be the one that is asked for.
func TestDeviceThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit edit
		make func(t *testing.T, b *kit.Bundle)
		want []string
	}{
		{"the same", device("/etc/node", "c", 1, 3, 0o666, 0, 0), func(t *testing.T, b *kit.Bundle) {
			check(t, syscall.Mknod(b.Rootfs+"/etc/node", syscall.S_IFCHR|0o666, 1<<8|3))
		}, nil},
		{"another number", device("/etc/node", "c", 1, 3, 0o666, 0, 0), func(t *testing.T, b *kit.Bundle) {
			check(t, syscall.Mknod(b.Rootfs+"/etc/node", syscall.S_IFCHR|0o666, 1<<8|5))
		}, []string{"linux.devices[0]", "/etc/node"}},
		{"another type", device("/etc/node", "c", 1, 3, 0o666, 0, 0), func(t *testing.T, b *kit.Bundle) {
			check(t, syscall.Mknod(b.Rootfs+"/etc/node", syscall.S_IFBLK|0o666, 1<<8|3))
		}, []string{"linux.devices[0]", "/etc/node"}},
		{"a file", device("/etc/node", "c", 1, 3, 0o666, 0, 0), func(_ *testing.T, b *kit.Bundle) {
			b.File("/etc/node", "", 0o644)
		}, []string{"linux.devices[0]", "/etc/node"}},
		{"a symlink to it", device("/etc/node", "c", 1, 3, 0o666, 0, 0), func(_ *testing.T, b *kit.Bundle) {
			b.Symlink("/dev/null", "/etc/node")
		}, []string{"linux.devices[0]", "/etc/node"}},
		{"a wrong default device", func(s *specs.Spec) { s.Mounts = noDev(s.Mounts) }, func(_ *testing.T, b *kit.Bundle) {
			b.File("/dev/zero", "", 0o644)
		}, []string{"/dev/zero"}},
		{"unknown type", device("/dev/x", "x", 1, 3, 0o666, 0, 0), nil, []string{"linux.devices[0].type"}},
		{"no path", device("", "c", 1, 3, 0o666, 0, 0), nil, []string{"linux.devices[0].path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, c.edit)
			if c.make != nil {
				c.make(t, b)
			}
			if c.want == nil {
				b.Run()
				return
			}
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}

// noDev leaves out what is mounted on and below /dev.
func noDev(mounts []specs.Mount) []specs.Mount {
	var rest []specs.Mount
	for _, m := range mounts {
		if !strings.HasPrefix(m.Destination, "/dev") {
			rest = append(rest, m)
		}
	}
	return rest
}

// TestDevSymlink: /dev of the image is no symlink: it could lead into a volume, and the devices be on the host
// (CVE-2026-41579).
func TestDevSymlink(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"../../../../../../../../../elsewhere", "/etc", "etc"} {
		b := kit.New(t, writable)
		b.Symlink(target, "/dev")
		b.Fails([]string{"run", b.ID}, "mounts[1]: mount tmpfs on /dev: a symlink is in the way")
		b.Edit(func(s *specs.Spec) { s.Mounts = noDev(s.Mounts) })
		b.Fails([]string{"run", b.ID}, "linux.devices: open /dev: a symlink is in the way")
		b.Edit(bind("/dev", "/dev", "rbind"))
		b.Fails([]string{"run", b.ID}, "bind /dev on /dev: a symlink is in the way")
	}
}

// TestDevBound: nothing is added to a /dev that is a bind mount.
func TestDevBound(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) { s.Mounts = noDev(s.Mounts) })
	dev := b.Dir + "/dev"
	check(t, os.Mkdir(dev, 0o755))
	b.Edit(bind(dev, "/dev", "rbind"))
	if out := b.Run(kit.Args("ls", "/dev")).Stdout; out != "" {
		t.Errorf("ls of a /dev that is bound: got %q, want nothing", out)
	}
}

// TestDevReadonly: a read-only tmpfs on /dev gets its devices first.
func TestDevReadonly(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		for i := range s.Mounts {
			if s.Mounts[i].Destination == "/dev" {
				s.Mounts[i].Options = append(s.Mounts[i].Options, "ro")
			}
		}
	})
	inside := b.Inspect()
	if m := inside.Mount("/dev"); !m.Has("ro") {
		t.Errorf("mount on /dev: got %+v, want ro", m)
	}
	if f := stat(t, b, "/dev/null")["/dev/null"]; f.Rdev != "1:3" {
		t.Errorf("stat /dev/null: got %+v, want the device 1:3", f)
	}
}
