package spec

import (
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// seccomp: config-linux.md, "Seccomp". Names of system calls are not checked: what libseccomp does not know
// the kernel refuses by the default action.
func (c *checker) seccomp() {
	s := c.Linux.Seccomp
	if s == nil {
		return
	}
	c.seccompAction("linux.seccomp.defaultAction", s.DefaultAction, "linux.seccomp.defaultErrnoRet", s.DefaultErrnoRet)
	for i, a := range s.Architectures {
		if !knownArch(a) {
			c.bad(at("linux.seccomp.architectures", i), quote(string(a)), "a name as SCMP_ARCH_X86_64")
		}
	}
	for i, f := range s.Flags {
		switch f {
		case "SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow,
			specs.LinuxSeccompFlagWaitKillableRecv:
		default:
			c.bad(at("linux.seccomp.flags", i), quote(string(f)), "one of SECCOMP_FILTER_FLAG_TSYNC, "+
				"SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
		}
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.bad("linux.seccomp.listenerMetadata", "metadata without linux.seccomp.listenerPath", "both or neither")
	}
	if at := notifies(s); at != "" && s.ListenerPath == "" {
		c.bad("linux.seccomp.listenerPath", "nothing", "a socket for the SCMP_ACT_NOTIFY of "+at)
	}
	for i := range s.Syscalls {
		c.seccompRule(at("linux.seccomp.syscalls", i), &s.Syscalls[i])
	}
}

// notifies is the first place that has SCMP_ACT_NOTIFY, or "".
func notifies(s *specs.LinuxSeccomp) string {
	if s.DefaultAction == specs.ActNotify {
		return "linux.seccomp.defaultAction"
	}
	for i := range s.Syscalls {
		if s.Syscalls[i].Action == specs.ActNotify {
			return at("linux.seccomp.syscalls", i) + ".action"
		}
	}
	return ""
}

func (c *checker) seccompRule(path string, r *specs.LinuxSyscall) {
	c.seccompAction(path+".action", r.Action, path+".errnoRet", r.ErrnoRet)
	if len(r.Names) == 0 {
		c.bad(path+".names", "nothing", "at least one system call")
	}
	for i, n := range r.Names {
		if n == "" {
			c.bad(at(path+".names", i), "nothing", "the name of a system call")
		}
	}
	for i, a := range r.Args {
		if a.Index > 5 {
			c.bad(at(path+".args", i)+".index", strconv.FormatUint(uint64(a.Index), 10), "0 to 5")
		}
		switch a.Op {
		case specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual,
			specs.OpGreaterThan, specs.OpMaskedEqual:
		default:
			c.bad(at(path+".args", i)+".op", quote(string(a.Op)), "one of SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, "+
				"SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ")
		}
	}
}

// maxErrno is the highest errno that libseccomp takes: one less than the kernel's MAX_ERRNO.
const maxErrno = 4094

// seccompAction checks an action and the errno that goes with it: the runtime must fail where the action
// takes none.
func (c *checker) seccompAction(path string, a specs.LinuxSeccompAction, errnoPath string, errno *uint) {
	high := uint(0)
	switch a {
	case specs.ActErrno:
		high = maxErrno
	case specs.ActTrace:
		high = 0xffff
	case specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActAllow, specs.ActLog,
		specs.ActNotify:
		if errno != nil {
			c.bad(errnoPath, strconv.FormatUint(uint64(*errno), 10)+" with "+string(a),
				"it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE")
		}
		return
	default:
		c.bad(path, quote(string(a)), "one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, "+
			"SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY")
		return
	}
	if errno != nil && *errno > high {
		c.bad(errnoPath, strconv.FormatUint(uint64(*errno), 10), "0 to "+strconv.FormatUint(uint64(high), 10))
	}
}

func knownArch(a specs.Arch) bool {
	switch a {
	case specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS,
		specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32,
		specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB:
		return true
	}
	return false
}
