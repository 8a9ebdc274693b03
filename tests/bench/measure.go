package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A sample is what one run of one command cost: the wall clock from before the fork to after the wait, and the processor time of
// the command and of the children it waited for.
type sample struct {
	wall time.Duration
	cpu  time.Duration
}

// A launcher starts commands and measures them.
type launcher struct {
	null   *os.File
	stderr *os.File // where the command's diagnostics go, kept to explain a failure
	dir    string
	// prefix goes before every command: the memory pass starts them through maxrss.
	prefix []string
}

// A statusError is a command that ran and failed.
type statusError struct {
	args   []string
	status syscall.WaitStatus
	stderr string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: exit status %d: %s", strings.Join(e.args, " "), e.status.ExitStatus(), e.stderr)
}

func newLauncher(dir string) (*launcher, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	stderr, err := os.OpenFile(filepath.Join(dir, "stderr"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		null.Close()
		return nil, err
	}
	return &launcher{null: null, stderr: stderr, dir: dir}, nil
}

func (l *launcher) close() {
	l.null.Close()
	l.stderr.Close()
}

// run starts args, waits for it and returns what it cost. It is syscall.ForkExec (vfork and exec) and wait4, nothing more,
// so that little of the launcher is in the figures; what is in them is the same for all runtimes and is not subtracted.
func (l *launcher) run(args ...string) (sample, error) {
	args = append(slices.Clone(l.prefix), args...)
	if err := l.stderr.Truncate(0); err != nil {
		return sample{}, err
	}
	attr := &syscall.ProcAttr{Dir: l.dir, Env: commandEnv, Files: []uintptr{l.null.Fd(), l.null.Fd(), l.stderr.Fd()}}
	begin := time.Now()
	pid, err := syscall.ForkExec(args[0], args, attr)
	if err != nil {
		return sample{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	status, usage, err := wait(pid)
	wall := time.Since(begin)
	if err != nil {
		return sample{}, err
	}
	if status != 0 {
		return sample{}, &statusError{args: args, status: status, stderr: l.diagnostics()}
	}
	return sample{wall: wall, cpu: cpuTime(usage)}, nil
}

// diagnostics returns the end of what the last command wrote to its standard error, on one line.
func (l *launcher) diagnostics() string {
	const most = 400
	text, err := os.ReadFile(l.stderr.Name())
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.ReplaceAll(string(text), "\n", "; ")
}

var commandEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C"}

func wait(pid int) (syscall.WaitStatus, *syscall.Rusage, error) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, nil, fmt.Errorf("wait4 %d: %w", pid, err)
		}
		return status, &usage, nil
	}
}

func cpuTime(usage *syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// processCPU is the processor time a live process has used, from /proc/PID/schedstat (nanoseconds, first field). It is how the
// work of a container's init is counted, which the runtime that made it does not wait for.
func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/schedstat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("schedstat of %d: %w", pid, err)
	}
	return time.Duration(ns), nil
}

// A summary is what the samples of one operation by one runtime come to. Durations are in milliseconds.
type summary struct {
	Runs      int     `json:"runs"`
	WallMin   float64 `json:"wallMinMs"`
	WallMed   float64 `json:"wallMedianMs"`
	WallP90   float64 `json:"wallP90Ms"`
	CPUMin    float64 `json:"cpuMinMs"`
	CPUMed    float64 `json:"cpuMedianMs"`
	MaxRSSKiB int64   `json:"maxRssKiB,omitempty"`
}

func summarize(samples []sample) summary {
	wall := make([]float64, len(samples))
	cpu := make([]float64, len(samples))
	for i, s := range samples {
		wall[i] = milliseconds(s.wall)
		cpu[i] = milliseconds(s.cpu)
	}
	return summary{
		Runs:    len(samples),
		WallMin: quantile(wall, 0), WallMed: quantile(wall, 0.5), WallP90: quantile(wall, 0.9),
		CPUMin: quantile(cpu, 0), CPUMed: quantile(cpu, 0.5),
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// quantile returns the q-th quantile of values by the nearest rank below, so it is always a value that was measured; 0 when
// there are none. q is in [0, 1].
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1))]
}
