// Package docker runs teu under Docker: Debian's dockerd, with teu found as runc.
package docker

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// docker is a daemon of the test's own and its command line client. The daemon has a network namespace of its own, and
// directories below dir, but for what containerd and the network put into /run: a tmpfs is there meanwhile.
type docker struct {
	caller.Engine
	dir    string
	daemon caller.Runtime
	env    []string
	cgroup string // the parent of the containers'
}

// With is the client in a check.
func (d docker) With(t *caller.T) docker {
	d.T = t
	return d
}

// start starts a daemon that finds the runtime under the name runc, as somebody who drops teu in has it, and BuildKit
// always. More flags of dockerd may follow.
func start(t testing.TB, r caller.Runtime, flags ...string) docker {
	t.Helper()
	b := kit.New(t) // for its directory and its id; no container is made of it
	d := docker{dir: b.Dir + "/docker", daemon: r, cgroup: b.ID}
	d.Dir = d.dir + "/home"
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
	}
	for _, dir := range []string{"", "/bin", "/home", "/tmp"} {
		check(os.Mkdir(d.dir+dir, 0o711))
	}
	check(os.Symlink(r.Path, d.dir+"/bin/runc"))
	d.env = []string{
		"PATH=" + d.dir + "/bin:" + os.Getenv("PATH"), "HOME=" + d.dir + "/home", "DOCKER_HOST=unix://" + d.dir + "/sock",
		"TMPDIR=" + d.dir + "/tmp", // for containerd's stacks, which dockerd asks for when it is too slow
	}
	d.Program = caller.Program{Args: []string{"/usr/bin/docker"}, Env: d.env}
	check(syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { check(syscall.Unmount("/run", syscall.MNT_DETACH)) })
	check(os.MkdirAll("/run/lock", 0o755)) // for iptables

	log, err := os.Create(d.dir + "/log")
	check(err)
	defer log.Close()
	args := []string{
		"--config-file=" + d.dir + "/daemon.json", "--data-root=" + d.dir + "/root", "--exec-root=" + d.dir + "/exec",
		"--host=unix://" + d.dir + "/sock", "--pidfile=" + d.dir + "/pid", "--cgroup-parent=/" + b.ID,
		"--add-runtime=other=" + r.Path, "--add-runtime=gpu=" + caller.GPURuntime(t, d.dir+"/gpu", r),
	}
	check(os.WriteFile(d.dir+"/daemon.json", []byte("{}"), 0o600))
	c := exec.Command("/usr/sbin/dockerd", append(args, flags...)...)
	c.Env, c.Stdout, c.Stderr = d.env, log, log
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	check(c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() { d.stop(t, c.Process, ended) })
	d.T = &caller.T{Runtime: r}
	caller.Until(d.T, "the daemon listens", func() bool {
		conn, err := net.Dial("unix", d.dir+"/sock")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	d.load(t)
	return d
}

// load gives the daemon the image bb.
func (d docker) load(t testing.TB) {
	t.Helper()
	o := d.Do(d.T, bytes.NewReader(caller.Busybox(t)), "import", "--change", `CMD ["sh"]`, "--change", "ENV FROM=image", "-", "bb")
	if o.Code != 0 {
		t.Fatalf("%v: want exit code 0", o)
	}
}

// stop ends the daemon and looks for what is left of its containers.
func (d docker) stop(t testing.TB, p *os.Process, ended chan error) {
	left, _ := filepath.Glob(d.dir + "/exec/runtime-runc/moby/*")
	for _, l := range left {
		t.Errorf("left: state %s, want none", l)
	}
	p.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("end of dockerd: %v", err)
	}
	// What the daemon leaves itself: its network namespace, and the parents of the containers' cgroups.
	syscall.Unmount(d.dir+"/exec/netns/default", syscall.MNT_DETACH)
	for _, name := range []string{"/buildkit", ""} {
		dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + d.cgroup + name)
		for _, dir := range append(dirs, "/sys/fs/cgroup/"+d.cgroup+name) {
			os.Remove(dir)
		}
	}
	if t.Failed() {
		text, _ := os.ReadFile(d.dir + "/log") // there may be none yet
		if len(text) > 8000 {
			text = text[len(text)-8000:]
		}
		t.Logf("dockerd:\n%s", text)
	}
}

// Tidy removes the containers, networks and volumes that a check has left.
func (d docker) Tidy() {
	if ids := strings.Fields(d.OK("ps", "--all", "--quiet")); len(ids) > 0 {
		d.OK(append([]string{"rm", "--force", "--volumes"}, ids...)...)
	}
	d.OK("network", "prune", "--force")
	d.OK("volume", "prune", "--force")
}
