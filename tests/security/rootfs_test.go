package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Class A: a hostile root filesystem. Whatever the image has at the places that the runtime uses, nothing of the host's is
// touched, and the container is either refused in one line or complete: runc CVE-2019-19921, CVE-2023-27561, CVE-2023-28642,
// CVE-2024-45310, CVE-2025-52565, CVE-2026-41579; crun CVE-2019-18837, CVE-2025-24965, CVE-2026-47766, CVE-2026-88264; youki
// CVE-2025-54867.
func TestHostileRootfs(t *testing.T) {
	link := func(target, path string) func(*kit.Bundle) {
		return func(b *kit.Bundle) { b.Symlink(strings.ReplaceAll(target, "CANARY", abs(b, "canary")), path) }
	}
	none := func(b *kit.Bundle) {
		b.Edit(without("/dev"), without("/dev/pts"), without("/dev/shm"), without("/dev/mqueue"), writable)
	}
	for _, c := range []struct {
		name    string
		hostile []func(*kit.Bundle)
		refused string // what the refusal says; "" for a container that runs
	}{
		{"/dev is a symlink to the host", []func(*kit.Bundle){link("CANARY", "dev")}, "on /dev: a symlink is in the way"},
		{"/dev is a symlink up to the host", []func(*kit.Bundle){link("../../canary", "dev")}, "on /dev: a symlink"},
		{"/dev is a symlink and nothing is mounted there", []func(*kit.Bundle){link("CANARY", "dev"), none}, "open /dev: a symlink"},
		{"/dev is dangling", []func(*kit.Bundle){link("nowhere", "dev"), none}, "open /dev: a symlink"},
		{"/dev is a symlink into a volume", []func(*kit.Bundle){volume, link("/vol", "dev")}, "on /dev: a symlink"},
		{"/dev is a symlink into a volume and nothing is mounted there", []func(*kit.Bundle){volume, link("/vol", "dev"), none}, "open /dev: a symlink"},
		{"/dev/net is a symlink into a volume", []func(*kit.Bundle){volume, link("/vol", "dev/net"), none, node("/dev/net/tun")}, "linux.devices[0]"},
		{"/dev/net is a symlink that is copied", []func(*kit.Bundle){volume, link("/vol", "dev/net"), copied, node("/dev/net/tun")}, "linux.devices[0]"},
		{"a node goes through a symlink into a volume", []func(*kit.Bundle){volume, link("/vol", "nodes"), node("/nodes/tun")}, "linux.devices[0]"},
		{"/dev is a file", []func(*kit.Bundle){func(b *kit.Bundle) { b.File("dev", "", 0o644) }}, "not a directory"},
		{"/proc is a symlink", []func(*kit.Bundle){link("CANARY", "proc")}, "mounts[0]"},
		{"/proc is a symlink inside", []func(*kit.Bundle){link("/tmp", "proc")}, "mounts[0]"},
		{"/proc is dangling", []func(*kit.Bundle){link("nowhere", "proc")}, "mounts[0]"},
		{"/sys is a symlink", []func(*kit.Bundle){link("CANARY", "sys")}, "/sys"},
		{"/sys is a symlink to a magic link", []func(*kit.Bundle){link("/proc/self/cwd/sys", "sys")}, "/sys"},
		{"/dev/pts is a symlink", []func(*kit.Bundle){link("CANARY", "dev/pts"), none}, ""},
		{"/dev/ptmx is a symlink", []func(*kit.Bundle){link("CANARY/file", "dev/ptmx"), none}, ""},
		{"/dev/console is a symlink", []func(*kit.Bundle){link("CANARY/new", "dev/console"), none}, ""},
		{"/dev/null is a symlink", []func(*kit.Bundle){link("CANARY/file", "dev/null"), none}, "/dev/null"},
		{"/dev/null is a file", []func(*kit.Bundle){func(b *kit.Bundle) { b.File("dev/null", "", 0o666) }, none}, "/dev/null"},
		{"/dev/zero is another device", []func(*kit.Bundle){func(b *kit.Bundle) {
			check(b.T, os.Mkdir(b.Rootfs+"/dev", 0o755))
			check(b.T, syscall.Mknod(b.Rootfs+"/dev/zero", syscall.S_IFCHR|0o666, 1<<8|1)) // /dev/mem
		}, none}, "/dev/zero"},
		{"the destination is a symlink", []func(*kit.Bundle){link("CANARY", "data")}, ""},
		{"the destination goes through a symlink", []func(*kit.Bundle){link("CANARY", "data"), destination("/data/a/b")}, ""},
		{"the destination climbs", []func(*kit.Bundle){link("../../../../../../../..", "data"), destination("/data/var/tmp/x")}, ""},
		{"the destination goes through /proc/self/root", []func(*kit.Bundle){link("/proc/self/root", "data"), destination("/data/x")}, "mounts[7]"},
		{"the destination goes through a descriptor", []func(*kit.Bundle){link("/proc/self/fd/4", "data"), destination("/data/x")}, "mounts[7]"},
		{"the destination is a loop", []func(*kit.Bundle){link("/data", "data")}, "mounts[7]"},
		{"the destination is a dangling chain", []func(*kit.Bundle){link("one", "data"), link("two/three", "one"), link("CANARY/deep", "two")}, ""},
		{"the working directory is a symlink", []func(*kit.Bundle){link("CANARY", "here"), cwd("/here/sub")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t)
			host := newCanary(t, b)
			check(t, os.Mkdir(b.Dir+"/source", 0o755))
			b.Edit(kit.Args("all"), mounts(bind(b.Dir+"/source", "/data", "ro")), writable)
			for _, h := range c.hostile {
				h(b)
			}
			res := b.Teu("run", b.ID)
			host.intact()
			switch {
			case c.refused == "" && res.Code != 0:
				t.Errorf("%v: want it to run", res)
			case c.refused != "" && (!oneLine(res) || !strings.Contains(res.Stderr, c.refused)):
				t.Errorf("%v: want a line with %q", res, c.refused)
			}
			for _, l := range kit.Left(b.Dir) {
				t.Errorf("after a refusal or a run: %v is left, want nothing", l)
			}
		})
	}
}

