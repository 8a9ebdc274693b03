package limits

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ifNameSize is IFNAMSIZ, the size of the name of a network interface with its zero byte.
const ifNameSize = 16

// network is of v1 alone: v2 has packet filters match a cgroup by its path instead. Dropping the tags would send traffic
// past the rules that were made for it, so it is an error there, as in crun. Class 0 is that of no tag.
func (c *compiler) network(r *specs.LinuxResources) error {
	const fieldClass, fieldPriorities = "linux.resources.network.classID", "linux.resources.network.priorities"
	n := r.Network
	if n == nil {
		return nil
	}
	if id := value(n.ClassID); id != 0 || n.ClassID != nil && c.host.Update && c.host.Version("net_cls") == V1 {
		if err := c.onlyV1("net_cls", fieldClass); err != nil {
			return err
		}
		text := strconv.FormatUint(uint64(id), 10)
		c.write(Write{Controller: "net_cls", File: "net_cls.classid", Value: text, Field: fieldClass})
	}
	for i := range n.Priorities {
		p, field := &n.Priorities[i], fmt.Sprintf("%s[%d]", fieldPriorities, i)
		if err := c.onlyV1("net_prio", field); err != nil {
			return err
		}
		// The kernel would read no further than the space (net/core/netprio_cgroup.c, write_priomap).
		if p.Name == "" || len(p.Name) >= ifNameSize || strings.ContainsAny(p.Name, " \t\n\v\f\r\x00/:") {
			return fmt.Errorf("%s.name: %q: not the name of a network interface", field, p.Name)
		}
		text := p.Name + " " + strconv.FormatUint(uint64(p.Priority), 10)
		c.write(Write{Controller: "net_prio", File: "net_prio.ifpriomap", Value: text, Field: field})
	}
	return nil
}

func (c *compiler) onlyV1(controller, field string) error {
	v, err := c.version(controller, field)
	if err == nil && v == V2 {
		err = fmt.Errorf("%s: no equivalent on cgroup v2", field)
	}
	return err
}
