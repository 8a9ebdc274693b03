package security

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
	"teu/tests/needs"
)

func tmpcopyup(path string) edit {
	return mounts(specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "size=1m"}})
}

// Class A: somebody who can write to the image swaps files for symlinks to the host, FIFOs and devices while its tree is
// copied: what is the host's does not come along, nothing is waited for, and nothing hangs.
func TestCopiedWhileSwapped(t *testing.T) {
	b := kit.New(t)
	host := newCanary(t, b)
	for i := range 20 {
		b.File(fmt.Sprintf("data/real/dir%d/file", i), "of the image", 0o644)
	}
	b.File("data/a", "of the image", 0o644)
	check(t, os.Symlink(host.dir, b.Rootfs+"/data/evil"))
	check(t, os.Symlink(host.dir+"/file", b.Rootfs+"/data/b"))
	check(t, syscall.Mkfifo(b.Rootfs+"/data/c", 0o644))
	check(t, syscall.Mknod(b.Rootfs+"/data/d", syscall.S_IFCHR|0o666, 1<<8|5))
	shell(b, `busybox find /data -type f -exec busybox grep -l "`+canaryText+`" {} +; exit 0`, writable, tmpcopyup("/data"))
	data := b.Rootfs + "/data"
	swapped := 0
	stop := meanwhile(func() {
		for _, pair := range [][2]string{{"real", "evil"}, {"a", "b"}, {"a", "c"}, {"a", "d"}, {"real", "c"}} {
			if exchange(data, pair[0], pair[1]) == nil {
				swapped++
			}
		}
	})
	ran := 0
	race(b, func(r kit.Result) {
		if r.Code == 0 {
			ran++
		}
		if r.Stdout != "" || r.Code != 0 && !oneLine(r) {
			t.Errorf("%v: want nothing on stdout, and exit code 0 or an error in one line", r)
		}
	})
	stop()
	host.intact()
	if swapped == 0 || ran == 0 {
		t.Errorf("the race: swapped %d times, %d containers ran, want more than 0 of both", swapped, ran)
	}
}

// Devices and FIFOs of the image are made anew, not opened; a tree that is too deep and a file that is too large end the
// container, in one line.
func TestCopiedTree(t *testing.T) {
	b := kit.New(t, writable, tmpcopyup("/data"))
	check(t, os.Mkdir(b.Rootfs+"/data", 0o755))
	check(t, syscall.Mkfifo(b.Rootfs+"/data/fifo", 0o644))
	check(t, syscall.Mknod(b.Rootfs+"/data/zero", syscall.S_IFCHR|0o666, 1<<8|5))
	fifo, zero := opened(t, b.Rootfs+"/data/fifo"), opened(t, b.Rootfs+"/data/zero")
	b.Run(kit.Args("stat", "/data/fifo", "/data/zero"))
	if fifo() || zero() {
		t.Error("the image's FIFO or device was opened, want it made anew without that")
	}

	t.Run("deep", func(t *testing.T) {
		needs.Files(t, 1024)
		check(t, os.MkdirAll(b.Rootfs+"/data/"+strings.Repeat("d/", 300), 0o755))
		if res := b.Teu("run", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, "copy: file name too long (d)") {
			t.Errorf("got %v, want that the name is too long", res)
		}
		check(t, os.RemoveAll(b.Rootfs+"/data/d"))
	})
	b.File("data/huge", "", 0o644)
	check(t, os.Truncate(b.Rootfs+"/data/huge", 1<<42)) // nothing but a hole
	b.Run(kit.Args("true"))
	f, err := os.OpenFile(b.Rootfs+"/data/huge", os.O_WRONLY, 0)
	check(t, err)
	_, err = f.Write(make([]byte, 2<<20))
	check(t, err)
	check(t, f.Close())
	if res := b.Teu("run", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, "no space left") {
		t.Errorf("copy of a file larger than the tmpfs: %v: want one line with %q", res, "no space left")
	}
}

// A destination that is remounted is looked up in the root, whatever symlinks the image has.
func TestRemountStaysInside(t *testing.T) {
	b := kit.New(t)
	host := newCanary(t, b)
	check(t, syscall.Mount("tmpfs", host.dir, "tmpfs", 0, ""))
	defer func() { check(t, syscall.Unmount(host.dir, 0)) }()
	b.Symlink(host.dir, "data")
	b.Symlink("../../../../../../.."+host.dir, "up")
	for _, dest := range []string{"/data", "/up"} {
		c := mounts(specs.Mount{Destination: dest, Options: []string{"remount", "ro", "noexec"}})
		c(b.Spec)
		b.Edit()
		if res := b.Teu("run", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, "remount "+dest) {
			t.Errorf("remount of a symlink to the host: %v: want one line with %q", res, "remount "+dest)
		}
		b.Spec.Mounts = b.Spec.Mounts[:len(b.Spec.Mounts)-1]
	}
	var st syscall.Statfs_t
	check(t, syscall.Statfs(host.dir, &st))
	if st.Flags&(syscall.MS_RDONLY|syscall.MS_NOEXEC) != 0 {
		t.Errorf("flags of the host's mount: got %#x, want neither MS_RDONLY nor MS_NOEXEC in them", st.Flags)
	}
}

