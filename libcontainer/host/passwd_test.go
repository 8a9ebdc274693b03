package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teu/internal/sys"
)

const passwd = "# 0\nroot:x:0:0:root:/root:/bin/sh\nshort:x\n+nis:x:7:7::/n:\n-nis:x:7:7::/n:\n:x:9:9::relative:\nfirst:x:9:9::/first\n" +
	"second:x:9:9::/second:\nlast:x:10:10\nbig:x:4294967296:0::/big:\nword:x:ten:10::/ten:\nend:x:11:11::/end:/bin/sh"

func TestUserName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(file, []byte(passwd), 0o600); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]string{0: "root", 9: "first", 10: "last", 11: "end", 7: "#7", 4294967295: "#4294967295"} {
		if got := userName(file, uid); got != want {
			t.Errorf("name of user %d: got %s, want %s", uid, got, want)
		}
	}
	if got, want := userName(file+"none", 1), "#1"; got != want {
		t.Errorf("name of user 1 without passwd: got %s, want %s", got, want)
	}
}

func TestHome(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"passwd": passwd, "long": strings.Repeat("#\n", maxPasswd) + "root:x:0:0::/root:\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := sys.Openat(sys.AtFdcwd, dir, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	defer sys.Close(root)
	for _, c := range []struct {
		path string
		uid  uint32
		want string
	}{
		{"passwd", 0, "/root"}, {"passwd", 9, "/first"}, {"passwd", 10, "/"}, {"passwd", 11, "/end"}, {"passwd", 7, "/n"}, {"passwd", 12, "/"},
		{"none", 0, "/"}, {"passwd/none", 0, "/"}, {"dir", 0, "/"}, {"long", 0, "/"},
	} {
		if got, err := Home(root, c.path, c.uid); got != c.want || err != nil {
			t.Errorf("home of user %d of %s: got %q, %v, want %q", c.uid, c.path, got, err, c.want)
		}
	}
}

// TestUsersStops: what follows the user that is looked for is not read.
func TestUsersStops(t *testing.T) {
	text := passwd + strings.Repeat("\nmore:x:12:12::/more:", 1000)
	if n := testing.AllocsPerRun(10, func() { homeOf(text, 0) }); n > 10 {
		t.Errorf("allocations for the first of 1000 users: got %v, want at most 10", n)
	}
}
