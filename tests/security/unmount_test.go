package security

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// mountsFile is a file for `mounts` that lists m.
func mountsFile(t *testing.T, b *kit.Bundle, m specs.Mount) string {
	t.Helper()
	f, err := os.CreateTemp(b.Dir, "mounts-")
	check(t, err)
	defer f.Close()
	check(t, json.NewEncoder(f).Encode([]specs.Mount{m}))
	return f.Name()
}

// called has the payload call the system call nr in the container.
func called(b *kit.Bundle, nr int, args ...string) {
	b.T.Helper()
	res := b.Teu(append([]string{"exec", b.ID, kit.PayloadPath, "syscall", strconv.Itoa(nr)}, args...)...)
	if res.Stdout != "ok 0\n" {
		b.T.Fatalf("syscall %d %q: %v, want ok 0", nr, args, res)
	}
}

// A source that lies in the root of the container is what that root has there, whatever symlinks its processes have made: they lead to
// nothing of the host's, also where the ids of the mount are translated, for which the parent opens it.
func TestAttachedSourceInTheRoot(t *testing.T) {
	for name, edits := range map[string][]edit{"of root": nil, "of a user namespace": {userNamespace}} {
		t.Run(name, func(t *testing.T) {
			b := kit.New(t, append(edits, writable, kit.Args("sleep", "forever"))...)
			secret := b.Dir + "/secret"
			check(t, os.WriteFile(secret, []byte("of the host\n"), 0o644))
			check(t, os.WriteFile(b.Rootfs+"/etc/own", []byte("own\n"), 0o644))
			check(t, os.Symlink(secret, b.Rootfs+"/tmp/absolute"))
			check(t, os.Symlink("../../secret", b.Rootfs+"/tmp/relative"))
			check(t, os.Symlink("/etc/own", b.Rootfs+"/tmp/inside"))
			if name != "of root" {
				give(t, b.Rootfs, b.Rootfs+"/tmp")
			}
			b.Start()
			for _, from := range []string{"/tmp/absolute", "/tmp/relative"} {
				b.Fails([]string{"mounts", "add", b.ID, mountsFile(t, b, bind(b.Rootfs+from, "/tmp/out"))}, "mounts[0]", "no such file")
			}
			b.OK("mounts", "add", b.ID, mountsFile(t, b, bind(b.Rootfs+"/tmp/inside", "/tmp/in")))
			if res := b.Teu("exec", b.ID, kit.PayloadPath, "cat", "/tmp/in"); res.Stdout != "own\n" {
				t.Errorf("a source in the root: %v, want own", res)
			}
			mapped := bind(b.Rootfs+"/tmp/absolute", "/tmp/out", "idmap")
			mapped.UIDMappings = []specs.LinuxIDMapping{{HostID: 5, Size: 10}}
			mapped.GIDMappings = mapped.UIDMappings
			b.Fails([]string{"mounts", "add", b.ID, mountsFile(t, b, mapped)}, "mounts[0].source", "no such file")
			b.OK("delete", "--force", b.ID)
			b.Edit(mounts(mapped))
			b.Fails([]string{"create", b.ID}, ".source: /tmp/absolute", "no such file")
		})
	}
}

// What masks a path, or keeps it read-only, stays where it is, by whatever path it can be reached by then: root of a container may move the
// directory that it is in, and put a symlink where the caller wants something else taken off.
func TestMasksAreNotTakenOff(t *testing.T) {
	b := kit.New(t, writable, kit.Args("sleep", "forever"))
	for _, dir := range []string{"/etc/hidden", "/etc/kept", "/etc/kept2/sub"} {
		check(t, os.MkdirAll(b.Rootfs+dir, 0o755))
	}
	for _, file := range []string{"/etc/hidden/secret", "/etc/secret", "/etc/kept/file"} {
		check(t, os.WriteFile(b.Rootfs+file, []byte("hidden\n"), 0o644))
	}
	b.Edit(func(s *specs.Spec) {
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/etc/hidden", "/etc/secret")
		s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/etc/kept", "/etc/kept2/sub")
	}, mounts(bind(b.Rootfs+"/etc/kept2", "/etc/kept2")))
	b.Start()
	called(b, syscall.SYS_RENAMEAT, "-100", "s:/etc", "-100", "s:/elsewhere")
	called(b, syscall.SYS_SYMLINKAT, "s:/elsewhere", "-100", "s:/tmp/volume")
	before := containerMounts(t, b)
	for _, name := range []string{"hidden", "secret", "kept", "kept2/sub", "kept2"} {
		b.Fails([]string{"mounts", "remove", b.ID, mountsFile(t, b, bind("/x", "/tmp/volume/"+name))}, "mounts[0]", "is to stay")
	}
	if now := containerMounts(t, b); now != before {
		t.Errorf("mounts of the container: got\n%s\nwant\n%s", now, before)
	}
}

func containerMounts(t *testing.T, b *kit.Bundle) string {
	t.Helper()
	return b.OK("exec", b.ID, kit.PayloadPath, "mountinfo").Stdout
}

// A volume that is a peer of the host's, taken off in the container, takes nothing off on the host, where something may be mounted below it.
func TestTakenOffOfTheContainerAlone(t *testing.T) {
	b := kit.New(t, writable, kit.Args("sleep", "forever"), func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" })
	volume := b.Dir + "/volume"
	check(t, os.Mkdir(volume, 0o755))
	check(t, syscall.Mount(volume, volume, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { check(t, syscall.Unmount(volume, syscall.MNT_DETACH)) })
	check(t, syscall.Mount("", volume, "", syscall.MS_SHARED, ""))
	check(t, os.Mkdir(volume+"/sub", 0o755))
	check(t, syscall.Mount("tmpfs", volume+"/sub", "tmpfs", 0, "size=64k"))
	m := bind(volume, "/tmp/volume", "rbind", "rshared")
	b.Edit(mounts(m))
	b.Start()
	before := hostMounts(t, b)
	if strings.Count(before, volume) < 2 {
		t.Fatalf("mounts of the host: got\n%s\nwant %s and one below it", before, volume)
	}
	b.OK("mounts", "remove", b.ID, mountsFile(t, b, m))
	if now := hostMounts(t, b); now != before {
		t.Errorf("mounts of the host: got\n%s\nwant\n%s", now, before)
	}
	if now := containerMounts(t, b); strings.Contains(now, "/tmp/volume") {
		t.Errorf("mounts of the container: got\n%s\nwant nothing at /tmp/volume", now)
	}
}
