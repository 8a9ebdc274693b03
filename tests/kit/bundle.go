package kit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/needs"
)

// PayloadPath is where the payload is in every bundle's root.
const PayloadPath = "/bin/payload"

// Bundle is a bundle directory with the state directory of the containers made of it.
type Bundle struct {
	T      testing.TB
	ID     string // of the container, and in the environment of all its processes
	Dir    string // the bundle, on a real file system
	Rootfs string // Dir/rootfs: /bin/payload, /etc, /tmp
	Root   string // --root
	Cache  string // of compiled seccomp filters
	Spec   *specs.Spec

	outputs atomic.Int32
}

var bundles atomic.Int32

// example is what `teu spec` prints, once for all.
var example = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "spec")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command(Teu(), "spec", "--bundle", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("teu spec: %w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "config.json"))
})

// Grantable lowers a limit of descriptors to what this run has itself, as under `ulimit -n 256`.
func Grantable(limits []specs.POSIXRlimit) {
	for i := range limits {
		if l := &limits[i]; l.Type == "RLIMIT_NOFILE" {
			l.Hard = min(l.Hard, needs.MostFiles())
			l.Soft = min(l.Soft, l.Hard)
		}
	}
}

// New makes a bundle of what `teu spec` prints, after the edits, running `payload true`. It has no terminal, and no ambient
// capabilities: as in runc's example they are not inheritable, so that nothing would come of them but a warning. When the test
// ends its containers are deleted by force, and what is left of them is an error. The test needs root.
func New(t testing.TB, edits ...func(*specs.Spec)) *Bundle {
	t.Helper()
	Rooted(t)
	needDriver(t)
	id := fmt.Sprintf("%s%04d", Prefix(), bundles.Add(1))
	dir := filepath.Join(scratch, "bundles", id)
	b := &Bundle{T: t, ID: id, Dir: dir, Rootfs: dir + "/rootfs", Root: dir + "/state", Cache: dir + "/cache", Spec: new(specs.Spec)}
	for _, d := range []string{dir, b.Rootfs, b.Rootfs + "/bin", b.Rootfs + "/etc", b.Rootfs + "/tmp"} {
		b.check(os.Mkdir(d, 0o755))
	}
	b.check(os.Link(Payload(), b.Rootfs+PayloadPath))
	t.Cleanup(b.cleanup)
	text, err := example()
	b.check(err)
	b.check(json.Unmarshal(text, b.Spec))
	b.Spec.Process.Terminal = false
	b.Spec.Process.Capabilities.Ambient = nil
	Grantable(b.Spec.Process.Rlimits)
	b.Spec.Process.Env = append(b.Spec.Process.Env, "TEU_TEST="+id)
	b.Edit(append([]func(*specs.Spec){Args("true")}, edits...)...)
	return b
}

// Edit changes the spec and writes it to config.json.
func (b *Bundle) Edit(edits ...func(*specs.Spec)) {
	b.T.Helper()
	for _, e := range edits {
		e(b.Spec)
	}
	if l := b.Spec.Linux; Systemd() && l != nil && l.CgroupsPath != "" && strings.Count(l.CgroupsPath, ":") != 2 {
		b.T.Skipf("linux.cgroupsPath %q is for cgroupfs, not for the systemd driver", l.CgroupsPath)
	}
	text, err := json.Marshal(b.Spec)
	b.check(err)
	b.WriteConfig(text)
}

// WriteConfig writes config.json, of whatever sense it makes.
func (b *Bundle) WriteConfig(text []byte) {
	b.T.Helper()
	b.check(os.WriteFile(b.Dir+"/config.json", text, 0o644))
}

// Args makes the process the payload with those arguments.
func Args(args ...string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Process.Args = append([]string{PayloadPath}, args...) }
}

// CgroupsPath sets linux.cgroupsPath.
func CgroupsPath(path string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.CgroupsPath = path }
}

// NoNamespace takes the type out of the list: the container stays in the host's.
func NoNamespace(typ specs.LinuxNamespaceType) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == typ })
		if typ == specs.UTSNamespace {
			s.Hostname = ""
		}
	}
}

// Resources edits linux.resources.
func Resources(f func(*specs.LinuxResources)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		if s.Linux.Resources == nil {
			s.Linux.Resources = new(specs.LinuxResources)
		}
		f(s.Linux.Resources)
	}
}

// Running is a container whose process runs until it is deleted.
func Running(t testing.TB, edits ...func(*specs.Spec)) *Bundle {
	t.Helper()
	b := New(t, append(edits, Args("sleep", "forever"))...)
	b.Start()
	return b
}

// File writes a file below the rootfs, with its directories, and returns its path on the host.
func (b *Bundle) File(path, text string, mode os.FileMode) string {
	b.T.Helper()
	host := filepath.Join(b.Rootfs, path)
	b.check(os.MkdirAll(filepath.Dir(host), 0o755))
	b.check(os.WriteFile(host, []byte(text), mode))
	b.check(os.Chmod(host, mode))
	return host
}

// Symlink makes a symlink below the rootfs, with its directories.
func (b *Bundle) Symlink(target, path string) {
	b.T.Helper()
	host := filepath.Join(b.Rootfs, path)
	b.check(os.MkdirAll(filepath.Dir(host), 0o755))
	b.check(os.Symlink(target, host))
}

func (b *Bundle) check(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// cleanup deletes the containers, those of other ids in the same state directory too, and looks for what is left.
func (b *Bundle) cleanup() {
	entries, _ := os.ReadDir(b.Root) // there is none before the first create
	for _, e := range entries {
		if res := b.Teu("delete", "--force", e.Name()); res.Code != 0 {
			b.T.Errorf("delete --force: %v", res)
		}
	}
	if l := Left(b.ID); len(l) > 0 {
		const most = 10
		b.T.Errorf("left, %d things: %s", len(l), strings.Join(l[:min(len(l), most)], "\n\t"))
		unmount(b.ID)
	}
	left, _ := filepath.Glob(b.Root + "/*")
	for _, l := range left {
		b.T.Errorf("left: state %s", l)
	}
	if !b.T.Failed() {
		b.check(os.RemoveAll(b.Dir))
	}
}
