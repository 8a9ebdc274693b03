package spec

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// rule is one thing Validate looks for: bad breaks Example in that one way, good comes as near to it as is
// right.
type rule struct {
	name string
	bad  func(*specs.Spec)
	want []string // problems of bad
	warn []string // warnings of bad
	good func(*specs.Spec)
}

func drop(t specs.LinuxNamespaceType) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == t })
	}
}

func add(n ...specs.LinuxNamespace) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, n...) }
}

// userNS gives the container a user namespace with these mappings for both kinds of ids.
func userNS(maps ...specs.LinuxIDMapping) func(*specs.Spec) {
	return func(s *specs.Spec) {
		add(specs.LinuxNamespace{Type: "user"})(s)
		s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
	}
}

func all(steps ...func(*specs.Spec)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		for _, f := range steps {
			f(s)
		}
	}
}

func sysctl(key string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: "1"} }
}

func seccomp(p specs.LinuxSeccomp) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Seccomp = &p }
}

func syscalls(r ...specs.LinuxSyscall) func(*specs.Spec) {
	return seccomp(specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: r})
}

func device(d specs.LinuxDevice) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{d} }
}

func deviceRule(d specs.LinuxDeviceCgroup) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{d} }
}

func mount(m specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = []specs.Mount{m} }
}

func offsets(o map[string]specs.LinuxTimeOffset) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.TimeOffsets = o }
}

func version(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Version = v } }

func p[T any](v T) *T { return &v }

var none = func(*specs.Spec) {}

func generalRules() []rule {
	return []rule{
		{name: "no version", bad: version(""), want: []string{`ociVersion: got nothing, want a version as "1.3.0"`}, good: version("1.0.0")},
		{name: "version of two parts", bad: version("1.0"), want: []string{`ociVersion: got "1.0", want a version as "1.3.0"`}, good: version("1.0.2-dev")},
		{name: "leading zero", bad: version("1.00.0"), want: []string{`ociVersion: got "1.00.0", want a version as "1.3.0"`}, good: version("1.1.0+dev.0a-b")},
		{name: "pre-release with a zero", bad: version("1.0.0-rc.01"), want: []string{`ociVersion: got "1.0.0-rc.01", want a version as "1.3.0"`}, good: version("1.0.0-rc.0.1a")},
		{name: "empty build", bad: version("1.0.0+"), want: []string{`ociVersion: got "1.0.0+", want a version as "1.3.0"`}, good: version("1.0.0+00-1")},
		{name: "v in front", bad: version("v1.0.0"), want: []string{`ociVersion: got "v1.0.0", want a version as "1.3.0"`}, good: version("1.2.1")},
		{name: "odd letter", bad: version("1.0.0-a_b"), want: []string{`ociVersion: got "1.0.0-a_b", want a version as "1.3.0"`}, good: none},
		{name: "unknown major", bad: version("2.0.0"), want: []string{`ociVersion: got "2.0.0", want a 1.x version`}, good: version("1.3.9")},
		{name: "later minor", bad: version("1.4.0"), warn: []string{`ociVersion: got "1.4.0", want at most 1.3.0: what later versions add is ignored`}, good: version("1.3.0")},
		{name: "much later minor", bad: version("1.10.0"), warn: []string{`ociVersion: got "1.10.0", want at most 1.3.0: what later versions add is ignored`}, good: none},
		{name: "no root", bad: func(s *specs.Spec) { s.Root = nil }, want: []string{"root: got nothing, want an object with the path of the root filesystem"}, good: none},
		{name: "root without path", bad: func(s *specs.Spec) { s.Root.Path = "" }, want: []string{"root.path: got nothing, want the path of the root filesystem"},
			good: func(s *specs.Spec) { s.Root.Path = "/srv/r" }},
		{name: "hostname of the host", bad: drop("uts"), want: []string{`hostname: got "runc" without a uts namespace of its own, want one in linux.namespaces`},
			good: all(drop("uts"), func(s *specs.Spec) { s.Hostname = "" })},
		{name: "hostname without linux", bad: func(s *specs.Spec) {
			*s = specs.Spec{Version: "1.0.0", Root: s.Root, Process: s.Process, Hostname: "a"}
			s.Root.Readonly = false
		},
			want: []string{`hostname: got "a" without a uts namespace of its own, want one in linux.namespaces`},
			good: func(s *specs.Spec) {
				*s = specs.Spec{Version: "1.0.0", Root: s.Root, Process: s.Process}
				s.Root.Readonly = false
			}},
		{name: "domainname of the host", bad: all(drop("uts"), func(s *specs.Spec) { s.Hostname, s.Domainname = "", "d" }),
			want: []string{`domainname: got "d" without a uts namespace of its own, want one in linux.namespaces`}, good: func(s *specs.Spec) { s.Domainname = "d" }},
		{name: "long hostname", bad: func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 65) }, want: []string{"hostname: got 65 bytes, want at most 64"},
			good: func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 64) }},
		{name: "empty annotation", bad: func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} },
			warn: []string{"annotations: got an empty key, want names in reverse domain notation"}, good: func(s *specs.Spec) { s.Annotations = map[string]string{"x": ""} }},
		{name: "hook with a relative path", bad: func(s *specs.Spec) {
			h := []specs.Hook{{Path: "/ok"}, {Path: "sh"}}
			s.Hooks = &specs.Hooks{Prestart: h, CreateRuntime: h, CreateContainer: h, StartContainer: h, Poststart: h, Poststop: h}
		}, want: []string{
			`hooks.prestart[1].path: got "sh", want an absolute path`, `hooks.createRuntime[1].path: got "sh", want an absolute path`,
			`hooks.createContainer[1].path: got "sh", want an absolute path`, `hooks.startContainer[1].path: got "sh", want an absolute path`,
			`hooks.poststart[1].path: got "sh", want an absolute path`, `hooks.poststop[1].path: got "sh", want an absolute path`,
		}, good: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh"}}} }},
		{name: "hook without time", bad: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/a", Timeout: p(0)}}} },
			want: []string{"hooks.poststop[0].timeout: got 0, want a number of seconds greater than 0"},
			good: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/a", Timeout: p(1)}}} }},
	}
}

