package conformance

import (
	"slices"
	"strings"
	"testing"
)

func TestParseTAP(t *testing.T) {
	tests := []struct {
		name     string
		text     string
		points   int
		failures []string
	}{
		{name: "nothing at all", text: ""},
		{name: "all well", text: "TAP version 13\nok 1 - a\n# note\nok 2 # SKIP b\n1..2\n", points: 2},
		{name: "todo is no failure", text: "TAP version 13\nnot ok 1 # TODO a\n1..1\n", points: 1},
		{
			name:   "a failed point keeps its notes",
			text:   "TAP version 13\nok 1 - a\n# no\nnot ok 2 - b\n# expect: 1\n# got: 2\n1..2\n",
			points: 2, failures: []string{"not ok 2 - b | expect: 1 | got: 2"},
		},
		{
			name:   "a failed point keeps its block, a good one does not",
			text:   "TAP version 13\nok 1 - a\n  ---\n  {\"error\": \"x\"}\n  ...\nnot ok 2 - b\n  ---\n  {\n    \"error\": \"exit\\nstatus 1\", \"stderr\": \"why\\n\"\n  }\n  ...\n1..2\n",
			points: 2, failures: []string{"not ok 2 - b | exit status 1 | why"},
		},
		{
			name:     "a finding without a test point",
			text:     "TAP version 13\n  ---\n  {\"error\": \"hooks out of order\"}\n  ...\n1..0\n",
			failures: []string{"finding: hooks out of order"},
		},
		{name: "an empty plan", text: "TAP version 13\n1..0\n"},
		{
			name:   "a program that died",
			text:   "TAP version 13\nok 1 - a\n",
			points: 1, failures: []string{"plan: none after 1 points, the program stopped early"},
		},
		{
			name:   "points missing from the plan",
			text:   "TAP version 13\nok 1 - a\n1..2\n",
			points: 1, failures: []string{"plan: 2 points, ran 1"},
		},
		{
			name:   "two documents",
			text:   "TAP version 13\nok 1 - a\n1..1\nTAP version 13\nnot ok 1 - b\n1..1\n",
			points: 2, failures: []string{"not ok 1 - b"},
		},
		{
			name:   "runtimetest stopped early, unnoticed",
			text:   "TAP version 13\n  ---\n  {\"stderr\": \"getwd: no\\n\", \"stdout\": \"TAP version 13\\nok 1 - h\\n\"}\n  ...\nok 1 - t\n1..1\n",
			points: 1, failures: []string{
				"inner: plan: none after 1 points, the program stopped early (counted as: ok 1 - t)",
				"inner: runtimetest: getwd: no (counted as: ok 1 - t)",
			},
		},
		{
			name:   "runtimetest failed",
			text:   "TAP version 13\n  ---\n  {\"stdout\": \"TAP version 13\\nnot ok 1 - h\\n1..1\\n\"}\n  ...\nnot ok 1 - t\n1..1\n",
			points: 1, failures: []string{"not ok 1 - t | not ok 1 - h"},
		},
		{
			name:   "runtimetest ran well",
			text:   "TAP version 13\n  ---\n  {\"stdout\": \"TAP version 13\\nok 1 - h\\n1..1\\n\"}\n  ...\nok 1 - t\n1..1\n",
			points: 1,
		},
		{
			name:   "a block that printf spoiled",
			text:   "TAP version 13\nnot ok 1 - a\n  ---\n  {\"error\": %!s(MISSING)}\n  ...\n1..1\n",
			points: 1, failures: []string{"not ok 1 - a"},
		},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			got := parseTAP(tt.text)
			if got.points != tt.points || !slices.Equal(got.failures, tt.failures) {
				t.Errorf("got %d points, want %d; failures: got\n  %q, want\n  %q", got.points, tt.points, got.failures, tt.failures)
			}
		})
	}
}
