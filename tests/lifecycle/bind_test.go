package lifecycle

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// sourceTree is a directory of the host with a file, a directory and a tmpfs below it.
func sourceTree(t *testing.T, b *kit.Bundle) string {
	t.Helper()
	source := b.Dir + "/source"
	check(t, os.MkdirAll(source+"/sub", 0o755))
	check(t, os.WriteFile(source+"/file", []byte("above"), 0o644))
	mountAt(t, "tmpfs", source+"/sub", "tmpfs", 0)
	check(t, os.WriteFile(source+"/sub/file", []byte("below"), 0o644))
	return source
}

func TestBind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source, destination string // source is below the tree
		options                   []string
		args                      []string
		want                      string
		code                      int
	}{
		{"directory", "", "/mnt", []string{"bind"}, []string{"cat", "/mnt/file"}, "above", 0},
		{"directory without what is mounted below it", "", "/mnt", []string{"bind"}, []string{"cat", "/mnt/sub/file"}, "ENOENT\n", 1},
		{"directory with what is mounted below it", "", "/mnt", []string{"rbind"}, []string{"cat", "/mnt/sub/file"}, "below", 0},
		{"file", "/file", "/etc/file", []string{"bind"}, []string{"cat", "/etc/file"}, "above", 0},
		{"file, rbind", "/file", "/a/b/c/file", []string{"rbind"}, []string{"cat", "/a/b/c/file"}, "above", 0},
		{"file over a file", "/file", "/etc/there", []string{"bind"}, []string{"cat", "/etc/there"}, "above", 0},
		{"device", "-/dev/null", "/mnt/null", []string{"bind"}, []string{"open", "/mnt/null", "rw"}, "ok\n", 0},
		{"read-only", "", "/mnt", []string{"bind", "ro"}, []string{"write", "/mnt/new", "x"}, "EROFS\n", 1},
		{"read-only is the top alone", "", "/mnt", []string{"rbind", "ro"}, []string{"write", "/mnt/sub/new", "x"}, "", 0},
		{"recursively read-only", "", "/mnt", []string{"rbind", "rro"}, []string{"write", "/mnt/sub/new", "x"}, "EROFS\n", 1},
		{"noexec", "-/", "/mnt", []string{"bind", "noexec"}, []string{"true"}, "", 0},
		{"nosymfollow", "", "/mnt", []string{"bind", "nosymfollow"}, []string{"cat", "/mnt/link"}, "ELOOP\n", 1},
		{"relative destination", "", "mnt", []string{"bind"}, []string{"cat", "/mnt/file"}, "above", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args(c.args...))
			tree := sourceTree(t, b)
			check(t, os.Symlink("file", tree+"/link"))
			b.File("/etc/there", "image", 0o644)
			source, host := strings.CutPrefix(c.source, "-")
			if !host {
				source = tree + source
			}
			b.Edit(bind(source, c.destination, c.options...))
			if res := b.Teu("run", b.ID); res.Stdout != c.want || res.Code != c.code {
				t.Errorf("%v: want %q", res, c.want)
			}
		})
	}
}

// TestBindRelativeSource: a source that is relative starts at the bundle (config.md, "Mounts").
func TestBindRelativeSource(t *testing.T) {
	t.Parallel()
	b := kit.New(t, bind("source/file", "/mnt/file", "bind"), kit.Args("cat", "/mnt/file"))
	sourceTree(t, b)
	if out := b.Run().Stdout; out != "above" {
		t.Errorf("cat of what a relative source gives: got %q, want %q", out, "above")
	}
}

