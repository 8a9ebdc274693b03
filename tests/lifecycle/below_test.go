package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestMountsBelowMounts: a mount, or what else is looked up, goes where the text of its path and the symlinks on the way lead in
// the container as it is then, whether it starts at the root or at an earlier mount.
func TestMountsBelowMounts(t *testing.T) {
	t.Parallel()
	mask := func(path string) edit {
		return func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, path) }
	}
	readonly := func(path string) edit {
		return func(s *specs.Spec) { s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, path) }
	}
	cwd := func(path string) edit { return process(func(p *specs.Process) { p.Cwd = path }) }
	for _, c := range []struct {
		name    string
		image   string // what is in the root: "PATH" or "PATH -> TARGET"
		volume  string // the same of a volume
		on      string // where the volume is mounted
		edits   []edit
		mounts  string // destinations, and the parent's after a colon
		missing string // what is made on neither
	}{
		{name: "a symlink of the image", image: "run; var/run -> /run",
			edits: []edit{tmpfs("/run"), tmpfs("/var/run/x")}, mounts: "/run:/ /run/x:/run"},
		{name: "a symlink of the image comes first", image: "run; var/run -> ../run",
			edits: []edit{tmpfs("/var/run"), tmpfs("/run/x"), tmpfs("/var/run/y")}, mounts: "/run:/ /run/x:/run", missing: "run/x run/y"},
		{name: "an absolute symlink of a volume", image: "run", volume: "run -> /run", on: "/var",
			edits: []edit{tmpfs("/run"), tmpfs("/var/run/x/y")}, mounts: "/var:/ /run/x/y:/run", missing: "run/x"},
		{name: "a relative symlink of a volume", image: "run", volume: "run -> ../run", on: "/var",
			edits: []edit{tmpfs("/var/run/x")}, mounts: "/var:/ /run/x:/"},
		{name: "a symlink that stays", volume: "d/e; l -> d/e", on: "/vol",
			edits: []edit{tmpfs("/vol/l/x"), tmpfs("/vol/d/y")}, mounts: "/vol:/ /vol/d/e/x:/vol /vol/d/y:/vol"},
		{name: "mounts in mounts", on: "/vol",
			edits:  []edit{tmpfs("/vol/a"), tmpfs("/vol/a/b/c"), tmpfs("/vol/a/b/c/d"), tmpfs("/vol/a/e")},
			mounts: "/vol/a:/vol /vol/a/b/c:/vol/a /vol/a/b/c/d:/vol/a/b/c /vol/a/e:/vol/a"},
		{name: "a mount that covers", on: "/vol/d",
			edits:  []edit{tmpfs("/vol"), tmpfs("/vol/d/x")},
			mounts: "/vol:/ /vol/d/x:/vol"},
		{name: "two mounts on one place", on: "/vol",
			edits:  []edit{tmpfs("/vol"), tmpfs("/vol/x"), bind("/dev/null", "/vol/file", "bind"), bind("/dev/zero", "/vol/file", "bind")},
			mounts: "/vol/x:/vol"},
		{name: "a cgroup", edits: []edit{tmpfs("/sys/fs/cgroup"), tmpfs("/sys/fs/cgroup/x")}, mounts: "/sys/fs/cgroup/x:/sys/fs/cgroup"},
		{name: "a masked path", image: "run/secret; run/other", volume: "run -> /run", on: "/var",
			edits: []edit{mask("/var/run/secret"), mask("/var/run/secret/more"), mask("/var/run/none"), readonly("/var/run/other")},
			// The order of the file: read-only paths come first.
			mounts: "/run/other:/ /run/secret:/"},
		{name: "a path masked twice", image: "a/b", edits: []edit{mask("/a"), mask("/a/b"), mask("/a/../a")}, mounts: "/a:/"},
		{name: "a path in a read-only path", image: "a/b", edits: []edit{readonly("/a"), mask("/a/b")}, mounts: "/a:/ /a/b:/a"},
		{name: "the working directory", volume: "l -> /run/here", on: "/vol", edits: []edit{cwd("/vol/l/w")}, mounts: "/vol:/"},
		{name: "the working directory in a mount", on: "/vol", edits: []edit{tmpfs("/vol/a"), cwd("/vol/a/w/w")}, mounts: "/vol/a:/vol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, writable)
			vol := b.Dir + "/vol"
			lay(t, b.Rootfs, c.image)
			lay(t, vol, c.volume)
			if c.on != "" {
				b.Edit(bind(vol, c.on, "bind"))
			}
			b.Edit(c.edits...)
			inside := b.Inspect()
			for want := range strings.FieldsSeq(c.mounts) {
				dest, on, _ := strings.Cut(want, ":")
				m, p := inside.Mount(dest), inside.Mount(on)
				if m == nil || p == nil || m.Parent != p.ID {
					t.Errorf("mount on %s: got %+v, want it on %+v", dest, m, p)
				}
			}
			for path := range strings.FieldsSeq(c.missing) {
				for _, dir := range []string{b.Rootfs, vol} {
					if _, err := os.Lstat(filepath.Join(dir, path)); err == nil {
						t.Errorf("%s in %s: got it made, want it only on the mount", path, dir)
					}
				}
			}
		})
	}
}

// lay makes directories and symlinks below dir: "PATH" or "PATH -> TARGET", parted by semicolons.
func lay(t *testing.T, dir, things string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	for thing := range strings.SplitSeq(things, "; ") {
		path, target, isLink := strings.Cut(thing, " -> ")
		if !isLink {
			check(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		check(t, os.Symlink(target, filepath.Join(dir, path)))
	}
}
