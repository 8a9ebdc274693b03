package host

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// NamespaceTypes are the types of linux.namespaces.
func NamespaceTypes() []specs.LinuxNamespaceType {
	return []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace,
		specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace,
	}
}

// NamespaceKind returns the clone flag of a namespace type and its name below /proc/PID/ns.
func NamespaceKind(t specs.LinuxNamespaceType) (flag uint64, name string) {
	switch t {
	case specs.PIDNamespace:
		return sys.CloneNewPid, "pid"
	case specs.NetworkNamespace:
		return sys.CloneNewNet, "net"
	case specs.MountNamespace:
		return sys.CloneNewNs, "mnt"
	case specs.IPCNamespace:
		return sys.CloneNewIpc, "ipc"
	case specs.UTSNamespace:
		return sys.CloneNewUts, "uts"
	case specs.UserNamespace:
		return sys.CloneNewUser, "user"
	case specs.CgroupNamespace:
		return sys.CloneNewCgroup, "cgroup"
	case specs.TimeNamespace:
		return sys.CloneNewTime, "time"
	}
	return 0, ""
}
