package names

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// namespaces are the types of linux.namespaces (namespaces(7)).
var namespaces = [...]struct {
	name specs.LinuxNamespaceType
	flag uint64 // of clone(2)
	proc string // the name below /proc/PID/ns
}{
	{specs.CgroupNamespace, sys.CloneNewCgroup, "cgroup"},
	{specs.IPCNamespace, sys.CloneNewIpc, "ipc"},
	{specs.MountNamespace, sys.CloneNewNs, "mnt"},
	{specs.NetworkNamespace, sys.CloneNewNet, "net"},
	{specs.PIDNamespace, sys.CloneNewPid, "pid"},
	{specs.TimeNamespace, sys.CloneNewTime, "time"},
	{specs.UserNamespace, sys.CloneNewUser, "user"},
	{specs.UTSNamespace, sys.CloneNewUts, "uts"},
}

// Namespaces lists the types of linux.namespaces.
func Namespaces() []string {
	list := make([]string, len(namespaces))
	for i := range namespaces {
		list[i] = string(namespaces[i].name)
	}
	return list
}

// Namespace returns the clone flag of a namespace type and its name below /proc/PID/ns, 0 and "" for an unknown type.
func Namespace(t specs.LinuxNamespaceType) (flag uint64, proc string) {
	for i := range namespaces {
		if n := &namespaces[i]; n.name == t {
			return n.flag, n.proc
		}
	}
	return 0, ""
}

// ProcNamespace returns the name below /proc/PID/ns of the namespaces of a clone flag, "" for another flag.
func ProcNamespace(flag uint64) string {
	for i := range namespaces {
		if n := &namespaces[i]; n.flag == flag {
			return n.proc
		}
	}
	return ""
}

// NamespaceOf returns the type that linux.namespaces has for a clone flag, "" for another flag.
func NamespaceOf(flag uint64) specs.LinuxNamespaceType {
	for i := range namespaces {
		if n := &namespaces[i]; n.flag == flag {
			return n.name
		}
	}
	return ""
}

// NamespaceIn returns the first entry of linux.namespaces of type t, nil when there is none; l may be nil.
func NamespaceIn(l *specs.Linux, t specs.LinuxNamespaceType) *specs.LinuxNamespace {
	if l == nil {
		return nil
	}
	for i := range l.Namespaces {
		if n := &l.Namespaces[i]; n.Type == t {
			return n
		}
	}
	return nil
}

// MemoryModes are the modes of linux.memoryPolicy (set_mempolicy(2); the kernel's include/uapi/linux/mempolicy.h).
var MemoryModes = Table[specs.MemoryPolicyModeType]{
	{specs.MpolDefault, 0}, {specs.MpolPreferred, 1}, {specs.MpolBind, 2}, {specs.MpolInterleave, 3}, {specs.MpolLocal, 4},
	{specs.MpolPreferredMany, 5}, {specs.MpolWeightedInterleave, 6},
}

// MemoryFlags are the flags of linux.memoryPolicy.
var MemoryFlags = Table[specs.MemoryPolicyFlagType]{
	{specs.MpolFNumaBalancing, 1 << 13}, {specs.MpolFRelativeNodes, 1 << 14}, {specs.MpolFStaticNodes, 1 << 15},
}

// Domains are the execution domains of linux.personality (personality(2)).
var Domains = Table[specs.LinuxPersonalityDomain]{{specs.PerLinux, sys.PerLinux}, {specs.PerLinux32, sys.PerLinux32}}
