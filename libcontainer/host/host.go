// Package host asks the kernel what it is and what this process may do: read-only probes, each a system call or two.
package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
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

// StartTime is when process pid started, in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)), and its
// state letter. It is ESRCH when there is no such process.
func StartTime(pid int) (start uint64, state byte, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.ORdonly, 0)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) {
			err = syscall.ESRCH
		}
		return 0, 0, fmt.Errorf("open %s: %w", path, err)
	}
	defer sys.Close(fd)
	var buf [1024]byte
	n, err := sys.Read(fd, buf[:])
	if err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return parseStat(path, buf[:n])
}

// parseStat reads what comes behind the command name, which may hold anything, ") " included.
func parseStat(path string, data []byte) (start uint64, state byte, err error) {
	i := bytes.LastIndexByte(data, ')')
	if i >= 0 {
		fields := bytes.Fields(data[i+1:])
		if len(fields) >= 20 && len(fields[0]) == 1 {
			if start, err = strconv.ParseUint(string(fields[19]), 10, 64); err == nil {
				return start, fields[0][0], nil
			}
		}
	}
	return 0, 0, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
}

// Alive reports whether the process that had pid and started then still runs; a zombie does not.
func Alive(pid int, start uint64) (bool, error) {
	if pid <= 0 {
		return false, nil
	}
	now, state, err := StartTime(pid)
	if errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return now == start && state != 'Z' && state != 'X', nil
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

// SetgroupsDenied reports whether the user namespace of process pid denies setgroups(2) (user_namespaces(7)).
func SetgroupsDenied(pid string) (bool, error) {
	data, err := os.ReadFile("/proc/" + pid + "/setgroups")
	if err != nil {
		return false, err
	}
	return bytes.HasPrefix(data, []byte("deny")), nil
}
