package lint

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	// step is a row of the table in CONTRIBUTING.md: what, file, what is found in it.
	step = regexp.MustCompile("(?m)^\\| .+ \\| `([^`]+)` \\| `(.+)` \\|$")

	testName = regexp.MustCompile(`\bTest[A-Z]\w*`)
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
)

// each calls do with the files of the tree with the extension ext, and returns how many there are.
func each(t *testing.T, ext string, do func(path string, text []byte)) (n int) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "build") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ext {
			return nil
		}
		n++
		text, err := os.ReadFile(path)
		if err == nil {
			do(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLinksLead holds that every relative link of a page leads to a file.
func TestLinksLead(t *testing.T) {
	links := 0
	pages := each(t, ".md", func(path string, text []byte) {
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: got a link to %s: %v, want one to a file", path, m[1], err)
			}
		}
	})
	if pages < 20 || links < 20 {
		t.Fatalf("got %d pages with %d links, want 20 or more: the walk does not see the tree", pages, links)
	}
}

// TestTestsOfPages holds that the tests that a page names are there.
func TestTestsOfPages(t *testing.T) {
	there := map[string]bool{}
	each(t, ".go", func(path string, text []byte) {
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
	})
	named := 0
	each(t, ".md", func(path string, text []byte) {
		for _, name := range testName.FindAllString(string(text), -1) {
			named++
			if !there[name] {
				t.Errorf("%s: got the test %s, want one that there is", path, name)
			}
		}
	})
	if len(there) < 500 || named < 100 {
		t.Fatalf("got %d tests, %d of them named, want 500 and 100 or more: the walk does not see the tree", len(there), named)
	}
}

// TestStepsOfContributing holds that the files, and what the table of CONTRIBUTING.md names in them, are there.
func TestStepsOfContributing(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := step.FindAllSubmatch(text, -1)
	if len(rows) < 15 {
		t.Fatalf("CONTRIBUTING.md: got %d steps in the table, want 15 or more", len(rows))
	}
	for _, row := range rows {
		file, err := os.ReadFile(filepath.Join(root, string(row[1])))
		if err != nil {
			t.Errorf("CONTRIBUTING.md: got the step %s: %v, want a file", row[1], err)
		} else if !bytes.Contains(file, row[2]) {
			t.Errorf("CONTRIBUTING.md: got the step %s with %q, want what the file contains", row[1], row[2])
		}
	}
}

// TestPackagesOfDesign holds that the tree in docs/design.md has each package that ranks has.
func TestPackagesOfDesign(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/design.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, packages, _ := strings.Cut(string(text), "\n## The packages\n")
	packages, _, _ = strings.Cut(packages, "\n## ")
	found, parents := map[string]bool{}, []string{}
	for line := range strings.SplitSeq(packages, "\n") {
		name, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		// Four spaces make a block of code, and two more each level.
		level := (len(line) - len(strings.TrimLeft(line, " ")) - 4) / 2
		if dir, ok := strings.CutSuffix(name, "/"); ok && level >= 0 && level <= len(parents) {
			parents = append(parents[:level], dir)
			found[strings.Join(parents, "/")] = true
		}
	}
	for _, r := range ranks {
		if !found[r.dir] {
			t.Errorf("docs/design.md, The packages: got no line of %s, want one", r.dir)
		}
	}
}
