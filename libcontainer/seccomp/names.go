package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// The names of config.json and what they stand for. What is not in these tables is refused, and lists.go tells what is.
// The compiler lays them out: nothing runs at start.

// maxErrno is the highest errno that libseccomp takes: one less than the kernel's MAX_ERRNO.
const maxErrno = 4094

// eperm is the errno of SCMP_ACT_ERRNO and SCMP_ACT_TRACE when the config names none (config-linux.md).
const eperm = 1

var actions = [...]struct {
	name  specs.LinuxSeccompAction
	scmp  libseccomp.ScmpAction
	limit uint // the highest errno that goes with it; 0: none does
}{
	{specs.ActAllow, libseccomp.ActAllow, 0},
	{specs.ActErrno, libseccomp.ActErrno, maxErrno},
	{specs.ActKill, libseccomp.ActKillThread, 0},
	{specs.ActKillProcess, libseccomp.ActKillProcess, 0},
	{specs.ActKillThread, libseccomp.ActKillThread, 0},
	{specs.ActLog, libseccomp.ActLog, 0},
	{specs.ActNotify, libseccomp.ActNotify, 0},
	{specs.ActTrace, libseccomp.ActTrace, 0xffff},
	{specs.ActTrap, libseccomp.ActTrap, 0},
}

// action translates an action and its errno. where and errnoAt are their places in config.json.
func action(a specs.LinuxSeccompAction, errno *uint, where, errnoAt string) (libseccomp.ScmpAction, error) {
	for i := range actions {
		t := &actions[i]
		switch {
		case t.name != a:
			continue
		case t.limit == 0 && errno != nil:
			return libseccomp.ActInvalid, fmt.Errorf("%s: action %s takes no errno", errnoAt, a)
		case t.limit == 0:
			return t.scmp, nil
		case errno == nil:
			return t.scmp.SetReturnCode(eperm), nil
		case *errno > t.limit:
			return libseccomp.ActInvalid, fmt.Errorf("%s: %d is more than %d", errnoAt, *errno, t.limit)
		}
		return t.scmp.SetReturnCode(int16(*errno)), nil
	}
	return libseccomp.ActInvalid, fmt.Errorf("%s: unknown action %q", where, a)
}

// freedom orders actions by what they leave to the process: all, what somebody else lets through, nothing.
func freedom(a libseccomp.ScmpAction) int {
	switch a & 0xffff {
	case libseccomp.ActAllow, libseccomp.ActLog:
		return 2
	case libseccomp.ActTrace, libseccomp.ActNotify:
		return 1
	}
	return 0
}

var operators = [...]struct {
	name specs.LinuxSeccompOperator
	scmp libseccomp.ScmpCompareOp
}{
	{specs.OpEqualTo, libseccomp.CompareEqual},
	{specs.OpGreaterEqual, libseccomp.CompareGreaterEqual},
	{specs.OpGreaterThan, libseccomp.CompareGreater},
	{specs.OpLessEqual, libseccomp.CompareLessOrEqual},
	{specs.OpLessThan, libseccomp.CompareLess},
	{specs.OpMaskedEqual, libseccomp.CompareMaskedEqual},
	{specs.OpNotEqual, libseccomp.CompareNotEqual},
}

func operator(op specs.LinuxSeccompOperator) (libseccomp.ScmpCompareOp, bool) {
	for i := range operators {
		if operators[i].name == op {
			return operators[i].scmp, true
		}
	}
	return libseccomp.CompareInvalid, false
}

// flags are those of the config: the bit of seccomp(2), whether filters are loaded with it, and another bit without
// which the kernel takes it not. TSYNC stands for nothing: the filter is loaded for the thread that executes the workload, and a
// listener needs another thread that it does not bind.
var flags = [...]struct {
	name  specs.LinuxSeccompFlag
	bit   uint32
	used  bool
	needs uint32
}{
	{specs.LinuxSeccompFlagLog, sys.SeccompFilterLog, true, 0},
	{specs.LinuxSeccompFlagSpecAllow, sys.SeccompFilterSpecAllow, true, 0},
	{"SECCOMP_FILTER_FLAG_TSYNC", sys.SeccompFilterTsync, false, 0},
	{specs.LinuxSeccompFlagWaitKillableRecv, sys.SeccompFilterWaitKillableRecv, true, sys.SeccompFilterNewListener},
}

