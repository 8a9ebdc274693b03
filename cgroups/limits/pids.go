package limits

import specs "github.com/opencontainers/runtime-spec/specs-go"

// pids: a negative limit is none. Zero is a limit since runtime-spec 1.3 ("SHOULD be treated as such"): no
// process may be added to the container's first one. That is what 1 means to the kernel, which counts the first
// one too and, given a 0, would not let it be cloned into the cgroup at all; runc writes 1 as well.
func (c *compiler) pids(r *specs.LinuxResources) error {
	const field = "linux.resources.pids.limit"
	if r.Pids == nil || r.Pids.Limit == nil {
		return nil
	}
	if _, err := c.version("pids", field); err != nil {
		return err
	}
	n := *r.Pids.Limit
	if n == 0 {
		n = 1
	}
	c.write(Write{Controller: "pids", File: "pids.max", Value: limit(n, "max"), Field: field})
	return nil
}
