package spec

import "github.com/opencontainers/runtime-spec/specs-go"

// notYet lists what teu reads and does not do: a config that asks for it is refused rather than run without
// it. An empty value, which Podman sends for some of them, asks for nothing. What belongs to other platforms
// (windows, solaris, vm, zos, freebsd) is ignored as config.md says.
var notYet = [...]struct {
	field string
	find  func(s *specs.Spec, found func(path, value string))
}{
	{"linux.seccomp: SCMP_ACT_NOTIFY", func(s *specs.Spec, found func(string, string)) {
		if s.Linux == nil || s.Linux.Seccomp == nil {
			return
		}
		if s.Linux.Seccomp.DefaultAction == specs.ActNotify {
			found("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY")
		}
		for i := range s.Linux.Seccomp.Syscalls {
			if s.Linux.Seccomp.Syscalls[i].Action == specs.ActNotify {
				found(at("linux.seccomp.syscalls", i)+".action", "SCMP_ACT_NOTIFY")
			}
		}
	}},
}

// notYet adds a problem for each use of what notYet lists.
func (c *checker) notYet() {
	for i := range notYet {
		notYet[i].find(c.Spec, func(path, value string) {
			if value != "" {
				value += " is not supported"
			}
			c.bad(path, value, "")
		})
	}
}
