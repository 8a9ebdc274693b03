package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A footprint is how much memory the cgroup of a container had at its peak before the workload was started: what a runtime needs
// of the container's own limit. Sizes are in KiB.
type footprint struct {
	CreatedKiB int64 `json:"createdKiB"`
	// SmallestLimitKiB is the smallest memory limit of those tried with which `run` of /bin/true worked every time; 0: none did.
	SmallestLimitKiB int64 `json:"smallestLimitKiB"`
	// OneMiB is empty if `run` works with a limit of 1 MiB, else why it did not.
	OneMiB string `json:"oneMiBError,omitempty"`
}

// memoryLimits are tried from the largest down.
var memoryLimits = []int64{16384, 8192, 4096, 2048, oneMiB, 768, 512, 384, 320, 256, 224, 192, 160, 128, 96, 64}

const (
	oneMiB      = 1024 // in KiB
	memoryTries = 3
)

func measureFootprint(b *bench, r *ociRuntime) (footprint, error) {
	var f footprint
	_, c, err := b.create(r, "sleep")
	if err != nil {
		return f, err
	}
	f.CreatedKiB, err = cgroupPeak(c.pid)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if _, err := b.launcher.run(r.args("start", c.id)...); err != nil {
		return f, err
	}
	if err := stopSleeper(b, r, c); err != nil {
		return f, err
	}
	for _, limit := range memoryLimits {
		if runLimited(b, r, limit) != nil {
			break
		}
		f.SmallestLimitKiB = limit
	}
	if f.SmallestLimitKiB == 0 || f.SmallestLimitKiB > oneMiB {
		if err := runLimited(b, r, oneMiB); err != nil {
			f.OneMiB = reason(err)
		}
	}
	return f, nil
}

// reason is what a runtime itself said of its failure, if it said something.
func reason(err error) string {
	var failed *statusError
	if errors.As(err, &failed) && failed.stderr != "" {
		return failed.stderr
	}
	return err.Error()
}

// runLimited runs /bin/true under a limit, a few times; the error is the first failure's.
func runLimited(b *bench, r *ociRuntime, limitKiB int64) error {
	for range memoryTries {
		id := b.work.newID()
		_, err := b.launcher.run(r.args("run", "--bundle", b.bundle(limitBundle(limitKiB)), id)...)
		if err == nil {
			continue
		}
		// A runtime that lost its init to the limit may have left its state, which is not what is measured here.
		b.forceDelete(r, id)
		return err
	}
	return nil
}

// cgroupPeak returns the highest memory use, in KiB, of the cgroup pid is in.
func cgroupPeak(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return 0, err
	}
	file := ""
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[1] == "memory":
			file = filepath.Join(cgroupRoot, "memory", parts[2], "memory.max_usage_in_bytes")
		case parts[0] == "0" && file == "":
			file = filepath.Join(cgroupRoot, parts[2], "memory.peak")
		}
	}
	if text, err = os.ReadFile(file); err != nil {
		return 0, err
	}
	bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return bytes / 1024, err
}

// peakRuns is how often a case is repeated to see how much memory the runtime takes.
const peakRuns = 5

// peakRSS returns the highest resident size, in KiB, of the runtime in each operation of a case; where an operation is the sum of
// the others, it is their maximum.
func (b *bench) peakRSS(c *benchCase, r *ociRuntime, on container) ([]int64, error) {
	file := filepath.Join(b.work.dir, "maxrss.out")
	b.launcher.prefix = []string{b.maxrss, file}
	defer func() { b.launcher.prefix = nil }()
	defer os.Remove(file)
	for range peakRuns {
		if _, err := c.once(b, r, on); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(text))
	commands := len(lines) / peakRuns
	peaks := make([]int64, len(c.operations))
	for i, line := range lines {
		kib, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("maxrss: %w", err)
		}
		op, last := i%commands, len(peaks)-1
		peaks[op] = max(peaks[op], kib)
		peaks[last] = max(peaks[last], kib)
	}
	return peaks, nil
}

func memoryLimit(kib int64) *specs.LinuxMemory {
	bytes := kib * 1024
	return &specs.LinuxMemory{Limit: &bytes}
}

func limitBundle(kib int64) string { return "limit-" + strconv.FormatInt(kib, 10) }
