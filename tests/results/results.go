// Package results counts what the tests of a suite did, from the events of `go test -json`, and prints tables of it.
package results

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Row is the result of a suite.
type Row struct {
	Suite                   string
	Passed, Failed, Skipped int // tests; a test that has subtests counts as they do, not itself
	Took                    time.Duration
	Skips                   []Skip
	Trouble                 string // the output of what failed, "" where nothing did
}

// Skip is a test that was skipped, and its reason.
type Skip struct{ Test, Reason string }

// Fail makes the row one that failed, for a reason that is no test's.
func (r *Row) Fail(format string, args ...any) {
	r.Failed = max(r.Failed, 1)
	r.Trouble += fmt.Sprintf(format, args...) + "\n"
}

// event is a line of `go test -json` or `go tool test2json`.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// said is where a test says something: "    file_test.go:12: text".
var said = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// suite collects the events of one or more packages.
type suite struct {
	row      Row
	output   map[string][]string // by package and test
	parents  map[string]bool     // tests that have subtests; true for those of which one has failed
	failures []string            // keys of output, in the order of the failures
}

// Count reads events to their end and counts the tests. Lines that are no events, as `go test` prints where it cannot build
// a package, are output of the suite. copied, if not nil, gets the output of all tests as text.
func Count(events io.Reader, copied io.Writer) (Row, error) {
	s := suite{output: map[string][]string{}, parents: map[string]bool{}}
	for r := bufio.NewReader(events); ; {
		line, err := r.ReadString('\n')
		if line == "" && err == io.EOF {
			return s.result(), nil
		}
		if err != nil && err != io.EOF {
			return Row{}, err
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
			if strings.TrimSpace(line) == "" {
				continue
			}
			e = event{Action: "output", Output: line}
		}
		if copied != nil {
			if _, err := io.WriteString(copied, e.Output); err != nil {
				return Row{}, err
			}
		}
		s.add(e)
	}
}

func (s *suite) add(e event) {
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "output" || e.Action == "build-output":
		if e.Test == "" || !strings.HasPrefix(e.Output, "=== ") {
			s.output[key] = append(s.output[key], e.Output)
		}
	case e.Test == "":
		// A package fails with its tests, or in its own words: a build, a TestMain, a timeout.
		if e.Action == "fail" || e.Action == "build-fail" {
			s.failures = append(s.failures, key)
		}
	case e.Action == "run":
		if parent, ok := parentOf(key); ok && !s.isParent(parent) {
			s.parents[parent] = false
		}
	case e.Action == "fail":
		s.failures = append(s.failures, key)
		if parent, ok := parentOf(key); ok {
			s.parents[parent] = true
		}
		if !s.parents[key] {
			s.row.Failed++
		}
	case s.isParent(key):
	case e.Action == "pass":
		s.row.Passed++
	case e.Action == "skip":
		if why := reason(s.output[key]); why != "" {
			s.row.Skipped++
			s.row.Skips = append(s.row.Skips, Skip{e.Test, why})
			return
		}
		s.output[key] = append(s.output[key], e.Test+": skipped without a reason\n")
		s.failures = append(s.failures, key)
		s.row.Failed++
	}
}

// parentOf is the key of the test that a subtest belongs to. Packages have slashes in their names too.
func parentOf(key string) (parent string, ok bool) {
	i := strings.LastIndexByte(key, '/')
	if i < strings.IndexByte(key, ' ') {
		return "", false
	}
	return key[:i], true
}

func (s *suite) isParent(key string) bool {
	_, ok := s.parents[key]
	return ok
}

func (s *suite) result() Row {
	var b strings.Builder
	for _, key := range s.failures {
		if _, test, _ := strings.Cut(key, " "); test == "" && s.row.Failed > 0 && !s.leftovers(key) {
			continue // its tests have said why
		}
		b.WriteString(strings.Join(s.output[key], ""))
	}
	if len(s.failures) > 0 || s.row.Passed+s.row.Skipped == 0 {
		s.row.Failed = max(s.row.Failed, 1)
		if !slices.Contains(s.failures, " ") {
			b.WriteString(strings.Join(s.output[" "], ""))
		}
	}
	s.row.Trouble = b.String()
	return s.row
}

// leftovers tells whether the package said more than `go test` does of every one that fails.
func (s *suite) leftovers(key string) bool {
	return slices.ContainsFunc(s.output[key], func(line string) bool {
		return !strings.HasPrefix(line, "FAIL") && !strings.HasPrefix(line, "exit status") && strings.TrimSpace(line) != ""
	})
}

// reason is the last thing that a test said, "" if it said nothing.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		if at := said.FindString(line); at != "" {
			return strings.TrimSpace(line[len(at):])
		}
	}
	return ""
}

// Print writes the reasons for skips, then the table, and returns the sums.
func Print(w io.Writer, rows []Row) (sum Row) {
	for _, r := range rows {
		printSkips(w, r)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "suite\tpassed\tfailed\tskipped\tseconds")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.0f\n", r.Suite, r.Passed, r.Failed, r.Skipped, r.Took.Seconds())
		sum.Passed += r.Passed
		sum.Failed += r.Failed
		sum.Skipped += r.Skipped
	}
	t.Flush()
	return sum
}

// printSkips writes each reason once, with the tests that gave it.
func printSkips(w io.Writer, r Row) {
	if len(r.Skips) == 0 {
		return
	}
	tests := map[string][]string{}
	var reasons []string
	for _, s := range r.Skips {
		if tests[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		tests[s.Reason] = append(tests[s.Reason], s.Test)
	}
	fmt.Fprintf(w, "\n%s: skipped:\n", r.Suite)
	for _, why := range reasons {
		names := tests[why]
		const most = 4
		more := ""
		if len(names) > most {
			more = fmt.Sprintf(" and %d more", len(names)-most)
			names = names[:most]
		}
		fmt.Fprintf(w, "  %s (%s%s)\n", why, strings.Join(names, ", "), more)
	}
}
