package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// unknownVerbCode is runc's exit code for an unknown command.
const unknownVerbCode = 3

// usageError is an error of the command line, after which the usage is shown.
type usageError struct {
	error
	usage string
}

// Unwrap gives the error itself.
func (e usageError) Unwrap() error { return e.error }

// usageError is an error of the verb's command line, with the verb as its place.
func (v *verb) usageError(err error) error {
	return usageError{fmt.Errorf("%s: %w", v.name, err), v.usage()}
}

// usage is the usage line, without the word usage, and a second one for other arguments.
func (v *verb) usage() string {
	name := "teu " + v.name
	if flags, _ := v.build(new(invocation)); len(flags) > 0 {
		name += " [OPTION...]"
	}
	s := name
	if v.args != "" {
		s += " " + v.args
	}
	if v.alt != "" {
		s += "\n" + strings.Repeat(" ", len("usage: ")) + name + " " + v.alt
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

// flagError rewrites an error of the flag package in the grammar of our errors, with
// the flag as people write it. An invalid value has left its error in the option.
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

// nearest is the known word that a misspelt one is most like, or "" when none is like
// it: one edit for each three letters, but at most three.
func nearest(word string, known []string) string {
	limit, found := min(max(len(word)/3, 1), 3), ""
	for _, k := range known {
		if len(k) == 1 {
			continue // any other letter would be near
		}
		if d := editDistance(word, k); d <= limit {
			limit, found = d-1, k
		}
	}
	return found
}

// editDistance is the least number of edits that turn a into b. An edit inserts,
// deletes or replaces a letter, or swaps two that are next to each other ("optimal
// string alignment").
func editDistance(a, b string) int {
	// Rows of the table for the first i-2, i-1 and i letters of a.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
