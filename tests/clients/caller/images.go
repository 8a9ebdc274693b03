package caller

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// busybox is the static one of busybox-static.
const busybox = "/bin/busybox"

// Busybox is a root filesystem as a tar archive: busybox under all its names, and the files that tell users.
func Busybox(t testing.TB) []byte {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		check(w.WriteHeader(&h))
		_, err := w.Write(data)
		check(err)
	}
	for _, dir := range []string{"bin", "etc", "proc", "sys", "dev", "root", "mnt", "data", "home"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil)
	binary, err := os.ReadFile(busybox)
	check(err)
	add(tar.Header{Name: "bin/busybox", Mode: 0o755}, binary)
	names, err := exec.Command(busybox, "--list").Output()
	check(err)
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" {
			add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100::/home/user:/bin/sh\n"))
	add(tar.Header{Name: "etc/group", Mode: 0o644}, []byte("root:x:0:\nusers:x:100:\naudio:x:29:\n"))
	check(w.Close())
	return buf.Bytes()
}

// Debian is the path of a tar archive with a root filesystem of Debian in which the packages are installed. It is made with
// debootstrap once, and kept in the user's cache.
func Debian(t testing.TB, packages ...string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(strings.Join(packages, " ")))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("find the cache: %v", err)
	}
	file := filepath.Join(cache, "teu-clients", "debian-"+hex.EncodeToString(sum[:6])+".tar")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if err := debootstrap(file, packages); err != nil {
		t.Fatalf("make a root filesystem of Debian: %v", err)
	}
	return file
}

func debootstrap(file string, packages []string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	// Device nodes and chroot want a filesystem without nodev and noexec; the cache may have them.
	dir, err := os.MkdirTemp("/var/tmp", "teu-debian-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, args := range [][]string{
		{"debootstrap", "--variant=minbase", "--include=" + strings.Join(packages, ","), "bookworm", dir + "/root"},
		{"tar", "-C", dir + "/root", "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-cf", file + ".new", "."},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	return os.Rename(file+".new", file)
}
