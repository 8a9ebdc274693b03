// Command runner runs the test suites of a tier side by side and prints one table of them: what passed, failed and was
// skipped, why, and what did not run. See docs/testing.md. It is started at the top of the module.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"teu/tests/results"
)

type options struct {
	tier string // check, test, rest or all
	only string // the name of a suite, or a regular expression of names; "" for all of the tier
	seed string // decides which instructions the sample of the fault loop takes
	logs string // directory for the output of each suite
	args []string
}

func main() {
	var o options
	flag.StringVar(&o.tier, "tier", "test", "`tier`: check, test, rest or all")
	flag.StringVar(&o.only, "only", "", "`name` of the suite to run, or a regexp of names, of any tier")
	flag.StringVar(&o.seed, "seed", "", "`number` that picks the sample of the fault loop; a random one without it")
	flag.StringVar(&o.logs, "logs", "build/log", "`directory` for the output of the suites")
	flag.Parse()
	o.args = flag.Args()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.seed == "" {
		o.seed = strconv.Itoa(rand.IntN(10000))
	}
	if _, err := strconv.ParseUint(o.seed, 10, 32); err != nil {
		return fmt.Errorf("-seed %s: not a number", o.seed)
	}
	chosen, left, err := choose(jobs(o), o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.logs, 0o777); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r := &runner{ctx: ctx, logs: o.logs, out: os.Stdout, begin: time.Now()}
	if err := r.prepare(chosen); err != nil {
		return err
	}
	rows := r.all(chosen, runtime.NumCPU())
	return report(os.Stdout, rows, left, o, time.Since(r.begin))
}

// choose returns the jobs that run, and those that do not.
func choose(list []job, o options) (chosen, left []job, err error) {
	tiers, ok := map[string][]tier{"check": {check}, "test": {check, core}, "rest": {rest}, "all": {check, core, rest}}[o.tier]
	if !ok {
		return nil, nil, fmt.Errorf("-tier %s: not one of check, test, rest and all", o.tier)
	}
	named, err := matcher(list, o.only)
	if err != nil {
		return nil, nil, err
	}
	for _, j := range list {
		switch {
		case o.only != "":
			if named(j.name) {
				chosen = append(chosen, j)
			}
		case o.tier == "all" && j.fuller != "":
		case slices.Contains(tiers, j.tier):
			chosen = append(chosen, j)
		default:
			left = append(left, j)
		}
	}
	if len(chosen) == 0 {
		return nil, nil, fmt.Errorf("-only %s: no suite has such a name", o.only)
	}
	if len(o.args) > 0 {
		if o.only == "" || len(chosen) > 1 {
			return nil, nil, fmt.Errorf("arguments of a suite (%s) go with -only and the name of one", strings.Join(o.args, " "))
		}
		chosen[0].args = append(slices.Clone(chosen[0].args), o.args...)
	}
	return chosen, left, nil
}

// matcher tells which names only stands for: the one that it is, or those that it matches.
func matcher(list []job, only string) (func(name string) bool, error) {
	if slices.ContainsFunc(list, func(j job) bool { return j.name == only }) {
		return func(name string) bool { return name == only }, nil
	}
	re, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-only %s: %w", only, err)
	}
	return re.MatchString, nil
}

// report prints what failed and the table, with what was not run.
func report(w io.Writer, rows []results.Row, left []job, o options, took time.Duration) error {
	for _, r := range rows {
		if r.Failed > 0 {
			fmt.Fprintf(w, "\n%s: failed:\n%s", r.Suite, r.Trouble)
		}
	}
	sum := results.Print(w, rows)
	fmt.Fprintf(w, "\n%s in all; the output of each suite is in %s\n", took.Round(time.Second), o.logs)
	if slices.ContainsFunc(rows, func(r results.Row) bool { return strings.HasPrefix(r.Suite, "fault loop, a sample") }) {
		fmt.Fprintf(w, "the sample of the fault loop was taken with SEED=%s\n", o.seed)
	}
	if len(left) > 0 {
		fmt.Fprintf(w, "\nnot run:\n")
		for _, tier := range []struct {
			tier
			command string
		}{{check, "make check"}, {core, "make test"}, {rest, "make test-rest"}} {
			var names []string
			for _, j := range left {
				if j.tier == tier.tier {
					names = append(names, j.name)
				}
			}
			if len(names) > 0 {
				fmt.Fprintf(w, "  %s: %s\n", tier.command, strings.Join(names, "; "))
			}
		}
		fmt.Fprintf(w, "  make suite ONLY='NAME': one of them\n")
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", sum.Passed, sum.Failed, sum.Skipped)
	if sum.Failed > 0 {
		return fmt.Errorf("failed tests: %d", sum.Failed)
	}
	return nil
}

// build makes a program that several suites need, once for all of them, and names it in the environment, unless that names one.
func build(variable, dir, program, cgo string) error {
	if os.Getenv(variable) != "" {
		return nil
	}
	to, err := filepath.Abs(filepath.Join(dir, filepath.Base(program)))
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", to, "./"+program)
	if cgo == "1" {
		cmd.Args = slices.Insert(cmd.Args, 2, "-ldflags", "-linkmode external -extldflags -static")
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return os.Setenv(variable, to)
}
