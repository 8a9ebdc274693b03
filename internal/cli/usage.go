package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// unknownVerbCode is the exit code of runc for a verb that there is none of.
const unknownVerbCode = 3

// usageError is an error of the command line, after which the usage is shown.
type usageError struct {
	error
	usage string
}

// Unwrap gives the error itself.
func (e usageError) Unwrap() error { return e.error }

// usageError names the verb in front of the error.
func (v *verb) usageError(err error) error {
	return usageError{fmt.Errorf("%s: %w", v.name, err), v.usage()}
}

// usage is the usage line without its "usage:".
func (v *verb) usage() string {
	s := "teu " + v.name
	if flags, _ := v.build(new(invocation)); len(flags) > 0 {
		s += " [OPTION...]"
	}
	if v.args != "" {
		s += " " + v.args
	}
	return s
}

// checkArgs checks the number of arguments.
func (v *verb) checkArgs(n int) error {
	if n >= v.min && (v.max < 0 || n <= v.max) {
		return nil
	}
	want := "arguments " + v.args
	switch {
	case v.max == 0:
		want = "no arguments"
	case v.max == 1 && v.min == 1:
		want = "one argument " + v.args
	case v.max == 1:
		want = "at most one argument " + strings.Trim(v.args, "[]")
	}
	if n > 0 {
		want += ", got " + strconv.Itoa(n)
	}
	return v.usageError(errors.New("want " + want))
}

// flagError puts what the flag package says of a command line into words that name
// the flag as people write it. A fault of a value was kept by its option.
func flagError(flags []cli.Flag, err error) error {
	for _, f := range flags {
		if o, ok := f.(*option); ok && o.fault != nil {
			return o.fault
		}
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return unknownFlag(flags, name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		if o := findFlag(flags, name); o != nil {
			return missingValue(o)
		}
	}
	if arg, ok := strings.CutPrefix(text, "bad flag syntax: "); ok {
		return unknownFlag(flags, strings.TrimLeft(arg, "-"))
	}
	return err
}

func missingValue(o *option) error {
	return fmt.Errorf("--%s: want a value %s", o.names[0], o.value)
}

func unknownFlag(flags []cli.Flag, name string) error {
	known := []string{"help"}
	for _, f := range flags {
		if o, ok := f.(*option); ok && !o.hidden {
			known = append(known, o.names...)
		}
	}
	what := "unknown flag " + dashed([]string{name})[0]
	if near := nearest(name, known); near != "" {
		what += fmt.Sprintf("; did you mean %q?", dashed([]string{near})[0])
	}
	return errors.New(what)
}

func unknownVerb(name string) error {
	known := []string{"help"}
	for _, v := range verbs {
		known = append(known, v.name)
	}
	hint := `"teu --help" lists the commands`
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return exitError{fmt.Errorf("unknown command %q; %s", name, hint), unknownVerbCode}
}

// nearest is the word that differs least from a misspelt one, or "" when none is
// near: one slip in three letters, and no more than three.
func nearest(word string, known []string) string {
	limit, found := min(max(len(word)/3, 1), 3), ""
	for _, k := range known {
		if len(k) == 1 {
			continue // any other letter would be near
		}
		if d := slips(word, k); d <= limit {
			limit, found = d-1, k
		}
	}
	return found
}

// slips is the number of letters to insert, leave out, replace, or exchange with the
// next one, that make b of a (optimal string alignment distance).
func slips(a, b string) int {
	// Rows of the table for the first i-2, i-1 and i letters of a.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			other := 1
			if a[i-1] == b[j-1] {
				other = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+other)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
