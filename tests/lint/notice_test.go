package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// noticed finds the entries of NOTICE for Go modules: a path and an SPDX licence expression.
var noticed = regexp.MustCompile(`(?m)^  ([a-z0-9.-]+\.[a-z]+/[^ ]+) +([A-Z][A-Za-z0-9.-]+( (AND|OR|WITH) [A-Za-z0-9.-]+)*)$`)

// linked lists the modules of the packages that the binary is made of, without teu itself. The build tags are
// those of the Makefile: they leave modules out.
func linked(t *testing.T) []string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^TAGS := (.+)$`).FindSubmatch(makefile)
	if tags == nil {
		t.Fatal("Makefile: got no line TAGS := ..., want one")
	}
	list := exec.Command("go", "list", "-deps", "-tags", string(tags[1]), "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	return slices.DeleteFunc(slices.Compact(modules), func(m string) bool { return m == "teu" })
}

// TestNotice holds that NOTICE names every Go module in the binary, with its licence, and no other.
func TestNotice(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range noticed.FindAllStringSubmatch(string(text), -1) {
		named = append(named, m[1])
	}
	modules := linked(t)
	if len(modules) == 0 {
		t.Fatal("go list: got no modules, want those of go.mod")
	}
	for _, m := range modules {
		if !slices.Contains(named, m) {
			t.Errorf("NOTICE: got no entry for the module %s, which the binary contains, want one with its licence", m)
		}
	}
	for _, m := range named {
		if !slices.Contains(modules, m) {
			t.Errorf("NOTICE: got an entry for the module %s, which the binary does not contain, want none", m)
		}
	}
}
