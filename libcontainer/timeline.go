package libcontainer

import (
	"fmt"
	"os"
	"strings"
	"time"

	"teu/internal/sys"
	"teu/nsenter"
)

// timeline records when the parent's steps and init's instructions began. _TEU_TIMELINE names the file that it is
// written to once init is ready.
type timeline struct {
	path  string
	marks []mark
}

type mark struct {
	at   int64 // CLOCK_MONOTONIC, ns
	what string
}

func newTimeline() *timeline {
	path := os.Getenv("_TEU_TIMELINE")
	if path == "" {
		return nil
	}
	t := &timeline{path: path}
	t.mark("begin")
	return t
}

func (t *timeline) mark(what string) {
	if t != nil {
		t.marks = append(t.marks, mark{sys.Monotonic(), what})
	}
}

// write prints both sides in the order in which they happened.
func (t *timeline) write(in *nsenter.Init) error {
	if t == nil {
		return nil
	}
	t.mark("end")
	r, err := in.Report()
	if err != nil {
		return err
	}
	lines := in.Instructions()
	begin := t.marks[0].at
	var b strings.Builder
	line := func(at int64, side, what string) {
		fmt.Fprintf(&b, "%9.3f  %-7s %s\n", float64(at-begin)/float64(time.Millisecond), side, what)
	}
	m := 0
	for i, at := range r.Stamps {
		if at == 0 || i >= len(lines) {
			continue
		}
		for ; m < len(t.marks) && t.marks[m].at <= at; m++ {
			line(t.marks[m].at, "parent", t.marks[m].what)
		}
		line(at, "init", lines[i])
	}
	for ; m < len(t.marks); m++ {
		line(t.marks[m].at, "parent", t.marks[m].what)
	}
	return os.WriteFile(t.path, []byte(b.String()), 0o600)
}
