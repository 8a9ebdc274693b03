// Package containerd runs teu under containerd 1.6 of Debian by its client ctr.
package containerd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

// TestMain gives the suite a network of its own: it is the host's for containers, and has bridges and rules of iptables.
func TestMain(m *testing.M) { kit.Main(m, kit.Options{Namespaces: syscall.CLONE_NEWNET}) }

// The images hold busybox and nothing else; that of a user wants another.
const (
	image     = "localhost/busybox:1"
	userImage = "localhost/user:1"
)

const subnet = "10.213.77.0/24"

// ctr is a daemon of the test's own and its command line client.
type ctr struct {
	*caller.T
	caller.Program
	*caller.Containerd
	count *atomic.Int32 // of the containers
	root  string        // the image's files in a directory
	gpu   string        // a runtime that brings a GPU
}

// With is the client in a check.
func (c ctr) With(t *caller.T) ctr {
	c.T = t
	return c
}

func start(t testing.TB, r caller.Runtime) ctr {
	t.Helper()
	c := ctr{T: &caller.T{Runtime: r}, count: new(atomic.Int32)}
	c.Containerd = caller.StartContainerd(t, r, []string{"io.containerd.grpc.v1.cri"}, "")
	c.Program = caller.Program{Args: []string{"/usr/bin/ctr", "--address", c.Socket, "--namespace", c.ID}, Env: c.Containerd.Env}
	c.Network("teu-ctr0", subnet, false) // ctr does not say of which namespace it was when it ends: rules would stay
	layer := caller.Busybox(t)
	env := []string{"PATH=/bin", "FROM=image"}
	c.Import(c.ID, caller.OCIImage{Name: image, Layer: layer, Env: env, Cmd: []string{"sh"}},
		caller.OCIImage{Name: userImage, Layer: layer, Env: env, User: "1000:100"})
	c.root = c.Dir + "/files/root"
	if err := os.MkdirAll(c.root, 0o755); err != nil {
		t.Fatalf("make the root: %v", err)
	}
	tar := exec.Command("tar", "-C", c.root, "-x")
	tar.Stdin = bytes.NewReader(layer)
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("unpack the root: %v: %s", err, out)
	}
	c.gpu = caller.GPURuntime(t, c.Dir+"/gpu", r)
	t.Cleanup(func() { c.look(t) })
	return c
}

// look finds what the containers have left in the daemon and in the network.
func (c ctr) look(t testing.TB) {
	for _, kind := range []string{"task", "container", "snapshot"} {
		for line := range strings.Lines(c.ok(kind, "list")) {
			if strings.Contains(line, c.ID) {
				t.Errorf("left: %s %s, want none of the suite's", kind, line)
			}
		}
	}
	c.LookAtNetwork()
}

// Tidy removes the containers that a check has left.
func (c ctr) Tidy() {
	for _, id := range strings.Fields(c.ok("task", "list", "--quiet")) {
		// The code of ctr is the container's. What is paused does not hear it.
		c.do("task", "resume", id)
		if o := c.do("task", "delete", "--force", id); strings.Contains(o.Err, "ctr:") {
			c.Errorf("%v: want no error of ctr", o)
		}
	}
	for _, id := range strings.Fields(c.ok("container", "list", "--quiet")) {
		c.ok("container", "delete", id)
	}
}

// do runs a ctr command, whose standard input stays open: it hangs on one that ends at once.
func (c ctr) do(args ...string) caller.Outcome {
	r, w, err := os.Pipe()
	c.Check(err)
	defer r.Close()
	defer w.Close()
	return c.Do(c.T, r, args...)
}

// ok runs a ctr command that has to succeed, and returns what it wrote, without the last newline.
func (c ctr) ok(args ...string) string {
	o := c.do(args...)
	if o.Code != 0 {
		c.Fatalf("%v: want exit code 0", o)
	}
	return strings.TrimSuffix(o.Out, "\n")
}

// want runs a ctr command that has to end with a code and to write a text, last newline aside, and nothing on standard error.
func (c ctr) want(code int, out string, args ...string) {
	if o := c.do(args...); o.Code != code || strings.TrimSuffix(o.Out, "\n") != out || o.Err != "" {
		c.Errorf("%v: want exit code %d, stdout %q and nothing on stderr", o, code, out)
	}
}

// fails runs a ctr command that has to fail and to say something in its error.
func (c ctr) fails(text string, args ...string) {
	if o := c.do(args...); o.Code == 0 || !strings.Contains(o.Err, text) {
		c.Errorf("%v: want an error with %q", o, text)
	}
}

// id is that of the next container.
func (c ctr) id() string { return fmt.Sprintf("%s-%d", c.ID, c.count.Add(1)) }

// args is a `ctr run` of a command in the runtime, with flags.
func (c ctr) args(flags []string, id string, command ...string) []string {
	args := append([]string{"run", "--runc-binary", c.Runtime.Path}, flags...)
	return append(append(args, image, id), command...)
}

// shell is a `ctr run --rm` of a shell command.
func (c ctr) shell(script string, flags ...string) []string {
	return c.args(append(flags, "--rm"), c.id(), "sh", "-c", script)
}

// run runs a shell command in a container, which has to end well and to write a text.
func (c ctr) run(out, script string, flags ...string) { c.want(0, out, c.shell(script, flags...)...) }

// up starts a container and returns its id. Its output goes to a file.
func (c ctr) up(script string, flags ...string) string {
	id := c.id()
	c.ok(c.args(append([]string{"--detach", "--log-uri", "file://" + c.log(id)}, flags...), id, "sh", "-c", script)...)
	return id
}

func (c ctr) log(id string) string { return c.Dir + "/log-" + id }

// logged waits until the output of a container holds a text.
func (c ctr) logged(id, text string) {
	caller.Until(c.T, "the container's output holds "+text, func() bool { return strings.Contains(c.output(id), text) })
}

func (c ctr) output(id string) string {
	text, _ := os.ReadFile(c.log(id)) // it may not be there yet
	return string(text)
}

// task is what `ctr task list` says of a container: its pid, and its state or "none".
func (c ctr) task(id string) (pid, status string) {
	for line := range strings.Lines(c.ok("task", "list")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			return f[1], f[2]
		}
	}
	return "", "none"
}

// pid is that of the container's first process.
func (c ctr) pid(id string) int {
	text, _ := c.task(id)
	pid, err := strconv.Atoi(text)
	c.Check(err)
	return pid
}

var exitCode = regexp.MustCompile(`exit code (\d+)`)

// ended waits until a container has ended and returns its exit code.
func (c ctr) ended(id string) string {
	caller.Until(c.T, "the task is stopped", func() bool {
		_, status := c.task(id)
		return status == "STOPPED"
	})
	o := c.do("task", "delete", id)
	if strings.Contains(o.Err, "exit code") {
		return exitCode.FindStringSubmatch(o.Err)[1]
	}
	return strconv.Itoa(o.Code)
}

// exec is a `ctr task exec` with flags.
func (c ctr) exec(id string, flags []string, command ...string) []string {
	args := append([]string{"task", "exec", "--exec-id", fmt.Sprint("e", c.count.Add(1))}, flags...)
	return append(append(args, id), command...)
}

// inside runs a shell command in a running container, which has to end well and to write a text.
func (c ctr) inside(id, out, script string, flags ...string) {
	c.want(0, out, c.exec(id, flags, "sh", "-c", script)...)
}

// file makes a file on the host.
func (c ctr) file(name, text string) string {
	path := filepath.Join(c.Dir, "files", name)
	c.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	c.Check(os.WriteFile(path, []byte(text), 0o644))
	return path
}