// volume binds the canary on /vol, before all other mounts.
func volume(b *kit.Bundle) {
	b.Edit(func(s *specs.Spec) { s.Mounts = append([]specs.Mount{bind(abs(b, "canary"), "/vol")}, s.Mounts...) })
}

func node(path string) func(*kit.Bundle) {
	return func(b *kit.Bundle) { b.Edit(withNode(path)) }
}

// withNode asks for a device.
func withNode(path string) edit {
	return func(s *specs.Spec) {
		s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: path, Type: "c", Major: 10, Minor: 200})
	}
}

// copied has the /dev of the image copied to the container's.
func copied(b *kit.Bundle) {
	b.Edit(func(s *specs.Spec) {
		for i := range s.Mounts {
			if s.Mounts[i].Destination == "/dev" {
				s.Mounts[i].Options = append(s.Mounts[i].Options, "tmpcopyup")
			}
		}
	})
}

func destination(path string) func(*kit.Bundle) {
	return func(b *kit.Bundle) { b.Spec.Mounts[len(b.Spec.Mounts)-1].Destination = path; b.Edit() }
}

func cwd(path string) func(*kit.Bundle) {
	return func(b *kit.Bundle) { b.Edit(func(s *specs.Spec) { s.Process.Cwd = path }) }
}

