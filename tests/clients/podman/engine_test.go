// Package podman runs teu under Podman, which has no daemon: Debian's podman and conmon call it.
package podman

import (
	"bytes"
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

// podman is a Podman with directories, configuration and a network namespace of its own: what it puts below /run and reads
// below /etc is the test's meanwhile.
type podman struct {
	caller.Engine
	top    string   // its directory
	cgroup string   // the parent of the containers'
	rules  string   // what iptables had before the first container
	before []string // the cgroups below the shared parent at that time
}

// With is the client in a check.
func (p podman) With(t *caller.T) podman {
	p.T = t
	return p
}

// config is containers.conf. Podman knows a runtime by the name of its binary: to one that is not on the list of those that
// can write JSON it gives no --log-format, and one that can do without cgroups has to be on its list too.
const config = `[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "TOP/tmp"
static_dir = "TOP/store/libpod"
volume_path = "TOP/store/volumes"
infra_image = "localhost/pause"
runtime_supports_json = ["runc", "teu"]
runtime_supports_nocgroup = ["teu"]
[engine.runtimes]
other = ["RUNTIME"]
[network]
network_backend = "netavark"
network_config_dir = "TOP/networks"
default_subnet = "10.211.0.0/24"
default_subnet_pools = [{"base" = "10.212.0.0/16", "size" = 24}]
`

const storage = `[storage]
driver = "overlay"
graphroot = "TOP/store"
runroot = "/run/storage"
[storage.options]
root-auto-userns-user = "containers"
auto-userns-min-size = 1024
`

// runroot may not be longer than 50 characters.
const runroot = "/run/storage"

// start sets Podman up to call the runtime.
func start(t testing.TB, r caller.Runtime) podman {
	t.Helper()
	b := kit.New(t) // for its directory and its id; no container is made of it
	p := podman{top: b.Dir + "/podman", cgroup: b.ID, before: cgroups(shared)}
	p.T, p.Dir, p.Flags = &caller.T{Runtime: r}, p.top+"/home", []string{"--cgroup-parent=/" + b.ID}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
	}
	for _, dir := range []string{p.top, p.Dir} {
		check(os.Mkdir(dir, 0o755))
	}
	place := strings.NewReplacer("TOP", p.top, "RUNTIME", r.Path)
	caller.Overlay(t, "/etc")
	for path, text := range map[string]string{
		p.top + "/containers.conf": place.Replace(config), p.top + "/storage.conf": place.Replace(storage), p.top + "/registries.conf": "",
		"/etc/containers/policy.json": `{"default":[{"type":"insecureAcceptAnything"}]}`,
		"/etc/subuid":                 "containers:300000:65536\n", "/etc/subgid": "containers:400000:65536\n",
	} {
		check(os.WriteFile(path, []byte(text), 0o644))
	}
	check(syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { check(syscall.Unmount("/run", syscall.MNT_DETACH)) })
	check(os.MkdirAll("/run/lock", 0o755)) // for iptables
	p.network(t)
	p.Program = caller.Program{
		Args: []string{
			"/usr/bin/nsenter", "--net=" + p.netns(), "/usr/bin/podman", "--root", p.top + "/store", "--runroot", runroot,
			"--tmpdir", p.top + "/tmp", "--runtime", r.Path,
		},
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir, "CONTAINERS_CONF=" + p.top + "/containers.conf",
			"CONTAINERS_STORAGE_CONF=" + p.top + "/storage.conf", "CONTAINERS_REGISTRIES_CONF=" + p.top + "/registries.conf",
		},
	}
	t.Cleanup(func() { p.stop(t) })
	p.load(t)
	return p
}

func (p podman) netns() string { return p.top + "/netns" }

// network makes the network namespace.
func (p *podman) network(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(p.netns(), nil, 0o644); err != nil {
		t.Fatalf("make a file for the network namespace: %v", err)
	}
	if out, err := exec.Command("unshare", "--net="+p.netns(), "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("make the network namespace: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(p.netns(), syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the network namespace: %v", err)
		}
	})
}

// load makes the image bb, and that of the pods' first container.
func (p *podman) load(t testing.TB) {
	t.Helper()
	guard := func() {
		if r := recover(); r != nil {
			t.Fatalf("make the images: %q", p.Problems())
		}
	}
	defer guard()
	p.rules = p.iptables()
	o := p.Do(p.T, bytes.NewReader(caller.Busybox(t)), "import", "--change", `CMD ["sh"]`, "--change", "ENV FROM=image", "--change", "ENV PATH=/bin", "-", caller.Image)
	if o.Code != 0 {
		t.Fatalf("%v: want exit code 0", o)
	}
	file := p.File("pause/Containerfile", "FROM scratch\nCOPY catatonit /catatonit\nENTRYPOINT [\"/catatonit\", \"-P\"]\n", 0o644)
	dir := filepath.Dir(file)
	catatonit, err := os.ReadFile("/usr/libexec/podman/catatonit")
	p.Check(err)
	p.Check(os.WriteFile(dir+"/catatonit", catatonit, 0o755))
	p.OK("build", "--tag", "pause", dir)
}

// in runs another program where Podman's network is.
func (p podman) in(args ...string) string {
	prog := caller.Program{Args: append(p.Args[:2:2], args[0]), Env: p.Env}
	o := prog.Do(p.T, nil, args[1:]...)
	if o.Code != 0 {
		p.Fatalf("%v: want exit code 0", o)
	}
	return o.Out
}

// Tidy removes the pods, containers, networks and volumes that a check has left.
func (p podman) Tidy() {
	p.OK("pod", "rm", "--all", "--force", "--time", "0")
	// Podman 4.3 refuses to remove a container that ends by itself between its look and its kill, whatever the runtime
	// (containers/podman#16142): one that restarts all the while may do so.
	var o caller.Outcome
	caller.Until(p.T, "all containers are removed", func() bool {
		o = p.Try("rm", "--all", "--force", "--time", "0", "--volumes")
		return !strings.Contains(o.Err, "container state improper")
	})
	if o.Code != 0 {
		p.Errorf("%v: want exit code 0", o)
	}
	p.OK("network", "prune", "--force")
	p.OK("volume", "prune", "--force")
}
