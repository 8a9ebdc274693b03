package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// maxErrno is the highest errno that libseccomp takes: one less than the kernel's MAX_ERRNO.
const maxErrno = 4094

// eperm is the errno of SCMP_ACT_ERRNO and SCMP_ACT_TRACE when the config names none (config-linux.md).
const eperm = 1

// action translates an action and its errno. where and errnoAt are their places in config.json.
func action(a specs.LinuxSeccompAction, errno *uint, where, errnoAt string) (libseccomp.ScmpAction, error) {
	switch a {
	case specs.ActErrno:
		return withErrno(libseccomp.ActErrno, errno, maxErrno, errnoAt)
	case specs.ActTrace:
		return withErrno(libseccomp.ActTrace, errno, 0xffff, errnoAt)
	}
	act, ok := plainAction(a)
	if !ok {
		return libseccomp.ActInvalid, fmt.Errorf("%s: unknown action %q", where, a)
	}
	if errno != nil {
		return libseccomp.ActInvalid, fmt.Errorf("%s: action %s takes no errno", errnoAt, a)
	}
	return act, nil
}

func withErrno(a libseccomp.ScmpAction, errno *uint, limit uint, errnoAt string) (libseccomp.ScmpAction, error) {
	if errno == nil {
		return a.SetReturnCode(eperm), nil
	}
	if *errno > limit {
		return libseccomp.ActInvalid, fmt.Errorf("%s: %d is more than %d", errnoAt, *errno, limit)
	}
	return a.SetReturnCode(int16(*errno)), nil
}

func plainAction(a specs.LinuxSeccompAction) (libseccomp.ScmpAction, bool) {
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return libseccomp.ActKillThread, true
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess, true
	case specs.ActTrap:
		return libseccomp.ActTrap, true
	case specs.ActAllow:
		return libseccomp.ActAllow, true
	case specs.ActLog:
		return libseccomp.ActLog, true
	case specs.ActNotify:
		return libseccomp.ActNotify, true
	}
	return libseccomp.ActInvalid, false
}

// permissive reports whether system calls run under action a, if not always as they asked.
func permissive(a libseccomp.ScmpAction) bool {
	switch a & 0xffff {
	case libseccomp.ActAllow, libseccomp.ActLog, libseccomp.ActTrace, libseccomp.ActNotify:
		return true
	}
	return false
}

func operator(op specs.LinuxSeccompOperator) (libseccomp.ScmpCompareOp, bool) {
	switch op {
	case specs.OpNotEqual:
		return libseccomp.CompareNotEqual, true
	case specs.OpLessThan:
		return libseccomp.CompareLess, true
	case specs.OpLessEqual:
		return libseccomp.CompareLessOrEqual, true
	case specs.OpEqualTo:
		return libseccomp.CompareEqual, true
	case specs.OpGreaterEqual:
		return libseccomp.CompareGreaterEqual, true
	case specs.OpGreaterThan:
		return libseccomp.CompareGreater, true
	case specs.OpMaskedEqual:
		return libseccomp.CompareMaskedEqual, true
	}
	return libseccomp.CompareInvalid, false
}

// flag translates a flag of the config; WAIT_KILLABLE_RECV is for filters with a listener alone. TSYNC stands
// for nothing: the filter is loaded by a process of one thread, before it executes the workload.
func flag(f specs.LinuxSeccompFlag) (uint32, bool) {
	switch f {
	case "SECCOMP_FILTER_FLAG_TSYNC":
		return 0, true
	case specs.LinuxSeccompFlagLog:
		return sys.SeccompFilterLog, true
	case specs.LinuxSeccompFlagSpecAllow:
		return sys.SeccompFilterSpecAllow, true
	case specs.LinuxSeccompFlagWaitKillableRecv:
		return sys.SeccompFilterWaitKillableRecv, true
	}
	return 0, false
}

// arch is an architecture as libseccomp and as seccomp_data name it.
type arch struct {
	scmp  libseccomp.ScmpArch
	audit uint32
}

