package process

import "teu/internal/sys"

// Rlimit returns the number of a resource limit by its name, e.g. "RLIMIT_NOFILE" (getrlimit(2)).
func Rlimit(name string) (int, bool) {
	for i, n := range [...]string{
		sys.RlimitAs: "RLIMIT_AS", sys.RlimitCore: "RLIMIT_CORE", sys.RlimitCPU: "RLIMIT_CPU",
		sys.RlimitData: "RLIMIT_DATA", sys.RlimitFsize: "RLIMIT_FSIZE", sys.RlimitLocks: "RLIMIT_LOCKS",
		sys.RlimitMemlock: "RLIMIT_MEMLOCK", sys.RlimitMsgqueue: "RLIMIT_MSGQUEUE", sys.RlimitNice: "RLIMIT_NICE",
		sys.RlimitNofile: "RLIMIT_NOFILE", sys.RlimitNproc: "RLIMIT_NPROC", sys.RlimitRss: "RLIMIT_RSS",
		sys.RlimitRtprio: "RLIMIT_RTPRIO", sys.RlimitRttime: "RLIMIT_RTTIME",
		sys.RlimitSigpending: "RLIMIT_SIGPENDING", sys.RlimitStack: "RLIMIT_STACK",
	} {
		if n == name {
			return i, true
		}
	}
	return 0, false
}
