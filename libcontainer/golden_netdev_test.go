package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func netDevicesOf(names map[string]string) func(*specs.Spec, *initFacts) {
	return on(func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
		for host, name := range names {
			s.Linux.NetDevices[host] = specs.LinuxNetDevice{Name: name}
		}
	})
}

func rdtOf(r specs.LinuxIntelRdt) func(*specs.Spec, *initFacts) {
	return on(func(s *specs.Spec) { s.Linux.IntelRdt = &r })
}

// netdevFields are done by the parent alone: network devices and resctrl.
var netdevFields = []with{
	{"net-devices", both(newNamespace(specs.NetworkNamespace), netDevicesOf(map[string]string{"eth0": "", "eth1": "net1"}))},
	{"net-devices-templates-last", both(newNamespace(specs.NetworkNamespace), netDevicesOf(map[string]string{"a": "eth%d", "b": "eth0"}))},
	{"intel-rdt-empty", rdtOf(specs.LinuxIntelRdt{})},
	{"intel-rdt-class", rdtOf(specs.LinuxIntelRdt{ClosID: "guaranteed"})},
	{"intel-rdt-default-class", rdtOf(specs.LinuxIntelRdt{ClosID: "/", EnableMonitoring: true})},
	{"intel-rdt-schemata", rdtOf(specs.LinuxIntelRdt{
		ClosID: "guaranteed", Schemata: []string{"L3:1=1f", "L2:0=f"}, L3CacheSchema: "L3:0=7f0;1=ff", MemBwSchema: "MB:0=20",
	})},
	{"intel-rdt-monitoring", rdtOf(specs.LinuxIntelRdt{EnableMonitoring: true})},
}