// flag is what a flag of the config adds to those of the filter.
func flag(f specs.LinuxSeccompFlag) (bits uint32, known bool) {
	for i := range flags {
		if t := &flags[i]; t.name == f {
			if t.used {
				bits = t.bit
			}
			return bits, true
		}
	}
	return 0, false
}

// arch is an architecture as libseccomp and as seccomp_data name it.
type arch struct {
	scmp  libseccomp.ScmpArch
	audit uint32
}

var archs = [...]struct {
	name specs.Arch
	arch arch
}{
	{specs.ArchAARCH64, arch{libseccomp.ArchARM64, sys.AuditArchAARCH64}},
	{specs.ArchARM, arch{libseccomp.ArchARM, sys.AuditArchARM}},
	{specs.ArchLOONGARCH64, arch{libseccomp.ArchLOONGARCH64, sys.AuditArchLOONGARCH64}},
	{specs.ArchM68K, arch{libseccomp.ArchM68K, sys.AuditArchM68K}},
	{specs.ArchMIPS, arch{libseccomp.ArchMIPS, sys.AuditArchMIPS}},
	{specs.ArchMIPS64, arch{libseccomp.ArchMIPS64, sys.AuditArchMIPS64}},
	{specs.ArchMIPS64N32, arch{libseccomp.ArchMIPS64N32, sys.AuditArchMIPS64N32}},
	{specs.ArchMIPSEL, arch{libseccomp.ArchMIPSEL, sys.AuditArchMIPSEL}},
	{specs.ArchMIPSEL64, arch{libseccomp.ArchMIPSEL64, sys.AuditArchMIPSEL64}},
	{specs.ArchMIPSEL64N32, arch{libseccomp.ArchMIPSEL64N32, sys.AuditArchMIPSEL64N32}},
	{specs.ArchPARISC, arch{libseccomp.ArchPARISC, sys.AuditArchPARISC}},
	{specs.ArchPARISC64, arch{libseccomp.ArchPARISC64, sys.AuditArchPARISC64}},
	{specs.ArchPPC, arch{libseccomp.ArchPPC, sys.AuditArchPPC}},
	{specs.ArchPPC64, arch{libseccomp.ArchPPC64, sys.AuditArchPPC64}},
	{specs.ArchPPC64LE, arch{libseccomp.ArchPPC64LE, sys.AuditArchPPC64LE}},
	{specs.ArchRISCV64, arch{libseccomp.ArchRISCV64, sys.AuditArchRISCV64}},
	{specs.ArchS390, arch{libseccomp.ArchS390, sys.AuditArchS390}},
	{specs.ArchS390X, arch{libseccomp.ArchS390X, sys.AuditArchS390X}},
	{specs.ArchSH, arch{libseccomp.ArchSH, sys.AuditArchSH}},
	{specs.ArchSHEB, arch{libseccomp.ArchSHEB, sys.AuditArchSHEB}},
	{specs.ArchX32, arch{libseccomp.ArchX32, sys.AuditArchX86_64}},
	{specs.ArchX86, arch{libseccomp.ArchX86, sys.AuditArchX86}},
	{specs.ArchX86_64, arch{libseccomp.ArchAMD64, sys.AuditArchX86_64}},
}

func architecture(a specs.Arch) (arch, bool) {
	for i := range archs {
		if archs[i].name == a {
			return archs[i].arch, true
		}
	}
	return arch{}, false
}

// nativeArch is the architecture of this binary: libseccomp puts it into every filter. It is never x32.
func nativeArch() (arch, error) {
	scmp, err := libseccomp.GetNativeArch()
	if err != nil {
		return arch{}, fmt.Errorf("linux.seccomp: native architecture: %w", err)
	}
	for i := range archs {
		if archs[i].arch.scmp == scmp {
			return archs[i].arch, nil
		}
	}
	return arch{}, fmt.Errorf("linux.seccomp: native architecture %s: not known", scmp)
}