func processRules() []rule {
	proc := func(f func(*specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
	limits := func(l ...specs.POSIXRlimit) func(*specs.Spec) {
		return proc(func(p *specs.Process) { p.Rlimits = l })
	}
	return []rule{
		{name: "no process", bad: func(s *specs.Spec) { s.Process = nil }, want: []string{"process: got nothing, want an object with args, cwd and user"}, good: none},
		{name: "no args", bad: proc(func(p *specs.Process) { p.Args = []string{} }), want: []string{"process.args: got nothing, want at least the program to run"}, good: none},
		{name: "no cwd", bad: proc(func(p *specs.Process) { p.Cwd = "" }), want: []string{"process.cwd: got nothing, want an absolute path"}, good: none},
		{name: "relative cwd", bad: proc(func(p *specs.Process) { p.Cwd = "tmp" }), want: []string{`process.cwd: got "tmp", want an absolute path`}, good: proc(func(p *specs.Process) { p.Cwd = "/tmp/.." })},
		{name: "env without =", bad: proc(func(p *specs.Process) { p.Env = []string{"A=", "B"} }), warn: []string{`process.env[1]: got "B", want NAME=value`}, good: proc(func(p *specs.Process) { p.Env = []string{"A="} })},
		{name: "size without terminal", bad: proc(func(p *specs.Process) { p.Terminal, p.ConsoleSize = false, &specs.Box{Height: 1 << 20, Width: 1} }),
			warn: []string{"process.consoleSize: got a size without process.terminal, want both or neither: it is ignored"}, good: proc(func(p *specs.Process) { p.Terminal = false })},
		{name: "huge terminal", bad: proc(func(p *specs.Process) { p.ConsoleSize = &specs.Box{Height: 65536, Width: 80} }), want: []string{"process.consoleSize: got 80×65536, want at most 65535×65535"},
			good: proc(func(p *specs.Process) { p.ConsoleSize = &specs.Box{Height: 65535, Width: 65535} })},
		{name: "ids of -1", bad: proc(func(p *specs.Process) {
			p.User = specs.User{UID: math.MaxUint32, GID: math.MaxUint32, AdditionalGids: []uint32{0, math.MaxUint32}}
		}), want: []string{
			"process.user.uid: got 4294967295, want 0 to 4294967294", "process.user.gid: got 4294967295, want 0 to 4294967294",
			"process.user.additionalGids[1]: got 4294967295, want 0 to 4294967294",
		}, good: proc(func(p *specs.Process) {
			p.User = specs.User{UID: math.MaxUint32 - 1, GID: math.MaxUint32 - 1, AdditionalGids: []uint32{math.MaxUint32 - 1}}
		})},
		{name: "umask of more bits", bad: proc(func(q *specs.Process) { q.User.Umask = p(uint32(0o1000)) }), want: []string{"process.user.umask: got 512, want 0 to 511 (0777)"},
			good: proc(func(q *specs.Process) { q.User.Umask = p(uint32(0o777)) })},
		{name: "unknown rlimit", bad: limits(specs.POSIXRlimit{Type: "RLIMIT_NOFILES"}), want: []string{`process.rlimits[0].type: got "RLIMIT_NOFILES", want a name of getrlimit(2), as RLIMIT_NOFILE`},
			good: limits(specs.POSIXRlimit{Type: "RLIMIT_AS"}, specs.POSIXRlimit{Type: "RLIMIT_CORE"}, specs.POSIXRlimit{Type: "RLIMIT_CPU"}, specs.POSIXRlimit{Type: "RLIMIT_DATA"},
				specs.POSIXRlimit{Type: "RLIMIT_FSIZE"}, specs.POSIXRlimit{Type: "RLIMIT_LOCKS"}, specs.POSIXRlimit{Type: "RLIMIT_MEMLOCK"}, specs.POSIXRlimit{Type: "RLIMIT_MSGQUEUE"},
				specs.POSIXRlimit{Type: "RLIMIT_NICE"}, specs.POSIXRlimit{Type: "RLIMIT_NOFILE"}, specs.POSIXRlimit{Type: "RLIMIT_NPROC"}, specs.POSIXRlimit{Type: "RLIMIT_RSS"},
				specs.POSIXRlimit{Type: "RLIMIT_RTPRIO"}, specs.POSIXRlimit{Type: "RLIMIT_RTTIME"}, specs.POSIXRlimit{Type: "RLIMIT_SIGPENDING"}, specs.POSIXRlimit{Type: "RLIMIT_STACK"})},
		{name: "rlimit twice", bad: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU"}, specs.POSIXRlimit{Type: "RLIMIT_AS"}, specs.POSIXRlimit{Type: "RLIMIT_CPU"}),
			want: []string{`process.rlimits[2].type: got "RLIMIT_CPU" again, want each type once`}, good: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU"})},
		{name: "soft above hard", bad: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: math.MaxUint64, Hard: 5}), want: []string{"process.rlimits[0].soft: got 18446744073709551615, want at most the hard limit, 5"},
			good: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: math.MaxUint64, Hard: math.MaxUint64})},
		{name: "unknown capability", bad: proc(func(p *specs.Process) {
			p.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL", "CAP_FLY"}, Effective: []string{"CAP_FLY"}, Inheritable: []string{"kill"}, Permitted: []string{"CAP_FLY"}, Ambient: []string{""}}
		}), warn: []string{
			`process.capabilities.bounding[1]: got "CAP_FLY", want a name of capabilities(7), as CAP_CHOWN`,
			`process.capabilities.inheritable[0]: got "kill", want a name of capabilities(7), as CAP_CHOWN`,
			`process.capabilities.ambient[0]: got nothing, want a name of capabilities(7), as CAP_CHOWN`,
		}, good: proc(func(p *specs.Process) { p.Capabilities = nil })},
		{name: "oom score", bad: proc(func(q *specs.Process) { q.OOMScoreAdj = p(1001) }), want: []string{"process.oomScoreAdj: got 1001, want -1000 to 1000"}, good: proc(func(q *specs.Process) { q.OOMScoreAdj = p(1000) })},
		{name: "low oom score", bad: proc(func(q *specs.Process) { q.OOMScoreAdj = p(-1001) }), want: []string{"process.oomScoreAdj: got -1001, want -1000 to 1000"}, good: proc(func(q *specs.Process) { q.OOMScoreAdj = p(-1000) })},
	}
}