// TestRecursiveOptions asks for each r-option on the top and on what is below it.
func TestRecursiveOptions(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	tree := sourceTree(t, b)
	for _, c := range []struct{ option, want string }{
		{"rro", "ro"}, {"rnosuid", "nosuid"}, {"rnodev", "nodev"}, {"rnoexec", "noexec"}, {"rnoatime", "noatime"},
		{"rnodiratime", "nodiratime"}, {"rnosymfollow", "nosymfollow"}, {"rstrictatime", "!relatime"},
	} {
		b.Edit(bind(tree, "/"+c.option, "rbind", c.option), bind(tree, "/only-"+c.option, "rbind", c.option[1:]))
		inside := b.Inspect()
		if top, sub := inside.Mount("/"+c.option), inside.Mount("/"+c.option+"/sub"); !top.Has(c.want) || !sub.Has(c.want) {
			t.Errorf("%s: got options %v, and %v below; want %q at both", c.option, top.Options, sub.Options, c.want)
		}
		if top, sub := inside.Mount("/only-"+c.option), inside.Mount("/only-"+c.option+"/sub"); !top.Has(c.want) || sub.Has(c.want) {
			t.Errorf("%s: got options %v, and %v below; want %q at the top alone", c.option[1:], top.Options, sub.Options, c.want)
		}
		b.Edit(func(s *specs.Spec) { s.Mounts = s.Mounts[:7] })
	}
	// Undone below a mount that has them.
	check(t, syscall.Mount("", tree+"/sub", "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_NOSUID, ""))
	b.Edit(bind(tree, "/mnt", "rbind", "rrw", "rsuid"))
	if sub := b.Inspect().Mount("/mnt/sub"); !sub.Has("rw", "!nosuid") {
		t.Errorf("/mnt/sub with rrw and rsuid: got options %v, want rw and no nosuid", sub.Options)
	}
}

// TestDestination: where a mount goes when its destination leads through what the image has made of it.
func TestDestination(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, destination string
		make              func(b *kit.Bundle)
		at                string // where it is mounted
	}{
		{"missing", "/a/b/c", nil, "/a/b/c"},
		{"with dots", "/a/./b/../c/", nil, "/a/c"},
		{"above the root", "/../../../mnt", nil, "/mnt"},
		{"relative", "mnt/x", nil, "/mnt/x"},
		{"symlink", "/link", func(b *kit.Bundle) { b.Symlink("tmp", "/link") }, "/tmp"},
		{"absolute symlink", "/link", func(b *kit.Bundle) { b.Symlink("/tmp", "/link") }, "/tmp"},
		{"symlink on the way", "/link/sub", func(b *kit.Bundle) { b.Symlink("/tmp", "/link") }, "/tmp/sub"},
		{"dangling symlink", "/link", func(b *kit.Bundle) { b.Symlink("/made/here", "/link") }, "/made/here"},
		{"dangling symlink on the way", "/link/sub", func(b *kit.Bundle) { b.Symlink("made", "/link") }, "/made/sub"},
		{"chain of symlinks", "/one", func(b *kit.Bundle) {
			b.Symlink("two", "/one")
			b.Symlink("/etc/three", "/two")
			b.Symlink("../four", "/etc/three")
		}, "/four"},
		{"symlink out of the root", "/link", func(b *kit.Bundle) { b.Symlink("../../../../../../../../../etc", "/link") }, "/etc"},
		{"symlink to the host's", "/link", func(b *kit.Bundle) { b.Symlink(b.Dir, "/link") }, "BUNDLE"},
		{"dangling symlink out of the root", "/link/sub", func(b *kit.Bundle) {
			b.Symlink("../../../../../../../../../nowhere", "/link")
		}, "/nowhere/sub"},
	} {
		for _, kind := range []string{"tmpfs", "bind", "file"} {
			t.Run(c.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				b := kit.New(t)
				check(t, os.Mkdir(b.Dir+"/source", 0o755))
				check(t, os.WriteFile(b.Dir+"/plain", nil, 0o644))
				if c.make != nil {
					c.make(b)
				}
				at := strings.Replace(c.at, "BUNDLE", b.Dir, 1)
				if kind == "file" && (at == "/tmp" || at == "/etc") {
					t.Skip("a directory is there")
				}
				switch kind {
				case "tmpfs":
					b.Edit(tmpfs(c.destination))
				case "bind":
					b.Edit(bind(b.Dir+"/source", c.destination, "bind"))
				case "file":
					b.Edit(bind(b.Dir+"/plain", c.destination, "bind"))
				}
				hostEtc, err := os.ReadDir("/etc")
				check(t, err)
				inside := b.Inspect()
				if m := inside.Mount(at); m == nil {
					t.Errorf("mounts inside: got %+v, want one on %s", inside.Mountinfo, at)
				}
				if _, err := os.Lstat("/nowhere"); err == nil {
					t.Error("/nowhere on the host: it was made, want none")
				}
				if now, err := os.ReadDir("/etc"); err != nil || len(now) != len(hostEtc) {
					t.Errorf("the host's /etc after a run: got %d entries, %v, want %d", len(now), err, len(hostEtc))
				}
			})
		}
	}
}

