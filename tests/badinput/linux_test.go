package badinput

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// linux edits the linux object.
func linux(f func(l *specs.Linux)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Linux) } }

// TestNamespaces: linux.namespaces and what depends on them.
func TestNamespaces(t *testing.T) {
	add := func(ns ...specs.LinuxNamespace) func(*specs.Spec) {
		return linux(func(l *specs.Linux) { l.Namespaces = append(l.Namespaces, ns...) })
	}
	// path has the namespace of that type joined.
	path := func(t specs.LinuxNamespaceType, path string) func(*specs.Spec) {
		return linux(func(l *specs.Linux) {
			for i := range l.Namespaces {
				if l.Namespaces[i].Type == t {
					l.Namespaces[i].Path = path
				}
			}
		})
	}
	maps := func(uids ...specs.LinuxIDMapping) func(*specs.Spec) {
		return func(s *specs.Spec) {
			userNamespace(s)
			s.Linux.UIDMappings = uids
		}
	}
	many := make([]specs.LinuxIDMapping, 341)
	for i := range many {
		many[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(2 * i), Size: 1}
	}
	for _, r := range []row{
		{name: "an unknown type", spec: add(specs.LinuxNamespace{Type: "pids"}), want: []string{`linux.namespaces[5].type: got "pids", want one of`}},
		{name: "no type", spec: add(specs.LinuxNamespace{}), want: []string{"linux.namespaces[5].type: got nothing"}},
		{name: "a type twice", spec: add(specs.LinuxNamespace{Type: "pid"}), want: []string{`linux.namespaces[5].type: got "pid" again`}},
		{name: "a relative path", spec: path("network", "proc/self/ns/net"), want: []string{`linux.namespaces[1].path: got "proc/self/ns/net"`}},
		{name: "a path that leads nowhere", spec: path("network", "/proc/self/ns/absent"), want: []string{"linux.namespaces[1].path", "/proc/self/ns/absent", "no such file or directory"}},
		{name: "the path of a process that is gone", spec: path("ipc", "/proc/2147483647/ns/ipc"), want: []string{"linux.namespaces[2].path", "no such file or directory"}},
		{name: "a path that is no namespace", spec: path("uts", "/etc/passwd"), want: []string{"linux.namespaces[3].path: /etc/passwd: not a namespace"}},
		{name: "a path that is a FIFO", spec: path("uts", "/dev/stdin"), want: []string{"linux.namespaces[3].path: /dev/stdin"}},
		{name: "the path of another type", spec: path("ipc", "/proc/self/ns/net"), want: []string{"linux.namespaces[2].path", "join /proc/self/ns/net", "invalid argument"}},
		{name: "no mappings, and an id that is not root's", spec: add(specs.LinuxNamespace{Type: "user"}), want: []string{"on /dev/pts", "Invalid gid '5'"}},
		{name: "mappings of no size", spec: maps(specs.LinuxIDMapping{}), want: []string{"linux.uidMappings[0].size: got 0"}},
		{name: "mappings that overlap inside", spec: maps(specs.LinuxIDMapping{Size: 10}, specs.LinuxIDMapping{ContainerID: 9, HostID: 100, Size: 1}),
			want: []string{"linux.uidMappings[1]: got container ids that linux.uidMappings[0] maps too"}},
		{name: "mappings that overlap outside", spec: maps(specs.LinuxIDMapping{Size: 10}, specs.LinuxIDMapping{ContainerID: 10, HostID: 9, Size: 1}),
			want: []string{"linux.uidMappings[1]: got host ids that linux.uidMappings[0] maps too"}},
		{name: "mappings past the last id", spec: maps(specs.LinuxIDMapping{ContainerID: 1, Size: 1<<32 - 1}), want: []string{"linux.uidMappings[0]: got container ids past 4294967294"}},
		{name: "too many mappings", spec: maps(many...), want: []string{"linux.uidMappings[340]: got mapping 341 of 341"}},
		{name: "mappings without root", spec: maps(specs.LinuxIDMapping{ContainerID: 1, HostID: 1, Size: 9}), want: []string{"process.user.uid: got 0, want an id that linux.uidMappings maps"}},
		{name: "a user that is not mapped", spec: func(s *specs.Spec) {
			userNamespace(s)
			s.Process.User.GID = 70000
		}, want: []string{"process.user.gid: got 70000, want an id that linux.gidMappings maps"}},
		{name: "mappings without a user namespace", spec: linux(func(l *specs.Linux) { l.UIDMappings = many[:1] }), want: []string{"linux.uidMappings: got mappings without a user namespace"}},
		{name: "offsets without a time namespace", spec: linux(func(l *specs.Linux) { l.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}} }),
			want: []string{"linux.timeOffsets: got offsets without a time namespace"}},
		{name: "an unknown clock", spec: func(s *specs.Spec) {
			add(specs.LinuxNamespace{Type: "time"})(s)
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"realtime": {Secs: 1}}
		}, want: []string{`linux.timeOffsets: got "realtime"`}},
		{name: "a time before the machine started", spec: func(s *specs.Spec) {
			add(specs.LinuxNamespace{Type: "time"})(s)
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: -1 << 40}}
		}, want: []string{"linux.timeOffsets", "-1099511627776", "result"}},
	} {
		r.run(t)
	}
}

