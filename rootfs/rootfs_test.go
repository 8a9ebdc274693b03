package rootfs

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/nsenter/program/golden"
)

// compiler is a Compiler whose root is an input of the program, and the program so far.
func compiler(c *Config) (*program.Builder, *Compiler) {
	b := program.New()
	b.Stream("control")
	root := b.Input("root")
	fs := New(b, c)
	fs.root = root
	b.At("", "start")
	b.Prctl(sys.PrSetDumpable, 0)
	b.SigReset()
	return b, fs
}

// finish makes b a program that verifies.
func finish(b *program.Builder) *program.Program {
	b.At("", "rest")
	b.Prctl(sys.PrSetKeepcaps, 1)
	b.Setresuid(0)
	b.CheckCwd()
	b.Capset(0, 0, 0)
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	b.CloexecFrom(3)
	b.Exec([]string{"/init"}, []string{"init"}, nil)
	return b.Program()
}

func spec(do func(s *specs.Spec)) *Config {
	s := &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{}}
	if do != nil {
		do(s)
	}
	return &Config{Spec: s, Bundle: "/bundle"}
}

// TestGoldenPhases has what each phase adds to a program that only enters the root.
func TestGoldenPhases(t *testing.T) {
	b, fs := compiler(spec(nil))
	fs.Enter()
	base := finish(b)
	mount := func(m ...specs.Mount) *Config { return spec(func(s *specs.Spec) { s.Mounts = m }) }
	userns := spec(func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/p", Type: "p"}} })
	userns.UserNS = true
	for name, c := range map[string]struct {
		config *Config
		phase  func(fs *Compiler) error
	}{
		"mounts": {mount(
			specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid"}},
			specs.Mount{Destination: "/dev", Type: "tmpfs", Options: []string{"mode=755"}},
			specs.Mount{Destination: "/data/../srv", Source: "here", Options: []string{"rbind", "rnosuid", "noatime", "rprivate", "shared"}},
		), (*Compiler).Mounts},
		"devices":        {spec(nil), (*Compiler).Devices},
		"devices-userns": {userns, (*Compiler).Devices},
		"masks": {spec(func(s *specs.Spec) {
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/a", "/sys/b"}, []string{"/proc/c"}
		}), func(fs *Compiler) error { fs.Masks(); return nil }},
		"masks-below-mounts": {spec(func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/proc", Type: "proc"}}
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/a", "/sys/b"}, []string{"/proc/c"}
		}), func(fs *Compiler) error { err := fs.Mounts(); fs.Masks(); return err }},
		"console": {spec(nil), func(fs *Compiler) error {
			master, slave := fs.Console([]byte{24, 0, 80, 0, 0, 0, 0, 0}, 5, 6, true, true)
			fs.b.Close(master, slave)
			return nil
		}},
		"dir":      {spec(nil), func(fs *Compiler) error { fs.Dir("process.cwd", "/a/b"); return nil }},
		"readonly": {spec(func(s *specs.Spec) { s.Root.Readonly = true }), func(*Compiler) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			b, fs := compiler(c.config)
			if err := c.phase(fs); err != nil {
				t.Fatalf("compile: %v", err)
			}
			fs.Finish()
			fs.Enter()
			p := finish(b)
			golden.Verified(t, p)
			golden.Text(t, name, golden.Changes(base, p))
		})
	}
}

func TestGoldenInside(t *testing.T) {
	b := program.New()
	b.Prctl(sys.PrSetDumpable, 0)
	b.SigReset()
	b.Chroot(".")
	fs := Inside(b)
	master, slave := fs.Console(nil, 0, 0, false, false)
	fs.Close()
	b.Close(master, slave)
	b.Chdir("/")
	golden.Program(t, "inside", finish(b))
}

