package spec

import (
	"math"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func mountRules() []rule {
	withoutMountNS := []string{
		"mounts: got mounts to make without a mount namespace, want one in linux.namespaces",
		"root.readonly: got mounts to make without a mount namespace, want one in linux.namespaces",
		"process.terminal: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.rootfsPropagation: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.maskedPaths: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.readonlyPaths: got mounts to make without a mount namespace, want one in linux.namespaces",
	}
	alone := all(drop("mount"), func(s *specs.Spec) {
		s.Mounts, s.Root.Readonly, s.Process.Terminal, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, false, false, nil, nil
	})
	inNamespace := func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "c"}}
		s.Linux.Sysctl = map[string]string{"kernel.sem": "1"}
	}
	propagation := func(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Linux.RootfsPropagation = v } }
	return []rule{
		{
			name: "no mount namespace",
			bad:  all(drop("mount"), propagation("slave")),
			want: withoutMountNS,
			good: alone,
		},
		{
			name: "no mount namespace, but a user namespace", bad: all(alone, userNS(specs.LinuxIDMapping{Size: 1}), inNamespace),
			want: []string{
				"linux.devices: got mounts to make without a mount namespace, want one in linux.namespaces",
				"linux.sysctl: got mounts to make without a mount namespace, want one in linux.namespaces",
			},
			good: all(alone, inNamespace),
		},
		{
			name: "no destination",
			bad:  mount(specs.Mount{Type: "proc"}),
			want: []string{"mounts[0].destination: got nothing, want an absolute path"},
			good: mount(specs.Mount{Type: "proc", Destination: "/proc"}),
		},
		{
			name: "relative destination",
			bad:  mount(specs.Mount{Type: "proc", Destination: "proc"}),
			warn: []string{`mounts[0].destination: got "proc", want an absolute path: it is taken from /`},
			good: none,
		},
		{
			name: "no type",
			bad:  mount(specs.Mount{Destination: "/a", Source: "/a"}),
			want: []string{`mounts[0].type: got nothing, want a filesystem type, or "bind" in the options`},
			good: mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind"}}),
		},
		{
			name: "no type, again",
			bad:  mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"rw"}}),
			want: []string{`mounts[0].type: got nothing, want a filesystem type, or "bind" in the options`},
			good: mount(specs.Mount{Destination: "/a", Options: []string{"remount"}}),
		},
		{
			name: "nothing to bind",
			bad:  mount(specs.Mount{Destination: "/a", Options: []string{"rbind"}}),
			want: []string{"mounts[0].source: got nothing, want the path to bind"},
			good: mount(specs.Mount{Destination: "/a", Source: "a", Options: []string{"rbind"}}),
		},
		{
			name: "nothing to bind, by type",
			bad:  mount(specs.Mount{Destination: "/a", Type: "bind"}),
			want: []string{"mounts[0].source: got nothing, want the path to bind"},
			good: mount(specs.Mount{Destination: "/a", Type: "tmpfs"}),
		},
		{
			name: "propagation",
			bad:  propagation("Shared"),
			want: []string{`linux.rootfsPropagation: got "Shared", want shared, slave, private or unbindable`},
			good: propagation("shared"),
		},
		{
			name: "propagation, recursive",
			bad:  propagation("rbind"),
			want: []string{`linux.rootfsPropagation: got "rbind", want shared, slave, private or unbindable`},
			good: propagation("runbindable"),
		},
		{
			name: "relative masks",
			bad: func(s *specs.Spec) {
				s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{
					"/a",
					"b",
				}, []string{""}
			},
			want: []string{
				`linux.maskedPaths[1]: got "b", want an absolute path`,
				"linux.readonlyPaths[0]: got nothing, want an absolute path",
			},
			good: func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/a"}, []string{"/"} },
		},
		{
			name: "mask on the root",
			bad:  func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/a/..", "/b"} },
			want: []string{`linux.maskedPaths[0]: got "/a/..", want a path below the root`},
			good: func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/a/../b"} },
		},
		{
			name: "device in place of the root",
			bad:  func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/a/..", Type: "p"}} },
			want: []string{`linux.devices[0].path: got "/a/..", want a path below the root`},
			good: func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/a/../b", Type: "p"}} },
		},
		{
			name: "device",
			bad:  device(specs.LinuxDevice{Path: "null", Type: "x"}),
			want: []string{
				`linux.devices[0].path: got "null", want an absolute path`,
				`linux.devices[0].type: got "x", want one of "b", "c", "p", "u"`,
			},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "p", Major: -1}),
		},
		{
			name: "device numbers",
			bad:  device(specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 4096, Minor: -1}),
			want: []string{
				"linux.devices[0].major: got 4096, want 0 to 4095",
				"linux.devices[0].minor: got -1, want 0 to 1048575",
			},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "u", Major: 4095, Minor: 1048575}),
		},
		{
			name: "device owner",
			bad: device(specs.LinuxDevice{
				Path: "/dev/x",
				Type: "b",
				UID:  p(uint32(math.MaxUint32)),
				GID:  p(uint32(math.MaxUint32)),
			}),
			want: []string{
				"linux.devices[0].uid: got 4294967295, want 0 to 4294967294",
				"linux.devices[0].gid: got 4294967295, want 0 to 4294967294",
			},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "b", UID: p(uint32(5)), GID: p(uint32(0))}),
		},
	}
}