// TestSysctl: linux.sysctl.
func TestSysctl(t *testing.T) {
	set := func(key, value string) func(*specs.Spec) {
		return linux(func(l *specs.Linux) { l.Sysctl = map[string]string{key: value} })
	}
	hostNet := func(key string) func(*specs.Spec) {
		return func(s *specs.Spec) {
			set(key, "1")(s)
			s.Linux.Namespaces[1] = specs.LinuxNamespace{Type: specs.CgroupNamespace}
		}
	}
	for _, r := range []row{
		{name: "of the host", spec: set("kernel.panic", "1"), want: []string{`linux.sysctl["kernel.panic"]: got a sysctl of the whole host`}},
		{name: "of the host, spelled with slashes", spec: set("kernel/panic", "1"), want: []string{`linux.sysctl["kernel/panic"]`, "whole host"}},
		{name: "of the host's network namespace", spec: hostNet("net.ipv4.ip_forward"), want: []string{`linux.sysctl["net.ipv4.ip_forward"]`, "the host's network namespace"}},
		{name: "with dots that lead out", spec: set("net/../kernel/panic", "1"), want: []string{`linux.sysctl["net/../kernel/panic"]`}},
		{name: "unknown", spec: set("net.ipv4.absent", "1"), want: []string{"linux.sysctl", "net.ipv4.absent", "no such file or directory"}},
		{name: "of a wrong value", spec: set("net.ipv4.ip_forward", "maybe"), want: []string{"linux.sysctl", "net.ipv4.ip_forward", "write maybe", "invalid argument"}},
		{name: "read-only", spec: set("net.ipv4.tcp_available_congestion_control", "1"), want: []string{"linux.sysctl", "tcp_available_congestion_control", "permission denied"}},
		{name: "a directory", spec: set("net.ipv4", "1"), want: []string{"linux.sysctl", "net.ipv4", "is a directory"}},
		{name: "the hostname", spec: set("kernel.hostname", "x"), want: []string{`linux.sysctl["kernel.hostname"]`, "the field hostname"}},
	} {
		r.run(t)
	}
}

// TestDevices: linux.devices and the paths that are hidden.
func TestDevices(t *testing.T) {
	device := func(d specs.LinuxDevice) func(*specs.Spec) {
		return linux(func(l *specs.Linux) { l.Devices = []specs.LinuxDevice{d} })
	}
	for _, r := range []row{
		{name: "an unknown type", spec: device(specs.LinuxDevice{Path: "/dev/x", Type: "x"}), want: []string{`linux.devices[0].type: got "x"`}},
		{name: "no type", spec: device(specs.LinuxDevice{Path: "/dev/x"}), want: []string{"linux.devices[0].type: got nothing"}},
		{name: "a relative path", spec: device(specs.LinuxDevice{Path: "dev/x", Type: "p"}), want: []string{`linux.devices[0].path: got "dev/x"`}},
		{name: "a major number too large", spec: device(specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 4096}), want: []string{"linux.devices[0].major: got 4096, want 0 to 4095"}},
		{name: "a negative minor number", spec: device(specs.LinuxDevice{Path: "/dev/x", Type: "b", Minor: -1}), want: []string{"linux.devices[0].minor: got -1"}},
		{name: "below a file", spec: device(specs.LinuxDevice{Path: "/bin/payload/x", Type: "p"}), want: []string{"linux.devices[0]: make /bin/payload/x", "not a directory"}},
		{name: "in place of a file", spec: device(specs.LinuxDevice{Path: "/bin/payload", Type: "c", Major: 1, Minor: 3}), want: []string{"linux.devices[0]: make /bin/payload", "not the device it should be"}},
		{name: "in place of another device", spec: device(specs.LinuxDevice{Path: "/dev/null", Type: "c", Major: 1, Minor: 5}), want: []string{"linux.devices[0]: make /dev/null", "not the device it should be"}},
		{name: "absent from the host of a user namespace", spec: func(s *specs.Spec) {
			userNamespace(s)
			device(specs.LinuxDevice{Path: "/dev/absent", Type: "c", Major: 1, Minor: 3})(s)
		}, want: []string{"linux.devices[0]: bind the host's /dev/absent", "no such file or directory"}},
		{name: "a masked path that is relative", spec: linux(func(l *specs.Linux) { l.MaskedPaths = []string{"/x", "proc"} }), want: []string{`linux.maskedPaths[1]: got "proc"`}},
		{name: "a read-only path that is relative", spec: linux(func(l *specs.Linux) { l.ReadonlyPaths = []string{"proc"} }), want: []string{`linux.readonlyPaths[0]: got "proc"`}},
		{name: "an unknown propagation", spec: linux(func(l *specs.Linux) { l.RootfsPropagation = "master" }), want: []string{`linux.rootfsPropagation: got "master"`}},
	} {
		r.run(t)
	}
}

