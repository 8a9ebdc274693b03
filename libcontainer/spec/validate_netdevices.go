package spec

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// netDevices: config-linux.md, "Network Devices".
func (c *checker) netDevices() {
	devices := c.Linux.NetDevices
	if len(devices) == 0 {
		return
	}
	if !c.private(specs.NetworkNamespace) {
		c.bad("linux.netDevices", "devices without a network namespace of its own", "one in linux.namespaces")
	}
	taken := map[string]string{}
	for _, host := range slices.Sorted(maps.Keys(devices)) {
		path := "linux.netDevices[" + strconv.Quote(host) + "]"
		if !interfaceName(host) || strings.Contains(host, "%") {
			c.bad(path, quote(host), wantInterface)
			continue
		}
		name := devices[host].Name
		switch {
		case name == "":
			name = host
		case !interfaceName(name) || !template(name):
			c.bad(path+".name", quote(name), wantInterface+", or one with %d")
			continue
		}
		if host == "lo" || name == "lo" {
			c.bad(path, `the loopback "lo"`, "a device other than that which each network namespace has")
			continue
		}
		if other, dup := taken[name]; dup && !strings.Contains(name, "%") {
			c.bad(path+".name", quote(name)+", the name that "+other+" gets", "each name once")
			continue
		}
		taken[name] = path
	}
}

const wantInterface = "a name for a network device of at most 15 bytes"

// interfaceName is the kernel's dev_valid_name; "all" and "default" it needs for itself below /proc/sys/net.
func interfaceName(s string) bool {
	switch s {
	case "", ".", "..", "all", "default":
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '/', c == ':', c == 0, c == ' ', c >= '\t' && c <= '\r', c == 0xa0: // isspace() of the kernel
			return false
		}
	}
	return len(s) <= 15
}

// template checks what the kernel completes: one %d at most, and no other %.
func template(s string) bool {
	_, rest, found := strings.Cut(s, "%")
	return !found || strings.HasPrefix(rest, "d") && !strings.Contains(rest, "%")
}