func namespaceRules() []rule {
	many := make([]specs.LinuxIDMapping, 341)
	row := make([]specs.LinuxIDMapping, 5000)
	for i := range row {
		row[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(100000 + i), Size: 1}
	}
	for i := range many {
		many[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(2 * i), Size: 1}
	}
	id := func(c, h, n uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: c, HostID: h, Size: n}
	}
	user := func(u, g uint32, more ...uint32) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Process.User = specs.User{UID: u, GID: g, AdditionalGids: more} }
	}
	timeNS := add(specs.LinuxNamespace{Type: "time"})
	return []rule{
		{
			name: "unknown namespace",
			bad:  add(specs.LinuxNamespace{Type: "net"}),
			want: []string{`linux.namespaces[5].type: got "net", want one of cgroup, ipc, mount, network, pid, time, user, uts`},
			good: add(specs.LinuxNamespace{Type: "cgroup"}, specs.LinuxNamespace{Type: "time"}),
		},
		{
			name: "namespace twice",
			bad:  add(specs.LinuxNamespace{Type: "pid", Path: "/a"}),
			want: []string{`linux.namespaces[5].type: got "pid" again, want each type once`},
			good: none,
		},
		{
			name: "relative path",
			bad:  add(specs.LinuxNamespace{Type: "time", Path: "ns/time"}),
			want: []string{`linux.namespaces[5].path: got "ns/time", want an absolute path`},
			good: add(specs.LinuxNamespace{Type: "time", Path: "/proc/1/ns/time"}),
		},
		{
			name: "mappings alone",
			bad: func(s *specs.Spec) {
				s.Linux.UIDMappings = []specs.LinuxIDMapping{id(0, 0, 1)}
				s.Linux.GIDMappings = s.Linux.UIDMappings
			},
			want: []string{
				"linux.uidMappings: got mappings without a user namespace, want one in linux.namespaces",
				"linux.gidMappings: got mappings without a user namespace, want one in linux.namespaces",
			},
			good: userNS(id(0, 0, 1)),
		},
		{
			name: "no mappings, which are for root alone",
			bad:  all(userNS(), user(1, 2)),
			want: []string{
				"process.user.uid: got 1, want an id that linux.uidMappings maps",
				"process.user.gid: got 2, want an id that linux.gidMappings maps",
			},
			good: userNS(),
		},
		{
			name: "joined with other mappings",
			bad: all(add(specs.LinuxNamespace{
				Type: "user",
				Path: "/a",
			}), func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{id(5, 5, 0)} }),
			want: []string{"linux.uidMappings[0].size: got 0, want at least 1"},
			good: all(add(specs.LinuxNamespace{
				Type: "user",
				Path: "/a",
			}), func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{id(5, 5, 1)} }),
		},
		{
			name: "past the end",
			bad:  userNS(id(0, 1, math.MaxUint32)),
			want: []string{
				"linux.uidMappings[0]: got host ids past 4294967294, want a smaller size or hostID",
				"linux.gidMappings[0]: got host ids past 4294967294, want a smaller size or hostID",
			},
			good: userNS(id(0, 0, math.MaxUint32)),
		},
		{
			name: "past the end inside",
			bad:  userNS(id(0, 0, 1), id(math.MaxUint32-1, 5, 2)),
			want: []string{
				"linux.uidMappings[1]: got container ids past 4294967294, want a smaller size or containerID",
				"linux.gidMappings[1]: got container ids past 4294967294, want a smaller size or containerID",
			},
			good: userNS(id(0, 0, 1), id(math.MaxUint32-1, 5, 1)),
		},
		{
			name: "overlap",
			bad:  userNS(id(0, 1000, 10), id(9, 2000, 1)),
			want: []string{
				"linux.uidMappings[1]: got container ids that linux.uidMappings[0] maps too, want each id once",
				"linux.gidMappings[1]: got container ids that linux.gidMappings[0] maps too, want each id once",
			},
			good: userNS(id(0, 1000, 10), id(10, 2000, 1)),
		},
		{
			name: "overlap outside",
			bad:  userNS(id(0, 1000, 10), id(10, 991, 10)),
			want: []string{
				"linux.uidMappings[1]: got host ids that linux.uidMappings[0] maps too, want each id once",
				"linux.gidMappings[1]: got host ids that linux.gidMappings[0] maps too, want each id once",
			},
			good: userNS(id(0, 1000, 10), id(10, 990, 10)),
		},
		{
			name: "too many mappings",
			bad:  userNS(many...),
			want: []string{
				"linux.uidMappings[340]: got mapping 341 of 341, which the kernel does not take any more, want at most 340 mappings, in at most 4095 bytes of text",
				"linux.gidMappings[340]: got mapping 341 of 341, which the kernel does not take any more, want at most 340 mappings, in at most 4095 bytes of text",
			},
			good: userNS(many[:340]...),
		},
		{
			name: "too much text", bad: userNS(apart(206)...),
			want: []string{
				"linux.uidMappings[205]: got mapping 206 of 206, which the kernel does not take any more, want at most 340 mappings, in at most 4095 bytes of text",
				"linux.gidMappings[205]: got mapping 206 of 206, which the kernel does not take any more, want at most 340 mappings, in at most 4095 bytes of text",
			},
			good: userNS(apart(205)...),
		},
		{
			name: "too many that go on where the one before ends", bad: userNS(append(row, id(5, 7, 1))...),
			want: []string{
				"linux.uidMappings[5000]: got container ids that linux.uidMappings[0] maps too, want each id once",
				"linux.gidMappings[5000]: got container ids that linux.gidMappings[0] maps too, want each id once",
			},
			good: userNS(row...),
		},
		{
			name: "unmapped user",
			bad:  all(userNS(id(0, 1000, 10)), user(10, 11, 0, 12)),
			want: []string{
				"process.user.uid: got 10, want an id that linux.uidMappings maps",
				"process.user.gid: got 11, want an id that linux.gidMappings maps",
				"process.user.additionalGids[1]: got 12, want an id that linux.gidMappings maps",
			},
			good: all(userNS(id(0, 1000, 10)), user(9, 9, 0, 9)),
		},
		{
			name: "offsets alone",
			bad:  offsets(map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}),
			want: []string{"linux.timeOffsets: got offsets without a time namespace, want one in linux.namespaces"},
			good: all(timeNS, offsets(map[string]specs.LinuxTimeOffset{
				"boottime":  {Secs: -1, Nanosecs: 999999999},
				"monotonic": {},
			})),
		},
		{
			name: "offsets for another",
			bad: all(add(specs.LinuxNamespace{
				Type: "time",
				Path: "/t",
			}), offsets(map[string]specs.LinuxTimeOffset{"boottime": {}})),
			want: []string{`linux.timeOffsets: got offsets for the time namespace "/t", want a new time namespace`},
			good: timeNS,
		},
		{
			name: "unknown clock",
			bad: all(timeNS, offsets(map[string]specs.LinuxTimeOffset{
				"realtime": {},
				"boottime": {Nanosecs: 1000000000},
			})),
			want: []string{
				"linux.timeOffsets.boottime.nanosecs: got 1000000000, want less than 1000000000",
				`linux.timeOffsets: got "realtime", want the clocks "monotonic" and "boottime"`,
			},
			good: none,
		},
	}
}

