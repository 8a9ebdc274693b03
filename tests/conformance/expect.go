package conformance

// reasons holds, for programs that are content with any error of the runtime,
// what the error has to be about: a regular expression over their stderr.
var reasons = map[string]string{
	"linux_cgroups_hugetlb": `3MB`,
	"linux_ns_path_type":    `(?i)invalid argument|namespace`,
	"poststart_fail":        `hook`,
	"prestart_fail":         `hook`,
	"process_rlimits_fail":  `RLIMIT_TEST`,
}

// silent are the programs that print nothing when they are content.
var silent = []string{"process_capabilities_fail", "process_rlimits_fail"}

// relativeCgroups are the programs whose cgroupsPath is relative and has more
// than one element (cgroups.RelCgroupPath).
var relativeCgroups = []string{
	"linux_cgroups_relative_blkio", "linux_cgroups_relative_cpus", "linux_cgroups_relative_devices", "linux_cgroups_relative_hugetlb",
	"linux_cgroups_relative_memory", "linux_cgroups_relative_network", "linux_cgroups_relative_pids",
}

const raisedNofile = "runtimetest is a Go program, and its runtime has raised the soft limit to the hard one less one before main " +
	"(syscall/rlimit.go)"

// explanations are the failures that are expected. The names of functions
// in them are those of the runtime-tools version in go.mod; the specification is
// runtime-spec 1.3.0.
var explanations = []explanation{
	{
		programs: []string{"delete_resources", "linux_cgroups_pids", "linux_cgroups_relative_pids"},
		match:    `^not ok 3 - pids limit is set correctly`,
		kind:     wrongTest,
		why: "util.ValidateLinuxResourcesPids compares two *int64 (LinuxPids.Limit has been a pointer since runtime-spec 1.3.0) and so " +
			"two addresses; they never agree",
	},
	{
		programs: []string{"hooks"},
		match:    `^finding: Hooks MUST be called in the listed order`,
		kind:     wrongTest,
		why: "the hooks write \"post-start1 called\", the expected text lacks \"called\" for the poststart and poststop hooks: no output " +
			"can agree",
	},
	{
		programs: []string{"hooks_stdin"},
		match:    `^not ok 1 - .*wrong status "creating" in the stdin of prestart hook, expected "created"`,
		kind:     wrongTest,
		why: "prestart hooks run as part of the create operation (config.md, Prestart), and the status is \"created\" only when the runtime " +
			"has finished that (runtime.md, State)",
	},
	{
		programs: []string{"prestart"},
		match:    `^finding: Pre-start hooks MUST be called after the .start. operation is called`,
		kind:     wrongTest,
		why:      "prestart hooks are called as part of the create operation (config.md, Prestart; runtime-spec 1.1.0, #1169)",
	},
	{
		programs: []string{"poststart_fail"},
		match:    `^finding: if any poststart hook fails, the runtime MUST log a warning`,
		kind:     wrongTest,
		why: "since runtime-spec 1.3.0 (#1262) a failing poststart hook is an error: the runtime stops the container and goes on at step 12 " +
			"(runtime.md, Lifecycle, step 9)",
	},
	{
		programs: []string{"poststart"},
		runtimes: []string{"teu"},
		match:    `^finding: The post-start hooks MUST be called after the user-specified process is executed`,
		kind:     wrongTest,
		maybe:    true,
		why: "a race: the hook is called after the process was executed, but both then append to one file, and the test takes the order of " +
			"their output for the order of the calls",
	},
	{
		programs: []string{"linux_seccomp"},
		runtimes: []string{"teu"},
		match:    `^inner: .*(getwd: operation not permitted|plan: none)`,
		kind:     wrongTest,
		why: "the profile denies getcwd, which runtimetest needs (validateProcess) and stops for; the program does not notice, since it " +
			"looks for \"not ok\" only",
	},
	{
		programs: []string{"misc_props"},
		match:    `^not ok 1 - .* unknown annotation key`,
		kind:     wrongTest,
		why: "the process of this container is /runtimetest, which the program does not copy into the bundle: the runtime has to report that " +
			"it does not exist",
	},
	{
		programs: []string{"pidfile"},
		match:    `^not ok 1 - create with '--pid-file' option works`,
		kind:     wrongTest,
		maybe:    true,
		why: "the process is \"true\"; the program waits for it to be running and then kills it. It has exited by then, and the kill has to " +
			"be an error (runtime.md, Kill). A lucky poll may still see it run",
	},
	{
		programs: []string{"process_capabilities_fail"},
		match:    `^exit 1: Any value which cannot be mapped to a relevant kernel interface MUST cause an error`,
		kind:     wrongTest,
		why:      "a capability that is unknown or cannot be granted is to be logged as a warning (config.md, Linux Process; runtime-spec 1.1.0, #1094)",
	},
	{
		programs: []string{"process_rlimits"},
		runtimes: []string{"teu"},
		match:    `^not ok \d+ - has expected soft RLIMIT_NOFILE$`,
		kind:     wrongTest,
		why:      raisedNofile,
	},
	{
		programs: []string{"start"},
		match:    `^not ok 7 - (exit status 1|.*MUST generate an error if .process. was not set)`,
		kind:     wrongTest,
		why: "start of a container without process MUST fail, says the test's own text; it asserts err == nil. (A runtime that refuses " +
			"to create such a container fails here too)",
	},
	{
		programs: []string{"linux_cgroups_blkio", "linux_cgroups_relative_blkio"},
		match:    `^exit 1: .*(blkio\.|blockIO)|^not ok 1 - exit status 1|^not ok .* - get blkio cgroup data`,
		kind:     hostLimit,
		limit:    func() string { return noControl("blkio", "blkio.leaf_weight") },
		why:      "the programs set and read blkio.weight and blkio.leaf_weight, which went with the CFQ scheduler in Linux 5.0, on a device 8:0",
	},
	{
		programs: []string{"linux_cgroups_network", "linux_cgroups_relative_network"},
		match:    `^exit 1: .*(net_cls|linux\.resources\.network)|^not ok 1 - exit status 1`,
		kind:     hostLimit,
		limit:    func() string { return noV1("net_cls", "net_prio") },
		why:      "there is nowhere to write linux.resources.network",
	},
	{
		programs: []string{"linux_cgroups_memory", "linux_cgroups_relative_memory"},
		match:    `^not ok \d+ - memory kernel is set correctly`,
		kind:     hostLimit,
		limit:    refusesKmem,
		why:      "linux.resources.memory.kernel is NOT RECOMMENDED, and the kernel has not had it since 5.16 (commit 58056f77502f)",
	},
	{
		programs: []string{"linux_cgroups_hugetlb", "linux_cgroups_relative_hugetlb"},
		match:    `huge|exit status 1|the cgroups mount point|should match "3MB"`,
		kind:     hostLimit,
		limit:    func() string { return noV1("hugetlb") },
		why:      "the programs look for linux.resources.hugepageLimits on cgroup v1 alone",
	},
	{
		programs: []string{"linux_process_apparmor_profile"},
		match:    `^exit 1: .*(?i:apparmor)`,
		kind:     hostLimit,
		limit:    func() string { return noLSM("apparmor") },
		why:      "a profile was asked for and cannot be applied. (Elsewhere the program would have to load its profile first)",
	},
	{
		programs: []string{"linux_mount_label"},
		match:    `^exit 1: .*(context=|(?i:selinux)|mountLabel)`,
		kind:     hostLimit,
		limit:    func() string { return noLSM("selinux") },
		why:      "a label was asked for and cannot be applied",
	},
	{
		programs: []string{"linux_ns_itype"}, runtimes: []string{"teu"},
		match: `^not ok 1 - cannot run validation tests: exit status 1`,
		kind:  wrongTest,
		why: "the container has mounts and no mount namespace: making them in the caller's would change the host (runc and crun leave " +
			"them there)",
	},
	{
		programs: []string{"process_capabilities"},
		runtimes: []string{"teu"},
		match:    `^not ok \d+ - expected \w+ capability CAP_SYS_RESOURCE set$`,
		kind:     hostLimit,
		limit:    func() string { return noCapability("CAP_SYS_RESOURCE", 24) },
		why:      "the program asks for all capabilities; the one that cannot be granted is left out with a warning (config.md, Linux Process)",
	},

	// What is left is runc's (1.1).
	{
		programs: []string{"process_rlimits"},
		runtimes: []string{"runc"},
		match:    `^not ok \d+ - has expected soft RLIMIT_NOFILE$`,
		kind:     wrongTest,
		maybe:    true, // see the next
		why:      raisedNofile,
	},
	{
		programs: []string{"process_rlimits"},
		runtimes: []string{"runc"},
		match:    `^exit 1: .*error adding seccomp filter rule .* cannot allocate memory`,
		kind:     deviation,
		maybe:    true,
		why: "runc compiles the seccomp profile in the process that is already under the container's RLIMIT_AS (1 GiB); whether libseccomp " +
			"gets its memory depends on how much the Go runtime has mapped",
	},
	{
		programs: relativeCgroups,
		runtimes: []string{"runc"},
		match:    `^left: cgroup testdir(/cgrouptest)? in `,
		kind:     deviation,
		why:      "runc removes the container's cgroup, but not the parents it has made for it (nor does crun)",
	},
	{
		programs: []string{"linux_ns_itype"},
		runtimes: []string{"runc"},
		match:    `^left: mount BUNDLE`,
		kind:     deviation,
		why:      "without a mount namespace runc mounts in that of its caller, and delete leaves the mounts there",
	},
	{
		programs: []string{"process_capabilities"},
		runtimes: []string{"runc"},
		match:    `^exit 1: .*unable to apply caps: operation not permitted`,
		kind:     hostLimit,
		limit:    func() string { return noCapability("CAP_SYS_RESOURCE", 24) },
		why:      "the program asks for all capabilities; runc fails where the specification has it warn (config.md, Linux Process)",
	},
	{
		programs: []string{"delete"},
		runtimes: []string{"runc"},
		match:    `^not ok [23] - `,
		kind:     deviation,
		why:      "runc (and crun) delete a container that was created but not started; runtime.md, Delete, allows it for a stopped one only",
	},
	{
		programs: []string{"hooks_stdin"},
		runtimes: []string{"runc"},
		match:    `^not ok 2 - .*wrong status "created" in the stdin of poststart hook, expected "running"`,
		kind:     deviation,
		why:      "runc 1.1 calls the poststart hooks at the end of create",
	},
	{
		programs: []string{"poststart"},
		runtimes: []string{"runc"},
		match:    `^finding: The post-start hooks MUST be called before the .start. operation returns`,
		kind:     deviation,
		why:      "runc 1.1 calls the poststart hooks at the end of create",
	},
	{
		programs: []string{"poststop_fail"},
		runtimes: []string{"runc"},
		match:    `^finding: if any poststop hook fails, the runtime MUST log a warning`,
		kind:     deviation,
		why:      "runc 1.1 does not call the hooks after one that failed",
	},
	{
		programs: []string{"linux_cgroups_devices", "linux_cgroups_relative_devices"},
		runtimes: []string{"runc"},
		match:    `^not ok 3 - devices c 10:229 rwm is set correctly`,
		kind:     wrongTest,
		why: "the program expects the entries of devices.list at the index they have in the configuration; runc sorts them in among its " +
			"default devices, to the same effect",
	},
	{
		programs: []string{"linux_cgroups_memory", "linux_cgroups_relative_memory"},
		runtimes: []string{"runc"},
		match:    `^not ok \d+ - memory kernelTCP is set correctly`,
		kind:     deviation,
		why:      "runc 1.1 ignores linux.resources.memory.kernelTCP, which the kernel still takes",
	},
	{
		programs: []string{"linux_rootfs_propagation"},
		runtimes: []string{"runc"},
		match:    `^not ok 1 - check root propagation: shared \| not ok \d+ - shared root propagation exposes`,
		kind:     deviation,
		why:      "runc sets the propagation on the host's root before it binds the rootfs, whose parent it makes private: \"shared\" is lost",
	},
	{
		programs: []string{"linux_rootfs_propagation"},
		runtimes: []string{"runc"},
		match:    `^not ok 4 - exit status 1`,
		kind:     deviation,
		why:      "runc sets the propagation on the host's root before it binds the rootfs: \"unbindable\" makes that bind fail with EINVAL",
	},
	{
		programs: []string{"linux_seccomp"},
		runtimes: []string{"runc"},
		match:    `^not ok [12] - `,
		kind:     deviation,
		why:      "runc calls getcwd, after it has loaded the profile that denies it, to check the working directory",
	},
}
