package lint

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What every start of the binary pays for. A verb is a process of some milliseconds, so what is linked is paid for over and
// over; whoever links more has to say so in a diff, here or in deps.txt. Beside each ceiling stands what was measured when it was
// set (Go 1.26.8, libseccomp 2.5.4, amd64); the room is for other versions of those, not for a dependency.
const (
	maxInitBytes  = 31 << 10 // 30472
	maxInitAllocs = 225      // 217
	maxInitClock  = 1.0      // ms; 0.25, and up to 0.4 with every CPU busy
	maxBinary     = 34 << 18 // 8.5 MiB; 8868464 bytes
)

// dependencies lists the packages that are linked, beside teu's own and what belongs to the inside of the standard library.
const dependencies = "deps.txt"

var update = flag.Bool("update", false, "write deps.txt anew")

// makefile is the value of a variable of the Makefile, for which there is no other place.
func makefile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` := (.*)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("Makefile: got no %s, want one", name)
	}
	return string(m[1])
}

// listed is a line of `go list -deps` for each package that is linked, in a format of its own.
func listed(t *testing.T, format string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-tags", makefile(t, "TAGS"), "-f", format, ".")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux", "GOARCH=amd64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}

// linked are the packages that are linked, without the inside of the standard library and teu's own.
func linked(t *testing.T) (list []string) {
	t.Helper()
	for _, line := range listed(t, "{{.ImportPath}} {{.Standard}}") {
		path, standard, _ := strings.Cut(line, " ")
		elements := strings.Split(path, "/")
		inside := standard == "true" && (slices.Contains(elements, "internal") || elements[0] == "vendor")
		if !inside && elements[0] != "teu" {
			list = append(list, path)
		}
	}
	return list
}

// TestDependencies holds the list of linked packages to deps.txt: what is linked more, or no longer, shows in a diff.
func TestDependencies(t *testing.T) {
	got := linked(t)
	if *update {
		if err := os.WriteFile(dependencies, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(text))
	for _, path := range got {
		if !slices.Contains(want, path) {
			t.Errorf("%s is linked, and not in %s: do without it, or `make budget`", path, dependencies)
		}
	}
	for _, path := range want {
		if !slices.Contains(got, path) {
			t.Errorf("%s is in %s, and no longer linked: `make budget`", path, dependencies)
		}
	}
	if !slices.IsSorted(want) {
		t.Errorf("%s is not sorted: `make budget`", dependencies)
	}
}

// binary is what `make build` has left, which `make lint` waits for.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "teu"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%v: make build", err)
	}
	return path
}

// cost is what the initialisation of a package takes.
type cost struct {
	clock         float64 // ms
	bytes, allocs int
}

// initTrace reads what the runtime says of a start (runtime, "GODEBUG", inittrace), by package.
func initTrace(t *testing.T, path string) map[string]cost {
	t.Helper()
	cmd := exec.Command(path, "--version")
	cmd.Env = []string{"GODEBUG=inittrace=1"}
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s --version: %v: %s", path, err, out.String())
	}
	costs := map[string]cost{}
	for s := bufio.NewScanner(strings.NewReader(out.String())); s.Scan(); {
		var pkg string
		var at float64
		var c cost
		_, err := fmt.Sscanf(s.Text(), "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &pkg, &at, &c.clock, &c.bytes, &c.allocs)
		if err != nil {
			t.Fatalf("inittrace: got %q, %v, want a line of a package", s.Text(), err)
		}
		costs[pkg] = c
	}
	if _, ok := costs["runtime"]; !ok || len(costs) < 20 {
		t.Fatalf("inittrace: got %d packages, want runtime and some dozen others", len(costs))
	}
	return costs
}

// TestInit holds the initialisation of packages to its ceilings. Of each package the least of many starts counts: a start that
// is interrupted takes longer, and the runtime's own threads allocate now and then.
func TestInit(t *testing.T) {
	path := binary(t)
	least := initTrace(t, path)
	for range 30 {
		for pkg, c := range initTrace(t, path) {
			l := least[pkg]
			least[pkg] = cost{min(l.clock, c.clock), min(l.bytes, c.bytes), min(l.allocs, c.allocs)}
		}
	}
	var sum cost
	for pkg, c := range least {
		sum = cost{sum.clock + c.clock, sum.bytes + c.bytes, sum.allocs + c.allocs}
		if own := pkg == "main" || strings.HasPrefix(pkg, "teu/"); own && c.allocs > 0 {
			t.Errorf("%s: got %d allocations (%d bytes) at every start, want none: make it on first use", pkg, c.allocs, c.bytes)
		}
	}
	t.Logf("%d packages, %.3f ms, %d bytes, %d allocations", len(least), sum.clock, sum.bytes, sum.allocs)
	if sum.bytes > maxInitBytes || sum.allocs > maxInitAllocs || sum.clock > maxInitClock {
		t.Errorf("initialisation: got %d bytes, %d allocations, %.3f ms, want at most %d, %d, %.3f; the most expensive: %s",
			sum.bytes, sum.allocs, sum.clock, maxInitBytes, maxInitAllocs, float64(maxInitClock), mostExpensive(least))
	}
}

// mostExpensive names the packages that allocate most.
func mostExpensive(costs map[string]cost) string {
	pkgs := make([]string, 0, len(costs))
	for pkg := range costs {
		pkgs = append(pkgs, pkg)
	}
	slices.SortFunc(pkgs, func(a, b string) int { return costs[b].bytes - costs[a].bytes })
	for i, pkg := range pkgs {
		pkgs[i] = pkg + " " + strconv.Itoa(costs[pkg].bytes)
	}
	return strings.Join(pkgs[:min(8, len(pkgs))], ", ")
}

func TestBinarySize(t *testing.T) {
	st, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", st.Size())
	if st.Size() > maxBinary {
		t.Errorf("teu: got %d bytes, want at most %d", st.Size(), maxBinary)
	}
}
