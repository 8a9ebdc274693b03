package cgroups

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"

	"teu/cgroups/limits"
	"teu/internal/sys"
)

// OOM is how often a container was out of memory, from the beginning of its cgroup on.
type OOM struct {
	// Kills is how many of its processes the kernel has killed for that: by memory.oom_control on v1, memory.events on v2
	// (cgroup-v2.rst, "Memory Interface Files").
	Kills uint64
	// Limit is how often an allocation was about to fail at its limit, on v2, whether there was a process to kill or not: a
	// child that shares its parent's memory (vfork(2)) is none.
	Limit uint64
	// Above is the same of the slice and all in it, for a unit on v2: systemd removes the cgroup of a scope as soon as its last
	// process has ended, and with it what it has counted. Gone says that it has.
	Above *OOM
	Gone  bool
}

// Since tells which counts have grown from before to o. Of a unit that is gone it goes by its slice, where that of another
// may have been counted meanwhile.
func (o OOM) Since(before OOM) (kills, limit bool) {
	if o.Gone {
		if o.Above == nil || before.Above == nil {
			return false, false
		}
		o, before = *o.Above, *before.Above
	}
	return o.Kills > before.Kills, o.Limit > before.Limit
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
	if m.rec.Unit == nil || file != "memory.events" {
		if err != nil {
			return OOM{}, err
		}
		return parseOOM(text)
	}
	var o OOM
	switch {
	case absent(err):
		o.Gone = true
	case err != nil:
		return OOM{}, err
	default:
		if o, err = parseOOM(text); err != nil {
			return OOM{}, err
		}
	}
	text, err = readLine(path.Dir(m.place("memory").Dir()) + "/" + file)
	above, perr := parseOOM(text)
	if err == nil && perr == nil || absent(err) { // a slice that is still to be made has counted nothing
		o.Above = &above
	}
	return o, nil
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

// Room is how many bytes the container may still take on cgroup v2, with what the kernel would drop of files for them when
// it is less than enough without. It is false on v1, without a limit, and where that cannot be told.
func (m *Manager) Room(enough uint64) (uint64, bool) {
	if m.version("memory") != limits.V2 {
		return 0, false
	}
	limit, ok := m.MemoryLimit()
	if !ok {
		return 0, false
	}
	text, err := m.read("memory", "memory.current")
	if err != nil {
		return 0, false
	}
	used, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, false
	}
	room := limit - min(used, limit)
	if room >= enough {
		return room, true
	}
	stat, err := sys.ReadFileAt(sys.AtFdcwd, m.place("memory").Dir()+"/memory.stat")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(stat)) {
		key, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && (key == "inactive_file" || key == "active_file") {
			room += n
		}
	}
	return room, true
}

// memoryLimit reads "max", or the number that v1 has for none: the largest multiple of the page size in an int64.
func memoryLimit(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n < math.MaxInt64-1<<20
}
