package spec

import (
	"math"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A map of ids is written to the kernel at once (user_namespaces(7), "Defining user and group ID mappings"): so many lines, and
// less than a page of text.
const (
	maxMappings = 340 // UID_GID_MAP_MAX_EXTENTS
	maxMapText  = 4095
)

// IDMap is maps as they are written to the kernel: as they are, or, when they do not fit, with those that go on where the one before
// them ends in one with that.
func IDMap(maps []specs.LinuxIDMapping) []specs.LinuxIDMapping {
	if fitting(maps) == len(maps) {
		return maps
	}
	merged, _ := runs(maps)
	return merged
}

// Settler is who has to make what a user namespace with these mappings gets: root, or the user id where root is not mapped.
func Settler(maps []specs.LinuxIDMapping, id uint32) uint32 {
	if mapped(maps, 0) {
		return 0
	}
	return id
}

// fitting is how many of maps, from the first on, can be written.
func fitting(maps []specs.LinuxIDMapping) int {
	size := 0
	var line []byte
	for i, m := range maps {
		line = line[:0]
		for _, n := range [...]uint32{m.ContainerID, m.HostID, m.Size} {
			line = append(strconv.AppendUint(line, uint64(n), 10), ' ') // the last one is a newline
		}
		if size += len(line); size > maxMapText || i == maxMappings {
			return i
		}
	}
	return len(maps)
}

// runs are maps with those that go on where the one before them ends in one, and where in maps each begins.
func runs(maps []specs.LinuxIDMapping) (merged []specs.LinuxIDMapping, first []int) {
	for i, m := range maps {
		if n := len(merged) - 1; n >= 0 {
			last := &merged[n]
			if m.ContainerID == last.ContainerID+last.Size && m.HostID == last.HostID+last.Size && last.Size <= math.MaxUint32-m.Size {
				last.Size += m.Size
				continue
			}
		}
		merged, first = append(merged, m), append(first, i)
	}
	return merged, first
}

// mappings checks what the kernel checks when it is given a map.
func (c *checker) mappings(list string, maps []specs.LinuxIDMapping) {
	for i, m := range maps {
		path := at(list, i)
		if m.Size == 0 {
			c.bad(path+".size", "0", "at least 1")
			continue
		}
		if m.ContainerID > math.MaxUint32-m.Size {
			c.bad(path, "container ids past 4294967294", "a smaller size or containerID")
		}
		if m.HostID > math.MaxUint32-m.Size {
			c.bad(path, "host ids past 4294967294", "a smaller size or hostID")
		}
	}
	if fitting(maps) == len(maps) {
		c.overlaps(list, maps, func(i int) int { return i })
		return
	}
	merged, first := runs(maps)
	if n := fitting(merged); n < len(merged) {
		c.bad(at(list, first[n]), "mapping "+strconv.Itoa(first[n]+1)+" of "+strconv.Itoa(len(maps))+", which the kernel does not take any more",
			"at most "+strconv.Itoa(maxMappings)+" mappings, in at most "+strconv.Itoa(maxMapText)+" bytes of text")
		return
	}
	c.overlaps(list, merged, func(i int) int { return first[i] })
}

// overlaps finds ids that two of maps have. place is where in the list one begins.
func (c *checker) overlaps(list string, maps []specs.LinuxIDMapping, place func(int) int) {
	for i, m := range maps {
		if m.Size == 0 {
			continue
		}
		for j, o := range maps[:i] {
			if overlap(m.ContainerID, m.Size, o.ContainerID, o.Size) {
				c.bad(at(list, place(i)), "container ids that "+at(list, place(j))+" maps too", "each id once")
			}
			if overlap(m.HostID, m.Size, o.HostID, o.Size) {
				c.bad(at(list, place(i)), "host ids that "+at(list, place(j))+" maps too", "each id once")
			}
		}
	}
}

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}