// TestSeccomp: linux.seccomp.
func TestSeccomp(t *testing.T) {
	profile := func(f func(s *specs.LinuxSeccomp)) func(*specs.Spec) {
		return linux(func(l *specs.Linux) {
			l.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
			f(l.Seccomp)
		})
	}
	rule := func(r specs.LinuxSyscall) func(*specs.Spec) {
		return profile(func(s *specs.LinuxSeccomp) { s.Syscalls = []specs.LinuxSyscall{r} })
	}
	for _, r := range []row{
		{name: "an unknown default action", spec: profile(func(s *specs.LinuxSeccomp) { s.DefaultAction = "SCMP_ACT_DENY" }), want: []string{`linux.seccomp.defaultAction: got "SCMP_ACT_DENY"`}},
		{name: "no default action", spec: profile(func(s *specs.LinuxSeccomp) { s.DefaultAction = "" }), want: []string{"linux.seccomp.defaultAction: got nothing"}},
		{name: "an errno for an action that has none", spec: profile(func(s *specs.LinuxSeccomp) { s.DefaultErrnoRet = pointer(uint(1)) }), want: []string{"linux.seccomp.defaultErrnoRet: got 1 with SCMP_ACT_ALLOW"}},
		{name: "an unknown architecture", spec: profile(func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{"x86_64"} }), want: []string{`linux.seccomp.architectures[0]: got "x86_64"`}},
		{name: "an architecture of the other byte order", spec: profile(func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{specs.ArchS390X} }), want: []string{"linux.seccomp.architectures[0]", "byte order"}},
		{name: "an unknown flag", spec: profile(func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{"LOG"} }), want: []string{`linux.seccomp.flags[0]: got "LOG"`}},
		{name: "metadata for no listener", spec: profile(func(s *specs.LinuxSeccomp) { s.ListenerMetadata = "x" }), want: []string{"linux.seccomp.listenerMetadata"}},
		{name: "an unknown action", spec: rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: "SCMP_ACT_DENY"}), want: []string{`linux.seccomp.syscalls[0].action: got "SCMP_ACT_DENY"`}},
		{name: "no names", spec: rule(specs.LinuxSyscall{Action: specs.ActErrno}), want: []string{"linux.seccomp.syscalls[0].names: got nothing"}},
		{name: "an empty name", spec: rule(specs.LinuxSyscall{Names: []string{"mount", ""}, Action: specs.ActErrno}), want: []string{"linux.seccomp.syscalls[0].names[1]: got nothing"}},
		{name: "an errno too large", spec: rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActErrno, ErrnoRet: pointer(uint(5000))}), want: []string{"linux.seccomp.syscalls[0].errnoRet: got 5000, want 0 to 4094"}},
		{name: "an unknown operator", spec: rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: "=="}}}), want: []string{`linux.seccomp.syscalls[0].args[0].op: got "=="`}},
		{name: "a seventh argument", spec: rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}), want: []string{"linux.seccomp.syscalls[0].args[0].index: got 6, want 0 to 5"}},
		{name: "notify, and nobody to", spec: rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActNotify}), want: []string{"linux.seccomp.listenerPath: got nothing, want a socket"}},
		{name: "notify, and nobody there", spec: profile(func(s *specs.LinuxSeccomp) { s.DefaultAction, s.ListenerPath = specs.ActNotify, "/nowhere" }), want: []string{"linux.seccomp.listenerPath: connect /nowhere: no such file or directory"}},
	} {
		r.run(t)
	}
}

