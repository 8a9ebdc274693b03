package console

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

// listen makes a listening socket; accept takes a connection from it.
func listen(t *testing.T, path string) (accept func() *os.File) {
	t.Helper()
	// Bound by a short relative name, as a long one does not fit.
	t.Chdir(filepath.Dir(path))
	fd, err := sys.UnixStream()
	if err != nil {
		t.Fatalf("make a socket: %v", err)
	}
	file(t, fd, "listener")
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: filepath.Base(path)}); err != nil {
		t.Fatalf("bind the socket to %s: %v", path, err)
	}
	if err := syscall.Listen(fd, 4); err != nil {
		t.Fatalf("listen on %s: %v", path, err)
	}
	return func() *os.File {
		c, _, err := syscall.Accept(fd)
		if err != nil {
			t.Fatalf("accept on %s: %v", path, err)
		}
		return file(t, c, "accepted")
	}
}

func TestDescriptorArrivesWithItsName(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"short path":                filepath.Join(t.TempDir(), "s"),
		"path longer than sun_path": filepath.Join(long, "s"),
	} {
		t.Run(name, func(t *testing.T) {
			accept := listen(t, path)
			r, w := pipe(t)
			conn, err := Dial(path)
			if err != nil {
				t.Fatalf("dial %s: %v", path, err)
			}
			if err := SendFD(conn, int(w.Fd()), "/dev/pts/7"); err != nil {
				t.Fatalf("send a descriptor: %v", err)
			}
			conn.Close()
			got, err := RecvFD(accept())
			if err != nil {
				t.Fatalf("receive a descriptor: %v", err)
			}
			if got.Name() != "/dev/pts/7" {
				t.Errorf("name of the descriptor: got %q, want /dev/pts/7", got.Name())
			}
			w.Close()
			got.WriteString("x")
			got.Close()
			if b, _ := io.ReadAll(r); string(b) != "x" {
				t.Errorf("read through the pipe that was sent: got %q, want x", b)
			}
		})
	}
}

func TestSendPidfd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	accept := listen(t, path)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := SendPidfd(path, int(null.Fd()), PidfdOfExec); err != nil {
		t.Fatalf("send a pidfd: %v", err)
	}
	conn := accept()
	got, err := RecvFD(conn)
	if err != nil || got.Name() != "setns" {
		t.Fatalf("receive a pidfd: got %v, %v, want one with the name setns", got, err)
	}
	got.Close()
	if _, err := RecvFD(conn); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("receive from who has sent its pidfd: got error %v, want EPIPE of a closed connection", err)
	}
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want error
	}{
		{"", syscall.ENOENT},
		{"@abstract-name-of-nobody", syscall.ENOENT},
		{filepath.Join(dir, "absent"), syscall.ENOENT},
		{filepath.Join(dir, strings.Repeat("x", 200)), syscall.ENOENT},
		{plain, syscall.ECONNREFUSED},
	} {
		if _, err := Dial(c.path); !errors.Is(err, c.want) {
			t.Errorf("dial %q: got error %v, want %v", c.path, err, c.want)
		}
	}
}

func TestRecvRefusesWhatIsNotOneDescriptor(t *testing.T) {
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	open := func() int {
		names, _ := os.ReadDir("/proc/self/fd")
		return len(names)
	}
	for _, c := range []struct {
		name string
		fds  []int
		want error
	}{
		{"no descriptor", nil, syscall.EBADMSG},
		{"two descriptors", []int{fd, fd}, syscall.EMSGSIZE},
		{"many descriptors", []int{fd, fd, fd, fd, fd, fd}, syscall.EMSGSIZE},
	} {
		pair, err := sys.UnixStreamPair()
		if err != nil {
			t.Fatalf("make a pair of sockets: %v", err)
		}
		a, b := os.NewFile(uintptr(pair[0]), "a"), os.NewFile(uintptr(pair[1]), "b")
		before := open()
		if err := sys.SendFDs(pair[0], []byte("x"), c.fds...); err != nil {
			t.Fatalf("%s: send: %v", c.name, err)
		}
		if _, err := RecvFD(b); !errors.Is(err, c.want) {
			t.Errorf("%s: receive: got error %v, want %v", c.name, err, c.want)
		}
		if n := open(); n != before {
			t.Errorf("%s: open descriptors: got %d, want %d as before", c.name, n, before)
		}
		a.Close()
		if err := SendFD(b, fd, "x"); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: send to a closed peer: got error %v, want EPIPE", c.name, err)
		}
		b.Close()
	}
}
