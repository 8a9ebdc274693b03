package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	limit := func() string { return "no such thing" }
	none := func() string { return "" }
	list := []explanation{
		{programs: []string{"a"}, match: "^not ok 1", kind: wrongTest, why: "always"},
		{programs: []string{"b"}, runtimes: []string{"runc"}, match: "x", kind: deviation, why: "runc's"},
		{programs: []string{"c"}, match: "x", kind: wrongTest, why: "a race", maybe: true},
		{programs: []string{"d"}, match: "x", kind: hostLimit, why: "limited", limit: limit},
		{programs: []string{"e"}, match: "x", kind: hostLimit, why: "not limited", limit: none},
	}
	tests := []struct {
		name             string
		runtime, program string
		failures         []string
		used             []string // why
		wrong            []string // beginnings
	}{
		{name: "nothing to say", runtime: "teu", program: "z"},
		{name: "explained", runtime: "teu", program: "a", failures: []string{"not ok 1 - p"}, used: []string{"always"}},
		{name: "unexpected pass", runtime: "teu", program: "a", wrong: []string{"expected a failure"}},
		{
			name: "one of two explained", runtime: "teu", program: "a", failures: []string{"not ok 1 - p", "not ok 2 - q"},
			used: []string{"always"}, wrong: []string{"unexplained: not ok 2"},
		},
		{name: "of another runtime", runtime: "teu", program: "b", failures: []string{"x"}, wrong: []string{"unexplained: x"}},
		{name: "of this runtime", runtime: "runc", program: "b", failures: []string{"x"}, used: []string{"runc's"}},
		{name: "a race won", runtime: "teu", program: "c"},
		{name: "a race lost", runtime: "teu", program: "c", failures: []string{"x"}, used: []string{"a race"}},
		{name: "a limit", runtime: "teu", program: "d", failures: []string{"x"}, used: []string{"limited"}},
		{name: "a limit the host has not", runtime: "teu", program: "e", failures: []string{"x"}, wrong: []string{"unexplained: x"}},
		{name: "passes without the limit", runtime: "teu", program: "e"},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			used, wrong := judge(list, tt.runtime, tt.program, tt.failures)
			var whys []string
			for _, e := range used {
				whys = append(whys, e.why)
			}
			if !slices.Equal(whys, tt.used) {
				t.Errorf("explanations used: got %q, want %q", whys, tt.used)
			}
			if !slices.EqualFunc(wrong, tt.wrong, strings.HasPrefix) {
				t.Errorf("wrong: got %q, want %q", wrong, tt.wrong)
			}
		})
	}
}

// TestExplanations holds the table to its own rules.
func TestExplanations(t *testing.T) {
	for i, e := range explanations {
		if _, err := regexp.Compile(e.match); err != nil || e.match == "" || e.why == "" || len(e.programs) == 0 {
			t.Errorf("explanation %d: got %+v, %v; want programs, a match that compiles, and a why", i, e, err)
		}
		if (e.kind == hostLimit) != (e.limit != nil) {
			t.Errorf("explanation %d (%v): got a probe: %v; want one of a host limit alone: %v", i, e.programs, e.limit != nil, e.kind == hostLimit)
		}
		if e.kind == deviation && (e.runtimes == nil || slices.Contains(e.runtimes, "teu")) {
			t.Errorf("explanation %d (%v): got a deviation of the runtimes %q, want it of some without teu", i, e.programs, e.runtimes)
		}
	}
	for p, re := range reasons {
		if _, err := regexp.Compile(re); err != nil {
			t.Errorf("compile the reason of %s: %v", p, err)
		}
	}
}

func TestAllFailures(t *testing.T) {
	tests := []struct {
		name, program string
		res           result
		failures      []string
	}{
		{name: "passed", program: "p", res: result{Stdout: "TAP version 13\nok 1 - a\n1..1\n"}},
		{name: "said nothing", program: "p", failures: []string{"plan: the program printed nothing"}},
		{name: "may say nothing", program: "process_rlimits_fail", res: result{Stderr: "RLIMIT_TEST: unknown"}},
		{
			name: "another error than provoked", program: "process_rlimits_fail", res: result{Stderr: "no memory"},
			failures: []string{`reason: the error should match "RLIMIT_TEST": no memory`},
		},
		{name: "exit status", program: "p", res: result{Exit: 2, Stderr: "a\nb\n"}, failures: []string{"exit 2: a b"}},
		{name: "too slow", program: "p", res: result{Exit: -1}, failures: []string{"killed after 1m0s"}},
		{
			name: "left something", program: "p", res: result{Stdout: "TAP version 13\n1..0\n", Left: []string{"mount /x"}},
			failures: []string{"left: mount /x"},
		},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			if got := allFailures(tt.program, tt.res); !slices.Equal(got, tt.failures) {
				t.Errorf("failures: got %q, want %q", got, tt.failures)
			}
		})
	}
}
