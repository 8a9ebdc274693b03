// Bench measures container runtimes side by side, in turn, on the same bundles: wall clock, processor time, memory. It prints a
// Markdown table of each runtime's times and of teu's ratio to the others, which is what is promised: absolute times
// belong to one machine and one day. It needs root, cc and a static busybox; a runtime that is not installed is left out.
//
//	go run ./tests/bench --teu ./teu --runs 150 --json bench.json --check
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

var (
	//go:embed bare.c
	bareSource string
	//go:embed maxrss.c
	maxrssSource string
)

// A bench is one run of the program.
type bench struct {
	work     *workspace
	launcher *launcher
	runtimes []*ociRuntime
	maxrss   string
	runs     int
	warmup   int
	gap      time.Duration
	signals  chan os.Signal
}

type options struct {
	teu, base, json, runtimes, cases string
	by                               string
	runs, warmup                     int
	gap                              time.Duration
	check                            bool
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.teu, "teu", "./teu", "the teu to measure")
	flag.StringVar(&o.base, "base", "", "another teu, of before a change, measured too as \"base\"")
	flag.StringVar(&o.runtimes, "runtimes", "teu,crun,runc,bare", "what to compare")
	flag.StringVar(&o.cases, "cases", "run,docker,lifecycle,exec,memory", "what to measure")
	flag.IntVar(&o.runs, "runs", 150, "measured runs of each case by each runtime")
	flag.IntVar(&o.warmup, "warmup", 5, "runs before that are not counted")
	flag.DurationVar(&o.gap, "gap", 20*time.Millisecond, "idle time before each run; back to back runs hide the waits of a first one")
	flag.StringVar(&o.json, "json", "", "also write the figures to this `file`")
	flag.StringVar(&o.by, "by", "min", "what --check compares: min or median")
	flag.BoolVar(&o.check, "check", false, "exit with status 1 if a ratio misses its target")
	flag.Parse()
	return o
}

func main() {
	missed, err := run(parseOptions())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if missed {
		os.Exit(1)
	}
}

func run(o options) (missed bool, err error) {
	if os.Geteuid() != 0 {
		return false, errors.New("root is needed: the runtimes make cgroups and mounts")
	}
	if o.runs < 1 || o.warmup < 0 || (o.by != "min" && o.by != "median") || flag.NArg() > 0 {
		return false, errors.New("--runs is at least 1, --warmup at least 0, --by min or median, and there are no arguments")
	}
	cases, err := selectCases(strings.Split(o.cases, ","))
	if err != nil {
		return false, err
	}
	h, err := probeHost(runtime.NumCPU())
	if err != nil {
		return false, err
	}
	work, err := newWorkspace()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	b := &bench{work: work, runs: o.runs, warmup: o.warmup, gap: o.gap, signals: make(chan os.Signal, 1)}
	signal.Notify(b.signals, syscall.SIGINT, syscall.SIGTERM) // to stop between two runs, and tidy up
	if err := b.prepare(o, h); err != nil {
		return false, err
	}
	defer b.launcher.close()
	undo, err := kit.MountFreeController()
	if err != nil {
		return false, err
	}
	if undo != nil {
		defer func() { err = errors.Join(err, undo()) }()
	}
	if err := becomeSubreaper(); err != nil {
		return false, err
	}
	rep, err := b.measure(cases, h)
	if err != nil {
		b.sweep()
	}
	left, leftErr := leftovers(work)
	if len(left) > 0 {
		leftErr = errors.Join(leftErr, fmt.Errorf("left behind: %s", strings.Join(left, ", ")))
	}
	if err = errors.Join(err, leftErr); err != nil {
		return false, err
	}
	return rep.publish(os.Stdout, o)
}

