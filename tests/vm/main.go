// Command vm runs the rooted suites in virtual machines: a stock Debian kernel with nothing but cgroup v2, without systemd
// and with systemd as init. It prints a table of environments and packages, and fails when a test fails, when a suite does
// not come to its end, or when nothing ran in an environment. See README.md beside it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"teu/tests/results"
	"teu/tests/vm/guests"
)

// here is this directory, from the top of the module, where the command has to be started.
const here = "tests/vm"

type options struct {
	guest string         // the name of one guest, "" for all
	only  *regexp.Regexp // of "environment: package"
	test  string         // -test.run in place of the suite's own
	whole bool           // not only samples
	limit time.Duration  // for a guest
	logs  string         // where the suites' output is kept
	file  string         // for the results, as JSON; "" for none
}

func main() {
	var o options
	flag.StringVar(&o.guest, "guest", "", "`name` of the one guest to boot")
	only := flag.String("only", "", "`regexp` of \"environment: package\" to run")
	flag.StringVar(&o.test, "run", "", "`regexp` of the tests to run, as of go test")
	flag.DurationVar(&o.limit, "timeout", 45*time.Minute, "`time` for a guest")
	flag.BoolVar(&o.whole, "whole", false, "run all tests of every suite")
	flag.StringVar(&o.logs, "logs", "build/vm", "`directory` for the output of the suites")
	flag.StringVar(&o.file, "results", "", "`file` for the results, as JSON")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	selected := choose(o.guest, o.only)
	if len(selected) == 0 {
		return fmt.Errorf("-guest %q -only %q: no such suite", o.guest, o.only)
	}
	prepare := exec.Command(filepath.Join(here, "prepare"))
	prepare.Stdout, prepare.Stderr = os.Stderr, os.Stderr
	if err := prepare.Run(); err != nil {
		return fmt.Errorf("%s: %w", prepare, err)
	}
	share, err := os.MkdirTemp("", "teu-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(share)
	if err := furnish(share, selected); err != nil {
		return err
	}
	errs := boot(share, selected, o)
	var rows []results.Row
	for i, g := range selected {
		for _, e := range g.Environments {
			for _, s := range e.Suites {
				r, err := read(filepath.Join(share, "log", name(g, e, s)), errs[i])
				if err != nil {
					return err
				}
				r.Suite = e.Name + ": " + s.Dir
				rows = append(rows, r)
			}
		}
		// A guest that dies after its suites have ended is wrong too.
		if last := &rows[len(rows)-1]; errs[i] != nil && last.Failed == 0 {
			last.Fail("%v", errs[i])
		}
	}
	if err := keep(filepath.Join(share, "log"), o.logs); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "vm: output of the suites in", o.logs)
	return report(rows, o.file)
}

// choose returns the guests, or the one of that name, with the suites that only matches.
func choose(name string, only *regexp.Regexp) (list []guests.Guest) {
	for _, g := range guests.All {
		if name != "" && g.Name != name {
			continue
		}
		var environments []guests.Environment
		for _, e := range g.Environments {
			var suites []guests.Suite
			for _, s := range e.Suites {
				if only.MatchString(e.Name + ": " + s.Dir) {
					suites = append(suites, s)
				}
			}
			if len(suites) > 0 {
				environments = append(environments, guests.Environment{Name: e.Name, Suites: suites})
			}
		}
		if len(environments) > 0 {
			list = append(list, guests.Guest{Name: g.Name, Flag: g.Flag, Environments: environments})
		}
	}
	return list
}

// boot runs the guests, side by side when there is room, and returns how each ended.
func boot(share string, list []guests.Guest, o options) []error {
	memory, together := room(len(list))
	errs := make([]error, len(list))
	places := make(chan struct{}, together)
	var wg sync.WaitGroup
	for i, g := range list {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			begin := time.Now()
			cmd := exec.Command(filepath.Join(here, "boot"), g.Flag, "--share", share, "--memory", strconv.Itoa(memory),
				"--timeout", strconv.Itoa(int(o.limit.Seconds())), "--console", filepath.Join(share, "log", "console-"+g.Name),
				"--", "sh", "/share/"+g.Name+".sh")
			cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
			if err := os.WriteFile(filepath.Join(share, g.Name+".sh"), []byte(script(g, o)), 0o755); err != nil {
				errs[i] = err
				return
			}
			if err := cmd.Run(); err != nil {
				errs[i] = fmt.Errorf("guest %s: %w", g.Name, err)
			}
			fmt.Fprintf(os.Stderr, "vm: guest %s: %v\n", g.Name, time.Since(begin).Round(time.Second))
		})
	}
	wg.Wait()
	return errs
}

// room is the memory for a guest in MiB, and how many of n guests the host can run at a time.
func room(n int) (memory, together int) {
	const most, least, spare = 2048, 1024, 512
	free := most + spare // when the host does not say
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "MemAvailable:"); ok {
			if kib, err := strconv.Atoi(strings.Fields(rest)[0]); err == nil {
				free = kib / 1024
			}
		}
	}
	memory = most
	if free < most+spare {
		memory = least
	}
	return memory, min(max(1, free/(memory+spare)), runtime.NumCPU(), n)
}

// keep copies the logs to a directory that lasts. What other guests have put there stays.
func keep(from, to string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), text, 0o666)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies directories and regular files.
func copyTree(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// copyFile copies a file that may be executed.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
