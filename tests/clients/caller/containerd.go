package caller

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/tests/kit"
)

// Containerd is a daemon of the test's own. All it has lies below Dir, but for what it, its shims and the networks put into
// /run, /etc/cni, /opt and /var/lib/cni: a tmpfs or an overlay is there meanwhile.
type Containerd struct {
	Dir    string
	Socket string
	ID     string   // a name that no other test has
	Env    []string // under which a runtime is found as runc
	t      testing.TB
	ended  chan error
	bridge string
	subnet string // of the bridge
}

const containerdConfig = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
disabled_plugins = [%[2]s
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "%[1]s/sock"
[ttrpc]
  address = "%[1]s/sock.ttrpc"
`

// pluginDir is where Debian has the network plugins; containerd looks into another directory.
const pluginDir = "/usr/lib/cni"

// StartContainerd starts a daemon that finds the runtime under the name runc. Plugins may be disabled, and the end of the
// configuration is the caller's. The network is that of the suite, and should be its own.
func StartContainerd(t testing.TB, r Runtime, disabled []string, config string) *Containerd {
	t.Helper()
	b := kit.New(t) // for its directory and its id; no container is made of it
	c := &Containerd{Dir: b.Dir + "/containerd", ID: b.ID, t: t, ended: make(chan error, 1)}
	c.Socket = c.Dir + "/sock"
	for _, dir := range []string{"", "/bin"} {
		c.check(os.Mkdir(c.Dir+dir, 0o711))
	}
	c.check(os.Symlink(r.Path, c.Dir+"/bin/runc"))
	c.Env = append(os.Environ(), "PATH="+c.Dir+"/bin:"+os.Getenv("PATH"))
	var off strings.Builder
	for _, plugin := range disabled {
		fmt.Fprintf(&off, "%q, ", plugin)
	}
	text := fmt.Sprintf(containerdConfig, c.Dir, off.String()) + strings.ReplaceAll(config, "DIR", c.Dir)
	c.check(os.WriteFile(c.Dir+"/config.toml", []byte(text), 0o600))
	c.places()
	log, err := os.Create(c.Dir + "/log")
	c.check(err)
	defer log.Close()
	cmd := exec.Command("/usr/bin/containerd", "--config", c.Dir+"/config.toml")
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, log, log
	c.check(cmd.Start())
	go func() { c.ended <- cmd.Wait() }()
	t.Cleanup(func() { c.stop(cmd.Process) })
	c.Until("the daemon listens", func() bool {
		conn, err := net.Dial("unix", c.Socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return c
}

func (c *Containerd) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("unexpected error: %v", err)
	}
}

// places makes the directories outside Dir.
func (c *Containerd) places() {
	for _, dir := range []string{"/run", "/opt"} {
		c.check(syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
		c.t.Cleanup(func() { c.check(syscall.Unmount(dir, syscall.MNT_DETACH)) })
	}
	for _, dir := range []string{"/etc", "/var/lib"} {
		Overlay(c.t, dir)
	}
	for _, dir := range []string{"/opt/cni", "/run/lock", "/etc/cni/net.d"} {
		c.check(os.MkdirAll(dir, 0o755))
	}
	c.check(os.Symlink(pluginDir, "/opt/cni/bin"))
	c.output("ip", "link", "set", "lo", "up")
}

// Import gives the daemon images, in a namespace.
func (c *Containerd) Import(namespace string, images ...OCIImage) {
	c.t.Helper()
	f, err := os.Create(c.Dir + "/images.tar")
	c.check(err)
	defer f.Close()
	Archive(c.t, f, images...)
	c.output("/usr/bin/ctr", "--address", c.Socket, "--namespace", namespace, "image", "import", f.Name())
}

// stop ends the daemon; its containers are gone by then, or are errors.
func (c *Containerd) stop(p *os.Process) {
	c.Until("no shim is left", func() bool { return len(kit.Left("containerd-shim")) == 0 })
	for _, pattern := range []string{"/run/containerd/runc/*/*", "/run/containerd/s/*", c.Dir + "/state/io.containerd.runtime.v2.task/*/*", "/run/netns/*"} {
		left, _ := filepath.Glob(pattern)
		for _, l := range left {
			c.t.Errorf("left: %s, want nothing of a container", l)
		}
	}
	p.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(Limit, func() { p.Kill() })
	defer kill.Stop()
	if err := <-c.ended; err != nil {
		c.t.Errorf("end of containerd: %v", err)
	}
	// The parent of the containers' cgroups is left where one container's was there before another's, and is no longer.
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + c.ID)
	for _, dir := range append(dirs, "/sys/fs/cgroup/"+c.ID) {
		os.Remove(dir)
	}
	if c.t.Failed() {
		text, _ := os.ReadFile(c.Dir + "/log") // there may be none yet
		if len(text) > 8000 {
			text = text[len(text)-8000:]
		}
		c.t.Logf("containerd:\n%s", text)
	}
}

// Until waits for done to become true, outside of a check.
func (c *Containerd) Until(what string, done func() bool) {
	c.t.Helper()
	if !within(done) {
		c.t.Errorf("after %v: want that %s", Limit, what)
	}
}
