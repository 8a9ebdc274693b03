package libcontainer

import (
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/nsenter/program/golden"
	"teu/rootfs"
)

// with is one change of smallSpec, or of what the host answers about it.
type with struct {
	name string
	do   func(s *specs.Spec, f *initFacts)
}

func newNamespace(t specs.LinuxNamespaceType) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, f *initFacts) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
		if t == specs.UserNamespace {
			f.parentSources = sourcesOf(s)
		}
	}
}

// joined is the namespace at path; one that smallSpec has new is replaced.
func joined(t specs.LinuxNamespaceType, path string) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, f *initFacts) {
		for i := range s.Linux.Namespaces {
			if s.Linux.Namespaces[i].Type == t {
				s.Linux.Namespaces[i].Path = path
				return
			}
		}
		newNamespace(t)(s, f)
		s.Linux.Namespaces[len(s.Linux.Namespaces)-1].Path = path
	}
}

func mounts(list ...specs.Mount) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, _ *initFacts) { s.Mounts = append(s.Mounts, list...) }
}

func both(a, b func(*specs.Spec, *initFacts)) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, f *initFacts) { a(s, f); b(s, f) }
}

var namespaceFields = []with{
	{"net-new", newNamespace(specs.NetworkNamespace)},
	{"net-joined", joined(specs.NetworkNamespace, "/run/netns/n")},
	{"ipc-new", newNamespace(specs.IPCNamespace)},
	{"ipc-joined", joined(specs.IPCNamespace, "/proc/7/ns/ipc")},
	{"uts-joined", joined(specs.UTSNamespace, "/proc/7/ns/uts")},
	{"pid-joined", joined(specs.PIDNamespace, "/proc/7/ns/pid")},
	{"pid-joined-late", func(s *specs.Spec, f *initFacts) {
		joined(specs.PIDNamespace, "/proc/7/ns/pid")(s, f)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
		s.Linux.MaskedPaths = []string{"/proc/kcore"}
		f.pidsLate = true
	}},
	{"mnt-joined", joined(specs.MountNamespace, "/proc/7/ns/mnt")},
	{"cgroup-new", newNamespace(specs.CgroupNamespace)},
	{"cgroup-joined", joined(specs.CgroupNamespace, "/proc/7/ns/cgroup")},
	{"user-new", newNamespace(specs.UserNamespace)},
	{"user-joined", joined(specs.UserNamespace, "/proc/7/ns/user")},
	{"user-and-mnt-joined", both(joined(specs.MountNamespace, "/proc/7/ns/mnt"), joined(specs.UserNamespace, "/proc/7/ns/user"))},
	{"time-new", newNamespace(specs.TimeNamespace)},
	{"time-joined", joined(specs.TimeNamespace, "/proc/7/ns/time")},
	{"time-offsets", both(newNamespace(specs.TimeNamespace), func(s *specs.Spec, _ *initFacts) {
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 60}, "monotonic": {Secs: 5, Nanosecs: 7}}
	})},
	{"none", func(s *specs.Spec, _ *initFacts) { s.Linux.Namespaces = nil }},
	{"no-linux", func(s *specs.Spec, _ *initFacts) { s.Linux = nil }},
}

var kernelFields = []with{
	{"hostname", func(s *specs.Spec, _ *initFacts) { s.Hostname = "box" }},
	{"domainname", func(s *specs.Spec, _ *initFacts) { s.Domainname = "example.org" }},
	{"sysctl", func(s *specs.Spec, _ *initFacts) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.domainname": "x"}
	}},
	{"hooks", func(s *specs.Spec, _ *initFacts) {
		five := 5
		hook := func(name string) []specs.Hook {
			return []specs.Hook{{Path: "/bin/" + name, Args: []string{name, "-x"}, Env: []string{"K=v"}, Timeout: &five}}
		}
		s.Hooks = &specs.Hooks{
			Prestart: hook("prestart"), CreateRuntime: hook("runtime"), Poststart: hook("poststart"), Poststop: hook("poststop"), //nolint:staticcheck // deprecated, and in use
			CreateContainer: []specs.Hook{{Path: "/bin/a"}, {Path: "/bin/none", Env: []string{}}, {Path: "/bin/b", Args: []string{"b", "-x"}, Env: []string{"K=v"}, Timeout: &five}},
			StartContainer:  hook("start"),
		}
	}},
	{"hooks-outside-only", func(s *specs.Spec, _ *initFacts) {
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/runtime"}}}
	}},
	{"hooks-run", func(s *specs.Spec, f *initFacts) {
		s.Hooks, f.gate = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/start"}}}, false
	}},
	{"run", func(_ *specs.Spec, f *initFacts) { f.gate = false }},
	{"cgroup-v1-joins", func(_ *specs.Spec, f *initFacts) { f.joins = []string{"memory", "systemd"} }},
}

