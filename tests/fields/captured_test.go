package fields

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// cannot are the reasons for which a captured configuration does not run everywhere: what the host has not.
var cannot = []string{
	"no blkio or io cgroup controller", "no hugetlb cgroup controller", "no rdma cgroup controller", "no equivalent on cgroup v2",
	"linux.intelRdt", "mappings for the new user namespace", "at least one mapping",
	"idmapped mounts", "linux.resources.unified", "not supported",
}

// TestCaptured runs what callers emit, with our payload in place of theirs, and compares what the process finds with what
// the configuration says.
func TestCaptured(t *testing.T) {
	files, err := filepath.Glob("../testdata/*/*.json")
	check(t, err)
	if len(files) < 50 {
		t.Fatalf("%d captured files", len(files))
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.HasSuffix(name, ".process") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			check(t, err)
			b := kit.New(t)
			s := new(specs.Spec)
			check(t, json.Unmarshal(text, s))
			adapt(t, b, s)
			res := b.Teu("run", b.ID)
			for _, reason := range cannot {
				if res.Code != 0 && strings.Contains(res.Stderr, reason) {
					t.Skipf("cannot run here: %s", res.Stderr)
				}
			}
			if res.Code != 0 {
				t.Fatal(res)
			}
			compare(t, s, kit.JSON[*kit.Report](b, res.Stdout))
		})
	}
}

// adapt makes s one that can run here: with a root, sources and namespaces that are there, and no more rights than ours.
func adapt(t *testing.T, b *kit.Bundle, s *specs.Spec) {
	t.Helper()
	p := s.Process
	p.Args, p.Terminal, p.ConsoleSize = []string{kit.PayloadPath, "all"}, false, nil
	p.Env = append(p.Env, "TEU_TEST="+b.ID)
	if p.OOMScoreAdj != nil && *p.OOMScoreAdj < 0 {
		p.OOMScoreAdj = nil // takes CAP_SYS_RESOURCE
	}
	p.Rlimits = slices.DeleteFunc(p.Rlimits, func(l specs.POSIXRlimit) bool { return l.Hard > 1024 })
	s.Root.Path, s.Hooks = "rootfs", nil // their programs are the callers'
	for _, m := range s.Linux.UIDMappings {
		if m.ContainerID == 0 {
			own(t, b.Rootfs, int(m.HostID))
		}
	}
	s.Linux.CgroupsPath = "/" + b.ID
	for i := range s.Linux.Namespaces {
		s.Linux.Namespaces[i].Path = ""
	}
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "overlay" })
	for i := range s.Mounts {
		if m := &s.Mounts[i]; slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind") || m.Type == "bind" {
			m.Source = source(t, b, m)
		}
	}
	text, err := json.Marshal(s)
	check(t, err)
	b.WriteConfig(text)
}

// own makes root of the container's user namespace the owner of its files.
func own(t *testing.T, root string, uid int) {
	t.Helper()
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Lchown(path, uid, uid)
	}))
}

// source is m's, or an empty file or directory in its place.
func source(t *testing.T, b *kit.Bundle, m *specs.Mount) string {
	t.Helper()
	if _, err := os.Stat(m.Source); err == nil && !strings.HasPrefix(m.Source, "/etc/") {
		return m.Source
	}
	path := fmt.Sprintf("%s/source%s", b.Dir, strings.ReplaceAll(m.Destination, "/", "-"))
	switch filepath.Base(m.Destination) {
	case "hosts", "hostname", "resolv.conf", ".containerenv", "docker-init", "catatonit", "podman-init", "init", "f", "termination-log", "localtime":
		check(t, os.WriteFile(path, nil, 0o755))
	default:
		check(t, os.MkdirAll(path, 0o755))
	}
	return path
}

// compare is what any configuration can be held to.
func compare(t *testing.T, s *specs.Spec, r *kit.Report) {
	t.Helper()
	is := func(what, got, want string) {
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	p := s.Process
	is("uid", fmt.Sprint(r.ID.UID), fmt.Sprint(p.User.UID))
	is("gid", fmt.Sprint(r.ID.GID), fmt.Sprint(p.User.GID))
	is("cwd", r.Cwd, p.Cwd)
	if s.Hostname != "" {
		is("hostname", r.Hostname.Hostname, s.Hostname)
	}
	is("no_new_privs", r.Status["NoNewPrivs"], map[bool]string{false: "0", true: "1"}[p.NoNewPrivileges])
	is("seccomp", r.Status["Seccomp"], map[bool]string{false: "0", true: "2"}[s.Linux.Seccomp != nil])
	if p.Capabilities != nil {
		is("inheritable", fmt.Sprint(r.Status["CapInh"] == "0000000000000000"), fmt.Sprint(len(p.Capabilities.Inheritable) == 0))
	}
	for _, l := range p.Rlimits {
		is(l.Type, r.Rlimits[l.Type].Soft, fmt.Sprint(l.Soft))
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if slices.ContainsFunc(s.Mounts[i+1:], func(o specs.Mount) bool { return o.Destination == m.Destination }) {
			continue // covered
		}
		got := r.Mount(filepath.Clean(m.Destination))
		if got == nil {
			t.Errorf("mounts[%d]: nothing on %s", i, m.Destination)
			continue
		}
		for _, o := range []string{"ro", "nosuid", "nodev", "noexec"} {
			if slices.Contains(m.Options, o) && !got.Has(o) {
				t.Errorf("mounts[%d] on %s: no %s: %v %v", i, m.Destination, o, got.Options, got.SuperOptions)
			}
		}
	}
	if s.Root.Readonly && !r.Mount("/").Has("ro") {
		t.Error("the root can be written to")
	}
	for _, n := range s.Linux.Namespaces {
		name := map[specs.LinuxNamespaceType]string{"network": "net", "mount": "mnt"}[n.Type]
		if name == "" {
			name = string(n.Type)
		}
		if own, err := os.Readlink("/proc/self/ns/" + name); err == nil && own == r.NS[name] {
			t.Errorf("the %s namespace is the host's", n.Type)
		}
	}
}