func architecture(a specs.Arch) (arch, bool) {
	switch a {
	case specs.ArchX86:
		return arch{libseccomp.ArchX86, sys.AuditArchX86}, true
	case specs.ArchX86_64:
		return arch{libseccomp.ArchAMD64, sys.AuditArchX86_64}, true
	case specs.ArchX32:
		return arch{libseccomp.ArchX32, sys.AuditArchX86_64}, true
	case specs.ArchARM:
		return arch{libseccomp.ArchARM, sys.AuditArchARM}, true
	case specs.ArchAARCH64:
		return arch{libseccomp.ArchARM64, sys.AuditArchAARCH64}, true
	case specs.ArchMIPS:
		return arch{libseccomp.ArchMIPS, sys.AuditArchMIPS}, true
	case specs.ArchMIPS64:
		return arch{libseccomp.ArchMIPS64, sys.AuditArchMIPS64}, true
	case specs.ArchMIPS64N32:
		return arch{libseccomp.ArchMIPS64N32, sys.AuditArchMIPS64N32}, true
	case specs.ArchMIPSEL:
		return arch{libseccomp.ArchMIPSEL, sys.AuditArchMIPSEL}, true
	case specs.ArchMIPSEL64:
		return arch{libseccomp.ArchMIPSEL64, sys.AuditArchMIPSEL64}, true
	case specs.ArchMIPSEL64N32:
		return arch{libseccomp.ArchMIPSEL64N32, sys.AuditArchMIPSEL64N32}, true
	}
	return rareArchitecture(a)
}

func rareArchitecture(a specs.Arch) (arch, bool) {
	switch a {
	case specs.ArchPPC:
		return arch{libseccomp.ArchPPC, sys.AuditArchPPC}, true
	case specs.ArchPPC64:
		return arch{libseccomp.ArchPPC64, sys.AuditArchPPC64}, true
	case specs.ArchPPC64LE:
		return arch{libseccomp.ArchPPC64LE, sys.AuditArchPPC64LE}, true
	case specs.ArchS390:
		return arch{libseccomp.ArchS390, sys.AuditArchS390}, true
	case specs.ArchS390X:
		return arch{libseccomp.ArchS390X, sys.AuditArchS390X}, true
	case specs.ArchPARISC:
		return arch{libseccomp.ArchPARISC, sys.AuditArchPARISC}, true
	case specs.ArchPARISC64:
		return arch{libseccomp.ArchPARISC64, sys.AuditArchPARISC64}, true
	case specs.ArchRISCV64:
		return arch{libseccomp.ArchRISCV64, sys.AuditArchRISCV64}, true
	case specs.ArchLOONGARCH64:
		return arch{libseccomp.ArchLOONGARCH64, sys.AuditArchLOONGARCH64}, true
	case specs.ArchM68K:
		return arch{libseccomp.ArchM68K, sys.AuditArchM68K}, true
	case specs.ArchSH:
		return arch{libseccomp.ArchSH, sys.AuditArchSH}, true
	case specs.ArchSHEB:
		return arch{libseccomp.ArchSHEB, sys.AuditArchSHEB}, true
	}
	return arch{}, false
}

// nativeArch is the architecture of this binary: libseccomp puts it into every filter.
func nativeArch() (arch, error) {
	scmp, err := libseccomp.GetNativeArch()
	if err != nil {
		return arch{}, fmt.Errorf("linux.seccomp: native architecture: %w", err)
	}
	for _, name := range []specs.Arch{
		specs.ArchX86_64, specs.ArchAARCH64, specs.ArchX86, specs.ArchARM, specs.ArchRISCV64, specs.ArchPPC64LE,
		specs.ArchS390X, specs.ArchLOONGARCH64, specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPSEL, specs.ArchMIPSEL64,
	} {
		if a, ok := architecture(name); ok && a.scmp == scmp {
			return a, nil
		}
	}
	return arch{}, fmt.Errorf("linux.seccomp: native architecture %s: not known", scmp)
}
