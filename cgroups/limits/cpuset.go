package limits

import specs "github.com/opencontainers/runtime-spec/specs-go"

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
