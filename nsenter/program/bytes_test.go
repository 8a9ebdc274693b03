package program

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// protocolBytes reads the constants of bytes.go, so that one which is added there is tested.
func protocolBytes(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "bytes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for i, name := range v.Names {
				all[name.Name] = v.Values[i].(*ast.BasicLit).Value
			}
		}
		return true
	})
	if all["ByteForked"] != fmt.Sprintf("%q", ByteForked) {
		t.Fatalf("bytes.go: got %v, want ByteForked among them", all)
	}
	return all
}

func TestBytesHaveOneMeaningEach(t *testing.T) {
	meaning := map[string]string{}
	for name, value := range protocolBytes(t) {
		if other, twice := meaning[value]; twice {
			t.Errorf("%s and %s: got %s for both, want a byte each", name, other, value)
		}
		meaning[value] = name
	}
}

// TestBytesElsewhere: the interpreter's are those of interp.h, and FORMAT.md shows all.
func TestBytesElsewhere(t *testing.T) {
	all := protocolBytes(t)
	header, err := os.ReadFile("../interp.h")
	if err != nil {
		t.Fatal(err)
	}
	inC := regexp.MustCompile(`BYTE_([A-Z_]+) = ('.')`).FindAllStringSubmatch(string(header), -1)
	if len(inC) == 0 {
		t.Error("interp.h: got no BYTE_, want those of the interpreter")
	}
	for _, m := range inC {
		name := "Byte"
		for _, word := range strings.Split(m[1], "_") {
			name += word[:1] + strings.ToLower(word[1:])
		}
		if all[name] != m[2] {
			t.Errorf("interp.h: got %[2]s for BYTE_%[1]s, want %[3]s's %[4]q", m[1], m[2], name, all[name])
		}
	}
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, flow, _ := strings.Cut(string(page), "## How a program gets to the interpreter")
	flow, _, _ = strings.Cut(flow, "\n## ")
	for name, value := range all {
		if b := strings.Trim(value, "'"); !regexp.MustCompile(`── ` + b + `[ ,]`).MatchString(flow) {
			t.Errorf("FORMAT.md: got no %s, %s, in its flows, want it there", name, value)
		}
	}
}
