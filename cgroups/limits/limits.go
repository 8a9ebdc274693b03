// Package limits turns linux.resources into the writes that set them: pure functions, one file per controller,
// with cgroup v1 and v2 side by side. Which writes are needed can depend on what a file holds now (an update that
// gives only half of a pair); such reads go through a function that the caller passes in.
package limits

import (
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Version tells which kind of hierarchy has a controller.
type Version uint8

// A controller may be missing from both kinds.
const (
	None Version = iota
	V1
	V2
)

// Write is one write to a control file of the container's cgroup.
type Write struct {
	Controller string
	File       string
	Value      string
	// Field is the place in config.json, for messages.
	Field string
	// Late marks a value that the kernel may refuse with EINVAL until another of the same controller is set; it is
	// then written once more, after them.
	Late bool
	// Optional says that it is no error when the file is missing, because the kernel then does what was asked.
	Optional bool
	// Unified says that the file is in the v2 tree, wherever the controller is.
	Unified bool
	// Needs tells what a missing file means, where the controller is there.
	Needs string
	// Moves is another file of the controller that the kernel changes along.
	Moves string
}

// Host is what compiling needs to know of the machine.
type Host struct {
	// Version says where a controller ("memory") is to be found.
	Version func(controller string) Version
	// HasV2 says that the container has a cgroup in a v2 tree.
	HasV2 bool
	// Update says that there may be other values than those of a new cgroup, so that these have to be written too.
	Update bool
	// Read returns the content of a control file of the container's cgroup, without the final newline.
	Read func(controller, file string) (string, error)
}

// compiler gathers writes and warnings; the files of the package add methods per controller.
type compiler struct {
	host     Host
	writes   []Write
	warnings []string
}

// Compile returns the writes for everything but devices, in the order in which they are to be made: memory comes last of
// the controllers and ends with the limit, so that what the earlier ones cost is not charged against it; the files that
// the unified map names come after all that they may overrule. Warnings tell of fields that have no effect; a field that
// cannot be honoured is an error that names it.
func Compile(r *specs.LinuxResources, host Host) ([]Write, []string, error) {
	if r == nil {
		return nil, nil, nil
	}
	c := &compiler{host: host}
	for _, step := range []func(*specs.LinuxResources) error{
		c.cpuset, c.cpu, c.pids, c.blockIO, c.hugetlb, c.network, c.rdma, c.memory, c.unified,
	} {
		if err := step(r); err != nil {
			return nil, nil, err
		}
	}
	return c.writes, c.warnings, nil
}

// version is where a controller is, or an error that names the field that needs it.
func (c *compiler) version(controller, field string) (Version, error) {
	v := c.host.Version(controller)
	if v == None {
		return v, fmt.Errorf("%s: no %s cgroup controller", field, controller)
	}
	return v, nil
}

func (c *compiler) write(w Write) { c.writes = append(c.writes, w) }

func (c *compiler) warn(field, text string) { c.warnings = append(c.warnings, field+": "+text) }

// limit is a number in which -1 (and with it any negative value, as in runc) stands for none.
func limit(n int64, none string) string {
	if n < 0 {
		return none
	}
	return strconv.FormatInt(n, 10)
}

// value is what a pointer of the spec holds, with nil taken as zero: callers send zero for "not set" (Docker sends
// blockIO.weight and cpu.shares so).
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
