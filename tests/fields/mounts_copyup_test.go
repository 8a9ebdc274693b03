package fields

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// described is what the container sees of paths.
func described(b *kit.Bundle, paths ...string) string {
	var list []string
	for _, f := range kit.JSON[[]kit.File](b, b.Run(kit.Args(append([]string{"stat"}, paths...)...)).Stdout) {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s%s %s %d:%d %s", f.Error, f.Type, f.Mode, f.UID, f.GID, f.Rdev)))
	}
	return strings.Join(list, "; ")
}

// TestTmpcopyup: a tmpfs starts with what it covers.
func TestTmpcopyup(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	for _, user := range []bool{false, true} {
		b := kit.New(t, writable)
		b.File("data/file", "text", 0o644)
		script := b.File("data/sub/deep/script", "#!", 0o755)
		b.Symlink("/nowhere", "data/link")
		check(t, syscall.Mkfifo(b.Rootfs+"/data/pipe", 0o600))
		check(t, os.Chmod(b.Rootfs+"/data", 0o751))
		uid, gid, owner := 0, 0, "7:8"
		if user {
			uid, gid = userBase, 2*userBase
			b.Edit(userNamespace)
			give(t, b)
		} else {
			check(t, syscall.Mknod(b.Rootfs+"/data/null", syscall.S_IFCHR, 1<<8|3))
			check(t, syscall.Chmod(b.Rootfs+"/data/null", 0o666))
		}
		check(t, syscall.Chmod(script, 0o4755)) // a change of owner takes it away
		for _, f := range []string{"/data", "/data/file"} {
			check(t, os.Chown(b.Rootfs+f, uid+7, gid+8))
		}
		paths := []string{"/data", "/data/file", "/data/sub/deep/script", "/data/link", "/data/pipe", "/data/null"}
		want := fmt.Sprintf("dir 751 %s; file 644 %s; file 4755 0:0; symlink 777 0:0; fifo 600 0:0; ", owner, owner)
		if user {
			want += "ENOENT  0:0"
		} else {
			want += "char 666 0:0 1:3"
		}
		for options, top := range map[string]string{
			"tmpcopyup": "", "tmpcopyup ro nosuid nodev": "", "rro size=1m tmpcopyup": "", "tmpcopyup mode=711 uid=3 gid=4": "dir 711 3:4",
		} {
			m := specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: strings.Fields(options)}
			b.Edit(func(s *specs.Spec) {
				if last := &s.Mounts[len(s.Mounts)-1]; last.Destination == "/data" {
					*last = m
				} else {
					s.Mounts = append(s.Mounts, m)
				}
			})
			want := want
			if top != "" {
				_, rest, _ := strings.Cut(want, ";")
				want = top + ";" + rest
			}
			if got := described(b, paths...); got != want {
				t.Errorf("user namespace %v, %s:\n got %s\nwant %s", user, options, got, want)
			}
			m7 := b.Inspect(kit.Args("all")).Mount("/data")
			readonly := "ro"
			if !strings.Contains(options, "ro") {
				readonly = "!ro"
			}
			if m7 == nil || !m7.Has(readonly) || m7.Type != "tmpfs" {
				t.Errorf("%s: mount on /data: got %+v, want a tmpfs with %s", options, m7, readonly)
			}
		}
		if got := b.Run(kit.Args("cat", "/data/file")).Stdout; got != "text" {
			t.Errorf("/data/file: got %q, want %q", got, "text")
		}
	}
}

// TestTmpcopyupEdges: of nothing, of what is missing, of /dev, too much.
func TestTmpcopyupEdges(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	up := func(dest string, options ...string) edit {
		return mounts(specs.Mount{Destination: dest, Type: "tmpfs", Options: append([]string{"tmpcopyup"}, options...)})
	}
	b := kit.New(t, writable, up("/new/dir"), up("/tmp", "size=4k"))
	b.File("tmp/.keep", "", 0o600)
	if got := described(b, "/new/dir", "/tmp/.keep"); got != "dir 755 0:0; file 600 0:0" {
		t.Errorf("copied: got %s, want %s", got, "dir 755 0:0; file 600 0:0")
	}
	b = kit.New(t, writable, up("/data", "size=4k"))
	b.File("data/big", strings.Repeat("x", 5000), 0o600)
	b.Fails([]string{"run", b.ID}, "mounts[7]: mount tmpfs on /data: copy: no space left on device (big)")
	if _, err := os.Stat(b.Rootfs + "/data/big"); err != nil {
		t.Errorf("the image's file after a failed copy: %v, want it left", err)
	}
	b = kit.New(t, writable, mounts(specs.Mount{Destination: "/data", Source: "rootfs", Options: []string{"bind", "tmpcopyup"}}))
	b.Fails([]string{"run", b.ID}, "mounts[7].options[1]: got tmpcopyup on a mount of type")
}

// TestTmpfsMode: a tmpfs takes over the mode of the directory that it covers, as with runc, unless told otherwise.
func TestTmpfsMode(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	b := kit.New(t, writable, mounts(
		specs.Mount{Destination: "/covers", Type: "tmpfs"}, specs.Mount{Destination: "/readonly", Type: "tmpfs", Options: []string{"ro"}},
		specs.Mount{Destination: "/told", Type: "tmpfs", Options: []string{"mode=711"}}, specs.Mount{Destination: "/missing", Type: "tmpfs"},
	))
	for _, d := range []string{"/covers", "/readonly", "/told"} {
		check(t, os.Mkdir(b.Rootfs+d, 0o700))
		check(t, syscall.Chmod(b.Rootfs+d, 0o2750))
	}
	if got := described(b, "/covers", "/readonly", "/told", "/missing"); got != "dir 2750 0:0; dir 2750 0:0; dir 711 0:0; dir 1777 0:0" {
		t.Errorf("modes: got %s, want %s", got, "dir 2750 0:0; dir 2750 0:0; dir 711 0:0; dir 1777 0:0")
	}
}