// Class A, raced: somebody who can write to the image renames in it while the container is made. The proc that the
// container gets is masked wherever it ends up: runc CVE-2021-30465, CVE-2019-19921; youki CVE-2025-62161.
func TestRenamedWhileMade(t *testing.T) {
	b := kit.New(t)
	for _, dir := range []string{"proc", "other"} {
		for _, sub := range []string{"sys", "bus", "fs", "irq", "acpi", "asound", "scsi"} {
			check(t, os.MkdirAll(filepath.Join(b.Rootfs, dir, sub), 0o755))
		}
		for _, file := range []string{"kcore", "keys", "timer_list", "sched_debug", "latency_stats", "timer_stats", "sysrq-trigger"} {
			b.File(dir+"/"+file, "", 0o644)
		}
	}
	// The one that is a procfs, whatever its name at the moment. To open is enough: nothing is written.
	shell(b, `for p in /proc /other /proc /other; do
		cd $p; [ -d self ] || continue
		(: >>sys/kernel/core_pattern) 2>/dev/null && echo "$p/sys is writable"
		(: >>sysrq-trigger) 2>/dev/null && echo "$p/sysrq-trigger is writable"
		[ -s timer_list ] && echo "$p/timer_list is open"
		exit 0
	done; exit 0`)
	dir, err := os.Open(b.Rootfs)
	check(t, err)
	defer dir.Close()
	swapped := 0
	stop := meanwhile(func() {
		if exchange(b.Rootfs, "proc", "other") == nil {
			swapped++
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
	if swapped == 0 || ran == 0 {
		t.Errorf("the race: swapped %d times, %d containers ran, want more than 0 of both", swapped, ran)
	}
}

// exchange swaps two names of a directory by way of a third.
func exchange(dir, a, b string) error {
	tmp := filepath.Join(dir, "tmp-name")
	if err := os.Rename(filepath.Join(dir, a), tmp); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, b), filepath.Join(dir, a)); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, b))
}

// A directory becomes a symlink to the host and back while mount points are made in it: nothing is made on the host (runc
// CVE-2021-30465, CVE-2024-45310).
func TestSymlinkedWhileMade(t *testing.T) {
	b := kit.New(t)
	host := newCanary(t, b)
	check(t, os.Mkdir(b.Dir+"/source", 0o755))
	check(t, os.MkdirAll(b.Rootfs+"/data/real", 0o755))
	check(t, os.Symlink(host.dir, b.Rootfs+"/data/evil"))
	var list []specs.Mount
	for i := range 10 {
		list = append(list, bind(b.Dir+"/source", fmt.Sprintf("/data/real/a%d/b", i), "ro"))
	}
	b.Edit(mounts(list...), writable)
	stop := meanwhile(func() { exchange(b.Rootfs+"/data", "real", "evil") }) // fails while teu has the name
	race(b, func(r kit.Result) {
		host.intact()
		if r.Code != 0 && !oneLine(r) {
			t.Errorf("%v: want exit code 0 or an error in one line", r)
		}
		for i := range 10 {
			os.RemoveAll(fmt.Sprintf("%s/data/real/a%d", b.Rootfs, i))
		}
	})
	stop()
	host.intact()
}

// Renames and mounts elsewhere on the machine make the kernel give up a lookup with ".." in it (EAGAIN); that must not fail
// the container.
func TestRenamesElsewhere(t *testing.T) {
	b := kit.New(t)
	check(t, os.Mkdir(b.Dir+"/source", 0o755))
	var list []specs.Mount
	for i := range 6 {
		dir := fmt.Sprintf("a%d/b/c", i)
		check(t, os.MkdirAll(filepath.Join(b.Rootfs, dir), 0o755))
		b.Symlink("../../"+dir+"/../../b/../b/c", fmt.Sprintf("a%d/b/up", i))
		list = append(list, bind(b.Dir+"/source", fmt.Sprintf("/a%d/b/up", i), "ro"))
	}
	b.Edit(mounts(list...))
	check(t, os.Mkdir(b.Dir+"/one", 0o755))
	stop := meanwhile(func() {
		os.Rename(b.Dir+"/one", b.Dir+"/two")
		os.Rename(b.Dir+"/two", b.Dir+"/one")
	})
	defer stop()
	race(b, func(r kit.Result) {
		if r.Code != 0 {
			t.Errorf("%v: want exit code 0", r)
		}
	})
}

