package spec

import (
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec/names"
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
		if !names.Has(names.SeccompArchs, a) {
			c.bad(at("linux.seccomp.architectures", i), quote(string(a)), "a name as SCMP_ARCH_X86_64")
		}
	}
	for i, f := range s.Flags {
		if !names.Has(names.SeccompFlags, f) {
			c.bad(at("linux.seccomp.flags", i), quote(string(f)), "one of "+list(names.List(names.SeccompFlags)))
		}
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.bad("linux.seccomp.listenerMetadata", "metadata without linux.seccomp.listenerPath", "both or neither")
	}
	if at := notifies(s); at != "" && s.ListenerPath == "" {
		c.bad("linux.seccomp.listenerPath", "nothing", "a socket for the SCMP_ACT_NOTIFY of "+at)
	}
	compared := 0
	for i := range s.Syscalls {
		c.seccompRule(at("linux.seccomp.syscalls", i), &s.Syscalls[i])
		if len(s.Syscalls[i].Args) > 0 {
			compared += len(s.Syscalls[i].Names)
		}
	}
	if compared > maxFilter {
		c.bad("linux.seccomp.syscalls", strconv.Itoa(compared)+" system calls with arguments", "at most "+strconv.Itoa(maxFilter)+
			": the kernel takes a filter of so many instructions")
	}
}

// maxFilter is the kernel's BPF_MAXINSNS. A rule that looks at arguments has an instruction of its own, and libseccomp takes the
// longer for each the more there are for a system call.
const maxFilter = 4096

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
		if !names.Has(names.SeccompOperators, a.Op) {
			c.bad(at(path+".args", i)+".op", quote(string(a.Op)), "one of "+list(names.List(names.SeccompOperators)))
		}
	}
}

// seccompAction checks an action and the errno that goes with it: the runtime must fail where the action
// takes none.
func (c *checker) seccompAction(path string, name specs.LinuxSeccompAction, errnoPath string, errno *uint) {
	a, known := names.FindSeccompAction(name)
	switch {
	case !known:
		c.bad(path, quote(string(name)), "one of "+list(names.SeccompActions()))
	case errno == nil:
	case a.MaxErrno == 0:
		c.bad(errnoPath, strconv.FormatUint(uint64(*errno), 10)+" with "+string(name),
			"it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE")
	case *errno > a.MaxErrno:
		c.bad(errnoPath, strconv.FormatUint(uint64(*errno), 10), "0 to "+strconv.FormatUint(uint64(a.MaxErrno), 10))
	}
}
