package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is how a suite went.
type row struct {
	environment, pkg        string
	passed, failed, skipped int      // tests, subtests among them
	again                   int      // of those that passed, the ones that did so at the second try
	why                     []string // tests skipped, each with its reason
	trouble                 []string // output of tests that failed
	ended                   string   // how it came to its end, "" when it never did
	exit                    string   // its exit code
}

// event is a line of `go tool test2json`.
type event struct {
	Action, Test, Output string
}

// read reads the log of a suite; a suite that never began has none.
func read(log string) (row, error) {
	text, err := os.ReadFile(log)
	if errors.Is(err, os.ErrNotExist) {
		return row{}, nil
	}
	if err != nil {
		return row{}, err
	}
	convert := exec.Command("go", "tool", "test2json")
	convert.Stdin = bytes.NewReader(text)
	events, err := convert.Output()
	if err != nil {
		return row{}, fmt.Errorf("%s: %w", convert, err)
	}
	r, err := count(bytes.NewReader(events))
	if err != nil {
		return row{}, fmt.Errorf("%s: %w", log, err)
	}
	end, err := os.ReadFile(log + ".end")
	if err == nil {
		var seconds string
		fmt.Sscan(string(end), &r.exit, &seconds)
		r.ended = seconds + " s"
		var second bool
		if r.exit, second = strings.CutPrefix(r.exit, "again:"); second && r.exit == "0" {
			r.again, r.passed, r.failed = r.failed, r.passed+r.failed, 0
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return row{}, err
	}
	return r, nil
}

// mark is where a test says something: "    file_test.go:12: text".
var mark = regexp.MustCompile(`^\s*\w+\.go:\d+: `)

// count reads events. A test that has subtests fails with them: only its own words are of interest then.
func count(events io.Reader) (row, error) {
	var r row
	output := map[string][]string{}
	for d := json.NewDecoder(events); ; {
		var e event
		switch err := d.Decode(&e); {
		case err == io.EOF:
			if len(r.trouble) == 0 && r.failed > 0 || r.passed+r.failed+r.skipped == 0 {
				r.trouble = append(r.trouble, output[""]...)
			}
			return r, nil
		case err != nil:
			return r, err
		}
		switch {
		case e.Action == "output" && (e.Test == "" || !strings.HasPrefix(e.Output, "=== ")):
			output[e.Test] = append(output[e.Test], e.Output)
		case e.Test == "":
		case e.Action == "pass":
			r.passed++
		case e.Action == "skip":
			r.skipped++
			r.why = append(r.why, e.Test+": "+reason(output[e.Test]))
		case e.Action == "fail":
			r.failed++
			r.trouble = append(r.trouble, output[e.Test]...)
		}
	}
}

// reason is the last thing that a test has said.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		if at := mark.FindString(line); at != "" {
			return strings.TrimSpace(line[len(at):])
		}
	}
	return "no reason given"
}

// report prints what was skipped and what failed, and the table last.
func report(w io.Writer, rows []row) error {
	ran := map[string]int{}
	bad := false
	for _, r := range rows {
		ran[r.environment] += r.passed + r.failed
		if len(r.why) > 0 {
			fmt.Fprintf(w, "\n%s: %s: skipped:\n", r.environment, r.pkg)
			for _, line := range r.why {
				fmt.Fprintf(w, "  %s\n", line)
			}
		}
	}
	for _, r := range rows {
		if r.again > 0 {
			fmt.Fprintf(w, "\n%s: %s: passed at the second try only:\n%s", r.environment, r.pkg, strings.Join(r.trouble, ""))
		}
		if r.exit != "0" || r.failed > 0 {
			bad = true
			fmt.Fprintf(w, "\n%s: %s: failed, exit code %q:\n%s", r.environment, r.pkg, r.exit, strings.Join(r.trouble, ""))
		}
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "environment\tpackage\tpassed\tat the second try\tfailed\tskipped\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", r.environment, r.pkg, r.passed, r.again, r.failed, r.skipped, r.note())
	}
	t.Flush()
	for name, n := range ran {
		if n == 0 {
			return fmt.Errorf("%s: nothing ran", name)
		}
	}
	if bad {
		return errors.New("there were failures")
	}
	return nil
}

func (r row) note() string {
	switch {
	case r.exit == "0" || r.failed > 0:
		return r.ended
	case r.ended == "":
		return "did not come to its end"
	case r.exit == "":
		return "did not come to its end: " + r.ended
	}
	return r.ended + ", exit code " + r.exit
}