// The files of the image that the runtime itself reads, on the host and as its root: a device is not opened, a FIFO is not
// waited for, and neither is one who has a lease on it.
func TestFilesThatAreRead(t *testing.T) {
	const zero = 1<<8 | 5 // a watchdog would start when it is opened
	device := func(path string) func(*testing.T, *kit.Bundle) {
		return func(t *testing.T, b *kit.Bundle) {
			check(t, syscall.Mknod(b.Rootfs+path, syscall.S_IFCHR|0o666, zero))
		}
	}
	fifo := func(t *testing.T, b *kit.Bundle) { check(t, syscall.Mkfifo(b.Rootfs+"/etc/passwd", 0o666)) }
	noHome := func(s *specs.Spec) { s.Process.Env = s.Process.Env[len(s.Process.Env)-1:] }
	for _, c := range []struct {
		name, path string
		make       func(*testing.T, *kit.Bundle)
		args       []string
		code       int
	}{
		{"passwd is a device", "/etc/passwd", device("/etc/passwd"), []string{kit.PayloadPath, "true"}, 0},
		{"passwd is a FIFO", "/etc/passwd", fifo, []string{kit.PayloadPath, "true"}, 0},
		{"args[0] is a device", "/bin/it", device("/bin/it"), []string{"/bin/it"}, 1},
		{"the interpreter is a device", "/bin/it", func(t *testing.T, b *kit.Bundle) {
			device("/bin/it")(t, b)
			b.File("bin/script", "#!/bin/it\n", 0o755)
		}, []string{"/bin/script"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t)
			c.make(t, b)
			b.Edit(process(c.args...), noHome)
			touched := opened(t, b.Rootfs+c.path)
			if res := b.Teu("run", b.ID); res.Code != c.code {
				t.Errorf("%v: want exit code %d", res, c.code)
			}
			if touched() {
				t.Errorf("%s of the image was opened, want it left alone", c.path)
			}
		})
	}
	t.Run("passwd is huge", func(t *testing.T) {
		b := kit.New(t, noHome, kit.Args("env"))
		b.File("etc/passwd", "x:x:0:0::/first:/\n", 0o644)
		check(t, os.Truncate(b.Rootfs+"/etc/passwd", 1<<40))
		if res := b.OK("run", b.ID); !strings.Contains(res.Stdout, "HOME=/first\n") {
			t.Errorf("environment with a huge passwd: %v: want %q", res, "HOME=/first\n")
		}
	})
	t.Run("a name of the image reaches the terminal", func(t *testing.T) {
		b := kit.New(t, process("/bin/script"))
		b.File("bin/script", "#!/bin/\x1b[2Jno\r\n", 0o755)
		if res := b.Teu("run", b.ID); !oneLine(res) || strings.ContainsAny(strings.TrimSpace(res.Stderr), "\x1b\r") {
			t.Errorf("%v: want one line without escape and carriage return", res)
		}
	})
}

// A terminal comes from a devpts, and nothing else is opened to find that out (runc CVE-2025-52565).
func TestFakeMultiplexer(t *testing.T) {
	b := kit.New(t, without("/dev/pts"), without("/dev"), without("/dev/shm"), without("/dev/mqueue"), writable, func(s *specs.Spec) {
		s.Process.Terminal = true
	})
	b.File("dev/pts/ptmx", "", 0o666)
	touched := opened(t, b.Rootfs+"/dev/pts/ptmx")
	b.Fails([]string{"run", b.ID}, "process.terminal")
	if touched() {
		t.Error("the image's /dev/pts/ptmx was opened, want it left alone")
	}
}

// A path is masked with the host's null device or not at all (runc CVE-2025-31133).
func TestMaskedWithTheRealNull(t *testing.T) {
	b := kit.New(t, writable, kit.Args("stat", "/secret", "/dir/secret"), func(s *specs.Spec) {
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/secret", "/dir")
	})
	b.File("secret", "secret", 0o644)
	b.File("dir/secret", "secret", 0o644)
	res := b.OK("run", b.ID)
	files := kit.JSON[[]kit.File](b, res.Stdout)
	if len(files) != 2 || files[0].Rdev != "1:3" || files[1].Error != "ENOENT" {
		t.Errorf("stat of /secret and /dir/secret: got %+v, want device 1:3 and ENOENT", files)
	}
}
