package names

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