func cgroupAndSysctlRules() []rule {
	host := func(key, ns string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got a sysctl of the host's " + ns + " namespace, want a " + ns + " namespace of its own in linux.namespaces"}
	}
	whole := func(key string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got a sysctl of the whole host, want one of a namespace: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*, kernel.domainname, user.*"}
	}
	notPath := func(key string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got \"" + key + "\", want a name as net.ipv4.ip_forward"}
	}
	noUTS := all(drop("uts"), func(s *specs.Spec) { s.Hostname = "" })
	path := func(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Linux.CgroupsPath = v } }
	rules := []rule{
		{
			name: "net sysctl of the host",
			bad:  all(drop("network"), sysctl("net.ipv4.ip_forward")),
			want: host("net.ipv4.ip_forward", "network"),
			good: sysctl("net.ipv4.ip_forward"),
		},
		{
			name: "net sysctl with slashes",
			bad:  all(drop("network"), sysctl("net/ipv4/conf/eth0.100/rp_filter")),
			want: host("net/ipv4/conf/eth0.100/rp_filter", "network"),
			good: sysctl("net/ipv4/conf/eth0.100/rp_filter"),
		},
		{
			name: "mqueue sysctl of the host",
			bad:  all(drop("ipc"), sysctl("fs.mqueue.msg_max")),
			want: host("fs.mqueue.msg_max", "ipc"),
			good: sysctl("fs.mqueue.msg_max"),
		},
		{
			name: "uts sysctl of the host",
			bad:  all(noUTS, sysctl("kernel.domainname")),
			want: host("kernel.domainname", "uts"),
			good: sysctl("kernel.domainname"),
		},
		{
			name: "hostname as sysctl",
			bad:  sysctl("kernel.hostname"),
			want: []string{`linux.sysctl["kernel.hostname"]: got a sysctl for the hostname, want the field hostname`},
			good: none,
		},
		{
			name: "sysctl of all",
			bad:  sysctl("vm.swappiness"),
			want: whole("vm.swappiness"),
			good: none,
		},
		{
			name: "sysctl of all, near",
			bad:  sysctl("kernel.shmmaxx"),
			want: whole("kernel.shmmaxx"),
			good: none,
		},
		{
			name: "sysctl of all, prefix",
			bad:  sysctl("network.x"),
			want: whole("network.x"),
			good: none,
		},
		{
			name: "sysctl upwards",
			bad:  sysctl("net/../kernel/panic"),
			want: notPath("net/../kernel/panic"),
			good: none,
		},
		{
			name: "sysctl upwards, dots",
			bad:  sysctl("net.//.kernel.panic"),
			want: notPath("net.//.kernel.panic"),
			good: none,
		},
		{
			name: "sysctl with a hole",
			bad:  sysctl("net..ipv4"),
			want: notPath("net..ipv4"),
			good: none,
		},
		{
			name: "sysctl from the root",
			bad:  sysctl("/net/ipv4"),
			want: notPath("/net/ipv4"),
			good: none,
		},
		{
			name: "cgroup upwards",
			bad:  path("/a/../../b"),
			want: []string{`linux.cgroupsPath: got "/a/../../b", want a path without ..`},
			good: path("/a/..b/c.."),
		},
		{
			name: "cgroup upwards, relative",
			bad:  path(".."),
			want: []string{`linux.cgroupsPath: got "..", want a path without ..`},
			good: path("system.slice:docker:abc"),
		},
		{
			name: "cgroups too deep",
			bad:  path("/" + strings.Repeat("a/", 65)),
			want: []string{`linux.cgroupsPath: got 65 cgroups, one below the other, want at most 64`},
			good: path("/" + strings.Repeat("a/./", 64)),
		},
		{
			name: "device rule",
			bad: deviceRule(specs.LinuxDeviceCgroup{
				Type:   "p",
				Access: "rwx",
				Major:  p(int64(-2)),
				Minor:  p(int64(1 << 20)),
			}),
			want: []string{
				`linux.resources.devices[0].type: got "p", want one of "a", "b", "c"`,
				`linux.resources.devices[0].access: got "rwx", want some of the letters "rwm"`,
				"linux.resources.devices[0].major: got -2, want -1 to 4095",
				"linux.resources.devices[0].minor: got 1048576, want -1 to 1048575",
			},
			good: deviceRule(specs.LinuxDeviceCgroup{Type: "c", Access: "mr", Major: p(int64(-1)), Minor: p(int64(0))}),
		},
		{
			name: "more device rules than are let through",
			bad: func(s *specs.Spec) {
				s.Linux.Resources = &specs.LinuxResources{Devices: make([]specs.LinuxDeviceCgroup, 1025)}
			},
			want: []string{"linux.resources.devices: got 1025 entries, want at most 1024: the kernel verifies each, " +
				"and tries them one after another whenever a device is opened"},
			good: func(s *specs.Spec) {
				s.Linux.Resources = &specs.LinuxResources{Devices: make([]specs.LinuxDeviceCgroup, 1024)}
			},
		},
		{
			name: "no resources",
			bad:  path("x/.."),
			want: []string{`linux.cgroupsPath: got "x/..", want a path without ..`},
			good: func(s *specs.Spec) { s.Linux.Resources = nil },
		},
	}
	for _, key := range []string{"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"} {
		key = "kernel." + key
		rules = append(rules, rule{
			name: key + " of the host",
			bad:  all(drop("ipc"), sysctl(key)),
			want: host(key, "ipc"),
			good: sysctl(key),
		})
	}
	return rules
}

// apart are n mappings of which none goes on where another ends, as text 15 bytes, and 20 bytes for each after the first.
func apart(n int) []specs.LinuxIDMapping {
	list := make([]specs.LinuxIDMapping, n)
	for i := range list {
		list[i] = specs.LinuxIDMapping{ContainerID: uint32(100000 + 1000*i), HostID: uint32(10000000 + 1000*i), Size: 100}
	}
	list[0].ContainerID = 0
	return list
}
