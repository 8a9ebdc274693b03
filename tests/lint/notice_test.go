package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// noticed finds the entries of NOTICE for Go modules: a path and an SPDX licence expression.
var noticed = regexp.MustCompile(`(?m)^  ([a-z0-9.-]+\.[a-z]+/[^ ]+) +([A-Z][A-Za-z0-9.-]+( (AND|OR|WITH) [A-Za-z0-9.-]+)*)$`)

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
	modules := slices.DeleteFunc(listed(t, "{{with .Module}}{{.Path}}{{end}}"), func(m string) bool { return m == "" || m == "teu" })
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
