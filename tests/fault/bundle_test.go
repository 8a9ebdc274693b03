package fault

import (
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func pointer[T any](v T) *T { return &v }

// hookName is args[0] of every hook: one that outlives a killed teu for too long is named by it.
const hookName = "fault-hook"

func hook(path string) []specs.Hook {
	return []specs.Hook{{Path: path, Args: []string{hookName, "true"}, Timeout: pointer(20)}}
}

// allHooks has a hook of every kind. Those before the root is entered are found on the host.
func allHooks() *specs.Hooks {
	host := kit.Payload()
	return &specs.Hooks{
		Prestart: hook(host), CreateRuntime: hook(host), CreateContainer: append(hook(host), hook(host)...), //nolint:staticcheck // prestart is deprecated, and in use
		StartContainer: hook(kit.PayloadPath), Poststart: hook(host), Poststop: hook(host),
	}
}

func newNamespaces(types ...specs.LinuxNamespaceType) []specs.LinuxNamespace {
	list := make([]specs.LinuxNamespace, len(types))
	for i, t := range types {
		list[i].Type = t
	}
	return list
}

// basics is what all three bundles have.
func basics(b *kit.Bundle) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.CgroupsPath = "/" + b.ID + "/parent/container"
		s.Hooks = allHooks()
		s.Process.OOMScoreAdj = pointer(100)
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}, {Type: "RLIMIT_CORE"}}
		s.Process.User.AdditionalGids = []uint32{5, 6}
		s.Process.User.Umask = pointer(uint32(0o077))
		s.Process.Cwd = "/work"
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
			Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
			Syscalls: []specs.LinuxSyscall{
				{Names: []string{"keyctl", "add_key", "bpf"}, Action: specs.ActErrno, ErrnoRet: pointer(uint(1))},
				{Names: []string{"personality"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{
					{Index: 0, Value: 0xffffffff, Op: specs.OpNotEqual},
				}},
			},
		}
		s.Linux.Resources = &specs.LinuxResources{
			Devices: []specs.LinuxDeviceCgroup{
				{Access: "rwm"},
				{Allow: true, Type: "c", Major: pointer(int64(1)), Minor: pointer(int64(3)), Access: "rwm"},
			},
			Memory: &specs.LinuxMemory{Limit: pointer(int64(64 << 20))},
			CPU:    &specs.LinuxCPU{Shares: pointer(uint64(512)), Quota: pointer(int64(50000)), Period: pointer(uint64(100000)), Cpus: "0"},
			Pids:   &specs.LinuxPids{Limit: pointer(int64(64))},
		}
		s.Mounts = append(s.Mounts,
			specs.Mount{Destination: "/bind/dir", Type: "bind", Source: b.Dir + "/source", Options: []string{"rbind", "rro", "nosuid", "rprivate"}},
			specs.Mount{Destination: "/bind/file", Type: "bind", Source: b.Dir + "/source/file", Options: []string{"bind", "ro", "nodev", "noexec"}},
			specs.Mount{Destination: "/late/made/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "size=64k", "mode=700", "slave"}},
			specs.Mount{Destination: "/etc", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "size=64k"}},
			specs.Mount{Destination: "/translated", Source: b.Dir + "/source", Options: []string{"bind", "idmap"}, UIDMappings: mapping, GIDMappings: mapping},
			specs.Mount{Destination: "/new", Type: "tmpfs", Source: "tmpfs", Options: []string{"idmap"}, UIDMappings: mapping, GIDMappings: mapping},
			specs.Mount{Destination: "/link", Source: b.Dir + "/source/link", Options: []string{"bind", "copy-symlink"}},
			specs.Mount{Destination: "/late/made/tmp", Options: []string{"remount", "ro"}},
		)
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 1}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 5}
		s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0"}
	}
}

// full uses all that a container can have of its own without a user namespace.
func full(b *kit.Bundle) func(*specs.Spec) {
	return func(s *specs.Spec) {
		basics(b)(s)
		s.Linux.Namespaces = newNamespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace,
			specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace, specs.TimeNamespace)
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 3600}, "monotonic": {Secs: 60, Nanosecs: 5}}
		s.Hostname, s.Domainname = "fault", "example.org"
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096", "fs.mqueue.msg_max": "8"}
		s.Linux.RootfsPropagation = "rslave"
		s.Root.Readonly = true
		s.Process.Terminal = true
		s.Process.ConsoleSize = &specs.Box{Height: 40, Width: 100}
		mode := os.FileMode(0o640)
		s.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: &mode, UID: pointer(uint32(7)), GID: pointer(uint32(8))},
			{Path: "/dev/sub/pipe", Type: "p"},
			{Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
		}
	}
}

// mapping is how the bundles with a user namespace map ids.
var mapping = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}

// user has a user namespace, and a process that is not root, may gain privileges, and has no terminal.
func user(b *kit.Bundle) func(*specs.Spec) {
	return func(s *specs.Spec) {
		basics(b)(s)
		s.Linux.Namespaces = newNamespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace,
			specs.UTSNamespace, specs.MountNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace)
		s.Linux.UIDMappings, s.Linux.GIDMappings = mapping, mapping
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11}}
		s.Linux.Seccomp.ListenerPath, s.Linux.Seccomp.ListenerMetadata = b.Dir+"/listener.sock", "fault"
		s.Linux.Seccomp.Syscalls = append(s.Linux.Seccomp.Syscalls, specs.LinuxSyscall{Names: []string{"mkdirat"}, Action: specs.ActNotify})
		s.Process.User.UID, s.Process.User.GID = 1000, 1000
		s.Process.NoNewPrivileges = false
		s.Linux.RootfsPropagation = "private"
	}
}

// joined has only a mount namespace of its own, and the others of the process pid.
func joined(b *kit.Bundle, pid int) func(*specs.Spec) {
	return func(s *specs.Spec) {
		basics(b)(s)
		s.Hostname = ""
		s.Linux.Namespaces = newNamespaces(specs.MountNamespace)
		for t, name := range map[specs.LinuxNamespaceType]string{
			specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts",
			specs.UserNamespace: "user", specs.TimeNamespace: "time", specs.CgroupNamespace: "cgroup",
		} {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t, Path: fmt.Sprintf("/proc/%d/ns/%s", pid, name)})
		}
		s.Linux.Resources.Devices = nil
	}
}