// TestUnknownSyscalls: profiles name system calls of other kernels and architectures, so that is no error. Where it leaves
// something open that the profile means to close, teu says so.
func TestUnknownSyscalls(t *testing.T) {
	for _, c := range []struct {
		name         string
		action, rule specs.LinuxSeccompAction
		warns        bool
	}{
		{"to be refused", specs.ActAllow, specs.ActErrno, true},
		{"to be allowed", specs.ActErrno, specs.ActAllow, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t, linux(func(l *specs.Linux) {
				l.Seccomp = &specs.LinuxSeccomp{DefaultAction: c.action, Syscalls: []specs.LinuxSyscall{{Names: []string{"frobnicate"}, Action: c.rule}}}
			}))
			res, log := b.Logged("create", b.ID)
			warned := strings.Contains(log, "level=warning") && strings.Contains(log, "linux.seccomp.syscalls[0].names[0]: frobnicate")
			if res.Code != 0 || warned != c.warns || strings.Count(log, "linux.seccomp") > 1 {
				t.Errorf("%v: logged %q: want exit code 0, one line of the profile at most, and a warning of the system call: %v", res, log, c.warns)
			}
		})
	}
}

// TestCgroups: linux.cgroupsPath and linux.resources.
func TestCgroups(t *testing.T) {
	path := func(p string) func(*kit.Bundle) {
		return func(b *kit.Bundle) {
			b.Edit(linux(func(l *specs.Linux) { l.CgroupsPath = strings.ReplaceAll(p, "$ID", b.ID) }))
		}
	}
	resources := func(f func(r *specs.LinuxResources)) func(*specs.Spec) {
		return linux(func(l *specs.Linux) { f(l.Resources) })
	}
	memory := func(m specs.LinuxMemory) func(*specs.Spec) {
		return resources(func(r *specs.LinuxResources) { r.Memory = &m })
	}
	cpu := func(c specs.LinuxCPU) func(*specs.Spec) {
		return resources(func(r *specs.LinuxResources) { r.CPU = &c })
	}
	devices := func(d specs.LinuxDeviceCgroup) func(*specs.Spec) {
		return resources(func(r *specs.LinuxResources) { r.Devices = append(r.Devices, d) })
	}
	occupied := func(b *kit.Bundle) {
		b.Edit(kit.Args("sleep", "forever"), linux(func(l *specs.Linux) { l.CgroupsPath = "/" + b.ID }))
		b.OK("create", b.ID)
	}
	for _, r := range []row{
		{name: "a path with dots", set: path("/$ID/../x"), want: []string{`linux.cgroupsPath: got "/$ID/../x", want a path without ..`}},
		{name: "the root", set: path("/"), want: []string{`linux.cgroupsPath: "/"`}},
		{name: "somebody else's cgroup", set: occupied, args: []string{"create", "$ID-2"}, want: []string{"linux.cgroupsPath", "/$ID: container's cgroup is not empty: 1 process"}},
		{name: "a limit of too little memory", dies: true, spec: memory(specs.LinuxMemory{Limit: pointer(int64(4096))}), want: []string{"init died: killed: out of memory: linux.resources.memory.limit is 4096 bytes"}},
		{name: "swap below memory", spec: memory(specs.LinuxMemory{Limit: pointer(int64(64 << 20)), Swap: pointer(int64(32 << 20))}), want: []string{"linux.resources.memory.swap"}},
		{name: "swap without memory", spec: memory(specs.LinuxMemory{Swap: pointer(int64(32 << 20))}), want: []string{"linux.resources.memory.swap"}},
		{name: "a swappiness of 101", spec: memory(specs.LinuxMemory{Swappiness: pointer(uint64(101))}), want: []string{"linux.resources.memory.swappiness"}},
		{name: "a CPU that is not there", spec: cpu(specs.LinuxCPU{Cpus: "4095"}), want: []string{"linux.resources.cpu.cpus", "4095"}},
		{name: "CPUs that are no list", spec: cpu(specs.LinuxCPU{Cpus: "some"}), want: []string{"linux.resources.cpu.cpus", `"some"`, "invalid argument"}},
		{name: "a memory node that is not there", spec: cpu(specs.LinuxCPU{Mems: "63"}), want: []string{"linux.resources.cpu.mems", "63"}},
		{name: "a period too short", spec: cpu(specs.LinuxCPU{Period: pointer(uint64(1))}), want: []string{"linux.resources.cpu.period", "invalid argument"}},
		{name: "a quota too small", spec: cpu(specs.LinuxCPU{Quota: pointer(int64(1))}), want: []string{"linux.resources.cpu.quota", "invalid argument"}},
		{name: "a burst above the quota", spec: cpu(specs.LinuxCPU{Quota: pointer(int64(10000)), Burst: pointer(uint64(20000))}), want: []string{"linux.resources.cpu.burst", "20000", "quota"}},
		{name: "one share", spec: cpu(specs.LinuxCPU{Shares: pointer(uint64(1))}), want: []string{"linux.resources.cpu.shares"}},
		{name: "a device rule of an unknown type", spec: devices(specs.LinuxDeviceCgroup{Type: "p"}), want: []string{`linux.resources.devices[1].type: got "p"`}},
		{name: "a device rule of unknown access", spec: devices(specs.LinuxDeviceCgroup{Type: "c", Access: "rx"}), want: []string{`linux.resources.devices[1].access: got "rx"`}},
		{name: "a device rule of a negative number", spec: devices(specs.LinuxDeviceCgroup{Type: "c", Major: pointer(int64(-2)), Access: "r"}), want: []string{"linux.resources.devices[1].major: got -2"}},
		{name: "huge pages of no size", spec: resources(func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "../2MB", Limit: 1}}
		}), want: []string{`linux.resources.hugepageLimits[0].pageSize: "../2MB"`}},
		{name: "a throttled device out of range", spec: resources(func(r *specs.LinuxResources) {
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: make([]specs.LinuxThrottleDevice, 1)}
			r.BlockIO.ThrottleReadBpsDevice[0].Major = 1 << 12
		}), want: []string{"linux.resources.blockIO.throttleReadBpsDevice[0].major: 4096"}},
		{name: "an RDMA device without limits", spec: resources(func(r *specs.LinuxResources) { r.Rdma = map[string]specs.LinuxRdma{"x": {}} }),
			want: []string{`linux.resources.rdma["x"]: has neither hcaHandles nor hcaObjects`}},
		{name: "unified, no control file", spec: resources(func(r *specs.LinuxResources) { r.Unified = map[string]string{"a": "b"} }),
			want: []string{`linux.resources.unified["a"]: not a file of a cgroup controller`}},
		{name: "unified, the processes", spec: resources(func(r *specs.LinuxResources) { r.Unified = map[string]string{"cgroup.procs": "1"} }),
			want: []string{`linux.resources.unified["cgroup.procs"]: is the runtime's to write`}},
	} {
		r.run(t)
	}
}

