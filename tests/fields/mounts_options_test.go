package fields

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

func mounts(m ...specs.Mount) edit { return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m...) } }

func writable(s *specs.Spec) { s.Root.Readonly = false }

// tree makes a directory of the bundle with another mount in it, "sub", and returns its path.
func tree(t *testing.T, b *kit.Bundle, name string) string {
	t.Helper()
	dir := b.Dir + "/" + name
	check(t, os.MkdirAll(dir+"/sub", 0o755))
	check(t, syscall.Mount("tmpfs", dir+"/sub", "tmpfs", 0, ""))
	t.Cleanup(func() { check(t, syscall.Unmount(dir+"/sub", 0)) })
	return dir
}

// TestMountAttributes has every option that is about the mount, set and taken back, on a bind mount, a tree and a filesystem.
func TestMountAttributes(t *testing.T) {
	kit.Covers(t, "mounts[].destination", "mounts[].type", "mounts[].source", "mounts[].options[]")
	b := kit.New(t)
	src := tree(t, b, "src")
	sets := []string{"ro", "nosuid", "nodev", "noexec", "nosymfollow", "noatime", "nodiratime"}
	unsets := []string{"rw", "suid", "dev", "exec", "symfollow", "relatime", "diratime"}
	recursive := func(list []string) (out []string) {
		for _, o := range list {
			out = append(out, "r"+o)
		}
		return out
	}
	join := func(lists ...[]string) []string { return slices.Concat(lists...) }
	r := b.Inspect(kit.Args("all"), mounts(
		specs.Mount{Destination: "/bind", Source: src, Options: join([]string{"bind"}, sets)},
		specs.Mount{Destination: "/unbind", Source: src, Options: join([]string{"bind"}, sets, unsets)},
		specs.Mount{Destination: "/top", Source: src, Options: join([]string{"rbind"}, sets)},
		specs.Mount{Destination: "/all", Source: "src", Type: "none", Options: join([]string{"rbind"}, recursive(sets))},
		specs.Mount{Destination: "/all-but", Source: "src", Type: "dummy", Options: join([]string{"rbind"}, recursive(sets), recursive(unsets))},
		specs.Mount{Destination: "/fs", Type: "tmpfs", Source: "named", Options: sets},
		specs.Mount{Destination: "/fs-all", Type: "tmpfs", Options: recursive(sets)},
		specs.Mount{Destination: "/strict", Type: "tmpfs", Options: []string{"strictatime"}},
		specs.Mount{Destination: "/user", Type: "tmpfs", Options: []string{"user", "exec", "x-own=1", "_netdev"}},
	))
	set, unset := []string{"ro", "nosuid", "nodev", "noexec", "nosymfollow", "noatime", "nodiratime"}, []string{"!ro", "!nosuid", "!nodev", "!noexec", "!nosymfollow", "!noatime", "!nodiratime"}
	for target, want := range map[string][]string{
		"/bind": set, "/unbind": unset, "/top": set, "/top/sub": unset, "/all": set, "/all/sub": set, "/all-but": unset, "/all-but/sub": unset,
		"/fs": set, "/fs-all": set, "/strict": {"!noatime", "!relatime"}, "/user": {"nosuid", "nodev", "!noexec"},
	} {
		if m := r.Mount(target); m == nil || !m.Has(want...) {
			t.Errorf("mount on %s: got %+v, want %v", target, m, want)
		}
	}
	if m := r.Mount("/bind/sub"); m != nil {
		t.Errorf("mount below one of bind: got %+v, want none", m)
	}
	if m := r.Mount("/fs"); m != nil && (m.Type != "tmpfs" || m.Source != "named") {
		t.Errorf("mount on /fs: got %+v, want a tmpfs of named", m)
	}
}