var fileFields = []with{
	{"root-readonly", func(s *specs.Spec, _ *initFacts) { s.Root.Readonly = true }},
	{"root-absolute", func(s *specs.Spec, _ *initFacts) { s.Root.Path = "/images/one/../two" }},
	{"no-pivot", func(_ *specs.Spec, f *initFacts) { f.noPivot = true }},
	{"no-pivot-revealing", func(_ *specs.Spec, f *initFacts) { f.noPivot, f.revealing = true, []string{"/sys", "/proc"} }},
	{"no-pivot-revealing-shared", both(propagation("shared"), func(_ *specs.Spec, f *initFacts) { f.noPivot, f.revealing = true, []string{"/sys", "/proc"} })},
	{"cwd", func(s *specs.Spec, _ *initFacts) { s.Process.Cwd = "/some/dir" }},
	{"bind", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{"bind", "ro", "nosuid"}})},
	{"rbind-relative", mounts(specs.Mount{Destination: "data", Source: "src", Type: "bind", Options: []string{"rbind", "rslave", "rro"}})},
	{"tmpfs", mounts(specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "t", Options: []string{"noatime", "size=1m", "private"}})},
	{"proc-sys", mounts(specs.Mount{Destination: "/proc", Type: "proc"}, specs.Mount{Destination: "/sys", Type: "sysfs", Options: []string{"ro"}})},
	{"dev-readonly", mounts(specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "mode=755"}})},
	{"dev-twice", mounts(
		specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "first", Options: []string{"ro"}},
		specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "second", Options: []string{"ro"}},
	)},
	{"dev-bound", mounts(specs.Mount{Destination: "/dev", Source: "/dev", Options: []string{"rbind"}})},
	{"devices", func(s *specs.Spec, _ *initFacts) { s.Linux.Devices = someDevices() }},
	{"devices-userns", both(func(s *specs.Spec, _ *initFacts) { s.Linux.Devices = someDevices() }, newNamespace(specs.UserNamespace))},
	{"masked", func(s *specs.Spec, _ *initFacts) { s.Linux.MaskedPaths = []string{"/proc/kcore", "/sys/firmware"} }},
	{"readonly", func(s *specs.Spec, _ *initFacts) { s.Linux.ReadonlyPaths = []string{"/proc/sys", "/proc/bus"} }},
	{"terminal", func(s *specs.Spec, _ *initFacts) { s.Process.Terminal = true }},
	{"terminal-size-user", func(s *specs.Spec, _ *initFacts) {
		s.Process.Terminal, s.Process.ConsoleSize = true, &specs.Box{Height: 24, Width: 80}
		s.Process.User = specs.User{UID: 1000, GID: 1000}
	}},
	{"cgroup-v1-shared", cgroupMount(rootfs.Cgroups{Hierarchy: v1Hierarchies()}, "ro", "nosuid")},
	{"cgroup-v1-own", cgroupMount(rootfs.Cgroups{Hierarchy: v1Hierarchies(), OwnNS: true}, "ro")},
	{"cgroup-v2-shared", cgroupMount(rootfs.Cgroups{Unified: "/sys/fs/cgroup"}, "rw")},
	{"cgroup-v2-shared-remount", func(s *specs.Spec, f *initFacts) {
		cgroupMount(rootfs.Cgroups{Unified: "/sys/fs/cgroup"}, "ro")(s, f)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/", Options: []string{"remount", "rrw"}})
	}},
	{"cgroup-v1-shared-writable", cgroupMount(rootfs.Cgroups{Hierarchy: v1Hierarchies()}, "rw", "nosuid")},
	{"cgroup-v1-shared-userns", cgroupsOfHost(rootfs.Cgroups{Hierarchy: v1Hierarchies()})},
	{"cgroup-v2-shared-userns", cgroupsOfHost(rootfs.Cgroups{Unified: "/sys/fs/cgroup"})},
	{"cgroup-v1-closed", cgroupMount(rootfs.Cgroups{Hierarchy: v1Hierarchies(), Closed: true}, "rw", "rrw")},
	{"cgroup-v2-closed", cgroupMount(rootfs.Cgroups{Unified: "/sys/fs/cgroup", Closed: true}, "rw", "rrw")},
	{"cgroup-v2-closed-remount", func(s *specs.Spec, f *initFacts) {
		cgroupMount(rootfs.Cgroups{Unified: "/sys/fs/cgroup", Closed: true}, "ro")(s, f)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/", Options: []string{"remount", "rrw"}})
	}},
	{"cgroup-v2-own", cgroupMount(rootfs.Cgroups{Unified: "/sys/fs/cgroup", OwnNS: true}, "rw", "nsdelegate")},
}

