package conformance

import (
	"fmt"
	"regexp"
	"slices"
)

// kind says where the fault of an explained failure lies.
type kind string

const (
	// wrongTest: no conforming runtime can pass, or the test is a race, or it
	// checks something the specification does not say.
	wrongTest kind = "wrong test"
	// hostLimit: the host cannot show it. The explanation carries a probe, and
	// holds only where the probe finds the limit.
	hostLimit kind = "host limit"
	// deviation: the runtime differs from the specification. Not for teu.
	deviation kind = "deviation"
)

// explanation is why some failures of some programs are expected.
type explanation struct {
	programs []string
	runtimes []string // nil: all
	match    string   // regular expression over the text of a failure, see outcome
	kind     kind
	why      string
	limit    func() string // for a hostLimit: the evidence, "" where there is no such limit
	maybe    bool          // the failure depends on timing and may be absent
}

func (e *explanation) appliesTo(runtime, program string) bool {
	return slices.Contains(e.programs, program) &&
		(e.runtimes == nil || slices.Contains(e.runtimes, runtime)) &&
		(e.limit == nil || e.limit() != "")
}

// note is the line under the table.
func (e *explanation) note() string {
	if e.limit != nil {
		return fmt.Sprintf("%s (%s): %s", e.kind, e.limit(), e.why)
	}
	return fmt.Sprintf("%s: %s", e.kind, e.why)
}

// judge holds the failures of a program against the explanations. It returns the
// explanations that were used, and what is wrong: a failure that none explains,
// and an explanation whose failure did not come.
func judge(list []explanation, runtime, program string, failures []string) (used []*explanation, wrong []string) {
	explained := make([]bool, len(failures))
	for i := range list {
		e := &list[i]
		if !e.appliesTo(runtime, program) {
			continue
		}
		re := regexp.MustCompile(e.match)
		hit := false
		for n, f := range failures {
			if re.MatchString(f) {
				hit, explained[n] = true, true
			}
		}
		switch {
		case hit:
			used = append(used, e)
		case !e.maybe:
			wrong = append(wrong, fmt.Sprintf("expected a failure like %q, it passed: %s", e.match, e.note()))
		}
	}
	for n, f := range failures {
		if !explained[n] {
			wrong = append(wrong, "unexplained: "+f)
		}
	}
	return used, wrong
}

// checkReason adds a failure to a program that passes on any error of the
// runtime when the error it got is not about what it provoked.
func checkReason(program, stderr string, failures []string) []string {
	want, ok := reasons[program]
	if ok && !regexp.MustCompile(want).MatchString(stderr) {
		failures = append(failures, fmt.Sprintf("reason: the error should match %q: %s", want, fold(stderr)))
	}
	return failures
}