func selectCases(names []string) ([]*benchCase, error) {
	var chosen []*benchCase
	for _, name := range names {
		i := slices.IndexFunc(timedCases, func(c benchCase) bool { return c.name == name })
		switch {
		case i >= 0:
			chosen = append(chosen, &timedCases[i])
		case name == "memory":
			chosen = append(chosen, &benchCase{name: name})
		default:
			return nil, fmt.Errorf("case %q: not one of run, docker, lifecycle, exec, memory", name)
		}
	}
	return chosen, nil
}

// prepare finds the runtimes and makes the bundles.
func (b *bench) prepare(o options, h *host) error {
	var err error
	if b.runtimes, err = findRuntimes(o, b.work); err != nil {
		return err
	}
	if o.cases != "memory" { // which needs no C compiler: a virtual machine may have none
		if b.maxrss, err = b.work.compile("maxrss", maxrssSource); err != nil {
			return err
		}
	}
	rootfs, unified := b.work.rootfs, h.unified()
	bundles := map[string]*specs.Spec{
		"default": defaultSpec(rootfs, unified, "/bin/true"),
		"sleep":   defaultSpec(rootfs, unified, "/bin/sleep", "1000000"),
		"docker":  dockerSpec(rootfs, filepath.Join(rootfs, "etc"), unified, "/bin/true"),
	}
	for _, limit := range memoryLimits {
		spec := defaultSpec(rootfs, unified, "/bin/true")
		spec.Linux.Resources.Memory = memoryLimit(limit)
		bundles[limitBundle(limit)] = spec
	}
	for name, spec := range bundles {
		if err := writeBundle(b.bundle(name), spec); err != nil {
			return err
		}
	}
	b.launcher, err = newLauncher(b.work.dir)
	return err
}

func (b *bench) bundle(name string) string { return filepath.Join(b.work.dir, "bundle-"+name) }

// measure runs every case. The garbage collector is off meanwhile: it would run beside what is measured.
func (b *bench) measure(cases []*benchCase, h *host) (*report, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	rep := newReport(b, h)
	for _, c := range cases {
		if c.name == "memory" {
			for _, r := range b.runtimes {
				if r.bare {
					continue
				}
				f, err := measureFootprint(b, r)
				if err != nil {
					return nil, fmt.Errorf("memory: %s: %w", r.name, err)
				}
				rep.Memory[r.name] = f
			}
			continue
		}
		if err := b.measureCase(c, rep); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		runtime.GC()
	}
	return rep, nil
}

// measureCase interleaves the runtimes, a different one first each time, so that all meet the same neighbours and the same moods
// of the machine.
func (b *bench) measureCase(c *benchCase, rep *report) error {
	runtimes := slices.DeleteFunc(slices.Clone(b.runtimes), func(r *ociRuntime) bool { return r.bare && !c.bare })
	samples := make(map[*ociRuntime][][]sample)
	for _, r := range runtimes {
		samples[r] = make([][]sample, len(c.operations))
	}
	on := map[*ociRuntime]container{}
	if c.setup != nil {
		for _, r := range runtimes {
			var err error
			if on[r], err = c.setup(b, r); err != nil {
				return err
			}
		}
	}
	for n := -b.warmup; n < b.runs; n++ {
		for i := range runtimes {
			r := runtimes[(i+n+b.warmup)%len(runtimes)]
			if err := b.settle(); err != nil {
				return err
			}
			got, err := c.once(b, r, on[r])
			if err != nil {
				return err
			}
			for op := 0; op < len(got) && n >= 0; op++ {
				samples[r][op] = append(samples[r][op], got[op])
			}
		}
	}
	for _, r := range runtimes {
		rss, err := b.peakRSS(c, r, on[r])
		if err != nil {
			return err
		}
		for op, s := range samples[r] {
			result := summarize(s)
			result.MaxRSSKiB = rss[op]
			rep.add(c.operations[op], r.name, result)
		}
		if c.teardown != nil {
			if err := c.teardown(b, r, on[r]); err != nil {
				return err
			}
		}
	}
	return nil
}
