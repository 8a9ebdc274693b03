package limits

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// cpuset: both versions take the same list format in files of the same names.
func (c *compiler) cpuset(r *specs.LinuxResources) error {
	if r.CPU == nil {
		return nil
	}
	for _, f := range []struct{ file, field, value string }{
		{"cpuset.cpus", "linux.resources.cpu.cpus", r.CPU.Cpus},
		{"cpuset.mems", "linux.resources.cpu.mems", r.CPU.Mems},
	} {
		if f.value == "" {
			continue
		}
		if _, err := c.version("cpuset", f.field); err != nil {
			return err
		}
		c.write(Write{Controller: "cpuset", File: f.file, Value: f.value, Field: f.field})
	}
	return nil
}

// ParseRange reads a part of a list of CPUs or memory nodes, "0-3" or "7" (cpuset(7), "List format"), whose numbers have to
// fit into bits.
func ParseRange(part string, bits int) (first, last uint64, err error) {
	from, to, isRange := strings.Cut(part, "-")
	if !isRange {
		to = from
	}
	if first, err = strconv.ParseUint(from, 10, bits); err != nil {
		return 0, 0, err
	}
	last, err = strconv.ParseUint(to, 10, bits)
	return first, last, err
}
