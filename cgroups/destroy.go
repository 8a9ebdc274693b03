package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"

	"teu/internal/sys"
)

// killWait bounds one wait of Kill: on v1, for the processes it has signalled before it looks again; on v2, for a freeze.
const killWait = 100 * time.Millisecond

// Intervals of asking again, from which rmdir is tried until the deadline, where the kernel has no event to give:
//
//   - v1 without a v2 tree: a process can be waited for (pidfd), that its cgroup is empty cannot. The task is taken out of
//     it a moment after pidfd says that the process has ended, when it is switched away from for the last time, or a moment
//     before (kernel/cgroup, cgroup_task_dead and cgroup_exit); notify_on_release starts one program for a whole hierarchy,
//     which is the administrator's to choose.
//   - Processes that are out of sight, in cgroups of v1: those of a pid namespace that is not ours or below ours.
//   - Somebody makes cgroups below, or puts processes there, as fast as they are removed.
//
// On v2 cgroup.events tells, and on hybrid hosts for v1 too: it is one link of the task to all of its cgroups that goes. A
// process that has ended and that nobody waits for is in no cgroup's way (Linux 5.2, commit c03cd7738a83).
const (
	firstInterval = 50 * time.Microsecond
	lastInterval  = 10 * time.Millisecond
)

// Destroy removes the container's cgroups, the cgroups that the payload made below them, and the empty parents
// that Create had to make; a unit is stopped first. While processes are ending in them it waits, at most until timeout
// has passed, by cgroup.events on v2 and by pidfds on v1. What is gone already is no error.
func (m *Manager) Destroy(timeout time.Duration) error {
	if m.foreign {
		return nil
	}
	if err := m.stopUnit(); err != nil {
		return err
	}
	deadline := time.Now().Add(timeout)
	// v2 comes first: once its cgroup.events says that it is empty, the v1 cgroups are empty as well.
	var errs []error
	for i := range m.rec.Places {
		p := &m.rec.Places[i]
		if err := p.remove(deadline); err != nil {
			errs = append(errs, err)
			continue
		}
		p.removeParents()
	}
	return errors.Join(errs...)
}

// remove takes the directory away, after those below it.
func (p *Place) remove(deadline time.Time) error {
	late := false
	for interval := firstInterval; ; interval = min(2*interval, lastInterval) {
		err := sys.Rmdirat(sys.AtFdcwd, p.Dir())
		if err == nil || absent(err) {
			return nil
		}
		if errors.Is(err, syscall.EROFS) && absent(sys.Exists(p.Dir())) {
			return nil // said of a read-only mount before the name is looked up
		}
		if !errors.Is(err, syscall.EBUSY) && !errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("remove cgroup %s: %w", p.Dir(), err)
		}
		if again, cerr := p.removeChildren(); cerr != nil {
			return cerr
		} else if again && !late {
			late = time.Now().After(deadline) // they took their time: the directory itself is tried once more
			continue
		}
		if time.Now().After(deadline) {
			return p.busy(err)
		}
		if waited, err := p.waitEmpty(deadline); err != nil {
			return err
		} else if waited {
			continue
		}
		if _, err := sys.PollUntil(nil, earlier(deadline, time.Now().Add(interval))); err != nil {
			return err
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// removeChildren removes the cgroups below the place, deepest first. progress says that there were some and that
// all could be removed.
func (p *Place) removeChildren() (progress bool, err error) {
	fd, err := sys.Openat(sys.AtFdcwd, p.Dir(), sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if absent(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open cgroup %s: %w", p.Dir(), err)
	}
	defer sys.Close(fd)
	removed, err := removeBelow(fd)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ENOTEMPTY) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove cgroups below %s: %w", p.Dir(), err)
	}
	return removed > 0, nil
}

// removeBelow removes what is below the open directory, deepest first. It stops at the first that is in use.
func removeBelow(dir int) (removed int, err error) {
	remove := func(dir int, name string) error {
		err := sys.Rmdirat(dir, name)
		if err == nil {
			removed++
		}
		if absent(err) {
			err = nil
		}
		return err
	}
	err = walk(dir, func(dir int, name string) (bool, error) {
		err := remove(dir, name)
		if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ENOTEMPTY) {
			return true, nil
		}
		return false, err
	}, remove)
	return removed, err
}

// waitEmpty waits for an event that may let the directory be removed: the last process gone on v2, a process gone on v1.
// waited is false when there is none to wait for.
func (p *Place) waitEmpty(deadline time.Time) (waited bool, err error) {
	if !p.V2() {
		pids, err := procs(p.Dir(), true)
		if err != nil {
			return false, err
		}
		return waitPids(pids, deadline)
	}
	text, err := readLine(p.Dir() + "/cgroup.events")
	if absent(err) {
		return true, nil
	}
	if err != nil || hasLine(text, "populated 0") {
		return false, err
	}
	_, err = waitEvent(p.Dir(), "populated 0", deadline)
	return true, err
}

// waitEnd waits until the processes have ended, or killWait has passed.
func waitEnd(pids []int) error {
	deadline := time.Now().Add(killWait)
	for _, pid := range pids {
		if _, err := waitPids([]int{pid}, deadline); err != nil {
			return err
		}
	}
	return nil
}

// waitPids waits until one of the processes has ended; waited is false when there is none of them to wait for, as when one
// has ended already.
func waitPids(pids []int, deadline time.Time) (waited bool, err error) {
	const most = 64 // enough to notice progress
	fds := make([]sys.PollFD, 0, min(len(pids), most))
	defer func() {
		for _, f := range fds {
			sys.Close(int(f.Fd))
		}
	}()
	for _, pid := range pids[:min(len(pids), most)] {
		fd, err := sys.PidfdOpen(pid)
		if errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("wait for pid %d: %w", pid, err)
		}
		fds = append(fds, sys.PollFD{Fd: int32(fd), Events: sys.PollIn})
	}
	if len(fds) == 0 {
		return false, nil
	}
	if ended, err := sys.PollUntil(fds, time.Now()); ended || err != nil {
		return false, err
	}
	_, err = sys.PollUntil(fds, deadline)
	return true, err
}

// busy names who is left.
func (p *Place) busy(err error) error {
	pids, _ := procs(p.Dir(), true) // only for the message
	if len(pids) == 0 {
		return fmt.Errorf("remove cgroup %s: %w", p.Dir(), err)
	}
	return fmt.Errorf("remove cgroup %s: %w: %d process(es) left, pid %d first", p.Dir(), err, len(pids), pids[0])
}

// removeParents removes the directories that did not exist before the container, up to the first that is in use:
// another container may have moved in below it.
func (p *Place) removeParents() {
	if p.Kept == "" || p.Kept == p.Path {
		return
	}
	for dir := path.Dir(p.Path); dir != "/" && dir != p.Kept && strings.HasPrefix(dir, p.Kept); dir = path.Dir(dir) {
		if err := sys.Rmdirat(sys.AtFdcwd, p.Mountpoint+dir); err != nil && !absent(err) {
			return
		}
	}
}
