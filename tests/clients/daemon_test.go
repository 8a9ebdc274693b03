package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/tests/kit"
)

// SkipVar names the variable that lets the tests pass where there is no containerd.
const SkipVar = "TEU_SKIP_CONTAINERD"

// daemon is a containerd of the test's own. All it has lies below dir, but for what containerd itself puts into
// /run/containerd: the sockets of its shims. A tmpfs is there meanwhile, in the mount namespace of the suite.
type daemon struct {
	t         *testing.T
	dir       string
	namespace string        // containerd's, and the parent of the containers' cgroups
	count     *int          // of the containers
	ended     chan struct{} // closed when the daemon is gone
}

const config = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
disabled_plugins = [
  "io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "%[1]s/sock"
[ttrpc]
  address = "%[1]s/sock.ttrpc"
`

// start starts containerd and gives it the images.
func start(t *testing.T) *daemon {
	t.Helper()
	if os.Getenv(SkipVar) != "" {
		t.Skip(SkipVar + " is set")
	}
	b := kit.New(t) // for its directory and its id; no container is made of it
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr", busybox} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: want Debian's containerd and busybox-static, or %s set", err, SkipVar)
		}
	}
	d := &daemon{t: t, dir: b.Dir + "/containerd", namespace: b.ID, count: new(int), ended: make(chan struct{})}
	check(t, os.Mkdir(d.dir, 0o700))
	check(t, os.WriteFile(d.dir+"/config.toml", fmt.Appendf(nil, config, d.dir), 0o600))
	check(t, syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { check(t, syscall.Unmount("/run", 0)) })

	log, err := os.Create(d.dir + "/log")
	check(t, err)
	defer log.Close()
	c := exec.Command("containerd", "--config", d.dir+"/config.toml")
	c.Stdout, c.Stderr = log, log
	check(t, c.Start())
	go func() {
		c.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() { d.stop(c.Process) })
	d.until("the daemon listens", func() bool {
		conn, err := net.Dial("unix", d.dir+"/sock")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	d.load()
	return d
}

// load gives the daemon the images.
func (d *daemon) load() {
	d.t.Helper()
	f, err := os.Create(d.dir + "/images.tar")
	check(d.t, err)
	writeImages(d.t, f)
	check(d.t, f.Close())
	d.ok("image", "import", f.Name())
}

// stop ends the daemon; its containers are gone by then.
func (d *daemon) stop(p *os.Process) {
	for _, kind := range []string{"task", "container"} {
		if out := d.ok(kind, "list", "--quiet"); out != "" {
			d.t.Errorf("left: %s %s", kind, out)
		}
	}
	left, _ := filepath.Glob(d.dir + "/runtime/*/*")
	for _, l := range left {
		if filepath.Base(l) != "cache:seccomp" {
			d.t.Errorf("left: state %s", l)
		}
	}
	p.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(kit.Limit):
		p.Kill()
		<-d.ended
		d.t.Error("containerd did not end on SIGTERM")
	}
	if d.t.Failed() {
		text, _ := os.ReadFile(d.dir + "/log") // there may be none yet
		d.t.Logf("containerd:\n%s", text)
	}
	// The shim of the last container ends by itself.
	d.until("no shim is left", func() bool { return len(kit.Left(d.namespace+" ")) == 0 })
}

// until waits for done to become true while the daemon may take.
func (d *daemon) until(what string, done func() bool) {
	d.t.Helper()
	end := time.After(kit.Limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			d.t.Fatalf("waited %v in vain until %s", kit.Limit, what)
		}
	}
}

// with is d in a subtest.
func (d *daemon) with(t *testing.T) *daemon {
	sub := *d
	sub.t = t
	return &sub
}

// id is that of the next container.
func (d *daemon) id() string {
	*d.count++
	return fmt.Sprintf("%s-%d", d.namespace, *d.count)
}

// outcome is how a ctr ended.
type outcome struct {
	args []string
	code int
	out  string // standard output
	err  string // standard error
}

func (o outcome) String() string {
	return fmt.Sprintf("ctr %s: exit code %d, stdout %q, stderr %q", strings.Join(o.args, " "), o.code, o.out, o.err)
}

// command is a ctr with the time limit of all commands.
func (d *daemon) command(args []string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), kit.Limit)
	c := exec.CommandContext(ctx, "ctr", append([]string{"--address", d.dir + "/sock", "--namespace", d.namespace}, args...)...)
	return c, cancel
}

// ctr runs a ctr command, whose standard input stays open: it hangs on one that ends at once.
func (d *daemon) ctr(args ...string) outcome {
	d.t.Helper()
	c, cancel := d.command(args)
	defer cancel()
	r, w, err := os.Pipe()
	check(d.t, err)
	defer r.Close()
	defer w.Close()
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = r, &out, &errs
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		d.t.Fatalf("ctr %q: %v: stdout %q, stderr %q", args, err, out.String(), errs.String())
	}
	return outcome{args, c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs a ctr command that has to succeed and returns what it wrote.
func (d *daemon) ok(args ...string) string {
	d.t.Helper()
	o := d.ctr(args...)
	if o.code != 0 {
		d.t.Fatal(o)
	}
	return o.out
}

// onTerminal runs a ctr command on a terminal and returns what appeared there, with its exit code.
func (d *daemon) onTerminal(args ...string) (screen string, code int) {
	d.t.Helper()
	master, slave, err := sys.OpenPTY()
	check(d.t, err)
	check(d.t, sys.SetWinsize(master, &sys.Winsize{Row: 33, Col: 99}))
	check(d.t, sys.SetNonblock(master, true))
	m, s := os.NewFile(uintptr(master), "master"), os.NewFile(uintptr(slave), "slave")
	defer m.Close()
	c, cancel := d.command(args)
	defer cancel()
	c.Stdin, c.Stdout, c.Stderr = s, s, s
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(d.t, c.Start())
	s.Close()
	var text bytes.Buffer
	read := make(chan struct{})
	go func() {
		text.ReadFrom(m) // ends with EIO when nobody has the slave open any more
		close(read)
	}()
	err = c.Wait()
	<-read
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		d.t.Fatalf("ctr %q: %v: %q", args, err, text.String())
	}
	return strings.ReplaceAll(text.String(), "\r", ""), c.ProcessState.ExitCode()
}
