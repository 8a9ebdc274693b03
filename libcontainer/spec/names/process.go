package names

import (
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// capabilities are those of Linux 5.9 to 6.18, each at its number (capabilities(7)).
var capabilities = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Capabilities lists the names of process.capabilities, each at its number.
func Capabilities() []string { return slices.Clone(capabilities[:]) }

// Capability returns the number of a capability; ok is false for an unknown name.
func Capability(name string) (n int, ok bool) {
	n = slices.Index(capabilities[:], name)
	return n, n >= 0
}

// CapabilityName returns the name of capability n, "capability n" for an unknown number.
func CapabilityName(n int) string {
	if n < len(capabilities) {
		return capabilities[n]
	}
	return "capability " + strconv.Itoa(n)
}

// Rlimits are the types of process.rlimits (getrlimit(2)).
var Rlimits = Table[string]{
	{"RLIMIT_AS", sys.RlimitAs}, {"RLIMIT_CORE", sys.RlimitCore}, {"RLIMIT_CPU", sys.RlimitCPU}, {"RLIMIT_DATA", sys.RlimitData},
	{"RLIMIT_FSIZE", sys.RlimitFsize}, {"RLIMIT_LOCKS", sys.RlimitLocks}, {"RLIMIT_MEMLOCK", sys.RlimitMemlock},
	{"RLIMIT_MSGQUEUE", sys.RlimitMsgqueue}, {"RLIMIT_NICE", sys.RlimitNice}, {"RLIMIT_NOFILE", sys.RlimitNofile},
	{"RLIMIT_NPROC", sys.RlimitNproc}, {"RLIMIT_RSS", sys.RlimitRss}, {"RLIMIT_RTPRIO", sys.RlimitRtprio},
	{"RLIMIT_RTTIME", sys.RlimitRttime}, {"RLIMIT_SIGPENDING", sys.RlimitSigpending}, {"RLIMIT_STACK", sys.RlimitStack},
}

// SchedPolicies are the policies of process.scheduler (sched_setattr(2); the kernel's include/uapi/linux/sched.h).
var SchedPolicies = Table[specs.LinuxSchedulerPolicy]{
	{specs.SchedOther, 0}, {specs.SchedFIFO, 1}, {specs.SchedRR, 2}, {specs.SchedBatch, 3}, {specs.SchedISO, 4},
	{specs.SchedIdle, 5}, {specs.SchedDeadline, 6},
}

// SchedFlags are the flags of process.scheduler.
var SchedFlags = Table[specs.LinuxSchedulerFlag]{
	{specs.SchedFlagResetOnFork, 0x01}, {specs.SchedFlagReclaim, 0x02}, {specs.SchedFlagDLOverrun, 0x04},
	{specs.SchedFlagKeepPolicy, 0x08}, {specs.SchedFlagKeepParams, 0x10}, {specs.SchedFlagUtilClampMin, 0x20},
	{specs.SchedFlagUtilClampMax, 0x40},
}

// IOClasses are the classes of process.ioPriority (ioprio_set(2)).
var IOClasses = Table[specs.IOPriorityClass]{
	{specs.IOPRIO_CLASS_RT, 1}, {specs.IOPRIO_CLASS_BE, 2}, {specs.IOPRIO_CLASS_IDLE, 3},
}
