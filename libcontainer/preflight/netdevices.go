package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"teu/internal/sys"
)

// netDevices: what is to be moved into the container has to be there.
func (c *checker) netDevices() {
	if len(c.Linux.NetDevices) == 0 {
		return
	}
	if text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/thread-self/net/dev"); err == nil {
		c.missingDevices(string(text))
	}
}

// missingDevices reads /proc/net/dev (proc_pid_net(5)): a name, a colon and numbers, after two lines of heading.
func (c *checker) missingDevices(text string) {
	there := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			there[strings.TrimSpace(name)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Linux.NetDevices)) {
		if !there[name] {
			c.bad(fmt.Sprintf("linux.netDevices[%q]", name), fmt.Sprintf("%q, which is not in the runtime's network namespace", name), "a device that is there")
		}
	}
}
