package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"teu/tests/results"
	"teu/tests/vm/guests"
)

func TestRead(t *testing.T) {
	const passed, failed = "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", "=== RUN   TestA\n--- FAIL: TestA (0.00s)\nFAIL\n"
	for name, c := range map[string]struct {
		log, end       string
		passed, failed int
		trouble        string
	}{
		"passed":                     {passed, "0 9", 1, 0, ""},
		"failed":                     {failed, "1 9", 0, 1, "--- FAIL: TestA"},
		"something is left":          {passed, "1 9", 1, 1, "exit code 1"},
		"the guest died meanwhile":   {passed, "", 1, 1, "did not come to its end (guest bare: died)"},
		"the guest died before that": {"", "", 0, 1, "did not come to its end (guest bare: died)"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		for name, text := range map[string]string{log: c.log, log + ".end": c.end} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatalf("write the log: %v", err)
			}
		}
		got, err := read(log, errors.New("guest bare: died"))
		if err != nil || got.Passed != c.passed || got.Failed != c.failed || !strings.Contains(got.Trouble, c.trouble) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c)
		}
	}
}

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		row  results.Row
		fail bool
	}{
		"passed":       {results.Row{Suite: "a", Passed: 1}, false},
		"failed":       {results.Row{Suite: "a", Passed: 1, Failed: 1}, true},
		"all skipped":  {results.Row{Suite: "a", Skipped: 1}, true},
		"nothing ran":  {results.Row{Suite: "a"}, true},
		"some skipped": {results.Row{Suite: "a", Passed: 1, Skipped: 1}, false},
	} {
		file := filepath.Join(t.TempDir(), "rows")
		if err := report([]results.Row{c.row}, file); (err != nil) != c.fail {
			t.Errorf("%s: got %v, want a failure: %v", name, err, c.fail)
		}
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `"Suite":"a"`) {
			t.Errorf("%s: got %s, %v, want the row", name, text, err)
		}
	}
}

// TestSuites: each has a log of its own, in a package that is there.
func TestSuites(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range choose("", regexp.MustCompile("")) {
		for _, e := range g.Environments {
			for _, s := range e.Suites {
				if seen[name(g, e, s)] {
					t.Errorf("log %s: got it of two suites, want one of each", name(g, e, s))
				}
				seen[name(g, e, s)] = true
				if tests, _ := filepath.Glob("../../" + s.Dir + "/*_test.go"); len(tests) == 0 {
					t.Errorf("%s: got no tests in it, want some", s.Dir)
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("suites: got none, want some")
	}
	if got := choose("", regexp.MustCompile("^nowhere")); len(got) != 0 {
		t.Errorf("suites of no directory: got %v, want none", got)
	}
	if got := choose("bare", regexp.MustCompile("tests/cgroups$")); len(got) != 1 || got[0].Name != "bare" || len(got[0].Environments[0].Suites) != 1 {
		t.Errorf("suites of tests/cgroups in bare: got %v, want one", got)
	}
	if got := choose(guests.All[0].Name+"x", regexp.MustCompile("")); len(got) != 0 {
		t.Errorf("suites of a guest that is not there: got %v, want none", got)
	}
}

// TestSamples: every name in a sample is that of a test in one of the suites that it is for.
func TestSamples(t *testing.T) {
	tests := map[string]string{} // of the suites that a sample is for
	for _, g := range guests.All {
		for _, e := range g.Environments {
			for _, s := range e.Suites {
				files, _ := filepath.Glob("../../" + s.Dir + "/*_test.go")
				for _, f := range files {
					text, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
						tests[s.Sample+s.Run] += string(m[1]) + "\n"
					}
				}
			}
		}
	}
	for sample, names := range tests {
		// What stands behind a slash is of subtests.
		for _, name := range strings.Split(regexp.MustCompile(`/[^|(]*(\([^)]*\))?`).ReplaceAllString(sample, ""), "|") {
			if !regexp.MustCompile("(?m)" + name).MatchString(names) {
				t.Errorf("%s: got no test whose name matches %s, want one", sample, name)
			}
		}
	}
}
