package host

import (
	"fmt"
	"strings"

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

// InUserNamespace reports whether this process is in another user namespace than the machine's first, by its uid_map
// (user_namespaces(7)).
func InUserNamespace() (bool, error) {
	const file = "/proc/self/uid_map"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", file, err)
	}
	return strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295", nil
}
