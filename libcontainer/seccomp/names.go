package seccomp

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// What the names of config.json (package names) are for libseccomp. A name that is not there is refused.

// eperm is the errno of SCMP_ACT_ERRNO and SCMP_ACT_TRACE when the config names none (config-linux.md).
const eperm = 1

// scmpAction is an action without an errno.
func scmpAction(a specs.LinuxSeccompAction) libseccomp.ScmpAction {
	switch a {
	case specs.ActAllow:
		return libseccomp.ActAllow
	case specs.ActErrno:
		return libseccomp.ActErrno
	case specs.ActKill, specs.ActKillThread:
		return libseccomp.ActKillThread
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess
	case specs.ActLog:
		return libseccomp.ActLog
	case specs.ActNotify:
		return libseccomp.ActNotify
	case specs.ActTrace:
		return libseccomp.ActTrace
	case specs.ActTrap:
		return libseccomp.ActTrap
	}
	return libseccomp.ActInvalid
}

// action translates an action and its errno. where and errnoAt are their places in config.json.
func action(name specs.LinuxSeccompAction, errno *uint, where, errnoAt string) (libseccomp.ScmpAction, error) {
	a, known := names.FindSeccompAction(name)
	scmp := scmpAction(name)
	switch {
	case !known:
		return libseccomp.ActInvalid, fmt.Errorf("%s: unknown action %q", where, name)
	case a.MaxErrno == 0 && errno != nil:
		return libseccomp.ActInvalid, fmt.Errorf("%s: action %s takes no errno", errnoAt, name)
	case a.MaxErrno == 0:
		return scmp, nil
	case errno == nil:
		return scmp.SetReturnCode(eperm), nil
	case *errno > a.MaxErrno:
		return libseccomp.ActInvalid, fmt.Errorf("%s: %d is more than %d", errnoAt, *errno, a.MaxErrno)
	}
	return scmp.SetReturnCode(int16(*errno)), nil
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

// operator translates an operator: the constants of the Go library are the numbers of the C one.
func operator(op specs.LinuxSeccompOperator) (libseccomp.ScmpCompareOp, bool) {
	n, ok := names.Find(names.SeccompOperators, op)
	return libseccomp.ScmpCompareOp(n), ok
}

// flag is what a flag of the config adds to those of the filter. TSYNC adds nothing: the filter is loaded for the thread that
// executes the workload, and a listener needs another thread that it does not bind.
func flag(f specs.LinuxSeccompFlag) (bits uint32, known bool) {
	bit, known := names.Find(names.SeccompFlags, f)
	if f == names.SeccompTsync {
		bit = 0
	}
	return uint32(bit), known
}

// kernelHas reports whether this kernel has a flag of the config, by its bit. The kernel takes WAIT_KILLABLE_RECV with a
// listener only.
func kernelHas(bit uint32) (bool, error) {
	if bit == sys.SeccompFilterWaitKillableRecv {
		bit |= sys.SeccompFilterNewListener
	}
	return sys.SeccompHasFlags(bit)
}

// arch is an architecture as libseccomp and as seccomp_data name it.
type arch struct {
	scmp  libseccomp.ScmpArch
	audit uint32
}

// architecture translates an architecture: libseccomp knows it by the same name without the prefix.
func architecture(name specs.Arch) (a arch, ok bool) {
	audit, ok := names.Find(names.SeccompArchs, name)
	if !ok {
		return arch{}, false
	}
	scmp, err := libseccomp.GetArchFromString(strings.TrimPrefix(string(name), "SCMP_ARCH_"))
	return arch{scmp, uint32(audit)}, err == nil
}

// nativeArch is the architecture of this binary: libseccomp puts it into every filter. It is never x32.
func nativeArch() (arch, error) {
	scmp, err := libseccomp.GetNativeArch()
	if err != nil {
		return arch{}, fmt.Errorf("linux.seccomp: native architecture: %w", err)
	}
	for _, t := range names.SeccompArchs {
		if a, ok := architecture(t.Name); ok && a.scmp == scmp {
			return a, nil
		}
	}
	return arch{}, fmt.Errorf("linux.seccomp: native architecture %s: not known", scmp)
}

// CheckNames is an error for the first name of a system call that libseccomp does not know on any architecture. Compile leaves such a name
// out: profiles are written for newer kernels too.
func CheckNames(profile *specs.LinuxSeccomp) error {
	for i := range profile.Syscalls {
		for j, name := range profile.Syscalls[i].Names {
			if _, err := libseccomp.GetSyscallFromName(name); err != nil {
				return fmt.Errorf("linux.seccomp.syscalls[%d].names[%d]: %s: not known to libseccomp: %w", i, j, name, syscall.EINVAL)
			}
		}
	}
	return nil
}
