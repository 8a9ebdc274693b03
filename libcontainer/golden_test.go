package libcontainer

import (
	"fmt"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/libcontainer/spec"
	"teu/nsenter/program"
	"teu/nsenter/program/golden"
	"teu/rootfs"
)

// allCaps is every capability of a kernel whose last one is goldenLastCap.
const (
	goldenLastCap = 40
	allCaps       = 1<<(goldenLastCap+1) - 1
)

// fakeFilter stands for a compiled filter: "return SECCOMP_RET_ALLOW".
var fakeFilter = []byte{0x06, 0, 0, 0, 0, 0, 0xff, 0x7f}

// v1Hierarchies is what a host with cgroup v1 has.
func v1Hierarchies() []rootfs.Hierarchy {
	return []rootfs.Hierarchy{
		{Name: "cpu,cpuacct", Options: []string{"cpu", "cpuacct"}, Path: "/sys/fs/cgroup/cpu,cpuacct/c", Symlinks: []string{"cpu", "cpuacct"}},
		{Name: "memory", Options: []string{"memory"}, Path: "/sys/fs/cgroup/memory/c"},
		{Name: "systemd", Options: []string{"none", "name=systemd"}, Path: "/sys/fs/cgroup/systemd/c"},
	}
}

// smallSpec is the least that runs, with nothing to drop or to change.
func smallSpec() *specs.Spec {
	return &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{Args: []string{"true"}, Cwd: "/", Env: []string{"PATH=/bin", "HOME=/"}},
		Root:    &specs.Root{Path: "rootfs"},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.UTSNamespace},
		}},
	}
}

// factsFor is what the host answers about s.
func factsFor(s *specs.Spec) *initFacts {
	f := &initFacts{bundle: "/bundle", environ: []string{"OF=runtime"}, root: rootfs.Path(s, "/bundle"), gate: true}
	f.process = process.Config{Process: s.Process, LastCap: goldenLastCap, Grantable: allCaps, Home: "/home/user"}
	if s.Process.Capabilities == nil {
		f.process.Caps = process.Caps{Bounding: allCaps, Effective: allCaps, Permitted: allCaps}
	} else {
		f.process.Caps, _ = process.ParseCaps(s.Process.Capabilities, allCaps)
	}
	if s.Linux != nil && s.Linux.Seccomp != nil {
		f.process.Filter = fakeFilter
	}
	return f
}

func planned(t *testing.T, s *specs.Spec, f *initFacts) *plan {
	t.Helper()
	p, err := planOf(s, f)
	if err != nil {
		t.Fatalf("make the plan: %v", err)
	}
	golden.Verified(t, p.prog)
	return p
}

func compiled(t *testing.T, s *specs.Spec, f *initFacts) *program.Program {
	t.Helper()
	p, err := compileInit(s, parseNamespaces(s), f)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	golden.Verified(t, p)
	return p
}

// TestGoldenBundles has the whole program of what callers send.
func TestGoldenBundles(t *testing.T) {
	for _, name := range []string{"spec", "docker", "containerd", "podman"} {
		t.Run(name, func(t *testing.T) {
			s := bundle(t, name)
			golden.Program(t, "bundle/"+name, compiled(t, s, bundleFacts(s, name)))
		})
	}
}

// bundleFacts is factsFor on a host with cgroup v1 for some bundles, and on one with v2 alone for others.
func bundleFacts(s *specs.Spec, name string) *initFacts {
	f := factsFor(s)
	f.process.NewKeyring = "_ses.id"
	ns := parseNamespaces(s)
	f.cgroups.OwnNS = ns.has(sys.CloneNewCgroup)
	if name == "podman" || name == "containerd" {
		f.cgroups.Unified = "/sys/fs/cgroup"
	} else {
		f.cgroups.Hierarchy = v1Hierarchies()
		f.joins = []string{"cpu,cpuacct", "memory", "systemd"}
	}
	if ns.inUserNS() {
		f.parentSources = sourcesOf(s)
	}
	return f
}

// sourcesOf lists what the parent opens for a process that may not reach it.
func sourcesOf(s *specs.Spec) (names []string) {
	list, _ := compileSources(s, parseNamespaces(s), &initFacts{bundle: "/bundle", root: rootfs.Path(s, "/bundle")}) // what is wrong the compiler says as well
	for i := range list {
		names = append(names, list[i].name)
	}
	return names
}

// bundle reads testdata/bundle/NAME.json; "spec" is what `teu spec` writes.
func bundle(t testing.TB, name string) *specs.Spec {
	t.Helper()
	s := spec.Example(false)
	if name != "spec" {
		var err error
		if s, err = spec.Load(filepath.Join("testdata", "bundle", name)); err != nil {
			t.Fatal(err)
		}
	}
	report := spec.Validate(s, spec.Facts{})
	if err := report.Err(name); err != nil {
		t.Fatalf("validate %s: %v", name, err)
	}
	return s
}

func BenchmarkCompile(b *testing.B) {
	s := bundle(b, "docker")
	f := bundleFacts(s, "docker")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compileInit(s, parseNamespaces(s), f); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkProgram(b *testing.B) *program.Program {
	s := bundle(b, "docker")
	p, err := compileInit(s, parseNamespaces(s), bundleFacts(s, "docker"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return p
}

func BenchmarkVerify(b *testing.B) {
	p := benchmarkProgram(b)
	for b.Loop() {
		if err := p.Verify(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(p.Insns)), "instructions")
}

func BenchmarkEncode(b *testing.B) {
	p := benchmarkProgram(b)
	for b.Loop() {
		if _, err := p.Encode(program.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLargeBundle: a host with 512 processors has Docker mask as many files, and a pod may have hundreds of mounts.
func TestLargeBundle(t *testing.T) {
	s := smallSpec()
	for i := range 1024 {
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/thermal_throttle", i))
		s.Mounts = append(s.Mounts, specs.Mount{
			Destination: fmt.Sprintf("/volumes/%d", i), Source: fmt.Sprintf("/pods/%d", i), Options: []string{"rbind", "rprivate", "ro"},
		})
	}
	p := compiled(t, s, factsFor(s))
	if len(p.Insns) < 2*1024*6 {
		t.Errorf("instructions: got %d, want %d or more", len(p.Insns), 2*1024*6)
	}
	enc, err := p.Encode(program.Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	if notes, err := program.Notes(enc); err != nil || len(notes) != len(p.Insns) {
		t.Errorf("notes: got %d, %v, want %d", len(notes), err, len(p.Insns))
	}
}
