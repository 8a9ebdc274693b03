// Package caller is what the suites of the programs that call a runtime share: checks that are made with teu and with
// Debian's runc one after the other, and compared; commands, terminals, images.
package caller

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"teu/tests/kit"
	"teu/tests/needs"
)

// TableVar names the variable for the file to which the suites add their tables.
const TableVar = "TEU_CLIENTS_TABLE"

// Runtime is one of the two that are compared.
type Runtime struct {
	Name string
	Path string
}

// Runc is Debian's.
var Runc = Runtime{"runc", "/usr/sbin/runc"}

// T is a check under way. What is wrong is noted, not failed at once: with runc it may be.
type T struct {
	Runtime  Runtime
	problems []string
	cleanups []func()
}

// stop ends a check from within.
type stop struct{}

// Errorf notes what is wrong.
func (t *T) Errorf(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// Fatalf notes what is wrong and ends the check.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(stop{})
}

// Check ends the check when there is an error.
func (t *T) Check(err error) {
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// Problems are what was found wrong until now.
func (t *T) Problems() []string { return t.problems }

// Cleanup is called when the check is over.
func (t *T) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Check is one thing that is done with a client C.
type Check[C any] struct {
	Name string
	Do   func(C)
	// Known is why it cannot work here, whatever the runtime; the check is made all the same, and its success is an error.
	Known string
}

// Client is a program that calls a runtime, set up to call one.
type Client[C any] interface {
	// With is the client in a check.
	With(*T) C
	// Tidy takes away what a check has left in the client.
	Tidy()
}

// Compare makes all checks with runc, then with teu. The test fails for what does not work with teu; a table tells what
// works with which.
func Compare[C Client[C]](t *testing.T, name string, start func(testing.TB, Runtime) C, checks []Check[C]) {
	kit.Rooted(t)
	needs.Files(t, 1024) // callers give every container so many
	with := map[string][]string{}
	t.Run("runc", func(t *testing.T) {
		c := start(t, Runc)
		for i := range checks {
			problems := attempt(c, Runc, &checks[i])
			with[checks[i].Name] = problems
			for _, p := range problems {
				t.Logf("%s: %s", checks[i].Name, p)
			}
		}
	})
	var table strings.Builder
	passed := 0
	t.Run("teu", func(t *testing.T) {
		teu := Runtime{"teu", kit.Teu()}
		c := start(t, teu)
		for i := range checks {
			check := &checks[i]
			t.Run(check.Name, func(t *testing.T) {
				problems := attempt(c, teu, check)
				judge(t, check.Known, problems)
				if len(problems) == 0 {
					passed++
				}
				fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", name, check.Name, word(problems, check.Known), word(with[check.Name], check.Known))
			})
		}
	})
	t.Logf("client, check, with teu, with runc:\n%s%d of %d pass with teu", table.String(), passed, len(checks))
	if file := os.Getenv(TableVar); file != "" {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatalf("open the table: %v", err)
		}
		defer f.Close()
		if _, err := f.WriteString(table.String()); err != nil {
			t.Fatalf("write the table: %v", err)
		}
	}
}

func judge(t *testing.T, known string, problems []string) {
	switch {
	case known == "":
		for _, p := range problems {
			t.Error(p)
		}
	case len(problems) == 0:
		t.Errorf("passes, want that it cannot: %s", known)
	default:
		t.Logf("%s: %s", known, problems[0])
	}
}

// word is what the table says.
func word(problems []string, known string) string {
	switch {
	case len(problems) == 0:
		return "passes"
	case known != "":
		return "cannot: " + known
	}
	first, _, _ := strings.Cut(problems[0], "\n")
	if len(first) > 160 {
		first = first[:160] + "…"
	}
	return "fails: " + strings.ReplaceAll(first, "|", `\|`)
}

// attempt makes a check and returns what was wrong.
func attempt[C Client[C]](c C, r Runtime, check *Check[C]) []string {
	t := &T{Runtime: r}
	guarded(func() { check.Do(c.With(t)) })
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		guarded(t.cleanups[i])
	}
	guarded(c.With(t).Tidy)
	return t.problems
}

func guarded(f func()) {
	defer func() {
		if r := recover(); r != nil && r != any(stop{}) {
			panic(r)
		}
	}()
	f()
}