func propagation(name string) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, _ *initFacts) { s.Linux.RootfsPropagation = name }
}

// cgroupMount has a cgroup mount on a host with cg; the cgroup namespace is as cg says.
func cgroupMount(cg rootfs.Cgroups, options ...string) func(*specs.Spec, *initFacts) {
	m := mounts(specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: options})
	return func(s *specs.Spec, f *initFacts) {
		m(s, f)
		f.cgroups = cg
		if cg.OwnNS {
			newNamespace(specs.CgroupNamespace)(s, f)
		}
	}
}

// cgroupsOfHost has a user namespace and a mount of the host's cgroups, cg.
func cgroupsOfHost(cg rootfs.Cgroups) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, f *initFacts) {
		cgroupMount(cg, "rw")(s, f)
		newNamespace(specs.UserNamespace)(s, f)
		for _, src := range cgroupSources(s, parseNamespaces(s), &cg) {
			f.parentSources = append(f.parentSources, src.name)
		}
	}
}

func someDevices() []specs.LinuxDevice {
	mode, id := os.FileMode(0o640), uint32(5)
	return []specs.LinuxDevice{
		{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229},
		{Path: "/dev/disk/sda", Type: "b", Major: 8, Minor: 0, FileMode: &mode, UID: &id, GID: &id},
		{Path: "/run/pipe", Type: "p"},
	}
}

var processFields = []with{
	{"user", func(s *specs.Spec, _ *initFacts) {
		umask := uint32(0o77)
		s.Process.User = specs.User{UID: 1000, GID: 2000, AdditionalGids: []uint32{3, 4}, Umask: &umask}
	}},
	{"no-new-privileges", func(s *specs.Spec, _ *initFacts) { s.Process.NoNewPrivileges = true }},
	{"seccomp", func(_ *specs.Spec, f *initFacts) { f.process.Filter, f.process.FilterFlags = fakeFilter, 2 }},
	{"seccomp-no-new-privileges", func(s *specs.Spec, f *initFacts) {
		s.Process.NoNewPrivileges, f.process.Filter = true, fakeFilter
	}},
	{"capabilities", func(_ *specs.Spec, f *initFacts) {
		f.process.Caps = process.Caps{
			Bounding: allCaps &^ (1<<21 | 1<<12), Effective: 1 << 10, Permitted: 1<<10 | 1<<5, Inheritable: 1 << 10, Ambient: 1 << 10,
		}
	}},
	{"capabilities-none", func(_ *specs.Spec, f *initFacts) { f.process.Caps, f.process.LastCap = process.Caps{}, 3 }},
	{"keyring", func(_ *specs.Spec, f *initFacts) { f.process.NewKeyring = "_ses.box" }},
	{"preserve-fds", func(_ *specs.Spec, f *initFacts) { f.process.Preserve = 4 }},
	{"listen-fds", func(_ *specs.Spec, f *initFacts) { f.process.Preserve, f.process.ListenFds = 2, "2" }},
	{"home", func(s *specs.Spec, _ *initFacts) { s.Process.Env = []string{"PATH=/bin"} }},
	{"home-empty", func(s *specs.Spec, _ *initFacts) { s.Process.Env = []string{"HOME=", "PATH=/bin"} }},
	{"env-twice", func(s *specs.Spec, _ *initFacts) { s.Process.Env = append(s.Process.Env, "A=1", "PATH=/sbin:", "A=2") }},
	{"no-path", func(s *specs.Spec, _ *initFacts) { s.Process.Env = []string{"HOME=/"} }},
	{"args-path", func(s *specs.Spec, _ *initFacts) { s.Process.Args = []string{"./run", "-v", "it's"} }},
	{"no-setgroups", both(newNamespace(specs.UserNamespace), func(_ *specs.Spec, f *initFacts) { f.process.NoSetgroups = true })},
}

