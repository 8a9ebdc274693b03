// Package security attacks teu as a hostile image, a hostile container and a careless host would. The classes are those of
// the published escapes of low-level runtimes; each test names the ones it replays.
package security

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m, kit.Options{Attacker: true}) }

type edit = func(*specs.Spec)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func writable(s *specs.Spec) { s.Root.Readonly = false }

func process(args ...string) edit { return func(s *specs.Spec) { s.Process.Args = args } }

func mounts(m ...specs.Mount) edit { return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m...) } }

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Type: "bind", Options: append([]string{"bind"}, options...)}
}

// without leaves the mount on a destination out.
func without(destination string) edit {
	return func(s *specs.Spec) {
		var list []specs.Mount
		for _, m := range s.Mounts {
			if m.Destination != destination {
				list = append(list, m)
			}
		}
		s.Mounts = list
	}
}

func namespaces(change func(specs.LinuxNamespace) specs.LinuxNamespace) edit {
	return func(s *specs.Spec) {
		for i, n := range s.Linux.Namespaces {
			s.Linux.Namespaces[i] = change(n)
		}
	}
}

// dockerCaps are what Docker gives a container.
var dockerCaps = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
	"CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

func caps(list ...string) edit {
	return func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: list, Effective: list, Permitted: list}
	}
}

const userBase = 100000

// userNamespace maps the container's ids to ones that are nobody's. Its root must own what it makes mount points in.
func userNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: userBase, Size: 65536}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
}

func give(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		check(t, os.Chown(p, userBase, userBase))
	}
}

// shell puts busybox into the root and makes its shell the process.
func shell(b *kit.Bundle, script string, edits ...edit) {
	b.T.Helper()
	text, err := os.ReadFile("/bin/busybox")
	if err != nil {
		b.T.Fatalf("%v: want busybox-static", err)
	}
	b.File("bin/busybox", string(text), 0o755)
	b.Edit(append([]edit{process("/bin/busybox", "sh", "-c", script), func(s *specs.Spec) {
		s.Process.Env = append(s.Process.Env, "PATH=/bin")
	}}, edits...)...)
}

// attacker puts the hostile program into the root.
func attacker(b *kit.Bundle) {
	b.T.Helper()
	text, err := os.ReadFile(kit.Attacker())
	check(b.T, err)
	b.File("bin/attacker", string(text), 0o755)
}

// canary is a directory of the host beside the bundle, with a file in it; intact tells whether it is as it was.
type canary struct {
	t   *testing.T
	dir string
}

const canaryText = "of the host"

func newCanary(t *testing.T, b *kit.Bundle) *canary {
	t.Helper()
	dir := b.Dir + "/canary"
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(dir+"/file", []byte(canaryText), 0o644))
	return &canary{t, dir}
}

func (c *canary) intact() {
	c.t.Helper()
	entries, err := os.ReadDir(c.dir)
	check(c.t, err)
	text, err := os.ReadFile(c.dir + "/file")
	if err != nil || string(text) != canaryText || len(entries) != 1 {
		c.t.Errorf("the host's directory: got %v, %q in its file, error %v; want the file alone, with %q in it", entries, text, err, canaryText)
	}
}

// meanwhile calls f again and again until the returned function is called.
func meanwhile(f func()) (stop func()) {
	var wg sync.WaitGroup
	end := make(chan struct{})
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-end:
				return
			default:
				f()
			}
		}
	}()
	return func() {
		close(end)
		wg.Wait()
	}
}

// busy keeps every processor busy until the test is over.
func busy(t *testing.T) {
	t.Helper()
	for range runtime.NumCPU() {
		beside(t, "burn")
	}
}

// beside runs the hostile program on the host until the test is over.
func beside(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(kit.Attacker(), args...)
	check(t, cmd.Start())
	t.Cleanup(func() {
		check(t, cmd.Process.Kill())
		cmd.Wait() //nolint:errcheck // it was killed
	})
}

// opened watches a file with inotify and tells whether anybody has opened it; to look it up (O_PATH) does not count.
func opened(t *testing.T, path string) func() bool {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	check(t, err)
	t.Cleanup(func() { syscall.Close(fd) })
	_, err = syscall.InotifyAddWatch(fd, path, syscall.IN_OPEN)
	check(t, err)
	return func() bool {
		n, err := syscall.Read(fd, make([]byte, 4096))
		return err == nil && n > 0
	}
}

// rounds is how often a race is run.
const rounds = 60

// bounded is how long the tests with a race may take in all.
const bounded = 15 * time.Second

// race runs the container again and again until its time is over, and gives each outcome to judge.
func race(b *kit.Bundle, judge func(kit.Result)) {
	b.T.Helper()
	tries(b, rounds, judge)
}

// tries is race with a number of rounds of its own.
func tries(b *kit.Bundle, rounds int, judge func(kit.Result)) {
	b.T.Helper()
	end := time.Now().Add(bounded)
	for i := 0; i < rounds && time.Now().Before(end); i++ {
		judge(b.Teu("run", b.ID))
		b.OK("delete", "--force", b.ID)
	}
}

// oneLine tells whether a failure was reported in one line.
func oneLine(r kit.Result) bool {
	return r.Code != 0 && strings.Count(strings.TrimSpace(r.Stderr), "\n") == 0 && r.Stderr != ""
}

// abs is path below the bundle.
func abs(b *kit.Bundle, path string) string { return filepath.Join(b.Dir, path) }
