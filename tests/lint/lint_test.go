// Package lint holds the rules of this code base that no ready-made linter checks: who may import what, what the binary may link
// and take at each start, and how long files and functions get. Every rule has its reason beside it.
package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// ban forbids an import outside some packages. What is too expensive to be linked at all is the matter of deps.txt.
type ban struct {
	path   string   // the import; a trailing "/" bans all below it
	except []string // directories that may
	why    string
}

var bans = []ban{
	{"golang.org/x/sys/unix", []string{"internal/sys"}, "one package speaks to the kernel: its wrappers are typed and reviewed in one place"},
	{"unsafe", []string{"internal/sys"}, "pointers into system call arguments stay in one package"},
	{"github.com/urfave/cli/v2", []string{"internal/cli"}, "verbs are a library; only the command line knows its parser"},
	{"github.com/seccomp/libseccomp-golang", []string{"libcontainer/seccomp"}, "only the filter compiler links to libseccomp"},
	{"github.com/opencontainers/selinux/go-selinux", []string{"libcontainer/lsm"}, "labels are asked about in one place"},
	{"github.com/coreos/go-systemd/v22/dbus", []string{"cgroups/systemd"}, "only the systemd driver speaks D-Bus, and not before it is used"},
	{"github.com/godbus/dbus/v5", []string{"cgroups/systemd", "libcontainer/spec"}, "only the systemd driver speaks D-Bus; spec reads the values of annotations for it"},
	// These are linked, since libraries import them, so that the budget does not keep them out of our code.
	{"net", nil, "godbus brings it; Unix sockets are a few system calls in internal/sys, without Go's poller"},
	{"log", nil, "go-systemd brings it; internal/log writes the format that containerd reads"},
	{"os/exec", nil, "godbus brings it; it looks programs up in $PATH by name, and hooks are started by absolute path with os.StartProcess"},
	{"regexp", []string{"internal/cli"}, "urfave/cli brings it; it compiles at run time what a loop over the string does, but for --regex"},
}

// ranks orders the packages: an import goes from a higher rank to a lower one, never the other way or sideways.
var ranks = []struct {
	dir  string
	rank int
}{
	{"internal/cli", 50},
	{"libcontainer/preflight", 35}, {"libcontainer/process", 30}, {"libcontainer/spec", 20}, {"libcontainer/spec/names", 10}, {"libcontainer/host", 20}, {"libcontainer/seccomp", 20},
	{"libcontainer/hooks", 20}, {"libcontainer/lsm", 20}, {"libcontainer/store", 20}, {"libcontainer/console", 20},
	{"libcontainer/netdev", 20}, {"libcontainer/intelrdt", 20},
	{"libcontainer", 40},
	{"rootfs", 30}, {"cgroups/devices", 18}, {"cgroups/limits", 18}, {"cgroups/stats", 19}, {"cgroups/systemd", 19}, {"cgroups", 20},
	{"nsenter/program", 10}, {"nsenter", 15},
	{"internal/log", 8}, {"internal/cpulist", 5}, {"internal/jsonscan", 5}, {"internal/mountinfo", 5}, {"internal/sys", 5},
}

func rank(pkg string) (int, bool) {
	for _, r := range ranks {
		if pkg == r.dir {
			return r.rank, true
		}
	}
	return 0, false
}

// long lists the files and functions that may be longer than the rest, with the reason.
var long = map[string]string{
	"libcontainer/spec/decode_gen.go": "generated",
}

const (
	maxFile = 400
	maxFunc = 60
)

type file struct {
	path string // below the root
	ast  *ast.File
	set  *token.FileSet
}

func (f *file) pkg() string { return filepath.ToSlash(filepath.Dir(f.path)) }

func files(t *testing.T) (out []file) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || rel == "tests/conformance" || rel == "build"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		set := token.NewFileSet()
		a, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		out = append(out, file{filepath.ToSlash(rel), a, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("found %d Go files only: the walk does not see the tree", len(out))
	}
	return out
}

func product(f *file) bool {
	return !strings.HasSuffix(f.path, "_test.go") && !strings.HasPrefix(f.path, "tests/") &&
		!strings.Contains(f.path, "/gen/") && !strings.Contains(f.path, "/fuzz/") && !strings.Contains(f.path, "/golden/")
}

func TestBannedImports(t *testing.T) {
	for _, f := range files(t) {
		if !product(&f) {
			continue
		}
		for _, imp := range f.ast.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			for _, b := range bans {
				if path == b.path && !slices.Contains(b.except, f.pkg()) {
					t.Errorf("%s imports %s: %s", f.path, path, b.why)
				}
			}
		}
	}
}

func TestImportsPointOneWay(t *testing.T) {
	for _, f := range files(t) {
		if !product(&f) || f.pkg() == "." {
			continue
		}
		mine, ok := rank(f.pkg())
		if !ok {
			t.Errorf("%s: package %s has no rank: give it a rank in tests/lint", f.path, f.pkg())
			continue
		}
		for _, imp := range f.ast.Imports {
			path, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), "teu/")
			if !ours {
				continue
			}
			if theirs, ok := rank(path); ok && theirs >= mine {
				t.Errorf("%s imports %s: imports point from main to internal/sys", f.path, path)
			}
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, f := range files(t) {
		if _, ok := long[f.path]; ok || !product(&f) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n > maxFile {
			t.Errorf("%s: %d lines, want at most %d", f.path, n, maxFile)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.path + ":" + fn.Name.Name
			lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
			if _, ok := long[name]; !ok && lines > maxFunc {
				t.Errorf("%s: %d lines, want at most %d", name, lines, maxFunc)
			}
		}
	}
}

// TestSpeaksOfItselfAlone keeps out of the tree what belongs to one machine.
func TestSpeaksOfItselfAlone(t *testing.T) {
	for _, f := range files(t) {
		data, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		// A path starts behind a quote, a space, an equals sign or a colon; /proc/self/root/x is another matter.
		for _, dir := range []string{"/wo" + "rk/", "/ro" + "ot/"} {
			for _, before := range "\"'` =:" {
				if word := string(before) + dir; strings.Contains(string(data), word) {
					t.Errorf("%s holds %s, a path of one machine", f.path, word)
				}
			}
		}
	}
}
