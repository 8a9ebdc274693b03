package lint

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var (
	variable   = regexp.MustCompile(`\b_?TEU_[A-Z0-9_]*[A-Z0-9]\b`)
	documented = regexp.MustCompile("(?m)^\\| `(_?TEU_[A-Z0-9_]+)` \\|")
)

// variablesUsed maps every environment variable of teu's to a file that names it. The names in C files are left out: they
// are macros, since the interpreter reads no environment.
func variablesUsed(t *testing.T) map[string]string {
	t.Helper()
	used, macros := map[string]string{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "testdata" || rel == "build" {
				return fs.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(path)
		if !d.Type().IsRegular() || ext == ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(text, 0) >= 0 { // a binary
			return err
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			if ext == ".c" || ext == ".h" {
				macros[name] = true
				continue
			}
			used[name] = filepath.ToSlash(rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(used, func(name, _ string) bool { return macros[name] })
	if used["_TEU_TIMELINE"] == "" || used["TEU_TESTDIR"] == "" {
		t.Fatalf("got %d variables without _TEU_TIMELINE or TEU_TESTDIR, want both: the walk does not see the tree", len(used))
	}
	return used
}

func TestEnvironmentPage(t *testing.T) {
	const page = "docs/environment.md"
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
		if slices.Contains(names, m[1]) {
			t.Errorf("%s: got two rows for %s, want one", page, m[1])
		}
		names = append(names, m[1])
	}
	used := variablesUsed(t)
	for name, file := range used {
		if !slices.Contains(names, name) {
			t.Errorf("%s: got no row for %s, which %s names, want one", page, name, file)
		}
	}
	for _, name := range names {
		if used[name] == "" {
			t.Errorf("%s: got a row for %s, which no code names, want none", page, name)
		}
	}
}
