package host

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"teu/internal/sys"
)

/*
Whether a process lives is asked in this file alone, and of a pidfd. The letter of the state in /proc/PID/stat is that of the
first thread: a process of which that has ended, and another goes on, shows as a zombie for as long as it likes.
*/

// OpenProcess returns a pidfd of the process that had pid and started then, and pins it so. It is ESRCH when there is no such
// process, or another has its pid by now. The process may have ended: see [Ended].
func OpenProcess(pid int, start uint64) (pidfd int, err error) {
	pidfd, _, err = openProcess(pid, start)
	return pidfd, err
}

func openProcess(pid int, start uint64) (pidfd int, st stat, err error) {
	if pid <= 0 {
		return -1, st, syscall.ESRCH
	}
	pidfd, err = sys.PidfdOpen(pid)
	if err != nil {
		return -1, st, err
	}
	// The pidfd pins the process: if the start time is right now, it is the one.
	st, err = readStat(pid)
	if err == nil && st.start != start {
		err = syscall.ESRCH
	}
	if err != nil {
		sys.Close(pidfd)
		return -1, st, err
	}
	return pidfd, st, nil
}

// Ended reports whether the process behind pidfd has ended with all of its threads, reaped or not (pidfd_open(2), "poll").
func Ended(pidfd int) (bool, error) { return sys.PidfdWait(pidfd, 0) }

// Alive reports whether the process that had pid and started then still runs. One whose threads the kernel is all taking apart
// does not: it may have let go of its descriptors already, a moment before its pidfd says so, or as long before as somebody
// traces one of them, see [AwaitEnd].
func Alive(pid int, start uint64) (bool, error) {
	pidfd, st, err := openProcess(pid, start)
	if errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer sys.Close(pidfd)
	ended, err := Ended(pidfd)
	if err != nil || ended || st.flags&exiting == 0 {
		return err == nil && !ended, err
	}
	exits, err := allThreads(pid, (*stat).exits)
	return err == nil && !exits, err
}

// StartTime is when process pid started, in clock ticks since boot (field 22 of /proc/PID/stat, proc_pid_stat(5)). It is ESRCH
// when there is no such process.
func StartTime(pid int) (uint64, error) {
	st, err := readStat(pid)
	return st.start, err
}

// Parent is the pid of process pid's parent, and when pid itself started, as for [StartTime].
func Parent(pid int) (ppid int, start uint64, err error) {
	st, err := readStat(pid)
	return int(st.parent), st.start, err
}

// stat is what is used of /proc/PID/stat.
type stat struct {
	state  byte
	parent uint64
	start  uint64
	flags  uint64
}

// exiting is PF_EXITING of the kernel's include/linux/sched.h: set before a thread lets go of its descriptors.
const exiting = 0x4

// exits reports whether the thread is about to end: it executes nothing any more, and starts no other.
func (s *stat) exits() bool { return s.flags&exiting != 0 }

// dead reports whether the thread has ended, and is there only for somebody to wait for it.
func (s *stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

func readStat(pid int) (stat, error) { return readStatAt("/proc/" + strconv.Itoa(pid) + "/stat") }

func readStatAt(path string) (st stat, err error) {
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.ORdonly, 0)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) {
			err = syscall.ESRCH
		}
		return st, fmt.Errorf("open %s: %w", path, err)
	}
	defer sys.Close(fd)
	var buf [1024]byte
	n, err := sys.Read(fd, buf[:])
	if err != nil { // ESRCH: it has gone since
		return st, fmt.Errorf("read %s: %w", path, err)
	}
	return parseStat(path, buf[:n])
}

// parseStat reads what comes behind the command name, which may hold anything, ") " included.
func parseStat(path string, data []byte) (st stat, err error) {
	const state, parent, flags, start = 1, 2, 7, 20
	i := bytes.LastIndexByte(data, ')')
	f := bytes.Fields(data[max(i, 0):]) // with what ends the name
	if i < 0 || len(f) <= start {
		return st, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
	}
	st.state = f[state][0]
	for _, n := range [...]struct {
		at int
		to *uint64
	}{{parent, &st.parent}, {flags, &st.flags}, {start, &st.start}} {
		if *n.to, err = strconv.ParseUint(string(f[n.at]), 10, 64); err != nil {
			return stat{}, fmt.Errorf("read %s: %w", path, syscall.EBADMSG)
		}
	}
	return st, nil
}