// Through a mount whose ids are translated nobody becomes who he is not: a file that root of the host has made setuid is
// that of the id that it is translated to, and what has no id on the filesystem cannot be written.
func TestTranslatedSetuid(t *testing.T) {
	b := kit.New(t, writable, func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Process.User = specs.User{UID: 5000, GID: 5000}
	})
	check(t, os.Mkdir(b.Dir+"/src", 0o777))
	check(t, os.Chmod(b.Dir+"/src", 0o777))
	text, err := os.ReadFile(kit.Payload())
	check(t, err)
	check(t, os.WriteFile(b.Dir+"/src/payload", text, 0o755))
	check(t, syscall.Chmod(b.Dir+"/src/payload", 0o6755))
	maps := []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
	b.Edit(mounts(specs.Mount{Destination: "/data", Source: "src", Options: []string{"bind", "idmap"}, UIDMappings: maps, GIDMappings: maps}))
	b.Edit(process("/data/payload", "id"))
	id := kit.JSON[struct{ UID, EUID, EGID int }](b, b.Run().Stdout)
	if id.UID != 5000 || id.EUID != 1000 || id.EGID != 1000 {
		t.Errorf("ids of a setuid file's process: got %+v, want UID 5000, EUID 1000 and EGID 1000", id)
	}
	b.Edit(kit.Args("write", "/data/new", "x"))
	if res := b.Teu("run", b.ID); res.Code != 1 || res.Stdout != "EOVERFLOW\n" {
		t.Errorf(`write by a uid that has no id there: %v: want exit code 1 and stdout "EOVERFLOW\n"`, res)
	}
}

// Somebody who can write to a volume puts a symlink in the place of a mount on it: a remount is about the mount that the list
// has made there, and no other.
func TestRemountIsNotRedirected(t *testing.T) {
	tmpfs := func(source, dest string) specs.Mount {
		return specs.Mount{Destination: dest, Type: "tmpfs", Source: source, Options: []string{"size=64k"}}
	}
	b := kit.New(t, kit.Args("cat", "/proc/self/mountinfo"), writable)
	volume := abs(b, "volume")
	check(t, os.MkdirAll(volume+"/cache", 0o755))
	check(t, os.Symlink("/other", volume+"/evil"))
	b.Edit(mounts(tmpfs("other", "/other"), bind(volume, "/v"), tmpfs("mine", "/v/cache"),
		specs.Mount{Destination: "/v/cache", Options: []string{"remount", "ro"}}))
	swapped, ran := 0, 0
	stop := meanwhile(func() {
		if exchange(volume, "cache", "evil") == nil {
			swapped++
		}
	})
	race(b, func(r kit.Result) {
		if r.Code == 0 {
			ran++
		}
		for line := range strings.Lines(r.Stdout) {
			if readonly := strings.Contains(line, " ro,"); strings.Contains(line, " mine ") && !readonly ||
				strings.Contains(line, " other ") && readonly {
				t.Errorf("mount after a remount read-only of /v/cache: got %q, want %q read-only and %q not", line, "mine", "other")
			}
		}
	})
	stop()
	if swapped == 0 || ran == 0 {
		t.Errorf("the race: swapped %d times, %d containers ran, want more than 0 of both", swapped, ran)
	}
}

// What is copied is charged to the container, wherever in the list the mount stands: how much it is says the image.
func TestCopiedMemoryIsLimited(t *testing.T) {
	if text, err := os.ReadFile("/proc/swaps"); err == nil && strings.Count(string(text), "\n") > 1 {
		t.Skip("what is in a tmpfs may be swapped out here")
	}
	limit := int64(24 << 20)
	b := kit.New(t, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
		s.Mounts = append([]specs.Mount{{
			Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "size=200m"},
		}}, s.Mounts...)
	})
	b.File("data/huge", strings.Repeat("x", 100<<20), 0o644)
	if res := b.Teu("run", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, "linux.resources.memory.limit") {
		t.Errorf("copy of more than the memory limit: %v: want one line with %q", res, "linux.resources.memory.limit")
	}
}

// A symlink of the image leads to what the kernel tells root and no container (maskedPaths): nobody reads it for the image.
func TestKernelFilesAreNotCopied(t *testing.T) {
	for _, target := range []string{"/sys/firmware", "/sys/kernel", "/proc/sys/kernel", "/proc/self/fdinfo", "/proc"} {
		b := kit.New(t, writable, tmpcopyup("/data"))
		b.Symlink(target, "data")
		want := "leads to the kernel's own files"
		if strings.HasPrefix(target, "/proc") {
			want = "leads into /proc" // where nothing is mounted
		}
		if res := b.Teu("run", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, want) {
			t.Errorf("copy of a symlink to %s: %v: want one line with %q", target, res, want)
		}
	}
}

// A file that is copied becomes root's where its owner has no id in the container's user namespace. It is not setuid then.
func TestCopiedSetuid(t *testing.T) {
	b := kit.New(t, userNamespace, func(s *specs.Spec) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: userBase, Size: 1000}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	})
	shell(b, "busybox ls -ln /data", tmpcopyup("/data"), writable)
	for name, id := range map[string]int{"nobodys": 7, "own": userBase + 7} {
		path := b.File("data/"+name, "", 0o755)
		check(t, os.Chown(path, id, id))
		check(t, syscall.Chmod(path, 0o6755))
	}
	give(t, b.Rootfs, b.Rootfs+"/data")
	out := b.Run().Stdout
	for _, want := range []string{"-rwxr-xr-x    1 0        0 ", "-rwsr-sr-x    1 7        7 "} {
		if !strings.Contains(out, want) {
			t.Errorf("%s: want %s", out, want)
		}
	}
}
