package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"teu/tests/results"
)

func pick(t *testing.T, tier, only string) (chosen, left []string) {
	t.Helper()
	o := options{tier: tier, only: only, seed: "1"}
	run, not, err := choose(jobs(o), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range run {
		chosen = append(chosen, j.name)
	}
	for _, j := range not {
		left = append(left, j.name)
	}
	return chosen, left
}

// TestTiers: test and rest together are all, but for what the rest shows in full.
func TestTiers(t *testing.T) {
	test, later := pick(t, "test", "")
	rest, earlier := pick(t, "rest", "")
	all, none := pick(t, "all", "")
	if !slices.Equal(later, rest) || !slices.Equal(earlier, test) || len(none) > 0 {
		t.Errorf("got left out by test %q, by the rest %q, by all %q; want %q, %q and none", later, earlier, none, rest, test)
	}
	if got, _ := pick(t, "test", "fields"); !slices.Equal(got, []string{"fields"}) {
		t.Errorf("by an exact name: got %q, want fields", got)
	}
	if got, _ := pick(t, "test", "^fields"); len(got) < 2 {
		t.Errorf("by a regular expression: got %q, want all that begin with fields", got)
	}
	samples := slices.DeleteFunc(slices.Clone(test), func(n string) bool { return slices.Contains(all, n) })
	for _, j := range jobs(options{}) {
		if i := slices.Index(samples, j.name); i >= 0 && slices.Contains(rest, j.fuller) {
			samples = slices.Delete(samples, i, i+1)
		}
	}
	if len(samples) > 0 || len(all) < len(rest)+len(test)/2 {
		t.Errorf("got %q missing from all, and %d suites in it; want those of test that no other shows in full", samples, len(all))
	}
	for _, j := range jobs(options{}) {
		if j.tier == check && len(j.debs) > 0 {
			t.Errorf("%s: got the packages %q, want none: check installs nothing", j.name, j.debs)
		}
	}
}

// TestPackages: every package with tests is run by some job.
func TestPackages(t *testing.T) {
	var patterns []string
	for _, j := range jobs(options{}) {
		for _, a := range j.args {
			if p, ok := strings.CutPrefix(a, "./"); ok && !j.command && !j.rows {
				patterns = append(patterns, filepath.Join(j.dir, p))
			} else if a == "." && !j.command {
				patterns = append(patterns, filepath.Clean(j.dir))
			}
		}
	}
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() == "build" || d.Name() == ".git" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel("../..", filepath.Dir(path))
		if err == nil && !slices.ContainsFunc(patterns, func(p string) bool {
			below, all := strings.CutSuffix(p, "/...")
			return dir == below || all && strings.HasPrefix(dir, below+"/") || p == "..." && dir == "."
		}) {
			t.Errorf("%s: no job runs its tests", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChooseFails(t *testing.T) {
	for name, o := range map[string]options{
		"no such tier":                 {tier: "most", only: ""},
		"no regular expression":        {tier: "test", only: "("},
		"no such suite":                {tier: "test", only: "^nowhere$"},
		"arguments for several suites": {tier: "test", only: "lint", args: []string{"-v"}},
	} {
		if got, _, err := choose(jobs(o), o); err == nil {
			t.Errorf("%s: got %d jobs, want an error", name, len(got))
		}
	}
}

// TestCommands: how a command's end becomes a row.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	shell := func(script string) job { return job{name: "s", command: true, args: []string{"sh", "-c", script}} }
	rowsOf := func(text, exit string) job {
		return job{name: "s", rows: true, args: []string{"sh", "-c", `printf '` + text + `' >$2; exit ` + exit, "sh"}}
	}
	for name, c := range map[string]struct {
		job  job
		want results.Row
	}{
		"passes":                    {shell("echo fine"), results.Row{Passed: 1}},
		"fails":                     {shell("echo wrong; exit 3"), results.Row{Failed: 1, Trouble: "wrong\nexit code 3\n"}},
		"is skipped for no reason":  {shell("exit 77"), results.Row{Failed: 1, Trouble: "\nexit code 77\n"}},
		"takes too long":            {job{name: "s", command: true, minutes: -1, args: []string{"sleep", "1000"}}, results.Row{Failed: 1}},
		"is skipped":                {shell("echo x; echo no compiler; exit 77"), results.Row{Skipped: 1, Skips: []results.Skip{{Test: "all of it", Reason: "no compiler"}}}},
		"does not exist":            {job{name: "s", command: true, args: []string{"/nowhere"}}, results.Row{Failed: 1, Trouble: "fork/exec /nowhere: no such file or directory\n"}},
		"writes rows":               {rowsOf(`[{"Suite":"s","Passed":4}]`, "0"), results.Row{Passed: 4}},
		"writes rows and fails":     {rowsOf(`[{"Suite":"s","Passed":4}]`, "1"), results.Row{Passed: 4, Failed: 1, Trouble: "exit status 1: \n"}},
		"writes no rows":            {rowsOf(`[]`, "0"), results.Row{Failed: 1, Trouble: "no suite ran (<nil>): \n"}},
		"writes what is not a row":  {rowsOf(`x`, "0"), results.Row{Failed: 1, Trouble: "invalid character 'x' looking for beginning of value (<nil>): \n"}},
		"is a package that is none": {job{name: "s", args: []string{"./nowhere"}}, results.Row{Failed: 1}},
	} {
		r := &runner{ctx: t.Context(), logs: dir, out: io.Discard, begin: time.Now()}
		rows := r.all([]job{c.job}, 1)
		got := rows[0]
		got.Took = 0
		if c.want.Trouble == "" {
			got.Trouble = ""
		}
		if len(rows) != 1 || got.Suite != "s" || got.Passed != c.want.Passed || got.Failed != c.want.Failed || got.Skipped != c.want.Skipped ||
			got.Trouble != c.want.Trouble || !slices.Equal(got.Skips, c.want.Skips) {
			t.Errorf("%s: got %+v, want %+v", name, rows, c.want)
		}
	}
}

// TestAlone: a job that runs alone begins when all others have ended.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	script := func(s string) []string { return []string{"sh", "-c", "cd " + dir + " && " + s} }
	list := []job{
		{name: "alone", command: true, alone: true, args: script("test -e busy && test -e idle")},
		{name: "busy", command: true, args: script("sleep 0.1; touch busy")},
		{name: "idle", command: true, idle: true, args: script("sleep 0.2; touch idle")},
	}
	r := &runner{ctx: t.Context(), logs: dir, out: io.Discard, begin: time.Now()}
	for i, row := range r.all(list, 2) {
		if row.Suite != list[i].name || row.Passed != 1 {
			t.Errorf("got %+v, want %s passed", row, list[i].name)
		}
	}
}
