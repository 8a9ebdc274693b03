package store

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"teu/internal/sys"
)

// BusyError tells that the lock of a container could not be had in time. It
// matches EWOULDBLOCK.
type BusyError struct {
	ID     string
	Waited time.Duration
	Holder string // "process 12 (teu)", or "" when it cannot be seen, or was not looked for: nobody waited
}

func (e *BusyError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another process"
	}
	return fmt.Sprintf("lock container %q: held by %s for more than %v", e.ID, holder, e.Waited)
}

// Unwrap makes errors.Is find EWOULDBLOCK.
func (e *BusyError) Unwrap() error { return syscall.EWOULDBLOCK }

// lockDir opens and locks the directory of id below root, which the returned
// container takes over. The lock counts only if the name still leads to the
// locked directory: it may have been removed, and made anew, during the wait.
func lockDir(root *os.File, id string, wait time.Duration) (*Container, error) {
	deadline := time.Now().Add(wait)
	for {
		fd, err := openDir(int(root.Fd()), id)
		if err != nil {
			return nil, err
		}
		if err := lock(fd, id, wait, deadline); err != nil {
			return nil, err
		}
		same, err := isAt(int(root.Fd()), id, fd)
		if same && err == nil {
			return &Container{ID: id, root: root, dir: os.NewFile(uintptr(fd), id)}, nil
		}
		sys.Close(fd)
		if err != nil {
			return nil, err
		}
	}
}

// Unlock lets other verbs at the container, which stays open.
func (c *Container) Unlock() error {
	if err := sys.Unflock(int(c.dir.Fd())); err != nil {
		return fmt.Errorf("unlock container %q: %w", c.ID, err)
	}
	return nil
}

// Relock takes the lock again after Unlock; wait is as for Create. [NotExistError] tells that the container has been
// removed meanwhile, although another of its name may be there. Dir is another descriptor from then on.
func (c *Container) Relock(wait time.Duration) error {
	// The lock belongs to the open file description. An earlier Relock that gave up may still get the lock, so each has one of
	// its own: closing that releases the lock.
	fd, err := sys.Openat(int(c.dir.Fd()), ".", sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return fmt.Errorf("lock container %q: %w", c.ID, err)
	}
	if err := lock(fd, c.ID, wait, time.Now().Add(wait)); err != nil {
		return err // lock has closed fd
	}
	same, err := isAt(int(c.root.Fd()), c.ID, fd)
	if err == nil && !same {
		err = &NotExistError{ID: c.ID}
	}
	if err != nil {
		sys.Close(fd)
		return err
	}
	c.dir.Close()
	c.dir = os.NewFile(uintptr(fd), c.ID)
	return nil
}

// isAt reports whether the name id below root is the directory behind fd.
func isAt(root int, id string, fd int) (bool, error) {
	want, err := sys.Fstat(fd)
	if err != nil {
		return false, fmt.Errorf("stat container %q: %w", id, err)
	}
	got, err := sys.Lstatat(root, id)
	if err == syscall.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stat container %q: %w", id, err)
	}
	return got.Dev == want.Dev && got.Ino == want.Ino, nil
}

// lock takes the lock by the deadline, or closes fd and says who holds it.
//
// A waiter blocks in flock(2) on a thread of its own, so the kernel hands the
// lock over the moment it is free and in order of arrival; polling would add half
// its interval to every contended verb. A wait that is given up leaves the
// thread behind: it closes fd when it gets the lock after all, or the process,
// which is about to report the error and exit, takes it along.
func lock(fd int, id string, wait time.Duration, deadline time.Time) error {
	err := sys.TryFlock(fd)
	if err != syscall.EWOULDBLOCK {
		if err != nil {
			sys.Close(fd)
			return fmt.Errorf("lock container %q: %w", id, err)
		}
		return nil
	}
	if wait <= 0 {
		sys.Close(fd)
		return &BusyError{ID: id}
	}
	got := make(chan error)
	gone := make(chan struct{})
	go func() {
		err := sys.Flock(fd)
		select {
		case got <- err:
		case <-gone:
			sys.Close(fd)
		}
	}()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case err := <-got:
		if err != nil {
			sys.Close(fd)
			return fmt.Errorf("lock container %q: %w", id, err)
		}
		return nil
	case <-timer.C:
		busy := &BusyError{ID: id, Waited: wait, Holder: holder(fd)}
		close(gone)
		return busy
	}
}

// Holders are the processes that hold the lock of a container, as far as they can be seen.
func (s *Store) Holders(id string) ([]int, error) {
	dir, err := s.dirOf(id)
	if err != nil {
		return nil, err
	}
	defer sys.Close(dir)
	return slices.Collect(holders(dir)), nil
}

// holder names a process that holds the flock on the directory behind fd.
func holder(fd int) string {
	for pid := range holders(fd) {
		comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(comm)))
	}
	return ""
}

// holders yields the processes that hold the flock on the directory behind fd: those with a descriptor of it whose fdinfo
// shows the lock (proc(5)). /proc/locks would name the process that took the lock, which an heir may have outlived.
func holders(fd int) iter.Seq[int] {
	return func(yield func(int) bool) {
		want, err := sys.Fstat(fd)
		if err != nil {
			return
		}
		procs, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, p := range procs {
			if pid, err := strconv.Atoi(p.Name()); err == nil && holds(p.Name(), &want) && !yield(pid) {
				return
			}
		}
	}
}

func holds(pid string, want *sys.Stat) bool {
	fds, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return false
	}
	for _, f := range fds {
		// Only what looks like a path is worth a stat, and a stat of a
		// file on a dead network file system could hang.
		link := "/proc/" + pid + "/fd/" + f.Name()
		if target, err := os.Readlink(link); err != nil || !strings.HasPrefix(target, "/") {
			continue
		}
		info, err := os.ReadFile("/proc/" + pid + "/fdinfo/" + f.Name())
		if err != nil || !strings.Contains(string(info), "FLOCK") {
			continue
		}
		st, err := sys.Statat(sys.AtFdcwd, link)
		if err == nil && st.Dev == want.Dev && st.Ino == want.Ino {
			return true
		}
	}
	return false
}
