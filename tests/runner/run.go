package main

import (
	"bytes"
	"cmp"
	"context"
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
	"syscall"
	"time"

	"teu/tests/results"
)

// runner runs jobs until its context is done.
type runner struct {
	ctx   context.Context
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

// rootedDebs are the Debian packages that every rooted tier needs, those of its lint among them.
var rootedDebs = []string{"busybox-static", "iproute2", "procps", "runc", "shellcheck", "clang-format"}

// prepare installs the packages that the jobs need, and builds what rooted suites share.
func (r *runner) prepare(list []job) error {
	var debs []string
	rooted := false
	for _, j := range list {
		debs = append(debs, j.debs...)
		rooted = rooted || j.tier != check
	}
	if !rooted {
		return nil
	}
	if err := r.command("tests/host", "rooted"); err != nil {
		return err
	}
	debs = append(debs, rootedDebs...)
	slices.Sort(debs)
	if err := r.command("tests/deps", slices.Compact(debs)...); err != nil {
		return err
	}
	return errors.Join(build("TEU_PAYLOAD", "build", "tests/payload", "0"), build("TEU_ATTACKER", "build", "tests/security/attacker", "1"))
}

// command runs a program whose output is for the user.
func (r *runner) command(name string, args ...string) error {
	cmd := exec.CommandContext(r.ctx, name, args...)
	cmd.Stdout, cmd.Stderr = r.out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
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
	rows := []results.Row{{}}
	begin := time.Now()
	file := filepath.Join(r.logs, j.file()+".log")
	log, err := os.Create(file)
	if err == nil {
		defer log.Close()
		err = r.ctx.Err()
	}
	if err == nil {
		r.say("%s: started", j.name)
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
			end = "FAILED, see " + file + ","
		} else if row.Passed == 0 {
			end = "skipped"
		}
		r.say("%s: %s after %.0f s", row.Suite, end, row.Took.Seconds())
	}
	return rows
}

// run runs the job's command and returns what it did; an error is of something else than tests.
func (r *runner) run(j job, log io.Writer) ([]results.Row, error) {
	limit := time.Duration(cmp.Or(j.minutes, 10)) * time.Minute
	args := j.args
	var file string
	switch {
	case j.rows:
		file = filepath.Join(r.logs, j.file()+".json")
		args = append(slices.Clone(args), "-results", file)
	case !j.command:
		flags := []string{"go", "test", "-json", "-count=1", "-timeout", limit.String()}
		if j.dir == "" {
			flags = append(flags, "-vet=off") // a job of its own vets the module
		}
		args = append(flags, args...)
	}
	// What is timed by itself ends a moment earlier, and says where it was.
	ctx, cancel := context.WithTimeout(r.ctx, limit+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), j.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	rows := make([]results.Row, 1)
	var err error
	if j.command || j.rows {
		rows, err = commandRows(cmd, j, file, log)
	} else {
		rows[0], err = testRow(cmd, log)
	}
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("%s: ended: %w", cmd, ctx.Err()))
	}
	return rows, err
}

// commandRows runs a command that is one test, or that writes rows of its own to file.
func commandRows(cmd *exec.Cmd, j job, file string, log io.Writer) ([]results.Row, error) {
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(log, &out)
	cmd.Stderr = cmd.Stdout
	failed := cmd.Run()
	if cmd.ProcessState == nil {
		return make([]results.Row, 1), failed
	}
	if !j.rows {
		return []results.Row{verdict(cmd.ProcessState.ExitCode(), out.String())}, nil
	}
	return read(file, failed, out.String())
}

// testRow runs `go test -json`; the log has what the tests print while they run.
func testRow(cmd *exec.Cmd, log io.Writer) (row results.Row, err error) {
	pr, pw := io.Pipe()
	cmd.Stdout, cmd.Stderr = pw, pw
	counted := make(chan error, 1)
	go func() {
		var err error
		row, err = results.Count(pr, log)
		pr.CloseWithError(err)
		counted <- err
	}()
	failed := cmd.Run()
	pw.Close()
	err = <-counted
	if cmd.ProcessState == nil {
		return row, failed
	}
	if failed != nil && row.Failed == 0 {
		row.Fail("%s: %v", cmd, failed)
	}
	return row, err
}

// verdict is the row of a command, which counts as a test.
func verdict(code int, output string) results.Row {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	reason := lines[len(lines)-1]
	switch {
	case code == 0:
		return results.Row{Passed: 1}
	case code == skipped && reason != "":
		return results.Row{Skipped: 1, Skips: []results.Skip{{Test: "all of it", Reason: reason}}}
	}
	return results.Row{Failed: 1, Trouble: fmt.Sprintf("%s\nexit code %d\n", strings.TrimRight(output, "\n"), code)}
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
		if strings.ContainsRune(" :,/", c) {
			return '-'
		}
		return c
	}, j.name)
}
