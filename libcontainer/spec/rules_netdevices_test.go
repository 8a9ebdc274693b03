package spec

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// netDevices is pairs of a host's name and one in the container.
func netDevices(names ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
		for i := 0; i < len(names); i += 2 {
			s.Linux.NetDevices[names[i]] = specs.LinuxNetDevice{Name: names[i+1]}
		}
	}
}

func netDeviceRules() []rule {
	badName := func(bad, good string) rule {
		return rule{
			name: "network device, name " + quote(bad),
			bad:  netDevices("eth0", bad),
			want: []string{`linux.netDevices["eth0"].name: got ` + quote(bad) + ", want " + wantInterface + ", or one with %d"},
			good: netDevices("eth0", good),
		}
	}
	badHost := func(bad, good string) rule {
		return rule{
			name: "network device, host " + quote(bad),
			bad:  netDevices(bad, ""),
			want: []string{"linux.netDevices[" + `"` + bad + `"]: got ` + quote(bad) + ", want " + wantInterface},
			good: netDevices(good, ""),
		}
	}
	return []rule{
		badName("sixteen-bytes-xy", "fifteen-bytes-x"),
		badName(".", "..."),
		badName("..", ".a"),
		badName("a/b", "a-b"),
		badName("eth0:1", "eth0.1"),
		badName("a b", "a_b"),
		badName("a\tb", "a\x01b"),
		badName("a\x00b", "ab"),
		badName("a\xa0", "a\xa1"),
		badName("all", "all0"),
		badName("default", "Default"),
		badName("eth%", "eth%d"),
		badName("eth%s", "%d"),
		badName("eth%d%d", "eth%dx"),
		badName("%%d", "x%dy"),
		badHost("", "x"),
		badHost("eth%d", "ethd"),
		badHost("sixteen-bytes-xy", "fifteen-bytes-x"),
		badHost("a/b", "a-b"),
		{
			name: "network devices without a namespace",
			bad:  all(drop("network"), netDevices("eth0", "")),
			want: []string{"linux.netDevices: got devices without a network namespace of its own, want one in linux.namespaces"},
			good: netDevices("eth0", ""),
		},
		{
			name: "network devices, the loopback",
			bad:  netDevices("eth0", "lo", "lo", "eth1"),
			want: []string{
				`linux.netDevices["eth0"]: got the loopback "lo", want a device other than that which each network namespace has`,
				`linux.netDevices["lo"]: got the loopback "lo", want a device other than that which each network namespace has`,
			},
			good: netDevices("eth0", "lo0", "lo1", "eth1"),
		},
		{
			name: "network devices, one name for two",
			bad:  netDevices("eth0", "eth1", "eth1", ""),
			want: []string{`linux.netDevices["eth1"].name: got "eth1", the name that linux.netDevices["eth0"] gets, want each name once`},
			good: netDevices("eth0", "eth1", "eth1", "eth0"),
		},
		{
			name: "network devices, two of one template",
			bad:  netDevices("eth0", "n%d", "eth1", "n%"),
			want: []string{`linux.netDevices["eth1"].name: got "n%", want ` + wantInterface + ", or one with %d"},
			good: netDevices("eth0", "n%d", "eth1", "n%d"),
		},
	}
}

// TestNetDevicesInTheRuntimesNamespace: a path that leads to it is none of its own.
func TestNetDevicesInTheRuntimesNamespace(t *testing.T) {
	s := Example(false)
	netDevices("eth0", "")(s)
	for i := range s.Linux.Namespaces {
		if s.Linux.Namespaces[i].Type == specs.NetworkNamespace {
			s.Linux.Namespaces[i].Path = "/proc/1/ns/net"
		}
	}
	if r := Validate(s, Facts{}); len(r.Problems) > 0 {
		t.Errorf("network namespace of another: got problems %v, want none", r.Problems)
	}
	r := Validate(s, Facts{Own: map[specs.LinuxNamespaceType]bool{specs.NetworkNamespace: true}})
	if len(r.Problems) != 1 || r.Problems[0].Path != "linux.netDevices" {
		t.Errorf("network namespace of the runtime: got problems %v, want one of linux.netDevices", r.Problems)
	}
}
