package seccomp

import (
	"fmt"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/libcontainer/spec/names"
)

// Archs are the names that linux.seccomp.architectures[] may have here: of those of the spec the ones that this libseccomp
// knows and that have the byte order of this machine.
func Archs() []string {
	var list []string
	f, err := libseccomp.NewFilter(libseccomp.ActAllow)
	if err != nil {
		return nil
	}
	defer f.Release()
	for _, name := range names.List(names.SeccompArchs) {
		if a, ok := architecture(specs.Arch(name)); ok && f.AddArch(a.scmp) == nil {
			list = append(list, name)
		}
	}
	return list
}

// SupportedFlags are those of linux.seccomp.flags[] that this kernel has.
func SupportedFlags() []string {
	var list []string
	for _, name := range names.Sorted(names.SeccompFlags) {
		bit, _ := names.Find(names.SeccompFlags, specs.LinuxSeccompFlag(name))
		if ok, err := kernelHas(uint32(bit)); err == nil && ok {
			list = append(list, name)
		}
	}
	return list
}

// CheckFlags names the flag of the profile that f is to be loaded with and that this kernel does not have: the load
// would say no more than EINVAL.
func (f *Filter) CheckFlags(profile *specs.LinuxSeccomp) error {
	for i, name := range profile.Flags {
		bit, known := names.Find(names.SeccompFlags, name)
		if !known || uint32(bit)&f.Flags == 0 {
			continue
		}
		// What else keeps the kernel from answering the load will say.
		if ok, err := kernelHas(uint32(bit)); err == nil && !ok {
			return fmt.Errorf("linux.seccomp.flags[%d]: %s: this kernel does not have it: %w", i, name, syscall.EINVAL)
		}
	}
	return nil
}
