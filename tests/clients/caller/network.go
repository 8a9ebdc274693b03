package caller

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Network writes the configuration of a network: a bridge of that name, with a subnet, and the addresses behind it
// translated or not.
func (c *Containerd) Network(bridge, subnet string, translated bool) {
	c.bridge, c.subnet = bridge, subnet
	c.check(os.WriteFile("/etc/cni/net.d/10-"+bridge+".conflist", fmt.Appendf(nil, `{"cniVersion": "0.4.0", "name": %[1]q, "plugins": [
		{"type": "bridge", "bridge": %[1]q, "isGateway": true, "ipMasq": %[3]t,
			"ipam": {"type": "host-local", "ranges": [[{"subnet": %[2]q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
		{"type": "portmap", "capabilities": {"portMappings": true}}]}`, bridge, subnet, translated), 0o600))
}

// LookAtNetwork finds what containers have left in the network: devices, rules of iptables, addresses. It takes away the
// bridge, which stays for further containers.
func (c *Containerd) LookAtNetwork() {
	if _, err := os.Stat("/proc/sys/net/ipv4/conf/" + c.bridge); err == nil {
		c.output("ip", "link", "delete", c.bridge)
	}
	if text := c.output("ip", "-oneline", "link"); strings.Count(text, "\n") != strings.Count(text, ": lo: ") {
		c.t.Errorf("left: network devices, want lo alone: %s", text)
	}
	if text := c.output("iptables-save", "-t", "nat"); strings.Contains(text, strings.TrimSuffix(c.subnet, "0/24")) {
		c.t.Errorf("left: rules of iptables, want none of %s: %s", c.subnet, text)
	}
	if left, _ := filepath.Glob("/var/lib/cni/networks/" + c.bridge + "/[0-9]*"); len(left) > 0 {
		c.t.Errorf("left: addresses, want none: %s", left)
	}
}

// output is what a command of the host writes, which has to succeed. Warnings are no part of it: ip has one when a device
// goes while it lists them.
func (c *Containerd) output(args ...string) string {
	c.t.Helper()
	var said strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, &said)
	}
	return string(out)
}
