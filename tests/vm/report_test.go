package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		want   row
	}{
		"of each": {`
{"Action":"start"}
{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Test":"TestA/sub","Output":"    a_test.go:7: no memory controller\n"}
{"Action":"output","Test":"TestA/sub","Output":"    --- SKIP: TestA/sub (0.00s)\n"}
{"Action":"skip","Test":"TestA/sub"}
{"Action":"pass","Test":"TestA"}
{"Action":"output","Test":"TestB","Output":"    b_test.go:1: 1, want 2\n"}
{"Action":"fail","Test":"TestB"}
{"Action":"output","Output":"FAIL\n"}
{"Action":"fail"}`,
			row{passed: 1, failed: 1, skipped: 1, why: []string{"TestA/sub: no memory controller"}, trouble: []string{"    b_test.go:1: 1, want 2\n"}}},
		"of none":          {`{"Action":"output","Output":"kit: no teu\n"}`, row{trouble: []string{"kit: no teu\n"}}},
		"without a reason": {`{"Action":"skip","Test":"TestA"}`, row{skipped: 1, why: []string{"TestA: no reason given"}}},
	} {
		got, err := count(strings.NewReader(c.events))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	if _, err := count(strings.NewReader("kit: no JSON")); err == nil {
		t.Error("what is no event is taken for one")
	}
}

func TestReport(t *testing.T) {
	good := row{environment: "bare", pkg: "tests/a", passed: 3, skipped: 1, why: []string{"TestA: no disk"}, exit: "0", ended: "9 s"}
	with := func(change func(r *row)) row {
		r := good
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		rows []row
		text string // a part of what is printed
		bad  bool
	}{
		"all is well":    {[]row{good}, "tests/a  3       0                  0       1        9 s\n", false},
		"a reason":       {[]row{good}, "bare: tests/a: skipped:\n  TestA: no disk\n", false},
		"a failure":      {[]row{good, with(func(r *row) { r.failed, r.exit, r.trouble = 1, "1", []string{"so it was\n"} })}, "so it was\n", true},
		"a second try":   {[]row{with(func(r *row) { r.again, r.trouble = 1, []string{"so it was\n"} })}, "second try only:\nso it was\n", false},
		"something left": {[]row{with(func(r *row) { r.exit = "1" })}, "exit code 1\n", true},
		"no end":         {[]row{with(func(r *row) { r.exit, r.ended = "", "" })}, "did not come to its end\n", true},
		"the guest died": {[]row{with(func(r *row) { r.exit, r.ended = "", "guest bare: exit status 125" })}, "guest bare: exit status 125\n", true},
		"nothing ran":    {[]row{with(func(r *row) { r.passed = 0 })}, "", true},
	} {
		var b bytes.Buffer
		if err := report(&b, c.rows); (err != nil) != c.bad || !strings.Contains(b.String(), c.text) {
			t.Errorf("%s: %v, want failure %v and %q in %s", name, err, c.bad, c.text, &b)
		}
	}
}

// TestSecondTry: what the guest says of it.
func TestSecondTry(t *testing.T) {
	for end, want := range map[string]row{
		"again:0 9": {passed: 1, again: 1, exit: "0"},
		"again:1 9": {failed: 1, exit: "1"},
		"1 9":       {failed: 1, exit: "1"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		for name, text := range map[string]string{log: "=== RUN   TestA\n--- FAIL: TestA (0.00s)\nFAIL\n", log + ".end": end} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := read(log)
		if err != nil || got.passed != want.passed || got.again != want.again || got.failed != want.failed || got.exit != want.exit {
			t.Errorf("%s: %+v, %v, want %+v", end, got, err, want)
		}
	}
}

// TestSuites: each has a log of its own, in a package that is there.
func TestSuites(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range choose(regexp.MustCompile("")) {
		for _, e := range g.environments {
			for _, s := range e.suites {
				if seen[name(e, s)] {
					t.Errorf("two logs %s", name(e, s))
				}
				seen[name(e, s)] = true
				if tests, _ := filepath.Glob("../../" + s.dir + "/*_test.go"); len(tests) == 0 {
					t.Errorf("%s: no tests in it", s.dir)
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no suites")
	}
	if got := fmt.Sprint(choose(regexp.MustCompile("^nowhere"))); got != "[]" {
		t.Errorf("%s", got)
	}
}
