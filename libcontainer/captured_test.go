package libcontainer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/rootfs"
)

// captured are the files that callers emitted, by "docker/default"; process objects end in ".process".
func captured(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../tests/testdata/*/*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("captured files: got %d, %v, want 50 or more", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = text
	}
	return all
}

// TestCaptured loads, validates and compiles what callers emit, for hosts with either kind of cgroups.
func TestCaptured(t *testing.T) {
	for name, text := range captured(t) {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, ".process") {
				capturedProcess(t, text)
				return
			}
			s, err := spec.Decode("config.json", text)
			if err != nil {
				t.Fatalf("decode the config: %v", err)
			}
			report := spec.Validate(s, spec.Facts{})
			if err := report.Err("config.json"); err != nil {
				t.Fatalf("validate: %v", err)
			}
			spec.FillMappings(s, 0, 0)
			for _, cg := range []rootfs.Cgroups{{Unified: "/sys/fs/cgroup"}, {Hierarchy: v1Hierarchies()}} {
				f := factsFor(s)
				ns := parseNamespaces(s)
				f.cgroups, f.cgroups.OwnNS = cg, ns.has(sys.CloneNewCgroup)
				if ns.inUserNS() {
					f.parentSources = sourcesOf(s)
				}
				planned(t, s, f)
			}
		})
	}
}

func capturedProcess(t *testing.T, text []byte) {
	p, err := spec.DecodeProcess("process.json", text)
	if err != nil {
		t.Fatalf("decode the process: %v", err)
	}
	report := spec.ValidateProcess(p, spec.Facts{})
	if err := report.Err("process.json"); err != nil {
		t.Fatalf("validate the process: %v", err)
	}
	s := smallSpec()
	s.Process = p
	prog := compileExec(p, factsFor(s), wayOf(sys.CloneNewNs|sys.CloneNewPid))
	if err := prog.Verify(); err != nil {
		t.Fatalf("verify the program: %v\n%s", err, prog)
	}
}
