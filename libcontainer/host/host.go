// Package host asks the kernel what it is and what this process may do: read-only probes, each a system call or two.
package host

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"teu/internal/sys"
)

// LastCap is the highest capability the kernel knows (capabilities(7)); guess is where to start looking.
func LastCap(guess int) int {
	last := guess
	for {
		if _, known := sys.CapBounded(last + 1); !known || last >= 63 {
			break
		}
		last++
	}
	for last > 0 {
		if _, known := sys.CapBounded(last); known {
			break
		}
		last--
	}
	return last
}

// Grantable is the mask of capabilities this process can give to one it starts: those it is permitted itself and
// that its bounding set holds, up to number last. In a new user namespace that is all of them (user_namespaces(7)).
func Grantable(last int, newUserNS bool) (uint64, error) {
	all := ^uint64(0) >> (63 - last)
	if newUserNS {
		return all, nil
	}
	_, permitted, _, err := sys.CapGet()
	if err != nil {
		return 0, err
	}
	for c := range last + 1 {
		if in, _ := sys.CapBounded(c); !in {
			permitted &^= 1 << c
		}
	}
	return permitted & all, nil
}

// StartTime is when process pid started, in clock ticks since boot (field 22 of /proc/PID/stat, proc_pid_stat(5)), and
// whether it has ended: a zombie has, and so has one that the kernel is taking apart. It is ESRCH when there is no such
// process.
func StartTime(pid int) (start uint64, ended bool, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.ORdonly, 0)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) {
			err = syscall.ESRCH
		}
		return 0, false, fmt.Errorf("open %s: %w", path, err)
	}
	defer sys.Close(fd)
	var buf [1024]byte
	n, err := sys.Read(fd, buf[:])
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, err)
	}
	return parseStat(path, buf[:n])
}

// exiting is PF_EXITING of the kernel's include/linux/sched.h: set before the process lets go of its descriptors.
const exiting = 0x4

// parseStat reads what comes behind the command name, which may hold anything, ") " included.
func parseStat(path string, data []byte) (start uint64, ended bool, err error) {
	const state, flags, starttime = 0, 6, 19
	i := bytes.LastIndexByte(data, ')')
	if i < 0 {
		return 0, false, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
	}
	f := bytes.Fields(data[i+1:])
	if len(f) <= starttime || len(f[state]) != 1 {
		return 0, false, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
	}
	start, serr := strconv.ParseUint(string(f[starttime]), 10, 64)
	bits, ferr := strconv.ParseUint(string(f[flags]), 10, 64)
	if serr != nil || ferr != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
	}
	return start, f[state][0] == 'Z' || f[state][0] == 'X' || bits&exiting != 0, nil
}

// Alive reports whether the process that had pid and started then still runs.
func Alive(pid int, start uint64) (bool, error) {
	if pid <= 0 {
		return false, nil
	}
	now, ended, err := StartTime(pid)
	if errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return now == start && !ended, nil
}

// SameNamespace reports whether path refers to the namespace of type kind ("net", "pid"…) that this process is in.
func SameNamespace(path, kind string) (bool, error) {
	own, err := sys.Statat(sys.AtFdcwd, "/proc/self/ns/"+kind)
	if err != nil {
		return false, fmt.Errorf("stat /proc/self/ns/%s: %w", kind, err)
	}
	other, err := sys.Statat(sys.AtFdcwd, path)
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", path, err)
	}
	return own.Dev == other.Dev && own.Ino == other.Ino, nil
}

// SetgroupsDenied reports whether the user namespace of the process whose directory of /proc is dir denies setgroups(2)
// (user_namespaces(7)).
func SetgroupsDenied(dir int) (bool, error) {
	data, err := sys.ReadFileAt(dir, "setgroups")
	if err != nil {
		return false, fmt.Errorf("read setgroups of the process: %w", err)
	}
	return bytes.HasPrefix(data, []byte("deny")), nil
}

// Administers reports whether this process, and one that it starts, has CAP_SYS_ADMIN in its user namespace: execve(2) lets root
// keep it.
func Administers() (bool, error) {
	effective, _, _, err := sys.CapGet()
	return sys.IsRoot() && effective>>sys.CapSysAdmin&1 != 0, err
}
