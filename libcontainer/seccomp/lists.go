package seccomp

import (
	"fmt"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// Actions are the names that linux.seccomp.defaultAction may have.
func Actions() []string {
	list := make([]string, len(actions))
	for i := range actions {
		list[i] = string(actions[i].name)
	}
	return list
}

// Operators are the names that linux.seccomp.syscalls[].args[].op may have.
func Operators() []string {
	list := make([]string, len(operators))
	for i := range operators {
		list[i] = string(operators[i].name)
	}
	return list
}

// Archs are the names that linux.seccomp.architectures[] may have here: of those of the spec the ones that this libseccomp
// knows and that have the byte order of this machine.
func Archs() []string {
	var list []string
	f, err := libseccomp.NewFilter(libseccomp.ActAllow)
	if err != nil {
		return nil
	}
	defer f.Release()
	for i := range archs {
		if f.AddArch(archs[i].arch.scmp) == nil {
			list = append(list, string(archs[i].name))
		}
	}
	return list
}

// KnownFlags are the names that linux.seccomp.flags[] may have.
func KnownFlags() []string {
	list := make([]string, len(flags))
	for i := range flags {
		list[i] = string(flags[i].name)
	}
	return list
}

// SupportedFlags are those of KnownFlags that this kernel has.
func SupportedFlags() []string {
	var list []string
	for i := range flags {
		if ok, err := sys.SeccompHasFlags(flags[i].bit | flags[i].needs); err == nil && ok {
			list = append(list, string(flags[i].name))
		}
	}
	return list
}

// CheckFlags names the flag of the profile that f is to be loaded with and that this kernel does not have: the load
// would say no more than EINVAL.
func (f *Filter) CheckFlags(profile *specs.LinuxSeccomp) error {
	for i, name := range profile.Flags {
		for j := range flags {
			t := &flags[j]
			if t.name != name || t.bit&f.Flags == 0 {
				continue
			}
			// What else keeps the kernel from answering the load will say.
			if ok, err := sys.SeccompHasFlags(t.bit | t.needs); err == nil && !ok {
				return fmt.Errorf("linux.seccomp.flags[%d]: %s: this kernel does not have it: %w", i, name, syscall.EINVAL)
			}
		}
	}
	return nil
}