// TestDestinationErrors: what leads nowhere, and proc and sysfs through a symlink (CVE-2019-19921, CVE-2023-28642).
func TestDestinationErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(b *kit.Bundle)
		want []string
	}{
		{"symlink loop", func(b *kit.Bundle) {
			b.Symlink("/loop", "/loop")
			b.Edit(tmpfs("/loop/sub"))
		}, []string{"mounts[7]", "too many levels of symbolic links"}},
		{"magic link", func(b *kit.Bundle) {
			b.Symlink("/proc/self/root", "/link")
			b.Edit(tmpfs("/link/etc"))
		}, []string{"mounts[7]", "too many levels of symbolic links"}},
		{"proc is a symlink", func(b *kit.Bundle) { b.Symlink("/tmp", "/proc") }, []string{"mounts[0]", "/proc"}},
		{"proc is a dangling symlink", func(b *kit.Bundle) { b.Symlink("nowhere", "/proc") }, []string{"mounts[0]", "/proc"}},
		{"sys is a symlink", func(b *kit.Bundle) { b.Symlink("/tmp", "/sys") }, []string{"mounts[5]", "/sys"}},
		{"name too long", func(b *kit.Bundle) { b.Edit(tmpfs("/" + strings.Repeat("x", 300))) }, []string{"mounts[7]", "file name too long"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			c.make(b)
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}

// TestMountsInOrder: one may go on another, and over it.
func TestMountsInOrder(t *testing.T) {
	t.Parallel()
	b := kit.New(t, tmpfs("/mnt"), tmpfs("/mnt/a/b"), tmpfs("/mnt", "size=1m"), tmpfs("/mnt/c"))
	var targets []string
	for _, m := range b.Inspect().Mountinfo {
		if strings.HasPrefix(m.Target, "/mnt") {
			targets = append(targets, m.Target)
		}
	}
	if want := []string{"/mnt", "/mnt/a/b", "/mnt", "/mnt/c"}; !slices.Equal(targets, want) {
		t.Errorf("%v, want %v", targets, want)
	}
}

// TestMadeForMounts: what is made in the root for a mount is for everybody to read, whatever the umask of the caller.
func TestMadeForMounts(t *testing.T) {
	t.Parallel()
	b := kit.New(t, tmpfs("/a/b"))
	check(t, os.WriteFile(b.Dir+"/plain", nil, 0o644))
	b.Edit(bind("plain", "/c/d", "bind"))
	cmd := b.Command("run", b.ID)
	cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$@"`, "sh"}, cmd.Args...)
	var err error
	cmd.Path, err = exec.LookPath("sh")
	check(t, err)
	if res := b.Do(cmd); res.Code != 0 {
		t.Fatalf("%v, want exit code 0", res)
	}
	for path, want := range map[string]os.FileMode{"/a": 0o755, "/a/b": 0o755, "/c": 0o755, "/c/d": 0o644} {
		if st, err := os.Stat(b.Rootfs + path); err != nil {
			t.Errorf("stat of what was made: %v", err)
		} else if st.Mode().Perm() != want {
			t.Errorf("mode of %s: got %v, want %v", path, st.Mode().Perm(), want)
		}
	}
}