func mountRules() []rule {
	withoutMountNS := []string{
		"mounts: got mounts to make without a mount namespace, want one in linux.namespaces",
		"root.readonly: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.rootfsPropagation: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.maskedPaths: got mounts to make without a mount namespace, want one in linux.namespaces",
		"linux.readonlyPaths: got mounts to make without a mount namespace, want one in linux.namespaces",
	}
	propagation := func(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Linux.RootfsPropagation = v } }
	return []rule{
		{name: "no mount namespace", bad: all(drop("mount"), propagation("slave")), want: withoutMountNS, good: all(drop("mount"), func(s *specs.Spec) {
			s.Mounts, s.Root.Readonly, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, false, nil, nil
		})},
		{name: "no destination", bad: mount(specs.Mount{Type: "proc"}), want: []string{"mounts[0].destination: got nothing, want an absolute path"}, good: mount(specs.Mount{Type: "proc", Destination: "/proc"})},
		{name: "relative destination", bad: mount(specs.Mount{Type: "proc", Destination: "proc"}), warn: []string{`mounts[0].destination: got "proc", want an absolute path: it is taken from /`}, good: none},
		{name: "no type", bad: mount(specs.Mount{Destination: "/a", Source: "/a"}), want: []string{`mounts[0].type: got nothing, want a filesystem type, or "bind" in the options`},
			good: mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind"}})},
		{name: "no type, again", bad: mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"rw"}}), want: []string{`mounts[0].type: got nothing, want a filesystem type, or "bind" in the options`},
			good: mount(specs.Mount{Destination: "/a", Options: []string{"remount"}})},
		{name: "nothing to bind", bad: mount(specs.Mount{Destination: "/a", Options: []string{"rbind"}}), want: []string{"mounts[0].source: got nothing, want the path to bind"},
			good: mount(specs.Mount{Destination: "/a", Source: "a", Options: []string{"rbind"}})},
		{name: "nothing to bind, by type", bad: mount(specs.Mount{Destination: "/a", Type: "bind"}), want: []string{"mounts[0].source: got nothing, want the path to bind"},
			good: mount(specs.Mount{Destination: "/a", Type: "tmpfs"})},
		{name: "propagation", bad: propagation("Shared"), want: []string{`linux.rootfsPropagation: got "Shared", want shared, slave, private or unbindable`}, good: propagation("shared")},
		{name: "propagation, recursive", bad: propagation("rbind"), want: []string{`linux.rootfsPropagation: got "rbind", want shared, slave, private or unbindable`}, good: propagation("runbindable")},
		{name: "relative masks", bad: func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/a", "b"}, []string{""} },
			want: []string{`linux.maskedPaths[1]: got "b", want an absolute path`, "linux.readonlyPaths[0]: got nothing, want an absolute path"},
			good: func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/a"}, []string{"/"} }},
		{name: "device", bad: device(specs.LinuxDevice{Path: "null", Type: "x"}), want: []string{`linux.devices[0].path: got "null", want an absolute path`, `linux.devices[0].type: got "x", want one of "b", "c", "p", "u"`},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "p", Major: -1})},
		{name: "device numbers", bad: device(specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 4096, Minor: -1}),
			want: []string{"linux.devices[0].major: got 4096, want 0 to 4095", "linux.devices[0].minor: got -1, want 0 to 1048575"},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "u", Major: 4095, Minor: 1048575})},
		{name: "device owner", bad: device(specs.LinuxDevice{Path: "/dev/x", Type: "b", UID: p(uint32(math.MaxUint32)), GID: p(uint32(math.MaxUint32))}),
			want: []string{"linux.devices[0].uid: got 4294967295, want 0 to 4294967294", "linux.devices[0].gid: got 4294967295, want 0 to 4294967294"},
			good: device(specs.LinuxDevice{Path: "/dev/x", Type: "b", UID: p(uint32(5)), GID: p(uint32(0))})},
	}
}