// TestFrozenCgroup: a container that was made in a frozen cgroup would never come to its end.
func TestFrozenCgroup(t *testing.T) {
	var dir, file, frozen, thawed string
	for _, c := range [][4]string{
		{"/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"},
		{"/sys/fs/cgroup", "cgroup.freeze", "1", "0"},
	} {
		if _, err := os.Stat(filepath.Join(c[0], "cgroup.procs")); err == nil {
			dir, file, frozen, thawed = c[0], c[1], c[2], c[3]
			break
		}
	}
	write := func(b *kit.Bundle, text string) {
		if err := os.WriteFile(filepath.Join(dir, b.ID, file), []byte(text), 0o644); err != nil {
			b.T.Errorf("change the freezer: %v", err)
		}
	}
	r := row{name: "frozen", set: func(b *kit.Bundle) {
		if err := os.Mkdir(filepath.Join(dir, b.ID), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			b.T.Fatalf("make the cgroup to freeze: %v", err)
		}
		write(b, frozen)
		b.T.Cleanup(func() {
			write(b, thawed)
			if err := os.Remove(filepath.Join(dir, b.ID)); err != nil {
				b.T.Errorf("remove the frozen cgroup: %v", err)
			}
		})
		b.Edit(linux(func(l *specs.Linux) { l.CgroupsPath = "/" + b.ID }))
	}, want: []string{"linux.cgroupsPath", "/$ID: container's cgroup unexpectedly frozen"}}
	r.run(t)
}
