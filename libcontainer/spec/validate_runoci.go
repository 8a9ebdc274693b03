package spec

import "path/filepath"

// Annotations of crun's that change what is done with a container; crun(1) describes them.
const (
	// HooksStdout and HooksStderr name files that the output of hooks is appended to.
	HooksStdout = "run.oci.hooks.stdout"
	HooksStderr = "run.oci.hooks.stderr"
	// KeepGroups leaves the process the supplementary groups of teu's caller, in place of process.user.additionalGids.
	KeepGroups = "run.oci.keep_original_groups"
	// FailUnknownSyscall makes an error of a name in linux.seccomp.syscalls that libseccomp does not know.
	FailUnknownSyscall = "run.oci.seccomp_fail_unknown_syscall"
)

// Annotated reports whether one of the annotations that are switches is on.
func Annotated(annotations map[string]string, key string) bool { return annotations[key] == "1" }

// runOCI checks the annotations above.
func (c *checker) runOCI() {
	for _, key := range [...]string{HooksStdout, HooksStderr} {
		if path, ok := c.Annotations[key]; ok && !filepath.IsAbs(path) {
			c.bad("annotations"+member(false, key), quote(path), "the absolute path of a file")
		}
	}
	for _, key := range [...]string{KeepGroups, FailUnknownSyscall} {
		if value, ok := c.Annotations[key]; ok && value != "0" && value != "1" {
			c.bad("annotations"+member(false, key), quote(value), `"0" or "1"`)
		}
	}
	if Annotated(c.Annotations, KeepGroups) && c.Process != nil && len(c.Process.User.AdditionalGids) > 0 {
		c.warn("process.user.additionalGids", "groups that are not set, as the annotation "+KeepGroups+" keeps the caller's", "one or the other")
	}
}