func namespaceRules() []rule {
	many := make([]specs.LinuxIDMapping, 341)
	for i := range many {
		many[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(i), Size: 1}
	}
	id := func(c, h, n uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: c, HostID: h, Size: n}
	}
	user := func(u, g uint32, more ...uint32) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Process.User = specs.User{UID: u, GID: g, AdditionalGids: more} }
	}
	timeNS := add(specs.LinuxNamespace{Type: "time"})
	return []rule{
		{name: "unknown namespace", bad: add(specs.LinuxNamespace{Type: "net"}), want: []string{`linux.namespaces[5].type: got "net", want one of cgroup, ipc, mount, network, pid, time, user, uts`},
			good: add(specs.LinuxNamespace{Type: "cgroup"}, specs.LinuxNamespace{Type: "time"})},
		{name: "namespace twice", bad: add(specs.LinuxNamespace{Type: "pid", Path: "/a"}), want: []string{`linux.namespaces[5].type: got "pid" again, want each type once`}, good: none},
		{name: "relative path", bad: add(specs.LinuxNamespace{Type: "time", Path: "ns/time"}), want: []string{`linux.namespaces[5].path: got "ns/time", want an absolute path`},
			good: add(specs.LinuxNamespace{Type: "time", Path: "/proc/1/ns/time"})},
		{name: "mappings alone", bad: func(s *specs.Spec) {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{id(0, 0, 1)}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}, want: []string{"linux.uidMappings: got mappings without a user namespace, want one in linux.namespaces", "linux.gidMappings: got mappings without a user namespace, want one in linux.namespaces"},
			good: userNS(id(0, 0, 1))},
		{name: "no mappings", bad: userNS(), want: []string{"linux.uidMappings: got nothing, want at least one mapping for the new user namespace", "linux.gidMappings: got nothing, want at least one mapping for the new user namespace"},
			good: add(specs.LinuxNamespace{Type: "user", Path: "/proc/1/ns/user"})},
		{name: "joined with other mappings", bad: all(add(specs.LinuxNamespace{Type: "user", Path: "/a"}), func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{id(5, 5, 0)} }),
			want: []string{"linux.uidMappings[0].size: got 0, want at least 1"},
			good: all(add(specs.LinuxNamespace{Type: "user", Path: "/a"}), func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{id(5, 5, 1)} })},
		{name: "past the end", bad: userNS(id(0, 1, math.MaxUint32)), want: []string{"linux.uidMappings[0]: got host ids past 4294967294, want a smaller size or hostID", "linux.gidMappings[0]: got host ids past 4294967294, want a smaller size or hostID"},
			good: userNS(id(0, 0, math.MaxUint32))},
		{name: "past the end inside", bad: userNS(id(0, 0, 1), id(math.MaxUint32-1, 5, 2)),
			want: []string{"linux.uidMappings[1]: got container ids past 4294967294, want a smaller size or containerID", "linux.gidMappings[1]: got container ids past 4294967294, want a smaller size or containerID"},
			good: userNS(id(0, 0, 1), id(math.MaxUint32-1, 5, 1))},
		{name: "overlap", bad: userNS(id(0, 1000, 10), id(9, 2000, 1)), want: []string{"linux.uidMappings[1]: got container ids that linux.uidMappings[0] maps too, want each id once", "linux.gidMappings[1]: got container ids that linux.gidMappings[0] maps too, want each id once"},
			good: userNS(id(0, 1000, 10), id(10, 2000, 1))},
		{name: "overlap outside", bad: userNS(id(0, 1000, 10), id(10, 991, 10)), want: []string{"linux.uidMappings[1]: got host ids that linux.uidMappings[0] maps too, want each id once", "linux.gidMappings[1]: got host ids that linux.gidMappings[0] maps too, want each id once"},
			good: userNS(id(0, 1000, 10), id(10, 990, 10))},
		{name: "too many mappings", bad: userNS(many...), want: []string{"linux.uidMappings: got 341 mappings, want at most 340", "linux.gidMappings: got 341 mappings, want at most 340"}, good: userNS(many[:340]...)},
		{name: "unmapped user", bad: all(userNS(id(0, 1000, 10)), user(10, 11, 0, 12)), want: []string{
			"process.user.uid: got 10, want an id that linux.uidMappings maps", "process.user.gid: got 11, want an id that linux.gidMappings maps",
			"process.user.additionalGids[1]: got 12, want an id that linux.gidMappings maps",
		}, good: all(userNS(id(0, 1000, 10)), user(9, 9, 0, 9))},
		{name: "offsets alone", bad: offsets(map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}), want: []string{"linux.timeOffsets: got offsets without a time namespace, want one in linux.namespaces"},
			good: all(timeNS, offsets(map[string]specs.LinuxTimeOffset{"boottime": {Secs: -1, Nanosecs: 999999999}, "monotonic": {}}))},
		{name: "offsets for another", bad: all(add(specs.LinuxNamespace{Type: "time", Path: "/t"}), offsets(map[string]specs.LinuxTimeOffset{"boottime": {}})),
			want: []string{`linux.timeOffsets: got offsets for the time namespace "/t", want a new time namespace`}, good: timeNS},
		{name: "unknown clock", bad: all(timeNS, offsets(map[string]specs.LinuxTimeOffset{"realtime": {}, "boottime": {Nanosecs: 1000000000}})),
			want: []string{"linux.timeOffsets.boottime.nanosecs: got 1000000000, want less than 1000000000", `linux.timeOffsets: got "realtime", want the clocks "monotonic" and "boottime"`}, good: none},
	}
}

