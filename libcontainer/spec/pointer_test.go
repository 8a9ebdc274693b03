package spec

import "testing"

func TestPointer(t *testing.T) {
	for path, want := range map[string]string{
		"":                                 "",
		"process":                          "/process",
		"linux.namespaces[2].type":         "/linux/namespaces/2/type",
		"mounts[13].options[0]":            "/mounts/13/options/0",
		`linux.sysctl["net.ipv4/a~b"]`:     "/linux/sysctl/net.ipv4~1a~0b",
		`linux.sysctl["a\"]b"].x`:          `/linux/sysctl/a"]b/x`,
		`linux.netDevices["eth0.5"].name`:  "/linux/netDevices/eth0.5/name",
		"linux.timeOffsets.boottime.secs":  "/linux/timeOffsets/boottime/secs",
		`annotations["org.example/x"]`:     "/annotations/org.example~1x",
		"linux.resources.devices[0].major": "/linux/resources/devices/0/major",
	} {
		if got := (Problem{Path: path}).Pointer(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