// goldenFields are all the entries, by room.
func goldenFields() map[string][]with {
	return map[string][]with{
		"namespaces": namespaceFields, "kernel": kernelFields, "files": fileFields, "process": processFields,
		"around": aroundFields, "attributes": attributeFields, "mounts": mountFields, "netdev": netdevFields,
		"seccomp": seccompFields,
	}
}

// TestGoldenFields has, for each field, what it changes in the plan of smallSpec.
func TestGoldenFields(t *testing.T) {
	base := smallSpec()
	small := planned(t, base, factsFor(base))
	golden.Text(t, "small", small.String())
	for room, list := range goldenFields() {
		for _, w := range list {
			t.Run(room+"/"+w.name, func(t *testing.T) {
				s := smallSpec()
				f := factsFor(s)
				w.do(s, f)
				golden.Text(t, "fields/"+room+"/"+w.name, planned(t, s, f).changes(small, golden.Changes))
			})
		}
	}
}

var execFields = []struct {
	name   string
	joined uint64
	do     func(p *specs.Process, f *initFacts)
}{
	{"all", sys.CloneNewNs | sys.CloneNewPid | sys.CloneNewNet | sys.CloneNewIpc | sys.CloneNewUts | sys.CloneNewCgroup, nil},
	{"mount", sys.CloneNewNs, nil},
	{"pid", sys.CloneNewPid, nil},
	{"no-namespaces", 0, nil},
	{"userns", sys.CloneNewNs | sys.CloneNewPid | sys.CloneNewUser, func(_ *specs.Process, f *initFacts) {
		f.process.Caps.Bounding &^= 1 << 5
	}},
	{"userns-without-privileges", sys.CloneNewNs | sys.CloneNewNet | sys.CloneNewUser, func(_ *specs.Process, f *initFacts) {
		f.userFirst = true
	}},
	{"terminal", sys.CloneNewNs, func(p *specs.Process, _ *initFacts) {
		p.Terminal, p.ConsoleSize, p.User.UID = true, &specs.Box{Height: 24, Width: 80}, 7
	}},
	{"cgroup-v1", sys.CloneNewNs | sys.CloneNewCgroup, func(_ *specs.Process, f *initFacts) {
		f.joins = []string{"memory", "systemd"}
	}},
	{"seccomp", sys.CloneNewNs, func(_ *specs.Process, f *initFacts) { f.process.Filter = fakeFilter }},
	{"listener", sys.CloneNewNs | sys.CloneNewPid, func(_ *specs.Process, f *initFacts) {
		f.process.Filter, f.process.Listener = fakeFilter, &process.Listener{Path: "/run/supervisor"}
	}},
	{"preserve-fds", sys.CloneNewNs, func(_ *specs.Process, f *initFacts) { f.process.Preserve = 3 }},
	{"keyring", sys.CloneNewNs, func(_ *specs.Process, f *initFacts) { f.process.NewKeyring = "_ses.box" }},
	{"attributes", sys.CloneNewNs | sys.CloneNewPid, execAttributes},
	{"labels", sys.CloneNewNs | sys.CloneNewPid, execLabels},
	{"container", sys.CloneNewNs, execContainer},
}

// TestGoldenExecElsewhere has the program of an exec whose container's first process has changed its root.
func TestGoldenExecElsewhere(t *testing.T) {
	s := smallSpec()
	f, w := factsFor(s), wayOf(sys.CloneNewNs)
	w.held, f.process.Joins = false, true
	golden.Text(t, "exec/root-elsewhere", execPlan(t, s, f, w))
}

// TestGoldenExec has what is done from outside and the whole program of each kind of exec.
func TestGoldenExec(t *testing.T) {
	for _, w := range execFields {
		t.Run(w.name, func(t *testing.T) {
			s := smallSpec()
			f := factsFor(s)
			if w.do != nil {
				w.do(s.Process, f)
			}
			f.process.Joins = true
			golden.Text(t, "exec/"+w.name, execPlan(t, s, f, wayOf(w.joined)))
		})
	}
}
