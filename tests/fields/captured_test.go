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

// cannot are the reasons for which a captured configuration does not run everywhere: what the host has not, and what
// the configuration lacks.
var cannot = []string{
	"no blkio or io cgroup controller", "no hugetlb cgroup controller", "no rdma cgroup controller", "no equivalent on cgroup v2",
	"linux.resources.unified", "no AppArmor in this kernel", "no such profile is loaded", "no resctrl filesystem", "does not support it",
	"on /sys/fs/cgroup/systemd: read-only file system", // captured where there was cgroup v1, whose hierarchies have a place there
}

// capturedFiles calls run in parallel for each captured file, of processes or of whole configurations.
func capturedFiles(t *testing.T, processes bool, run func(t *testing.T, text []byte)) {
	t.Helper()
	files, err := filepath.Glob("../testdata/*/*.json")
	check(t, err)
	if len(files) < 50 {
		t.Fatalf("captured files: got %d, want at least 50", len(files))
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.HasSuffix(name, ".process") != processes {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			check(t, err)
			run(t, text)
		})
	}
}

// TestCaptured runs what callers emit, with our payload in place of theirs, and compares what the process finds with what
// the configuration says.
func TestCaptured(t *testing.T) {
	capturedFiles(t, false, func(t *testing.T, text []byte) {
		b := kit.New(t)
		s := new(specs.Spec)
		check(t, json.Unmarshal(text, s))
		joined := join(t, s)
		adapt(t, b, s)
		res := b.Teu("run", b.ID)
		for _, reason := range cannot {
			if res.Code != 0 && strings.Contains(res.Stderr, reason) {
				t.Skipf("cannot run here: %s", res.Stderr)
			}
		}
		if res.Code != 0 {
			t.Fatalf("%v: want exit code 0", res)
		}
		r := kit.JSON[*kit.Report](b, res.Stdout)
		compare(t, s, r)
		for _, name := range joined.differ(r) {
			t.Errorf("%s namespace: got another, want the joined one", name)
		}
	})
}

// TestCapturedProcesses runs the process objects of exec in a container.
func TestCapturedProcesses(t *testing.T) {
	capturedFiles(t, true, func(t *testing.T, text []byte) {
		p := new(specs.Process)
		check(t, json.Unmarshal(text, p))
		b := kit.New(t)
		adaptProcess(p, b)
		check(t, os.MkdirAll(b.Rootfs+p.Cwd, 0o755))
		text, err := json.Marshal(p)
		check(t, err)
		file := b.Dir + "/process.json"
		check(t, os.WriteFile(file, text, 0o644))
		b.Start("sleep", "forever")
		compareProcess(t, p, false, kit.JSON[*kit.Report](b, b.OK("exec", "--process", file, b.ID).Stdout))
	})
}

// adaptProcess has p run our payload, and ask for no more rights than ours.
func adaptProcess(p *specs.Process, b *kit.Bundle) {
	p.Args, p.Terminal, p.ConsoleSize = []string{kit.PayloadPath, "all"}, false, nil
	p.Env = append(p.Env, "TEU_TEST="+b.ID)
	if p.OOMScoreAdj != nil && *p.OOMScoreAdj < 0 {
		p.OOMScoreAdj = nil // takes CAP_SYS_RESOURCE
	}
	p.Rlimits = slices.DeleteFunc(p.Rlimits, func(l specs.POSIXRlimit) bool { return l.Hard > 1024 })
	kit.Grantable(p.Rlimits)
}

// adapt makes s one that can run here: with a root, sources and hooks that are there, and no more rights than ours.
func adapt(t *testing.T, b *kit.Bundle, s *specs.Spec) {
	t.Helper()
	adaptProcess(s.Process, b)
	s.Root.Path = "rootfs"
	adaptHooks(s.Hooks)
	for _, m := range s.Linux.UIDMappings {
		if m.ContainerID == 0 {
			own(t, b.Rootfs, int(m.HostID))
		}
	}
	s.Linux.CgroupsPath = "/" + b.ID
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

// adaptHooks puts our payload in place of the callers' programs.
func adaptHooks(h *specs.Hooks) {
	if h == nil {
		return
	}
	for i, list := range [][]specs.Hook{
		h.StartContainer, h.Prestart, h.CreateRuntime, h.CreateContainer, h.Poststart, h.Poststop, //nolint:staticcheck // deprecated, and in use
	} {
		for j := range list {
			list[j].Path, list[j].Args = kit.Payload(), []string{"payload", "true"}
			if i == 0 {
				list[j].Path = kit.PayloadPath // found in the container
			}
		}
	}
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
