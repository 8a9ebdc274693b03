package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// verdict is one cell of the table.
type verdict struct {
	word  string // pass, fail or hollow; in capitals if it is not as expected
	notes []int  // which of the explanations, from 1
}

// The words of a verdict. A program is hollow that passes by its own account
// but did not test what it says.
const (
	pass   = "pass"
	fail   = "fail"
	hollow = "hollow"
)

// table gathers the verdicts of all runtimes and prints them with the
// explanations they use.
type table struct {
	runtimes []string
	programs []string
	cells    map[[2]string]verdict // by runtime and program
	notes    []string
	numbers  map[string]int // of notes
}

func newTable(runtimes, programs []string) *table {
	return &table{runtimes: runtimes, programs: programs, cells: map[[2]string]verdict{}, numbers: map[string]int{}}
}

// set notes what a program did, and what is wrong with that.
func (t *table) set(runtime, program string, failures []string, used []*explanation, wrong bool) {
	v := verdict{word: pass}
	if len(failures) > 0 {
		v.word = hollow
		if slices.ContainsFunc(failures, func(f string) bool { return !strings.HasPrefix(f, innerPrefix) }) {
			v.word = fail
		}
	}
	if wrong {
		v.word = strings.ToUpper(v.word)
	}
	for _, e := range used {
		v.notes = append(v.notes, t.number(e.note()))
	}
	slices.Sort(v.notes)
	t.cells[[2]string{runtime, program}] = v
}

func (t *table) number(note string) int {
	if t.numbers[note] == 0 {
		t.notes = append(t.notes, note)
		t.numbers[note] = len(t.notes)
	}
	return t.numbers[note]
}

func (v verdict) String() string {
	s := v.word
	for _, n := range v.notes {
		s += fmt.Sprintf(" [%d]", n)
	}
	return s
}

// print writes the table, a line of sums and the explanations.
func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "program\t%s\n", strings.Join(t.runtimes, "\t"))
	sums := map[string]map[string]int{}
	for _, p := range t.programs {
		row := []string{p}
		for _, r := range t.runtimes {
			v, ok := t.cells[[2]string{r, p}]
			if !ok {
				row = append(row, "-")
				continue
			}
			row = append(row, v.String())
			if sums[r] == nil {
				sums[r] = map[string]int{}
			}
			sums[r][strings.ToLower(v.word)]++
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	for _, word := range []string{pass, fail, hollow} {
		row := []string{word}
		for _, r := range t.runtimes {
			row = append(row, fmt.Sprint(sums[r][word]))
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
	fmt.Fprintln(w, "\nIn capitals: not as expected. Hollow: passes by its own account, but did not test what it says.")
	for i, note := range t.notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
}
