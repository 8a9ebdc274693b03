package cgroups

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"teu/cgroups/limits"
)

// OOMKills is how many processes of the container the kernel has killed for want of memory, by memory.oom_control
// on v1 and memory.events on v2 (cgroup-v2.rst, "Memory Interface Files"). It is 0 where there is no memory
// controller.
func (m *Manager) OOMKills() (uint64, error) {
	file := "memory.events"
	switch m.version("memory") {
	case limits.None:
		return 0, nil
	case limits.V1:
		file = "memory.oom_control"
	}
	text, err := m.read("memory", file)
	if err != nil {
		return 0, err
	}
	return oomKills(text)
}

func oomKills(text string) (uint64, error) {
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			n, err := strconv.ParseUint(count, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("oom_kill: %w", err)
			}
			return n, nil
		}
	}
	return 0, nil
}

// Counted reports whether the kernel has begun to count OOMKills with the container: it was there before it otherwise.
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