// TestNoRelatime: norelatime takes back a relatime, as with mount(8), and leaves a bind mount what its source has.
func TestNoRelatime(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	b := kit.New(t)
	for name, data := range map[string]uintptr{"no": syscall.MS_NOATIME, "strict": syscall.MS_STRICTATIME} {
		for _, dir := range []string{b.Dir + "/" + name, b.Dir + "/" + name + "/sub"} {
			check(t, os.Mkdir(dir, 0o755))
			check(t, syscall.Mount("tmpfs", dir, "tmpfs", data, ""))
			t.Cleanup(func() { check(t, syscall.Unmount(dir, 0)) })
		}
	}
	bind := func(dest, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: dest, Source: source, Options: append([]string{"rbind"}, options...)}
	}
	r := b.Inspect(kit.Args("all"), mounts(
		bind("/no", "no", "norelatime"), bind("/no-all", "no", "rnorelatime", "ro"), bind("/no-back", "no", "relatime", "norelatime"),
		bind("/no-rel", "no", "norelatime", "relatime"), bind("/strict", "strict", "norelatime"), bind("/strict-all", "strict", "rrelatime", "rnorelatime"),
		specs.Mount{Destination: "/fs", Type: "tmpfs", Options: []string{"norelatime"}},
		specs.Mount{Destination: "/fs-no", Type: "tmpfs", Options: []string{"noatime", "norelatime"}},
	))
	no, strict, rel := []string{"noatime"}, []string{"!noatime", "!relatime"}, []string{"!noatime", "relatime"}
	for target, want := range map[string][]string{
		"/no": no, "/no/sub": no, "/no-all": {"noatime", "ro"}, "/no-all/sub": no, "/no-back": no, "/no-rel": rel, "/strict": strict, "/strict/sub": strict,
		"/strict-all": strict, "/strict-all/sub": strict, "/fs": rel, "/fs-no": no,
	} {
		if m := r.Mount(target); m == nil || !m.Has(want...) {
			t.Errorf("mount on %s: got %+v, want %v", target, m, want)
		}
	}
}

// TestSuperblockOptions: flags and options of the filesystem, and those of mount(8) that nothing comes of.
func TestSuperblockOptions(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	b := kit.New(t)
	check(t, os.Mkdir(b.Dir+"/src", 0o755))
	r := b.Inspect(kit.Args("all"), mounts(
		specs.Mount{Destination: "/a", Type: "tmpfs", Options: []string{"sync", "dirsync", "lazytime", "size=64k", "nr_inodes=7", "mode=711"}},
		specs.Mount{Destination: "/b", Type: "tmpfs", Options: []string{"sync", "lazytime", "async", "nolazytime", "iversion"}},
		specs.Mount{Destination: "/c", Type: "tmpfs", Options: []string{"defaults", "loud", "silent", "mand", "nomand", "noiversion", "auto"}},
		specs.Mount{Destination: "/d", Source: "src", Options: []string{"bind", "sync", "size=1m"}},
		specs.Mount{Destination: "/e", Type: "tmpfs", Options: []string{"size=64k,ro", "nodev,mode=711,mpol=bind:0-0,0"}},
		specs.Mount{Destination: "/f", Source: "src", Options: []string{"ro,bind"}},
	))
	for target, want := range map[string][]string{
		"/a": {"sync", "dirsync", "lazytime", "size=64k", "nr_inodes=7", "mode=711"}, "/b": {"!sync", "!lazytime"}, "/c": {"!sync", "!dirsync"}, "/d": {"!sync"},
		"/e": {"ro", "nodev", "size=64k", "mode=711"}, "/f": {"ro"},
	} {
		if m := r.Mount(target); m == nil || !m.Has(want...) {
			t.Errorf("mount on %s: got %+v, want %v", target, m, want)
		}
	}
}

// TestBindDropsWithAWarning: what a bind mount has no use for is told in the log.
func TestBindDropsWithAWarning(t *testing.T) {
	b := kit.New(t, mounts(specs.Mount{Destination: "/d", Source: "rootfs", Options: []string{"bind", "sync", "size=1m"}}))
	res, log := b.Logged("run", b.ID)
	for _, want := range []string{"mounts[7].options[1]: sync", "mounts[7].options[2]: size=1m"} {
		if res.Code != 0 || !strings.Contains(log, want) {
			t.Errorf("%v: logged %q: want exit code 0 and %q", res, log, want)
		}
	}
}