func cgroupAndSysctlRules() []rule {
	host := func(key, ns string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got a sysctl of the host's " + ns + " namespace, want a " + ns + " namespace of its own in linux.namespaces"}
	}
	whole := func(key string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got a sysctl of the whole host, want one of a namespace: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*, kernel.domainname"}
	}
	notPath := func(key string) []string {
		return []string{"linux.sysctl[\"" + key + "\"]: got \"" + key + "\", want a name as net.ipv4.ip_forward"}
	}
	noUTS := all(drop("uts"), func(s *specs.Spec) { s.Hostname = "" })
	path := func(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Linux.CgroupsPath = v } }
	rules := []rule{
		{name: "net sysctl of the host", bad: all(drop("network"), sysctl("net.ipv4.ip_forward")), want: host("net.ipv4.ip_forward", "network"), good: sysctl("net.ipv4.ip_forward")},
		{name: "net sysctl with slashes", bad: all(drop("network"), sysctl("net/ipv4/conf/eth0.100/rp_filter")), want: host("net/ipv4/conf/eth0.100/rp_filter", "network"), good: sysctl("net/ipv4/conf/eth0.100/rp_filter")},
		{name: "mqueue sysctl of the host", bad: all(drop("ipc"), sysctl("fs.mqueue.msg_max")), want: host("fs.mqueue.msg_max", "ipc"), good: sysctl("fs.mqueue.msg_max")},
		{name: "uts sysctl of the host", bad: all(noUTS, sysctl("kernel.domainname")), want: host("kernel.domainname", "uts"), good: sysctl("kernel.domainname")},
		{name: "hostname as sysctl", bad: sysctl("kernel.hostname"), want: []string{`linux.sysctl["kernel.hostname"]: got a sysctl for the hostname, want the field hostname`}, good: none},
		{name: "sysctl of all", bad: sysctl("vm.swappiness"), want: whole("vm.swappiness"), good: none},
		{name: "sysctl of all, near", bad: sysctl("kernel.shmmaxx"), want: whole("kernel.shmmaxx"), good: none},
		{name: "sysctl of all, prefix", bad: sysctl("network.x"), want: whole("network.x"), good: none},
		{name: "sysctl upwards", bad: sysctl("net/../kernel/panic"), want: notPath("net/../kernel/panic"), good: none},
		{name: "sysctl upwards, dots", bad: sysctl("net.//.kernel.panic"), want: notPath("net.//.kernel.panic"), good: none},
		{name: "sysctl with a hole", bad: sysctl("net..ipv4"), want: notPath("net..ipv4"), good: none},
		{name: "sysctl from the root", bad: sysctl("/net/ipv4"), want: notPath("/net/ipv4"), good: none},
		{name: "cgroup upwards", bad: path("/a/../../b"), want: []string{`linux.cgroupsPath: got "/a/../../b", want a path without ..`}, good: path("/a/..b/c..")},
		{name: "cgroup upwards, relative", bad: path(".."), want: []string{`linux.cgroupsPath: got "..", want a path without ..`}, good: path("system.slice:docker:abc")},
		{name: "device rule", bad: deviceRule(specs.LinuxDeviceCgroup{Type: "p", Access: "rwx", Major: p(int64(-2)), Minor: p(int64(1 << 20))}), want: []string{
			`linux.resources.devices[0].type: got "p", want one of "a", "b", "c"`, `linux.resources.devices[0].access: got "rwx", want some of the letters "rwm"`,
			"linux.resources.devices[0].major: got -2, want -1 to 4095", "linux.resources.devices[0].minor: got 1048576, want -1 to 1048575",
		}, good: deviceRule(specs.LinuxDeviceCgroup{Type: "c", Access: "mr", Major: p(int64(-1)), Minor: p(int64(0))})},
		{name: "no resources", bad: path("x/.."), want: []string{`linux.cgroupsPath: got "x/..", want a path without ..`}, good: func(s *specs.Spec) { s.Linux.Resources = nil }},
	}
	for _, key := range []string{"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"} {
		key = "kernel." + key
		rules = append(rules, rule{name: key + " of the host", bad: all(drop("ipc"), sysctl(key)), want: host(key, "ipc"), good: sysctl(key)})
	}
	return rules
}