// TestRefusedMounts: each is refused with the place of the field that is wrong.
func TestRefusedMounts(t *testing.T) {
	for want, m := range map[string]specs.Mount{
		"mounts[0].destination: /: is the root itself":              {Destination: "/", Type: "tmpfs"},
		"mounts[0].destination: /a/..: is the root itself":          {Destination: "/a/..", Type: "tmpfs"},
		"mounts[0].type: none given, and no bind among the options": {Destination: "/a", Source: "/b"},
		"mounts[0].type: none given, and no bind":                   {Destination: "/a", Source: "/b", Type: "none"},
		"mounts[0].source: none given for a bind mount":             {Destination: "/a", Options: []string{"bind"}},
		"mounts[0].options[1]: nofail: not supported":               {Destination: "/a", Options: []string{"ro", "nofail"}},
		`mounts[0].options: ["remount" "size=1m"]: the filesystem on /a may be another's as well`: {
			Destination: "/a", Type: "tmpfs", Options: []string{"remount", "size=1m"},
		},
		"mounts[0].type: cgroup2: no such hierarchy on this host": {Destination: "/a", Type: "cgroup2"},
	} {
		_, fs := compiler(spec(func(s *specs.Spec) { s.Mounts = []specs.Mount{m} }))
		var errno syscall.Errno
		if err := fs.Mounts(); err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &errno) {
			t.Errorf("mounts: got error %v\nwant %s, and an errno", err, want)
		}
	}
	_, fs := compiler(spec(func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/a", Type: "c"}, {Path: "/dev/b", Type: "x"}}
	}))
	if err := fs.Devices(); !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(err.Error(), `linux.devices[1].type: "x"`) {
		t.Errorf("devices: got error %v, want EINVAL of linux.devices[1].type: \"x\"", err)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ bundle, path, want string }{
		{"/b", "rootfs", "/b/rootfs"}, {"/b", "/abs", "/abs"}, {"/b", "../x", "/x"}, {"/b", "/abs/../y/", "/y"},
	} {
		config := &Config{Bundle: c.bundle, Spec: &specs.Spec{Root: &specs.Root{Path: c.path}}}
		if got := config.Path(); got != c.want {
			t.Errorf("root %s in %s: got %s, want %s", c.path, c.bundle, got, c.want)
		}
	}
	for _, c := range []struct{ source, want string }{{"x", "/b/x"}, {"/x", "/x"}, {"../x", "/x"}} {
		if got := Source("/b", &specs.Mount{Source: c.source}); got != c.want {
			t.Errorf("source %s: got %s, want %s", c.source, got, c.want)
		}
	}
	for _, c := range []struct{ dest, want string }{{"/a/../b", "/b"}, {"a", "/a"}, {"../../a", "/a"}, {"/a//", "/a"}} {
		if got := destination(&specs.Mount{Destination: c.dest}); got != c.want {
			t.Errorf("destination %s: got %s, want %s", c.dest, got, c.want)
		}
	}
	for _, c := range []struct {
		m     specs.Mount
		flags uint
		bind  bool
	}{
		{specs.Mount{Type: "bind"}, sys.OpenTreeClone, true},
		{specs.Mount{Options: []string{"bind"}}, sys.OpenTreeClone, true},
		{specs.Mount{Type: "none", Options: []string{"rbind"}}, sys.OpenTreeClone | sys.AtRecursive, true},
		{specs.Mount{Type: "tmpfs"}, 0, false},
		{specs.Mount{Type: "bind", Options: []string{"remount"}}, 0, false},
	} {
		if flags, bind := BindFlags(&c.m); flags != c.flags || bind != c.bind {
			t.Errorf("%+v: got flags %#x, bind %v, want %#x, %v", c.m, flags, bind, c.flags, c.bind)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		dir, path, rest string
		ok              bool
	}{
		{"/proc", "/proc/a/b", "a/b", true}, {"/proc", "/proc//a/./b/", "a/b", true}, {"/proc", "/proc/.x", ".x", true},
		{"/proc", "/proc", "", false}, {"/proc", "/proc/", "", false}, {"/proc", "/process", "", false},
		{"/proc", "/sys/proc/a", "", false}, {"/proc", "proc/a", "", false}, {"/proc", "/proc/../a", "", false},
		{"/proc", "/proc/a/../b", "", false}, {"/a", "//a//b", "b", true}, {"/a", "", "", false},
	} {
		if rest, ok := below(c.dir, c.path); rest != c.rest || ok != c.ok {
			t.Errorf("%s below %s: got %q, %v, want %q, %v", c.path, c.dir, rest, ok, c.rest, c.ok)
		}
	}
}
