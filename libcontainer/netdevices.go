package libcontainer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/intelrdt"
	"teu/libcontainer/netdev"
)

// netDevices moves linux.netDevices with m: those with a name of their own first, so that the kernel does not choose it for
// a template.
func netDevices(l *specs.Linux, m *netdev.Mover) []step {
	var fixed, templates []step
	for _, host := range slices.Sorted(maps.Keys(l.NetDevices)) {
		d := netdev.Device{Host: host, Name: l.NetDevices[host].Name}
		if d.Name == "" {
			d.Name = host
		}
		s := step{fmt.Sprintf("linux.netDevices[%q]", host), d.String(), func(pid int) error { return m.Move(pid, d) }}
		if d.Template() {
			templates = append(templates, s)
		} else {
			fixed = append(fixed, s)
		}
	}
	return append(fixed, templates...)
}

// intelRdt puts the process into its class and its monitoring group.
func intelRdt(g *intelrdt.Group) []step {
	if g == nil {
		return nil
	}
	return []step{{"linux.intelRdt", "write the pid to " + strings.Join(g.Tasks(), ", "), g.Join}}
}

// inNamespaces does what is due when init has its namespaces and waits for its cgroup.
func (c *creation) inNamespaces(network []step) error {
	if len(network) > 0 {
		c.onUndo(c.giveBack)
	}
	if err := c.apply(network); err != nil {
		return err
	}
	return c.handOver()
}

// giveBack lets the host have its network devices when the container does not come to be. What it cannot give back is in no
// record: it goes with the namespace.
func (c *creation) giveBack() error {
	if err := c.devices.Back(); err != nil {
		c.lost = append(c.lost, fmt.Errorf("linux.netDevices: %w", err))
	}
	return nil
}
