package lifecycle

import (
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func masked(paths ...string) edit {
	return func(s *specs.Spec) { s.Linux.MaskedPaths = paths }
}

func readonlyPaths(paths ...string) edit {
	return func(s *specs.Spec) { s.Linux.ReadonlyPaths = paths }
}

func TestMaskedPaths(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.maskedPaths[]")
	b := kit.New(t, writable, masked("/etc/secret", "/etc/dir", "/etc/missing", "/etc/link", "/etc/dirlink", "/etc/dangling",
		"/proc/version", "/proc/irq"))
	b.File("/etc/secret", "secret", 0o600)
	b.File("/etc/dir/secret", "secret", 0o644)
	b.File("/etc/target", "secret", 0o644)
	b.File("/etc/dirtarget/secret", "secret", 0o644)
	b.Symlink("target", "/etc/link")
	b.Symlink("/etc/dirtarget", "/etc/dirlink")
	b.Symlink("nowhere", "/etc/dangling")
	inside := b.Inspect()
	for _, dir := range []string{"/etc/dir", "/proc/irq", "/etc/dirtarget"} {
		if m := inside.Mount(dir); m == nil || m.Type != "tmpfs" || !m.Has("ro") {
			t.Errorf("mount on %s: got %+v, want a tmpfs that is ro", dir, m)
		}
		if out := b.Run(kit.Args("ls", dir)).Stdout; out != "" {
			t.Errorf("ls %s: got %q, want nothing", dir, out)
		}
		b.Edit(kit.Args("write", dir+"/new", "x"))
		if res := b.Teu("run", b.ID); res.Stdout != "EROFS\n" {
			t.Errorf("%v, want stdout %q", res, "EROFS\n")
		}
	}
	for path, f := range stat(t, b, "/etc/secret", "/etc/target", "/proc/version") {
		if f.Rdev != "1:3" {
			t.Errorf("stat %s: got %+v, want the null device, 1:3", path, f)
		}
	}
	if out := b.Run(kit.Args("cat", "/etc/secret", "/etc/link", "/proc/version")).Stdout; out != "" {
		t.Errorf("cat of the masked files: got %q, want nothing", out)
	}
	for _, path := range []string{"/etc/missing", "/etc/nowhere"} {
		if _, err := os.Lstat(b.Rootfs + path); err == nil {
			t.Errorf("%s in the root: got it made, want none", path)
		}
	}
}

// TestMaskWithFalseNull: what the image has for /dev/null must not be what masks (CVE-2025-31133).
func TestMaskWithFalseNull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, b *kit.Bundle)
		want string // of the error, or "" when the real one is used
	}{
		{"a symlink", func(_ *testing.T, b *kit.Bundle) { b.Symlink("/proc/sysrq-trigger", "/dev/null") }, "/dev/null"},
		{"a file", func(_ *testing.T, b *kit.Bundle) { b.File("/dev/null", "", 0o666) }, "/dev/null"},
		{"another device", func(t *testing.T, b *kit.Bundle) {
			check(t, os.Mkdir(b.Rootfs+"/dev", 0o755))
			check(t, syscall.Mknod(b.Rootfs+"/dev/null", syscall.S_IFCHR|0o666, 1<<8|5))
		}, "/dev/null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, writable, masked("/etc/secret"), func(s *specs.Spec) { s.Mounts = noDev(s.Mounts) })
			b.File("/etc/secret", "secret", 0o644)
			c.make(t, b)
			b.Fails([]string{"create", b.ID}, c.want)
		})
	}
	t.Run("in a bound /dev", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, writable, masked("/etc/secret"), func(s *specs.Spec) { s.Mounts = noDev(s.Mounts) })
		b.File("/etc/secret", "secret", 0o644)
		check(t, os.Mkdir(b.Dir+"/dev", 0o755))
		check(t, os.Symlink("/etc/secret", b.Dir+"/dev/null"))
		b.Edit(bind(b.Dir+"/dev", "/dev", "rbind"))
		if f := stat(t, b, "/etc/secret")["/etc/secret"]; f.Rdev != "1:3" {
			t.Errorf("stat /etc/secret: got %+v, want the null device, 1:3", f)
		}
	})
}

func TestReadonlyPaths(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.readonlyPaths[]")
	b := kit.New(t, writable, readonlyPaths("/etc/dir", "/etc/file", "/etc/missing", "/proc/sys", "/etc/link"), tmpfs("/etc/dir/sub"))
	b.File("/etc/dir/file", "text", 0o644)
	b.File("/etc/file", "text", 0o644)
	b.File("/etc/target/file", "text", 0o644)
	b.Symlink("/etc/target", "/etc/link")
	inside := b.Inspect()
	for _, path := range []string{"/etc/dir", "/etc/dir/sub", "/etc/file", "/proc/sys", "/etc/target"} {
		if m := inside.Mount(path); m == nil || !m.Has("ro") {
			t.Errorf("mount on %s: got %+v, want it there and ro", path, m)
		}
	}
	for _, path := range []string{"/etc/dir/file", "/etc/dir/sub/new", "/etc/file", "/proc/sys/kernel/hostname", "/etc/target/file"} {
		b.Edit(kit.Args("write", path, "x"))
		if res := b.Teu("run", b.ID); res.Stdout != "EROFS\n" {
			t.Errorf("write %s: got %v, want stdout %q", path, res, "EROFS\n")
		}
	}
	if out := b.Run(kit.Args("cat", "/etc/dir/file", "/etc/file", "/etc/link/file")).Stdout; out != "texttexttext" {
		t.Errorf("cat of the read-only files: got %q, want %q", out, "texttexttext")
	}
	if out := b.Run(kit.Args("write", "/etc/elsewhere", "x")).Stdout; out != "" {
		t.Errorf("write /etc/elsewhere: got %q, want nothing", out)
	}
}

// TestMaskedAndReadonly: a path in both lists is masked.
func TestMaskedAndReadonly(t *testing.T) {
	t.Parallel()
	b := kit.New(t, masked("/proc/sys/kernel"), readonlyPaths("/proc/sys"))
	if out := b.Run(kit.Args("ls", "/proc/sys/kernel")).Stdout; out != "" {
		t.Errorf("ls /proc/sys/kernel: got %q, want nothing", out)
	}
	inside := b.Inspect()
	n := 0
	for _, m := range inside.Mountinfo {
		if strings.HasPrefix(m.Target, "/proc/sys") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("mounts at and below /proc/sys: got %d, want 2: %+v", n, inside.Mountinfo)
	}
}

func TestMaskErrors(t *testing.T) {
	t.Parallel()
	for field, e := range map[string]edit{
		"linux.maskedPaths[0]": masked("relative"), "linux.readonlyPaths[0]": readonlyPaths("relative"),
	} {
		b := kit.New(t, e)
		b.Fails([]string{"create", b.ID}, field, "absolute")
	}
}
