package host

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"teu/internal/sys"
)

// endAgain is how often AwaitEnd asks for what no event tells.
const endAgain = 100 * time.Millisecond

// AwaitEnd waits until process pid, which is behind pidfd, has ended, most at the longest. A pidfd says so when all threads but
// the first have gone, and one that is traced, as by a process of the same pod, stays until its tracer has waited for it. So
// a process has also ended when each of its threads has, whoever is to wait for them.
func AwaitEnd(pidfd, pid int, most time.Duration) (bool, error) {
	for end := time.Now().Add(most); ; {
		done, err := sys.PidfdWait(pidfd, int(min(endAgain, most).Milliseconds()))
		if done || err != nil {
			return done, err
		}
		done, err = allThreads(pid, (*stat).dead)
		if done || err != nil || !time.Now().Before(end) {
			return done, err
		}
	}
}

// Tracer is the thread that traces one of those of process pid (TracerPid of /proc/PID/status, proc_pid_status(5)), 0 for
// none. A thread can be stopped in its own end, after SIGKILL, for as long as its tracer wants (PTRACE_EVENT_EXIT, ptrace(2)).
func Tracer(pid int) int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	ids, _ := threads(dir) // for a message only
	for _, id := range ids {
		text, err := sys.ReadFileAt(sys.AtFdcwd, dir+id+"/status")
		if err != nil {
			continue
		}
		_, rest, _ := bytes.Cut(text, []byte("\nTracerPid:\t"))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		if n, err := strconv.Atoi(string(line)); err == nil && n != 0 {
			return n
		}
	}
	return 0
}

// allThreads reports whether is holds for every thread of process pid, or the process is gone. What holds is to hold for good, and
// a thread for which it does is to start no other: then the same threads twice, none of them gone in between, are all that
// there are. The list alone does not say so: a thread that ends while it is read cuts it short.
func allThreads(pid int, is func(*stat) bool) (bool, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	var before []string
	for range 2 {
		ids, err := threads(dir)
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH) {
			return true, nil
		}
		if err != nil || len(ids) == 0 || before != nil && !slices.Equal(ids, before) {
			return false, err
		}
		before = ids
		for _, id := range ids {
			st, err := readStatAt(dir + id + "/stat")
			if errors.Is(err, syscall.ESRCH) {
				return false, nil
			}
			if err != nil || !is(&st) {
				return false, err
			}
		}
	}
	return true, nil
}

// ThreadExits reports whether the thread whose stat file is at path has begun to end: from then on it is in no namespace and no cgroup
// that tells anything of its process.
func ThreadExits(path string) (bool, error) {
	st, err := readStatAt(path)
	return st.exits(), err
}

// threads are the names in the directory of the threads of a process, in the order in which they were started.
func threads(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