// TestRemount changes the mounts of earlier entries, and nothing else.
func TestRemount(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	b := kit.New(t)
	src := tree(t, b, "src")
	r := b.Inspect(kit.Args("all"), writable, mounts(
		specs.Mount{Destination: "/bind", Source: src, Options: []string{"rbind", "nosuid"}},
		specs.Mount{Destination: "/bind", Options: []string{"bind", "remount", "ro", "size=1m"}},
		specs.Mount{Destination: "/bind/sub", Type: "none", Options: []string{"remount", "noexec"}},
		specs.Mount{Destination: "/fs", Type: "tmpfs", Options: []string{"mode=755", "noatime", "ro"}},
		specs.Mount{Destination: "/fs", Type: "tmpfs", Options: []string{"remount", "rw", "size=128k", "sync"}},
		specs.Mount{Destination: "/", Options: []string{"remount", "nodev", "private"}},
	))
	for target, want := range map[string][]string{
		"/bind": {"ro", "nosuid", "!noexec"}, "/bind/sub": {"!ro", "noexec", "!nosuid"}, "/fs": {"!ro", "noatime", "size=128k", "sync", "mode=755"}, "/": {"nodev", "!ro"},
	} {
		if m := r.Mount(target); m == nil || !m.Has(want...) {
			t.Errorf("mount on %s: got %+v, want %v", target, m, want)
		}
	}
	var host syscall.Statfs_t
	check(t, syscall.Statfs(src+"/sub", &host))
	if host.Flags&syscall.MS_NOEXEC != 0 {
		t.Errorf("flags of the host's mount: got %#x, want no MS_NOEXEC", host.Flags)
	}
	for want, m := range map[string]specs.Mount{
		"mounts[7]: remount /tmp, which has to be a mount": {Destination: "/tmp", Options: []string{"remount", "ro"}},
		"may be another's as well":                         {Destination: "/sys", Type: "sysfs", Options: []string{"remount", "sync"}},
		"mounts[7]: remount /no: no such file":             {Destination: "/no", Options: []string{"remount", "bind"}},
	} {
		b := kit.New(t, mounts(m))
		b.Fails([]string{"run", b.ID}, strings.Replace(want, "/no: ", "/no, which has to be a mount: ", 1))
	}
}

