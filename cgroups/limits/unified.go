package limits

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// unified writes what it is given to the files of the v2 cgroup, sorted by name, after all other limits. On a hybrid
// host the v2 tree has the files that it has. Which values make sense is for the kernel to say, and those that it
// refuses while another one of the controller has not come yet (cpu.max.burst, cpu.weight beside cpu.idle) are tried
// again.
//
// A value of several lines is written line by line, as runc does: io.max takes one device in a write.
func (c *compiler) unified(r *specs.LinuxResources) error {
	for _, file := range slices.Sorted(maps.Keys(r.Unified)) {
		field := fmt.Sprintf("linux.resources.unified[%q]", file)
		controller, parameter, _ := strings.Cut(file, ".")
		switch {
		case controller == "" || parameter == "" || strings.ContainsAny(file, "/\x00"):
			return fmt.Errorf("%s: not a file of a cgroup controller", field)
		case reserved(file):
			return fmt.Errorf("%s: is the runtime's to write", field)
		case !c.host.HasV2:
			return fmt.Errorf("%s: needs cgroup v2", field)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(r.Unified[file], "\n"), "\n") {
			if line == "" {
				line = "\n" // a write of no bytes would say nothing: this is how a cpuset is emptied
			}
			c.write(Write{Controller: controller, File: file, Value: line, Field: field, Late: true, Unified: true})
		}
	}
	return nil
}

// reserved are the files by which the processes of a container are put into its cgroup, held and ended: with another
// writer they would be elsewhere, or never start. cgroup.max.depth and the like are limits.
func reserved(file string) bool {
	switch file {
	case "cgroup.procs", "cgroup.threads", "cgroup.type", "cgroup.subtree_control", "cgroup.freeze", "cgroup.kill":
		return true
	}
	return false
}
