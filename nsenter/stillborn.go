package nsenter

import (
	"fmt"
	"strconv"
	"strings"

	"teu/internal/sys"
)

// stillborn reports whether the process was killed before it executed anything, and reaps it then. The clone returns
// when the child has let go of this memory (CLONE_VFORK) and of the pipe, which is a moment before exec gives it its new
// name, or its death can be waited for: one of the two is about to come.
func (in *Init) stillborn() bool {
	for range birthWait {
		// One that has done its part already, as the first of two does, or that was killed later (of its memory limit,
		// say), has taken the program along and stays to be reaped by whoever waits for it.
		if began, err := Began(in.Pid); err != nil || began {
			return false
		}
		ended, err := sys.PidfdWait(in.PidFd, 1)
		if err != nil {
			return false
		}
		if ended {
			return in.reapStillborn()
		}
	}
	return false
}

// birthWait bounds, in milliseconds, the wait for what the kernel has begun already.
const birthWait = 1000

func (in *Init) reapStillborn() bool {
	if began, err := Began(in.Pid); err != nil || began {
		return false
	}
	if sig, err := sys.KilledBy(in.Pid); err != nil || sig == 0 {
		return false
	}
	if _, err := sys.Wait4(in.Pid); err != nil {
		return false
	}
	sys.Close(in.PidFd)
	in.Pid, in.PidFd = 0, -1
	return true
}

// Began reports whether what a process executed last is the interpreter, by its name: that of the descriptor which clone
// executes. The name stays with a process that has ended, until it is reaped.
func Began(pid int) (bool, error) {
	name, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/"+strconv.Itoa(pid)+"/comm")
	if err != nil {
		return false, fmt.Errorf("read the name of process %d: %w", pid, err)
	}
	return strings.Trim(string(name), "0123456789\n") == "", nil
}
