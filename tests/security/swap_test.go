package security

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// swap is what somebody exchanges while a container is made.
type swap struct {
	dir     string     // where
	names   [2]string  // what
	watched []*os.Root // directories that stay empty, whatever their names
}

// Class A, raced: somebody exchanges two names of a volume, or of the image, while the container is made: from outside, or in
// a container that has it as a volume. What goes below a mount goes there, and never to what has its name now: nothing is made
// on the host (runc CVE-2021-30465, CVE-2025-52565, CVE-2025-52881).
func TestExchangedWhileMade(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *kit.Bundle) swap{
		"a volume":           belowVolume,
		"a volume of a user": func(t *testing.T, b *kit.Bundle) swap { b.Edit(userNamespace); return belowVolume(t, b) },
		"the image's dev":    devOfImage,
	} {
		for _, by := range []string{"outside", "in a container"} {
			for _, load := range []string{"idle", "busy"} {
				t.Run(name+" "+by+" "+load, func(t *testing.T) {
					b := kit.New(t, writable)
					s := prepare(t, b)
					s.start(t, by == "in a container")
					if load == "busy" {
						busy(t)
					}
					ran := 0
					tries(b, 20, func(r kit.Result) {
						if r.Code == 0 {
							ran++
						} else if !oneLine(r) {
							t.Errorf("%v: want exit code 0 or an error in one line", r)
						}
						if made := s.made(t); made != nil {
							t.Fatalf("%v: made on the host: got %v, want nothing", r, made)
						}
					})
					if ran == 0 {
						t.Error("containers that ran: got 0, want more")
					}
				})
			}
		}
	}
}

// belowVolume has much made below a tmpfs that is mounted in a volume.
func belowVolume(t *testing.T, b *kit.Bundle) swap {
	vol, source := b.Dir+"/vol", b.Dir+"/source"
	for _, dir := range []string{vol, vol + "/d", vol + "/e", source} {
		check(t, os.Mkdir(dir, 0o777))
		check(t, os.Chmod(dir, 0o777)) // root of a user namespace may make what it likes there
	}
	give(t, b.Rootfs, b.Rootfs+"/tmp")
	tmpfs := func(path string) specs.Mount {
		return specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=755"}}
	}
	b.Edit(mounts(bind(vol, "/vol"), tmpfs("/vol/d"), tmpfs("/vol/d/a"), bind(source, "/vol/d/b/c", "ro"),
		bind(kit.Payload(), "/vol/d/a/file"), tmpfs("/vol/d/b/d"), bind(kit.Payload(), "/vol/d/file")), func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/vol/d/n/pipe", Type: "p"}}
	})
	return swap{vol, [2]string{"d", "e"}, watched(t, vol+"/d", vol+"/e")}
}

// devOfImage has an image with a symlink beside its /dev that leads into a volume.
func devOfImage(t *testing.T, b *kit.Bundle) swap {
	vol := b.Dir + "/vol"
	for _, dir := range []string{vol, b.Rootfs + "/dev"} {
		check(t, os.Mkdir(dir, 0o755))
	}
	check(t, os.Symlink("/vol", b.Rootfs+"/link"))
	b.Edit(func(s *specs.Spec) { s.Mounts = append([]specs.Mount{bind(vol, "/vol")}, s.Mounts...) }, withNode("/dev/net/tun"))
	return swap{b.Rootfs, [2]string{"dev", "link"}, watched(t, b.Rootfs+"/dev", vol)}
}

func watched(t *testing.T, dirs ...string) (roots []*os.Root) {
	t.Helper()
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		check(t, err)
		t.Cleanup(func() { check(t, root.Close()) })
		roots = append(roots, root)
	}
	return roots
}

// start exchanges the names until the test is over.
func (s *swap) start(t *testing.T, inContainer bool) {
	t.Helper()
	if !inContainer {
		beside(t, "exchange", filepath.Join(s.dir, s.names[0]), filepath.Join(s.dir, s.names[1]))
		return
	}
	c := kit.New(t, writable, mounts(bind(s.dir, "/shared")))
	attacker(c)
	c.Edit(process("/bin/attacker", "exchange", "/shared/"+s.names[0], "/shared/"+s.names[1]))
	out := c.OK("create", c.ID)
	c.OK("start", c.ID)
	out.Output("ready\n")
}

// made is what is in the watched directories.
func (s *swap) made(t *testing.T) (made []string) {
	t.Helper()
	for _, dir := range s.watched {
		check(t, fs.WalkDir(dir.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
			if err == nil && path != "." {
				made = append(made, fmt.Sprintf("%s %v", path, entry.Type()))
			}
			return err
		}))
	}
	return made
}
