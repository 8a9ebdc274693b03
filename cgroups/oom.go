package cgroups

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"teu/cgroups/limits"
)

// OOM is how often a container was out of memory, from the beginning of its cgroup on.
type OOM struct {
	// Kills is how many of its processes the kernel has killed for that: by memory.oom_control on v1, memory.events on v2
	// (cgroup-v2.rst, "Memory Interface Files").
	Kills uint64
	// Limit is how often an allocation was about to fail at its limit, on v2, whether there was a process to kill or not: a
	// child that shares its parent's memory (vfork(2)) is none.
	Limit uint64
}

// OOM counts. Without a memory controller there is nothing to count.
func (m *Manager) OOM() (OOM, error) {
	file := "memory.events"
	switch m.version("memory") {
	case limits.None:
		return OOM{}, nil
	case limits.V1:
		file = "memory.oom_control"
	}
	text, err := m.read("memory", file)
	if err != nil {
		return OOM{}, err
	}
	return parseOOM(text)
}

func parseOOM(text string) (o OOM, err error) {
	for line := range strings.Lines(text) {
		key, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "oom_kill":
			o.Kills, err = strconv.ParseUint(count, 10, 64)
		case "oom":
			o.Limit, err = strconv.ParseUint(count, 10, 64)
		}
		if err != nil {
			return OOM{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	return o, nil
}

// Counted reports whether the kernel has begun to count OOM with the container: it was there before it otherwise.
func (m *Manager) Counted() bool {
	p := m.place("memory")
	return p != nil && p.Kept != p.Path
}

// MemoryLimit is the container's limit in bytes, false where it has none.
func (m *Manager) MemoryLimit() (uint64, bool) {
	file := "memory.max"
	switch m.version("memory") {
	case limits.None:
		return 0, false
	case limits.V1:
		file = "memory.limit_in_bytes"
	}
	text, err := m.read("memory", file)
	if err != nil {
		return 0, false
	}
	return memoryLimit(text)
}

// memoryLimit reads "max", or the number that v1 has for none: the largest multiple of the page size in an int64.
func memoryLimit(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n < math.MaxInt64-1<<20
}
