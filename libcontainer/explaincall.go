package libcontainer

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
	"teu/libcontainer/preflight"
	"teu/nsenter/program"
)

// explainCall adds to the errno of a system call of the program what it means there. pid is the process that made it.
func explainCall(pe *program.Error, pid int) error {
	why := ""
	switch n, errno := pe.Note(), pe.Report.Errno; {
	case n.Nr == sys.SysKeyctl:
		why = explainKeyring(errno, hostUser(pid))
	case (n.Nr == sys.SysSetresuid || n.Nr == sys.SysSetresgid) && errno == syscall.EINVAL:
		why = "the user namespace has no such id (linux.uidMappings, linux.gidMappings)"
	case n.Nr == sys.SysSetMempolicy && errno == syscall.ENOSYS:
		why = "not in this kernel (CONFIG_NUMA)"
	case n.Nr == sys.SysSetMempolicy && errno == syscall.EINVAL:
		why = "none of the nodes is there and in the cpuset, or the mode is newer than the kernel (MPOL_PREFERRED_MANY: Linux 5.15, " +
			"MPOL_WEIGHTED_INTERLEAVE: 6.9)"
	case n.Nr == sys.SysWrite && n.Where == "process.apparmorProfile" && errno == syscall.ENOENT:
		why = "no such profile is loaded"
	case n.Nr == sys.SysWrite && n.Where == "process.apparmorProfile" && (errno == syscall.EACCES || errno == syscall.EPERM):
		why = "the profile that confines the runtime itself does not let it"
	case n.Nr == sys.SysWrite && n.Where == "process.selinuxLabel" && (errno == syscall.EACCES || errno == syscall.EPERM):
		why = "the SELinux policy does not let the runtime"
	case errno == syscall.EPERM:
		why = tooRevealing(n.What)
	}
	if why == "" {
		return pe
	}
	return fmt.Errorf("%w: %s", pe, why)
}

// explainPlace says what a check of where the process is has found.
func explainPlace(pe *program.Error) error {
	switch errno := pe.Report.Errno; {
	case errno == syscall.EXDEV:
		return fmt.Errorf("%w: the mount namespace belongs to another user namespace than the process is to be in", pe)
	case errno == syscall.ESTALE:
		return fmt.Errorf("%w: the root of the mount namespace is not the container's, nor is that of its first process", pe)
	}
	return pe
}

// tooRevealing says why a user namespace may not do what, "mount proc on /proc".
func tooRevealing(what string) string {
	f := strings.Fields(what)
	if len(f) < 2 || f[0] != "mount" || f[1] != "proc" && f[1] != "sysfs" {
		return ""
	}
	hidden := preflight.TooRevealing(f[1], false)
	if hidden == "" && f[1] == "sysfs" {
		return `a sysfs is for who administers the network namespace that it shows: want one of the container's own, or "ro" in the options`
	}
	if hidden == "" {
		return ""
	}
	return "a user namespace gets a new " + f[1] + " only where one is wholly visible, and " + hidden
}

// hostUser is the user of process pid, which may have ended, as the host numbers it, or -1.
func hostUser(pid int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Uid:" {
			if uid, err := strconv.Atoi(f[1]); err == nil {
				return uid
			}
		}
	}
	return -1
}

// explainKeyring says why a session keyring could not be had (keyrings(7), "Key quotas").
func explainKeyring(errno syscall.Errno, uid int) string {
	const none = " (--no-new-keyring does without)"
	switch errno {
	case syscall.EDQUOT:
		users, err := os.ReadFile("/proc/key-users")
		if err != nil {
			users = nil
		}
		return keyQuota(string(users), uid) + none
	case syscall.EACCES, syscall.EPERM:
		return "a security module does not let it, or a keyring of that name is there and not to be joined" + none
	case syscall.ENOMEM:
		return "the kernel has no memory for a key" + none
	}
	return ""
}

// keyQuota says which quota of the user is used up; users is what is in /proc/key-users: a line of
// "UID: USAGE NKEYS/NIKEYS QNKEYS/MAXKEYS QNBYTES/MAXBYTES" for each user.
func keyQuota(users string, uid int) string {
	who, root := "the user", ""
	if uid >= 0 {
		who = "user " + strconv.Itoa(uid) + " of the host"
	}
	if uid == 0 {
		root = "root_"
	}
	const dir = "/proc/sys/kernel/keys/"
	for line := range strings.Lines(users) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != strconv.Itoa(uid)+":" {
			continue
		}
		if keys, most, ok := strings.Cut(f[3], "/"); ok && keys == most {
			return who + " has " + keys + " keys of " + most + " (" + dir + root + "maxkeys)"
		}
		size, most, _ := strings.Cut(f[4], "/")
		return who + " has keys of " + size + " bytes of " + most + " (" + dir + root + "maxbytes)"
	}
	return who + " has as many keys as it may have (" + dir + root + "maxkeys, " + root + "maxbytes)"
}
