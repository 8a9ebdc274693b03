package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"teu/tests/results"
)

// runner runs jobs.
type runner struct {
	logs  string
	begin time.Time

	mu  sync.Mutex // of out: a line is written whole
	out io.Writer
}

// say prints a line with the time since the beginning.
func (r *runner) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%5.0f s  %s\n", time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

// prepare installs the packages that the jobs need, and builds what rooted suites share.
func (r *runner) prepare(list []job) error {
	var debs []string
	rooted := false
	for _, j := range list {
		debs = append(debs, j.debs...)
		rooted = rooted || j.tier != check
	}
	slices.Sort(debs)
	if debs = slices.Compact(debs); len(debs) > 0 {
		install := exec.Command("tests/deps", debs...)
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", install, err, out)
		}
	}
	if !rooted {
		return nil
	}
	return errors.Join(build("TEU_PAYLOAD", "build", "tests/payload"), build("TEU_ATTACKER", "build", "tests/security/attacker"))
}

// all runs the jobs in their order: as many at a time as there are processors, and one of those that wait beside them. Last come
// those that run alone.
func (r *runner) all(list []job, processors int) []results.Row {
	rows := make([][]results.Row, len(list))
	busy, idle := make(chan struct{}, processors), make(chan struct{}, 1)
	var wg sync.WaitGroup
	lane := func(places chan struct{}, which func(job) bool) {
		for i, j := range list {
			if which(j) {
				places <- struct{}{}
				wg.Go(func() {
					rows[i] = r.one(j)
					<-places
				})
			}
		}
	}
	wg.Go(func() { lane(idle, func(j job) bool { return j.idle && !j.alone }) })
	lane(busy, func(j job) bool { return !j.idle && !j.alone })
	wg.Wait()
	lane(idle, func(j job) bool { return j.alone })
	wg.Wait()
	return slices.Concat(rows...)
}

// one runs a job to its end.
func (r *runner) one(j job) []results.Row {
	begin := time.Now()
	r.say("%s: started", j.name)
	row := results.Row{Suite: j.name}
	rows := []results.Row{row}
	log, err := os.Create(filepath.Join(r.logs, j.file()+".log"))
	if err == nil {
		defer log.Close()
		rows, err = r.run(j, log)
	}
	if len(rows) == 1 {
		rows[0].Suite = j.name
		rows[0].Took = time.Since(begin)
	}
	if err != nil {
		rows[0].Fail("%v", err)
	}
	for _, row := range rows {
		end := "passed"
		if row.Failed > 0 {
			end = "FAILED:\n" + row.Trouble
		} else if row.Passed == 0 {
			end = "skipped"
		}
		r.say("%s: %s after %.0f s", row.Suite, end, row.Took.Seconds())
	}
	return rows
}

// run runs the job's command and returns what it did; an error is of something else than tests.
func (r *runner) run(j job, log *os.File) ([]results.Row, error) {
	one := make([]results.Row, 1)
	args := j.args
	var file string
	switch {
	case j.rows:
		file = filepath.Join(r.logs, j.file()+".json")
		args = append(slices.Clone(args), "-results", file)
	case !j.command:
		flags := []string{"go", "test", "-json", "-count=1", "-timeout", fmt.Sprintf("%dm", cmp.Or(j.minutes, 10))}
		if j.dir == "" {
			flags = append(flags, "-vet=off") // a job of its own vets the module
		}
		args = append(flags, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), j.env...)
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	failed := cmd.Run()
	var exit *exec.ExitError
	if failed != nil && !errors.As(failed, &exit) {
		return one, failed
	}
	switch {
	case j.rows:
		if _, err := log.Write(out.Bytes()); err != nil {
			return one, err
		}
		return read(file, failed, out.String())
	case j.command:
		_, err := log.Write(out.Bytes())
		one[0] = verdict(cmd.ProcessState.ExitCode(), out.String())
		return one, err
	}
	row, err := results.Count(&out, log)
	if failed != nil && row.Failed == 0 {
		row.Fail("%s: %v", cmd, failed)
	}
	one[0] = row
	return one, err
}

// verdict is the row of a command, which counts as a test.
func verdict(code int, output string) results.Row {
	switch code {
	case 0:
		return results.Row{Passed: 1}
	case skipped:
		lines := strings.Split(strings.TrimSpace(output), "\n")
		return results.Row{Skipped: 1, Skips: []results.Skip{{Test: "all of it", Reason: lines[len(lines)-1]}}}
	}
	return results.Row{Failed: 1, Trouble: output}
}

// read reads the rows that a command wrote.
func read(file string, failed error, output string) ([]results.Row, error) {
	var rows []results.Row
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &rows)
	}
	if err == nil && len(rows) == 0 {
		err = errors.New("no suite ran")
	}
	if err != nil {
		return make([]results.Row, 1), fmt.Errorf("%w (%v): %s", err, failed, output)
	}
	if failed != nil && !slices.ContainsFunc(rows, func(r results.Row) bool { return r.Failed > 0 }) {
		rows[0].Fail("%v: %s", failed, output)
	}
	return rows, nil
}

// file is the name of the job's log, without an ending.
func (j job) file() string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" :,/'", c) {
			return '-'
		}
		return c
	}, j.name)
}