// TestSources: relative, file and directory, nested, through symlinks of the image.
func TestSources(t *testing.T) {
	kit.Covers(t, "mounts[].destination", "mounts[].source", "mounts[].type")
	b := kit.New(t, writable)
	check(t, os.MkdirAll(b.Dir+"/dir/inner", 0o755))
	check(t, os.WriteFile(b.Dir+"/file", []byte("of the bundle"), 0o644))
	check(t, os.WriteFile(b.Dir+"/dir/f", []byte("in the directory"), 0o644))
	check(t, os.MkdirAll(b.Rootfs+"/real", 0o755))
	b.Symlink("/real", "link")
	b.Symlink("../../../../../..", "real/up")
	out := b.Run(kit.Args("cat", "/data/f", "/data/inner/deep/f", "/new/file", "/real/in", "/climbed"), mounts(
		specs.Mount{Destination: "/data", Source: "dir", Type: "bind", Options: []string{"bind"}},
		specs.Mount{Destination: "/data/inner/deep", Source: "./dir", Type: "none", Options: []string{"rbind"}},
		specs.Mount{Destination: "/new/file", Source: "dir/../file", Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/link/in", Source: b.Dir + "/file", Type: "whatever", Options: []string{"bind"}},
		specs.Mount{Destination: "/link/up/climbed", Source: "file", Options: []string{"bind"}},
	)).Stdout
	if out != "in the directoryin the directoryof the bundleof the bundleof the bundle" {
		t.Errorf("what is mounted: got %q, want the directory's file twice and the bundle's three times", out)
	}
	for want, m := range map[string]specs.Mount{
		"mounts[7]: mount teufs on /a: fsopen: no such device":                 {Destination: "/a", Type: "teufs", Source: "x"},
		"mounts[7]: bind " + b.Dir + "/no on /a: open_tree: no such file":      {Destination: "/a", Type: "bind", Source: b.Dir + "/no"},
		"mounts[7]: bind /dev/null on /tmp: not a directory":                   {Destination: "/tmp", Source: "/dev/null", Options: []string{"bind"}},
		"mounts[7].options[1]: nofail: not supported":                          {Destination: "/a", Source: "/", Options: []string{"bind", "nofail"}},
		"mount tmpfs on /a: fsconfig: invalid argument (tmpfs: Unknown param":  {Destination: "/a", Type: "tmpfs", Options: []string{"teu=1"}},
		"mount tmpfs on /bin/payload: not a directory":                         {Destination: "/bin/payload", Type: "tmpfs"},
		"mount tmpfs on /bin/payload/x: not a directory":                       {Destination: "/bin/payload/x", Type: "tmpfs"},
		"mounts[7].destination: /tmp/..: is the root itself: invalid argument": {Destination: "/tmp/..", Type: "tmpfs"},
	} {
		b := kit.New(t, mounts(m))
		b.Fails([]string{"run", b.ID}, want)
	}
}

// TestSymlinks: copied, bound itself, mounted onto.
func TestSymlinks(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	for _, user := range []bool{false, true} {
		b := kit.New(t, writable)
		check(t, os.WriteFile(b.Dir+"/file", []byte("the file"), 0o644))
		check(t, os.Symlink("nowhere/at/all", b.Dir+"/dangling"))
		check(t, os.Symlink("file", b.Dir+"/link"))
		b.Symlink("/nowhere", "onto")
		b.Symlink("/tmp/followed", "through")
		if user {
			b.Edit(userNamespace)
			give(t, b)
		}
		b.Edit(mounts(
			specs.Mount{Destination: "/copied/link", Source: "dangling", Options: []string{"bind", "copy-symlink"}},
			specs.Mount{Destination: "/copied/link", Source: "dangling", Options: []string{"bind", "copy-symlink", "ro"}},
			specs.Mount{Destination: "/copied/file", Source: "file", Options: []string{"bind", "copy-symlink", "ro"}},
			specs.Mount{Destination: "/itself", Source: "dangling", Options: []string{"bind", "src-nofollow"}},
			specs.Mount{Destination: "/target", Source: "link", Options: []string{"bind"}},
			specs.Mount{Destination: "/onto", Source: "link", Options: []string{"bind", "dest-nofollow"}},
			specs.Mount{Destination: "/through", Source: "link", Options: []string{"bind"}},
			specs.Mount{Destination: "/new/onto", Source: "link", Options: []string{"bind", "dest-nofollow"}},
		))
		files := kit.JSON[[]kit.File](b, b.Run(kit.Args("stat", "/copied/link", "/copied/file", "/itself", "/target", "/onto", "/through", "/tmp/followed", "/new/onto")).Stdout)
		for i, want := range []string{"symlink", "file", "symlink", "file", "file", "symlink", "file", "file"} {
			if files[i].Type != want {
				t.Errorf("user namespace %v: got %+v, want a %s", user, files[i], want)
			}
		}
		if text, err := os.Readlink(b.Rootfs + "/copied/link"); err != nil || text != "nowhere/at/all" {
			t.Errorf("the copied symlink: got %q, %v, want %q", text, err, "nowhere/at/all")
		}
		b.Edit(mounts(specs.Mount{Destination: "/bin/payload", Source: "link", Options: []string{"bind", "copy-symlink"}}))
		b.Fails([]string{"run", b.ID}, "mounts[15]: bind "+b.Dir+"/link on /bin/payload: something else is there: file exists")
	}
}

// TestOverlay has lower layers whose list is longer than fsconfig(2) takes an option, as the paths of an image store are.
func TestOverlay(t *testing.T) {
	t.Parallel()
	for _, inUser := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace: %v", inUser), func(t *testing.T) {
			t.Parallel()
			b := kit.New(t)
			if inUser {
				give(t, b)
				userNamespace(b.Spec)
			}
			var list []string
			for _, name := range []string{"first", "second:", "third,"} {
				dir := b.Dir + "/" + name + strings.Repeat("x", 150)
				check(t, os.Mkdir(dir, 0o755))
				check(t, os.WriteFile(dir+"/"+name, nil, 0o644))
				list = append(list, strings.NewReplacer(":", `\:`, ",", `\,`).Replace(dir))
			}
			b.Edit(kit.Args("ls", "/over"), mounts(specs.Mount{
				Destination: "/over", Type: "overlay", Source: "overlay", Options: []string{"ro,lowerdir=" + strings.Join(list, ":") + ",xino=off"},
			}))
			res := b.Teu("run", b.ID)
			if strings.Contains(res.Stderr, "Unknown parameter 'lowerdir+'") {
				t.Skip("Linux has lowerdir+ since 6.8")
			}
			if res.Code != 0 || !strings.Contains(res.Stdout, "first") || !strings.Contains(res.Stdout, "second:") || !strings.Contains(res.Stdout, "third,") {
				t.Errorf("%v: want exit code 0, and first, second: and third, in stdout", res)
			}
		})
	}
}
