package libcontainer

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// coveredByTests reads the calls of kit.Covers below tests/: the tests that cover a field.
func coveredByTests(t *testing.T) map[string][]string {
	t.Helper()
	covered := map[string][]string{}
	err := filepath.WalkDir("../tests", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for _, name := range coversIn(fn) {
				where := filepath.Base(filepath.Dir(path)) + "." + fn.Name.Name
				if !slices.Contains(covered[name], where) {
					covered[name] = append(covered[name], where)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the tests: %v", err)
	}
	return covered
}

// coversIn are the arguments of the calls of kit.Covers in fn, which have to be literals.
func coversIn(fn *ast.FuncDecl) (names []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Covers" {
			return true
		}
		for _, arg := range call.Args[1:] {
			if lit, ok := arg.(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(lit.Value); err == nil {
					names = append(names, name)
				}
			}
		}
		return true
	})
	return names
}

// conformancePage is docs/spec-conformance.md.
func conformancePage(fields map[string]*field) string {
	honoured := 0
	var rows strings.Builder
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		f := fields[path]
		if _, no := refused[path]; no {
			continue
		}
		honoured++
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", path, few(f.entries), few(f.rooted))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# What config.json can say

Written by the test that walks the types of runtime-spec %s (libcontainer/coverage_test.go); `+"`make golden`"+` writes it anew.
**%d fields apply to Linux: %d are honoured, %d refused.** Sections and fields for other platforms are ignored, as config.md says.

A field counts as honoured when changing it changes what create would do: the record, the cgroup, the steps from outside or the
program; the second column names golden files in which it does. The third names the tests that ask the kernel.

| field | golden | asked of the kernel by |
|---|---|---|
%s`, specs.Version, len(fields), honoured, len(refused), rows.String())
	if len(refused) > 0 {
		b.WriteString("\n## Refused\n\n| field | why |\n|---|---|\n")
		for _, path := range slices.Sorted(maps.Keys(refused)) {
			fmt.Fprintf(&b, "| `%s` | %s |\n", path, refused[path])
		}
	}
	return b.String()
}

// few is the first names of a list.
func few(list []string) string {
	const most = 2
	slices.Sort(list)
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
