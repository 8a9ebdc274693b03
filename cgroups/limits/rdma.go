package limits

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// rdma has the same file in both versions, a line per device.
func (c *compiler) rdma(r *specs.LinuxResources) error {
	for _, device := range slices.Sorted(maps.Keys(r.Rdma)) {
		l, field := r.Rdma[device], fmt.Sprintf("linux.resources.rdma[%q]", device)
		if device == "" || strings.ContainsAny(device, " \t\n\v\f\r\x00") {
			return fmt.Errorf("%s: not the name of an RDMA device", field)
		}
		if l.HcaHandles == nil && l.HcaObjects == nil {
			return fmt.Errorf("%s: has neither hcaHandles nor hcaObjects", field)
		}
		if _, err := c.version("rdma", field); err != nil {
			return err
		}
		text := device
		for _, n := range []struct {
			key, name string
			max       *uint32
		}{{"hca_handle", "hcaHandles", l.HcaHandles}, {"hca_object", "hcaObjects", l.HcaObjects}} {
			if n.max == nil {
				continue
			}
			// kernel/cgroup/rdma.c counts in int and takes its largest for no limit.
			if *n.max > math.MaxInt32 {
				return fmt.Errorf("%s.%s: %d: must be at most %d", field, n.name, *n.max, math.MaxInt32)
			}
			text += " " + n.key + "=" + strconv.FormatUint(uint64(*n.max), 10)
		}
		c.write(Write{Controller: "rdma", File: "rdma.max", Value: text, Field: field})
	}
	return nil
}