func seccompRules() []rule {
	allow := func(r specs.LinuxSyscall) func(*specs.Spec) {
		r.Action = specs.ActAllow
		return syscalls(r)
	}
	arg := func(a specs.LinuxSeccompArg) func(*specs.Spec) {
		return allow(specs.LinuxSyscall{Names: []string{"socket"}, Args: []specs.LinuxSeccompArg{a}})
	}
	const actions = "one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY"
	var allArchs []specs.Arch
	for _, a := range []string{"X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB"} {
		allArchs = append(allArchs, specs.Arch("SCMP_ARCH_"+a))
	}
	return []rule{
		{name: "no default action", bad: seccomp(specs.LinuxSeccomp{}), want: []string{"linux.seccomp.defaultAction: got nothing, want " + actions}, good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG"})},
		{name: "unknown action", bad: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "allow"}), want: []string{`linux.seccomp.syscalls[0].action: got "allow", want ` + actions},
			good: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_KILL"}, specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_KILL_PROCESS"}, specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_KILL_THREAD"},
				specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRAP"}, specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRACE"})},
		{name: "errno for all", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", DefaultErrnoRet: p(uint(1))}), want: []string{"linux.seccomp.defaultErrnoRet: got 1 with SCMP_ACT_ALLOW, want it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_TRACE", DefaultErrnoRet: p(uint(65535))})},
		{name: "errno too large", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO", DefaultErrnoRet: p(uint(4095))}), want: []string{"linux.seccomp.defaultErrnoRet: got 4095, want 0 to 4094"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO", DefaultErrnoRet: p(uint(4094))})},
		{name: "errno of a rule", bad: allow(specs.LinuxSyscall{Names: []string{"a"}, ErrnoRet: p(uint(0))}), want: []string{"linux.seccomp.syscalls[0].errnoRet: got 0 with SCMP_ACT_ALLOW, want it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE"},
			good: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: p(uint(0))})},
		{name: "trace too large", bad: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRACE", ErrnoRet: p(uint(65536))}), want: []string{"linux.seccomp.syscalls[0].errnoRet: got 65536, want 0 to 65535"},
			good: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRACE", ErrnoRet: p(uint(65535))})},
		{name: "unknown architecture", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", Architectures: []specs.Arch{"SCMP_ARCH_X86", "amd64"}}), want: []string{`linux.seccomp.architectures[1]: got "amd64", want a name as SCMP_ARCH_X86_64`},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", Architectures: allArchs})},
		{name: "unknown flag", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_NEW_LISTENER"}}),
			want: []string{`linux.seccomp.flags[0]: got "SECCOMP_FILTER_FLAG_NEW_LISTENER", want one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}})},
		{name: "metadata alone", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerMetadata: "x"}), want: []string{"linux.seccomp.listenerMetadata: got metadata without linux.seccomp.listenerPath, want both or neither"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerMetadata: "x", ListenerPath: "/s"})},
		{name: "no names", bad: allow(specs.LinuxSyscall{}), want: []string{"linux.seccomp.syscalls[0].names: got nothing, want at least one system call"}, good: allow(specs.LinuxSyscall{Names: []string{"no_such_call"}})},
		{name: "empty name", bad: allow(specs.LinuxSyscall{Names: []string{"read", ""}}), want: []string{"linux.seccomp.syscalls[0].names[1]: got nothing, want the name of a system call"}, good: none},
		{name: "seventh argument", bad: arg(specs.LinuxSeccompArg{Index: 6, Op: "SCMP_CMP_EQ"}), want: []string{"linux.seccomp.syscalls[0].args[0].index: got 6, want 0 to 5"}, good: arg(specs.LinuxSeccompArg{Index: 5, Op: "SCMP_CMP_EQ"})},
		{name: "unknown operator", bad: arg(specs.LinuxSeccompArg{Op: "=="}), want: []string{`linux.seccomp.syscalls[0].args[0].op: got "==", want one of SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ`},
			good: allow(specs.LinuxSyscall{Names: []string{"a"}, Args: []specs.LinuxSeccompArg{{Op: "SCMP_CMP_NE"}, {Op: "SCMP_CMP_LT"}, {Op: "SCMP_CMP_LE"}, {Op: "SCMP_CMP_GE"}, {Op: "SCMP_CMP_GT"}, {Op: "SCMP_CMP_MASKED_EQ"}}})},
	}
}

func notYetRules() []rule {
	proc := func(f func(*specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
	linux := func(f func(*specs.Linux)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Linux) } }
	ids := []specs.LinuxIDMapping{{Size: 1}}
	idmap := func(m specs.Mount) func(*specs.Spec) {
		m.Destination, m.Type = "/a", "tmpfs"
		return mount(m)
	}
	return []rule{
		{name: "process.apparmorProfile", bad: proc(func(p *specs.Process) { p.ApparmorProfile = "docker-default" }), want: []string{"process.apparmorProfile: not supported"}, good: none},
		{name: "process.selinuxLabel", bad: proc(func(p *specs.Process) { p.SelinuxLabel = "x" }), want: []string{"process.selinuxLabel: not supported"}, good: none},
		{name: "process.scheduler", bad: proc(func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: "SCHED_IDLE"} }), want: []string{"process.scheduler: not supported"}, good: proc(func(p *specs.Process) { p.Scheduler = &specs.Scheduler{} })},
		{name: "process.ioPriority", bad: proc(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_IDLE"} }), want: []string{"process.ioPriority: not supported"}, good: proc(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{} })},
		{name: "process.execCPUAffinity", bad: proc(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Final: "0"} }), want: []string{"process.execCPUAffinity: not supported"}, good: proc(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{} })},
		{name: "mounts[].uidMappings", bad: idmap(specs.Mount{UIDMappings: ids}), want: []string{"mounts[0].uidMappings: not supported"}, good: idmap(specs.Mount{UIDMappings: []specs.LinuxIDMapping{}})},
		{name: "mounts[].gidMappings", bad: idmap(specs.Mount{GIDMappings: ids}), want: []string{"mounts[0].gidMappings: not supported"}, good: idmap(specs.Mount{GIDMappings: []specs.LinuxIDMapping{}})},
		{name: "mounts[].options: idmap, ridmap", bad: idmap(specs.Mount{Options: []string{"ro", "ridmap", "idmap"}}), want: []string{"mounts[0].options[1]: ridmap is not supported", "mounts[0].options[2]: idmap is not supported"}, good: none},
		{name: "linux.mountLabel", bad: linux(func(l *specs.Linux) { l.MountLabel = "x" }), want: []string{"linux.mountLabel: not supported"}, good: none},
		{name: "linux.personality", bad: linux(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: "LINUX32"} }), want: []string{"linux.personality: not supported"}, good: linux(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{} })},
		{name: "linux.intelRdt", bad: linux(func(l *specs.Linux) { l.IntelRdt = &specs.LinuxIntelRdt{EnableMonitoring: true} }), want: []string{"linux.intelRdt: not supported"}, good: linux(func(l *specs.Linux) { l.IntelRdt = &specs.LinuxIntelRdt{} })},
		{name: "linux.memoryPolicy", bad: linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_BIND"} }), want: []string{"linux.memoryPolicy: not supported"}, good: linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{} })},
		{name: "linux.netDevices", bad: linux(func(l *specs.Linux) { l.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} }), want: []string{"linux.netDevices: not supported"}, good: linux(func(l *specs.Linux) { l.NetDevices = map[string]specs.LinuxNetDevice{} })},
		{name: "linux.seccomp: SCMP_ACT_NOTIFY", bad: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NOTIFY", ListenerPath: "/s", Syscalls: []specs.LinuxSyscall{{Names: []string{"a"}, Action: "SCMP_ACT_NOTIFY"}}}),
			want: []string{"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not supported", "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not supported"}, good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerPath: "/s"})},
	}
}

func lines(list []Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func TestValidate(t *testing.T) {
	for _, rules := range [][]rule{generalRules(), processRules(), mountRules(), namespaceRules(), cgroupAndSysctlRules(), seccompRules(), notYetRules()} {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) {
				s := Example(false)
				r.bad(s)
				got := Validate(s, Facts{})
				if !slices.Equal(lines(got.Problems), r.want) {
					t.Errorf("problems:\n got %q\nwant %q", lines(got.Problems), r.want)
				}
				if !slices.Equal(lines(got.Warnings), r.warn) {
					t.Errorf("warnings:\n got %q\nwant %q", lines(got.Warnings), r.warn)
				}
				s = Example(false)
				r.good(s)
				if got := Validate(s, Facts{}); len(got.Problems)+len(got.Warnings) > 0 {
					t.Errorf("the good twin: %q, %q", lines(got.Problems), lines(got.Warnings))
				}
			})
		}
	}
}

func TestNotYetIsTested(t *testing.T) {
	rules := notYetRules()
	for i := range notYet {
		if i >= len(rules) || rules[i].name != notYet[i].field {
			t.Fatalf("no rule for %s", notYet[i].field)
		}
	}
	// Each part of a struct makes it more than empty.
	var s specs.Spec
	n := 0
	fill(reflect.ValueOf(&s).Elem(), &n)
	for _, v := range []any{s.Process.Scheduler, s.Process.IOPriority, s.Process.ExecCPUAffinity, s.Linux.Personality, s.Linux.IntelRdt, s.Linux.MemoryPolicy} {
		for i := range reflect.ValueOf(v).Elem().NumField() {
			one := reflect.New(reflect.TypeOf(v).Elem())
			one.Elem().Field(i).Set(reflect.ValueOf(v).Elem().Field(i))
			s := Example(false)
			for _, holder := range []reflect.Value{reflect.ValueOf(s.Process).Elem(), reflect.ValueOf(s.Linux).Elem()} {
				for j := range holder.NumField() {
					if holder.Field(j).Type() == one.Type() {
						holder.Field(j).Set(one)
					}
				}
			}
			if r := Validate(s, Facts{}); len(r.Problems) != 1 || r.Problems[0].Want != "" {
				t.Errorf("%T with only %s: %q", v, one.Elem().Type().Field(i).Name, lines(r.Problems))
			}
		}
	}
}

func TestValidateIgnoresOtherPlatforms(t *testing.T) {
	s := Example(false)
	s.Windows, s.Solaris, s.VM, s.ZOS, s.FreeBSD = &specs.Windows{}, &specs.Solaris{}, &specs.VM{}, &specs.ZOS{}, &specs.FreeBSD{}
	s.Process.CommandLine, s.Process.User.Username = "x", "y"
	if r := Validate(s, Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
		t.Errorf("%q, %q", lines(r.Problems), lines(r.Warnings))
	}
}

func TestValidateFacts(t *testing.T) {
	s := Example(false)
	for i := range s.Linux.Namespaces {
		s.Linux.Namespaces[i].Path = "/proc/1/ns/x"
	}
	s.Linux.Sysctl = map[string]string{"net.core.somaxconn": "1", "kernel.sem": "1", "kernel.domainname": "a"}
	if r := Validate(s, Facts{}); len(r.Problems) > 0 {
		t.Errorf("other namespaces: %q", lines(r.Problems))
	}
	own := Facts{Own: map[specs.LinuxNamespaceType]bool{"network": true, "ipc": true, "uts": true, "mount": true}}
	want := []string{"hostname", "mounts", "root.readonly", `linux.sysctl["kernel.domainname"]`, `linux.sysctl["kernel.sem"]`, `linux.sysctl["net.core.somaxconn"]`, "linux.maskedPaths", "linux.readonlyPaths"}
	var got []string
	for _, p := range Validate(s, own).Problems {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the runtime's namespaces: got %q, want %q", got, want)
	}
	for i := range s.Linux.Namespaces {
		s.Linux.Namespaces[i].Path = ""
	}
	if r := Validate(s, own); len(r.Problems) > 0 {
		t.Errorf("new namespaces: %q", lines(r.Problems))
	}
}

func TestValidateProcess(t *testing.T) {
	r := ValidateProcess(&specs.Process{Cwd: "x", ApparmorProfile: "p", Env: []string{"a"}})
	want := []string{"process.args: got nothing, want at least the program to run", `process.cwd: got "x", want an absolute path`, "process.apparmorProfile: not supported"}
	if !slices.Equal(lines(r.Problems), want) || len(r.Warnings) != 1 {
		t.Errorf("%q, %q", lines(r.Problems), lines(r.Warnings))
	}
	if r := ValidateProcess(Example(false).Process); len(r.Problems)+len(r.Warnings) > 0 {
		t.Errorf("%q, %q", lines(r.Problems), lines(r.Warnings))
	}
}

func TestReportErr(t *testing.T) {
	r := Report{Warnings: []Problem{{"a", "b", "c"}}}
	if err := r.Err("config.json"); err != nil {
		t.Error(err)
	}
	r.Problems = []Problem{{"x", "1", "2"}}
	if err := r.Err("config.json"); err.Error() != "config.json: x: got 1, want 2" {
		t.Error(err)
	}
	r.Problems = append(r.Problems, Problem{"y", "", ""})
	if err := r.Err("config.json"); err.Error() != "config.json: 2 problems: x: got 1, want 2; y: not supported" {
		t.Error(err)
	}
}

func TestValidateShortensValues(t *testing.T) {
	s := Example(false)
	s.Process.Cwd = strings.Repeat("x", 5000)
	if got := lines(Validate(s, Facts{}).Problems); len(got) != 1 || len(got[0]) > 200 {
		t.Errorf("%q", got)
	}
}

func TestSysctlFile(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":              "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":              "net/ipv4/ip_forward",
		"net.ipv4.conf.eth0/100.rp_filter": "net/ipv4/conf/eth0.100/rp_filter",
		"net/ipv4/conf/eth0.100/rp_filter": "net/ipv4/conf/eth0.100/rp_filter",
		"kernel":                           "kernel",
		"":                                 "",
		".":                                "",
		"a.":                               "",
		"a/./b":                            "",
		"a/../b":                           "",
		"..":                               "",
		"a.//.b":                           "",
	} {
		if got, ok := SysctlFile(key); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", key, got, ok, want)
		}
	}
}

// The kernel's headers know the capabilities and limits that this package knows.
func TestNamesOfTheKernel(t *testing.T) {
	header, err := os.ReadFile("/usr/include/linux/capability.h")
	if err != nil {
		t.Skip("no kernel headers:", err)
	}
	n := 0
	for line := range strings.Lines(string(header)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "#define" && strings.HasPrefix(f[1], "CAP_") && f[1] != "CAP_LAST_CAP" && f[2][0] >= '0' && f[2][0] <= '9' {
			n++
			if !knownCapability(f[1]) {
				t.Errorf("%s is not known", f[1])
			}
		}
	}
	if n < 41 {
		t.Errorf("only %d capabilities in the header", n)
	}
}

func TestExampleIsRunc(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("no runc to compare with")
	}
	for _, rootless := range []bool{false, true} {
		dir := t.TempDir()
		args := []string{"spec", "--bundle", dir}
		if rootless {
			args = append(args, "--rootless")
		}
		if out, err := exec.Command(runc, args...).CombinedOutput(); err != nil {
			t.Fatalf("runc spec: %v: %s", err, out)
		}
		want, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		want.Version = "1.3.0"
		if !reflect.DeepEqual(Example(rootless), want) {
			got, _ := json.Marshal(Example(rootless))
			text, _ := json.Marshal(want)
			t.Errorf("rootless %v:\n got %s\nwant %s", rootless, got, text)
		}
		if r := Validate(Example(rootless), Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
			t.Errorf("rootless %v: %q, %q", rootless, lines(r.Problems), lines(r.Warnings))
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s := Example(false)
	b.ReportAllocs()
	for b.Loop() {
		if r := Validate(s, Facts{}); len(r.Problems) > 0 {
			b.Fatal(r.Problems)
		}
	}
}
