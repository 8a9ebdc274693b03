package security

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// withStreams is `teu args`, whose standard streams of those numbers are f.
func withStreams(b *kit.Bundle, f *os.File, streams string, args ...string) *exec.Cmd {
	c := b.Command(args...)
	for _, n := range streams {
		switch n {
		case '0':
			c.Stdin = f
		case '1':
			c.Stdout = f
		case '2':
			c.Stderr = f
		}
	}
	return c
}

// failsQuietly runs a command of which an output may be no file that can be read.
func failsQuietly(t *testing.T, c *exec.Cmd) {
	t.Helper()
	var exit *exec.ExitError
	if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() < 1 {
		t.Errorf("%q: got %v, want an error", c.Args, err)
	}
}

// A directory that is a standard stream leads out of the root (runc CVE-2024-21626).
func TestDirectoryAsStream(t *testing.T) {
	b := kit.New(t, kit.Args("ls", "/proc/self/fd/0"))
	running := kit.Running(t)
	dir, err := os.Open(b.Dir)
	check(t, err)
	defer dir.Close()
	path, err := syscall.Open(b.Dir, 0o10000000 /* O_PATH */ |syscall.O_CLOEXEC, 0)
	check(t, err)
	byPath := os.NewFile(uintptr(path), b.Dir)
	defer byPath.Close()
	for _, f := range []*os.File{dir, byPath} {
		for _, args := range [][]string{{"run", b.ID}, {"create", b.ID}, {"exec", running.ID, kit.PayloadPath, "ls", "/proc/self/fd/0"}} {
			res := b.Do(withStreams(b, f, "0", args...))
			if args[0] == "exec" {
				res = running.Do(withStreams(running, f, "0", args...))
			}
			want := "standard input: is a directory: want a file, a pipe, a socket or a terminal"
			if res.Code == 0 || res.Stdout != "" || !strings.Contains(res.Stderr, want) {
				t.Errorf("%v: want an error with %q", res, want)
			}
		}
	}
	for _, n := range []string{"1", "2"} {
		failsQuietly(t, withStreams(b, dir, n, "run", b.ID))
		failsQuietly(t, withStreams(running, dir, n, "exec", running.ID, kit.PayloadPath, "true"))
	}
}

func ownerOf(t *testing.T, f *os.File) uint32 {
	t.Helper()
	var st syscall.Stat_t
	check(t, syscall.Fstat(int(f.Fd()), &st))
	return st.Uid
}

// pseudoTerminal is both ends of one; slave is the one that a process has.
func pseudoTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	var n uint32
	for req, arg := range map[uintptr]*uint32{syscall.TIOCSPTLCK: new(uint32), syscall.TIOCGPTN: &n} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), req, uintptr(unsafe.Pointer(arg))); errno != 0 {
			t.Fatalf("ioctl %#x of the terminal: %v", req, errno)
		}
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	return master, slave
}

// Only what is there for the process alone becomes its user's: files and devices of the host would stay so.
func TestOwnerOfStreams(t *testing.T) {
	const uid = 12345
	b := kit.New(t, kit.Args("open", "/proc/self/fd/0", "r"), func(s *specs.Spec) { s.Process.User.UID = uid })
	running := kit.Running(t, func(s *specs.Spec) { s.Process.User.UID = uid })
	node := func(mode uint32, dev int) *os.File {
		path := filepath.Join(b.Dir, fmt.Sprintf("node%o.%d", mode, dev))
		check(t, syscall.Mknod(path, mode, dev))
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
		check(t, err)
		return f
	}
	file, err := os.OpenFile(b.Dir+"/file", os.O_RDWR|os.O_CREATE, 0o600)
	check(t, err)
	pipe, w, err := os.Pipe()
	check(t, err)
	defer w.Close()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(t, err)
	master, slave := pseudoTerminal(t)
	for _, c := range []struct {
		name string
		f    *os.File
		own  bool
	}{
		{"a file", file, false},
		{"a device that is zero", node(syscall.S_IFCHR|0o600, 1<<8|5), false},
		{"a null device", node(syscall.S_IFCHR|0o600, 1<<8|3), false},
		{"the master of a terminal", master, false},
		{"a pipe", pipe, true},
		{"a FIFO", node(syscall.S_IFIFO|0o600, 0), true},
		{"a socket", os.NewFile(uintptr(pair[0]), "socket"), true},
		{"a terminal", slave, true},
	} {
		before := ownerOf(t, c.f)
		for _, cmd := range []*exec.Cmd{
			withStreams(b, c.f, "0", "run", b.ID), withStreams(running, c.f, "0", "exec", running.ID, kit.PayloadPath, "true"),
		} {
			if res := b.Do(cmd); strings.Contains(res.Stderr, "level=error") {
				t.Errorf("%s: %v: want it to run", c.name, res)
			}
			want := before
			if c.own {
				want = uid
			}
			if got := ownerOf(t, c.f); got != want {
				t.Errorf("owner of %s after %s: got %d, want %d", c.name, cmd.Args[3], got, want)
			}
			check(t, os.Chown("/proc/self/fd/"+strconv.Itoa(int(c.f.Fd())), int(before), -1))
		}
		c.f.Close()
	}
	syscall.Close(pair[1])
}

