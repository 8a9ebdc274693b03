package names

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// SeccompAction is an action of a filter.
type SeccompAction struct {
	Name     specs.LinuxSeccompAction
	Kernel   string // in /proc/sys/kernel/seccomp/actions_avail (seccomp(2))
	MaxErrno uint   // the highest errnoRet that goes with it; 0: none does
}

// maxErrno is the highest errno that libseccomp takes: one less than the kernel's MAX_ERRNO.
const maxErrno = 4094

var seccompActions = [...]SeccompAction{
	{specs.ActKill, "kill_thread", 0},
	{specs.ActKillProcess, "kill_process", 0},
	{specs.ActKillThread, "kill_thread", 0},
	{specs.ActTrap, "trap", 0},
	{specs.ActErrno, "errno", maxErrno},
	{specs.ActTrace, "trace", 0xffff},
	{specs.ActAllow, "allow", 0},
	{specs.ActLog, "log", 0},
	{specs.ActNotify, "user_notif", 0},
}

// FindSeccompAction returns the action of that name; ok is false for an unknown name.
func FindSeccompAction(name specs.LinuxSeccompAction) (a SeccompAction, ok bool) {
	i := slices.IndexFunc(seccompActions[:], func(a SeccompAction) bool { return a.Name == name })
	if i < 0 {
		return SeccompAction{}, false
	}
	return seccompActions[i], true
}

// SeccompActions lists the values of linux.seccomp.defaultAction and linux.seccomp.syscalls[].action.
func SeccompActions() []string {
	list := make([]string, len(seccompActions))
	for i := range seccompActions {
		list[i] = string(seccompActions[i].Name)
	}
	return list
}

// SeccompOperators are the values of linux.seccomp.syscalls[].args[].op, with the numbers of enum scmp_compare in
// libseccomp's <seccomp.h>.
var SeccompOperators = Table[specs.LinuxSeccompOperator]{
	{specs.OpNotEqual, 1}, {specs.OpLessThan, 2}, {specs.OpLessEqual, 3}, {specs.OpEqualTo, 4}, {specs.OpGreaterEqual, 5},
	{specs.OpGreaterThan, 6}, {specs.OpMaskedEqual, 7},
}

// SeccompTsync is a flag for which the Go package of the specification has no constant.
const SeccompTsync specs.LinuxSeccompFlag = "SECCOMP_FILTER_FLAG_TSYNC"

// SeccompFlags are the values of linux.seccomp.flags, with the bits of seccomp(2).
var SeccompFlags = Table[specs.LinuxSeccompFlag]{
	{SeccompTsync, sys.SeccompFilterTsync},
	{specs.LinuxSeccompFlagLog, sys.SeccompFilterLog},
	{specs.LinuxSeccompFlagSpecAllow, sys.SeccompFilterSpecAllow},
	{specs.LinuxSeccompFlagWaitKillableRecv, sys.SeccompFilterWaitKillableRecv},
}

// SeccompArchs are the values of linux.seccomp.architectures, with the architecture that seccomp_data holds (the kernel's
// include/uapi/linux/audit.h). x32 is an ABI of x86_64.
var SeccompArchs = Table[specs.Arch]{
	{specs.ArchAARCH64, sys.AuditArchAARCH64},
	{specs.ArchARM, sys.AuditArchARM},
	{specs.ArchLOONGARCH64, sys.AuditArchLOONGARCH64},
	{specs.ArchM68K, sys.AuditArchM68K},
	{specs.ArchMIPS, sys.AuditArchMIPS},
	{specs.ArchMIPS64, sys.AuditArchMIPS64},
	{specs.ArchMIPS64N32, sys.AuditArchMIPS64N32},
	{specs.ArchMIPSEL, sys.AuditArchMIPSEL},
	{specs.ArchMIPSEL64, sys.AuditArchMIPSEL64},
	{specs.ArchMIPSEL64N32, sys.AuditArchMIPSEL64N32},
	{specs.ArchPARISC, sys.AuditArchPARISC},
	{specs.ArchPARISC64, sys.AuditArchPARISC64},
	{specs.ArchPPC, sys.AuditArchPPC},
	{specs.ArchPPC64, sys.AuditArchPPC64},
	{specs.ArchPPC64LE, sys.AuditArchPPC64LE},
	{specs.ArchRISCV64, sys.AuditArchRISCV64},
	{specs.ArchS390, sys.AuditArchS390},
	{specs.ArchS390X, sys.AuditArchS390X},
	{specs.ArchSH, sys.AuditArchSH},
	{specs.ArchSHEB, sys.AuditArchSHEB},
	{specs.ArchX32, sys.AuditArchX86_64},
	{specs.ArchX86, sys.AuditArchX86},
	{specs.ArchX86_64, sys.AuditArchX86_64},
}
