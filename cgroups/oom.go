package cgroups

import (
	"fmt"
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
