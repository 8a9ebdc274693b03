// Package golden compares programs with files below testdata. Only tests import it. `go test -run Golden -update`
// writes the files anew.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"teu/nsenter/program"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Program verifies p and compares what it prints with testdata/NAME.golden.
func Program(t *testing.T, name string, p *program.Program) {
	t.Helper()
	Verified(t, p)
	Text(t, name, p.String())
}

// Verified fails the test if p does not verify or cannot be encoded.
func Verified(t *testing.T, p *program.Program) {
	t.Helper()
	if err := p.Verify(); err != nil {
		t.Fatalf("verify: %v\n%s", err, p)
	}
	if _, err := p.Encode(program.Options{}); err != nil {
		t.Fatalf("encode: %v", err)
	}
}

// Text compares got with testdata/NAME.golden.
func Text(t *testing.T, name, got string) {
	t.Helper()
	File(t, filepath.Join("testdata", name+".golden"), got)
}

// File compares got with a file.
func File(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s: -update writes it anew:\n%s", file, difference(string(want), got))
	}
}

// Changes is what p does that base does not: the instructions of those sections that base has not, or has not the
// same, each between the headings of its neighbours.
func Changes(base, p *program.Program) string {
	known := map[string]bool{}
	for _, s := range sections(base.String()) {
		known[plain(s)] = true
	}
	list := sections(p.String())
	differs := func(i int) bool { return i >= 0 && i < len(list) && !known[plain(list[i])] }
	var b strings.Builder
	for i, s := range list {
		switch {
		case differs(i):
			b.WriteString(s)
		case differs(i-1) || differs(i+1):
			heading, _, _ := strings.Cut(s, "\n")
			b.WriteString(heading + " …\n")
		case differs(i + 2):
			b.WriteString("…\n")
		}
	}
	return b.String()
}

// sections cuts a printed program before each heading; the inputs are one too.
func sections(text string) (out []string) {
	for line := range strings.Lines(text) {
		if len(out) == 0 || strings.HasPrefix(line, "#") {
			out = append(out, "")
		}
		out[len(out)-1] += line
	}
	return out
}

var numbers = regexp.MustCompile(`(?m)^ *\d+ |\bs\d+\b|→\d+|jump \d+`)

// plain is a section without the numbers of instructions and slots, which what comes before it shifts.
func plain(section string) string { return numbers.ReplaceAllString(section, "") }

// difference shows the first lines that differ, with what comes before them.
func difference(want, got string) string {
	const before, after = 3, 12
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < len(w) && at < len(g) && w[at] == g[at] {
		at++
	}
	show := func(mark string, lines []string) string {
		return mark + strings.Join(lines[min(at, len(lines)):min(at+after, len(lines))], "\n"+mark)
	}
	return "  " + strings.Join(w[max(0, at-before):at], "\n  ") + "\n" + show("- ", w) + "\n" + show("+ ", g)
}