// A file is read as the caller has opened it, whoever the user is.
func TestFileAsInput(t *testing.T) {
	b := kit.New(t, kit.Args("cat"), func(s *specs.Spec) { s.Process.User.UID = 12345 })
	check(t, os.WriteFile(b.Dir+"/file", []byte("text\n"), 0o600))
	f, err := os.Open(b.Dir + "/file")
	check(t, err)
	defer f.Close()
	if res := b.Do(withStreams(b, f, "0", "run", b.ID)); res.Code != 0 || res.Stdout != "text\n" {
		t.Errorf(`%v: want exit code 0 and stdout "text\n"`, res)
	}
}

// What exec opens of the container's files, and when, is not the container's to decide: a lease on a file keeps whoever opens it
// waiting for 45 seconds (fcntl(2), /proc/sys/fs/lease-break-time), a FIFO for ever.
func TestExecWaitsForNoFile(t *testing.T) {
	running := kit.Running(t, writable, func(s *specs.Spec) { s.Process.Env = s.Process.Env[:1] })
	root := fmt.Sprintf("/proc/%d/root", running.State().Pid)
	check(t, os.MkdirAll(root+"/etc", 0o755))
	lease := func(path string) func() {
		check(t, os.WriteFile(path, []byte("x"), 0o666))
		f, err := os.Open(path)
		check(t, err)
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_WRLCK); errno != 0 {
			t.Fatalf("lease on %s: %v", path, errno)
		}
		return func() { f.Close() }
	}
	fifo := func(path string) func() {
		check(t, syscall.Mkfifo(path, 0o666))
		return func() {}
	}
	zero := func(path string) func() {
		check(t, syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|5))
		return func() {}
	}
	for _, path := range []string{"/dev/null", "/etc/passwd"} {
		for name, place := range map[string]func(string) func(){"a lease": lease, "a FIFO": fifo, "another device": zero} {
			os.Remove(root + path)
			undo := place(root + path)
			touched := opened(t, root+path)
			for _, uid := range []string{"0", "12345"} {
				c := running.Command("exec", "--user", uid, running.ID, kit.PayloadPath, "true")
				begin := time.Now()
				null, err := os.Open("/dev/null")
				check(t, err)
				c.Stdin = null
				res := running.Do(c)
				null.Close()
				if took := time.Since(begin); res.Code != 0 || strings.Contains(res.Stderr, "level=error") || took > 5*time.Second {
					t.Errorf("exec of user %s with %s at %s, after %v: %v: want it to run at once", uid, name, path, took, res)
				}
			}
			if touched() && name == "another device" {
				t.Errorf("%s at %s was opened, want it left alone", name, path)
			}
			undo()
		}
	}
}

// The null device that an exec gets is one: it can be read and written, and opened anew.
func TestNullOfExec(t *testing.T) {
	running := kit.Running(t)
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	check(t, err)
	defer null.Close()
	for _, args := range [][]string{
		{"cat"}, {"open", "/proc/self/fd/0", "rw"}, {"syscall", "1", "0", "s:x", "1"}, {"syscall", "fchmod", "0", "0"},
		{"syscall", "93", "0", "1", "1"},
	} {
		want := map[string]string{"cat": "", "open": "ok\n", "1": "ok 1\n", "fchmod": "EROFS\n", "93": "EROFS\n"}
		name := args[0]
		if name == "syscall" {
			name = args[1]
		}
		c := withStreams(running, null, "0", append([]string{"exec", running.ID, kit.PayloadPath}, args...)...)
		if res := running.Do(c); res.Stdout+res.Stderr != want[name] {
			t.Errorf("%v: want output %q", res, want[name])
		}
	}
}
