package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// decisionHead is how a decision begins: its number and title, and below them status and date.
var decisionHead = regexp.MustCompile(`^# (\d{4}): .+\n\nStatus: (proposed|accepted|superseded by \[?\d{4}.*)\\\nDate: (\d{4}-\d\d-\d\d)\n\n`)

func TestDecisionsHaveStatusAndDate(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root, "docs/decisions/*.md"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("docs/decisions: got %d pages, %v, want ten or more", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head := decisionHead.FindSubmatch(text)
		if head == nil {
			t.Errorf("%s: got a beginning without title, status or date, want %s", name, decisionHead)
			continue
		}
		if string(head[1]) != name[:4] {
			t.Errorf("%s: got the number %s in its title, want %s", name, head[1], name[:4])
		}
		if _, err := time.Parse(time.DateOnly, string(head[3])); err != nil {
			t.Errorf("%s: got date %s (%v), want one of the calendar", name, head[3], err)
		}
	}
}
