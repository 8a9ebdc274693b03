// Package docker runs teu under Docker: Debian's dockerd, with teu found as runc.
package docker

import (
	"bytes"
	"fmt"
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
	*caller.T
	caller.Program
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
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"", "/bin", "/home"} {
		check(os.Mkdir(d.dir+dir, 0o711))
	}
	check(os.Symlink(r.Path, d.dir+"/bin/runc"))
	d.env = []string{"PATH=" + d.dir + "/bin:" + os.Getenv("PATH"), "HOME=" + d.dir + "/home", "DOCKER_HOST=unix://" + d.dir + "/sock"}
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
		"--add-runtime=other=" + r.Path,
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
		t.Fatal(o)
	}
}

// stop ends the daemon and looks for what is left of its containers.
func (d docker) stop(t testing.TB, p *os.Process, ended chan error) {
	left, _ := filepath.Glob(d.dir + "/exec/runtime-runc/moby/*")
	for _, l := range left {
		if filepath.Base(l) != "cache:seccomp" {
			t.Errorf("left: state %s", l)
		}
	}
	p.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("dockerd: %v", err)
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
	if ids := strings.Fields(d.ok("ps", "--all", "--quiet")); len(ids) > 0 {
		d.ok(append([]string{"rm", "--force", "--volumes"}, ids...)...)
	}
	d.ok("network", "prune", "--force")
	d.ok("volume", "prune", "--force")
}

// do runs a docker command.
func (d docker) do(args ...string) caller.Outcome { return d.Do(d.T, nil, args...) }

// ok runs a docker command that has to succeed, and returns what it wrote, without the last newline.
func (d docker) ok(args ...string) string {
	o := d.do(args...)
	if o.Code != 0 {
		d.Fatalf("%v", o)
	}
	return strings.TrimSuffix(o.Out, "\n")
}

// want runs a docker command that has to end with a code and to write a text, last newline aside.
func (d docker) want(code int, out string, args ...string) {
	if o := d.do(args...); o.Code != code || strings.TrimSuffix(o.Out, "\n") != out {
		d.Errorf("%v: want %d and %q", o, code, out)
	}
}

// fails runs a docker command that has to end with a code and to say something in its error.
func (d docker) fails(code int, text string, args ...string) {
	if o := d.do(args...); o.Code != code || !strings.Contains(o.Err+o.Out, text) {
		d.Errorf("%v: want %d and %q", o, code, text)
	}
}

// run runs a shell command in a container, which has to end well and to write a text.
func (d docker) run(out, script string, flags ...string) {
	d.want(0, out, append(append([]string{"run", "--rm"}, flags...), "bb", "sh", "-c", script)...)
}

// up starts a container and returns its id.
func (d docker) up(script string, flags ...string) string {
	return d.ok(append(append([]string{"run", "--detach"}, flags...), "bb", "sh", "-c", script)...)
}

// sleeper is the script of a container that stays.
const sleeper = "exec sleep 1000"

// inspect returns a field of a container, as a Go template names it.
func (d docker) inspect(id, field string) string {
	return d.ok("inspect", "--format", "{{"+field+"}}", id)
}

// until waits until a field of a container has a value.
func (d docker) until(id, field, value string) {
	caller.Until(d.T, fmt.Sprintf("%s of the container is %s", field, value), func() bool { return d.inspect(id, field) == value })
}

// logged waits until the log of a container holds a text.
func (d docker) logged(id, text string) {
	caller.Until(d.T, "the container's log holds "+text, func() bool {
		o := d.do("logs", id)
		return strings.Contains(o.Out+o.Err, text)
	})
}

// file makes a file on the host.
func (d docker) file(name, text string, mode os.FileMode) string {
	path := filepath.Join(d.dir, "home", name)
	d.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	d.Check(os.WriteFile(path, []byte(text), mode))
	d.Check(os.Chmod(path, mode))
	return path
}
