package rootfs

import (
	"errors"
	"slices"
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
	b.Prctl(sys.PrSetDumpable, 0)
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
	return &Config{Spec: s, Bundle: "/bundle", Root: "/bundle/rootfs", Dir: program.None, Tree: program.None, Pids: program.None}
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
		"masks-twice": {spec(func(s *specs.Spec) {
			s.Linux.MaskedPaths = []string{"/a", "/a/b", "//a/../a/", "/ab", "/c"}
		}), func(fs *Compiler) error { fs.Masks(); return nil }},
		"masks-of-readonly": {spec(func(s *specs.Spec) {
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/a"}, []string{"/proc/a", "/", "/proc/a/b", "/proc"}
		}), func(fs *Compiler) error { fs.Masks(); return nil }},
		"masks-below-mounts": {spec(func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/proc", Type: "proc"}}
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/a", "/sys/b"}, []string{"/proc/c"}
		}), func(fs *Compiler) error { err := fs.Mounts(); fs.Masks(); return err }},
		"console": {spec(nil), func(fs *Compiler) error {
			master, slave := fs.Console([]byte{24, 0, 80, 0, 0, 0, 0, 0}, 5, true)
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
	master, slave := fs.Console(nil, 0, false)
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
		if got := Path(&specs.Spec{Root: &specs.Root{Path: c.path}}, c.bundle); got != c.want {
			t.Errorf("root %s in %s: got %s, want %s", c.path, c.bundle, got, c.want)
		}
	}
	for _, c := range []struct{ root, source, want string }{
		{"/b/rootfs", "/b/rootfs/x", "/x"}, {"/b/rootfs", "/b/rootfs", "/"}, {"/b/rootfs", "/b/rootfs//x/./y/", "/x/y"},
		{"/b/rootfs", "/b/rootfsx", ""}, {"/b/rootfs", "/b/rootfs/../x", ""}, {"/b/rootfs", "/b/x", ""}, {"/", "/x", ""},
		{"/real", "/real/x", "/x"}, {"/real", "/b/rootfs/x", "/x"}, // root.path is a symlink to /real
	} {
		if got, ok := InRoot(spec(nil).Spec, "/b", c.root, c.source); got != c.want || ok != (c.want != "") {
			t.Errorf("source %s in root %s: got %q, %v, want %q", c.source, c.root, got, ok, c.want)
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

// TestLookupsStartAtMounts: the last mount on the way that the program holds is where a lookup starts.
func TestLookupsStartAtMounts(t *testing.T) {
	for _, c := range []struct {
		mounts, path string
		start        string // the entry and the path that it is on; "" for the root
	}{
		{"/proc /sys", "/proc/a/b", "0 /proc"},
		{"/proc /sys", "/process/a", ""},
		{"/proc /sys", "/a/proc", ""},
		{"/proc /sys", "/proc", "0 /proc"},
		{"/a /a/b", "/a/b/c", "1 /a/b"},
		{"/a/b /a", "/a/b/c", "1 /a"},
		{"/a /a/b /a", "/a/b/c", "2 /a"},
		{"/a /a/b", "/a/c", "0 /a"},
		{"/a/b", "/a", ""},
		{"/run", "/var/run/a", ""},
		{"/proc", "/proc" + strings.Repeat("/a", 1<<20), "0 /proc"},
	} {
		b, fs := compiler(spec(func(s *specs.Spec) {
			for dest := range strings.FieldsSeq(c.mounts) {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: dest, Type: "ramfs"})
			}
			s.Linux.ReadonlyPaths = []string{c.path}
		}))
		if err := fs.Mounts(); err != nil {
			t.Errorf("mounts %s: %v", c.mounts, err)
		}
		p, got := fs.path(c.path), ""
		for i, in := range b.Program().Insns {
			if in.Op == program.OpSyscall && in.Nr == sys.SysFsmount && in.Out == p.Held {
				got = strings.TrimSuffix(strings.TrimPrefix(b.Program().Insns[i].Where, "mounts["), "]") + " " + c.path[:p.Known]
			}
		}
		if got != c.start || p.Name != c.path || p.Root != fs.root {
			t.Errorf("mounts %s: lookup of %.99s: starts at %q, want %q", c.mounts, c.path, got, c.start)
		}
	}
}

// TestMountsAreLetGo: a mount is held as long as something is looked up from it, and no longer.
func TestMountsAreLetGo(t *testing.T) {
	b, fs := compiler(spec(func(s *specs.Spec) {
		for _, dest := range []string{"/v", "/w", "/v/w", "/x", "/dev"} {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: dest, Type: "ramfs"})
		}
	}))
	if err := fs.Mounts(); err != nil {
		t.Fatal(err)
	}
	var got []string
	mounts := map[program.Slot]string{}
	for _, in := range b.Program().Insns {
		if len(in.Args) == 0 {
			continue
		}
		switch s := program.Slot(in.Args[0].Val); {
		case in.Op == program.OpSyscall && in.Nr == sys.SysFsmount:
			mounts[in.Out] = in.Where
		case in.Op == program.OpSyscall && in.Nr == sys.SysClose && mounts[s] != "":
			got = append(got, mounts[s]+" in "+in.Where)
		}
	}
	want := []string{"mounts[1] in mounts[1]", "mounts[2] in mounts[2]", "mounts[0] in mounts[2]", "mounts[3] in mounts[3]"}
	if !slices.Equal(got, want) {
		t.Errorf("closed by mounts:\ngot  %q\nwant %q, and /dev later", got, want)
	}
}
