package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
)

// outcome is what the TAP output of a program says. Each failure opens with the
// line it comes from, or with a word of ours ("finding:", "inner:", "plan:"),
// followed by what the program said about it; newlines are folded to spaces.
type outcome struct {
	points   int
	failures []string
}

// innerPrefix opens a failure that is no verdict of the program's: runtimetest,
// inside the container, stopped before it had tested everything.
const innerPrefix = "inner: "

// tapReader reads the dialect of TAP 13 that tap-go writes: JSON for YAML, and
// any number of documents one after the other.
type tapReader struct {
	out outcome

	inDoc   bool
	points  int  // of this document
	plan    int  // of this document, -1 before it is seen
	lastBad bool // the last point failed: what follows belongs to it

	inner []string // failures inside the container, before the point that sums them up
}

// parseTAP reads the whole output of a program.
func parseTAP(text string) outcome {
	r := tapReader{plan: -1}
	var block []string
	inBlock := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case inBlock && line == "  ...":
			inBlock = false
			r.block(strings.Join(block, "\n"))
		case inBlock:
			block = append(block, line)
		case line == "  ---":
			inBlock, block = true, nil
		default:
			r.line(line)
		}
	}
	r.endDocument()
	return r.out
}

func (r *tapReader) line(line string) {
	switch {
	case strings.HasPrefix(line, "TAP version"):
		r.endDocument()
		r.inDoc = true
	case strings.HasPrefix(line, "1.."):
		// A line that is no number leaves the plan unseen, which is reported.
		fmt.Sscanf(line, "1..%d", &r.plan)
	case strings.HasPrefix(line, "ok "):
		r.point(line, true)
	case strings.HasPrefix(line, "not ok "):
		r.point(line, strings.Contains(line, "# TODO"))
	case strings.HasPrefix(line, "#") && r.lastBad:
		r.addToLast(strings.TrimSpace(line[1:]))
	}
}

func (r *tapReader) point(line string, ok bool) {
	r.points++
	r.out.points++
	r.lastBad = !ok
	if !ok {
		r.fail(line)
		for _, f := range r.inner {
			r.addToLast(f)
		}
	} else {
		for _, f := range r.inner {
			r.fail(innerPrefix + f + " (counted as: " + line + ")")
		}
	}
	r.inner = nil
}

// block takes one diagnostic block. Where it belongs shows in its keys: stdout
// is runtimetest's and precedes the point that sums it up, error follows the
// point it explains or, in a document without points, is the whole finding.
func (r *tapReader) block(text string) {
	var d struct {
		Stdout *string
		Stderr string
		Error  string
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		// tap-go passes the block through printf, so a percent sign can spoil
		// it, and runtimetest's blocks hold other types than strings.
		return
	}
	switch {
	case d.Stdout != nil:
		r.inner = innerFailures(*d.Stdout, d.Stderr)
	case r.lastBad:
		r.addToLast(d.Error)
		r.addToLast(d.Stderr)
	case d.Error != "" && r.points == 0:
		r.fail("finding: " + fold(d.Error) + " " + fold(d.Stderr))
	}
}

// innerFailures says what went wrong in runtimetest's own output.
func innerFailures(stdout, stderr string) []string {
	in := parseTAP(stdout)
	if stderr = fold(stderr); stderr != "" {
		in.failures = append(in.failures, "runtimetest: "+stderr)
	}
	return in.failures
}

func (r *tapReader) fail(text string) {
	r.out.failures = append(r.out.failures, fold(text))
}

func (r *tapReader) addToLast(text string) {
	if text = fold(text); text != "" {
		last := &r.out.failures[len(r.out.failures)-1]
		*last += " | " + text
	}
}

func (r *tapReader) endDocument() {
	if r.inDoc {
		switch {
		case r.plan < 0:
			r.fail(fmt.Sprintf("plan: none after %d points, the program stopped early", r.points))
		case r.plan != r.points:
			r.fail(fmt.Sprintf("plan: %d points, ran %d", r.plan, r.points))
		}
	}
	r.inDoc, r.points, r.plan, r.lastBad, r.inner = false, 0, -1, false, nil
}

// fold puts text on one line.
func fold(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
