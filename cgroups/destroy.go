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

// killWait bounds one pass of Kill on v1: how long it waits for the processes it has signalled before it looks
// again.
const killWait = 100 * time.Millisecond

// Intervals of asking again where the kernel has no event to give: a v1 cgroup stays busy for a moment after its
// last process has ended (kernel/cgroup: the task is unlinked when it is switched away from for the last time).
const (
	firstInterval = 50 * time.Microsecond
	lastInterval  = 10 * time.Millisecond
)

// Destroy removes the container's cgroups, the cgroups that the payload made below them, and the empty parents
// that Create had to make. While processes are ending in them it waits, at most until timeout has passed, by
// cgroup.events on v2 and by pidfds on v1. What is gone already is no error.
func (m *Manager) Destroy(timeout time.Duration) error {
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
		} else if again {
			continue
		}
		if time.Now().After(deadline) {
			return p.busy(err)
		}
		if err := p.waitEmpty(deadline, interval); err != nil {
			return err
		}
	}
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

// waitEmpty waits for something to change that may let the directory be removed: the last process gone on v2, a
// process gone on v1; for want of either, a short while.
func (p *Place) waitEmpty(deadline time.Time, interval time.Duration) error {
	if p.V2() {
		ok, err := waitEvent(p.Dir(), "populated 0", deadline)
		if err != nil || !ok {
			return err
		}
	} else {
		pids, err := procs(p.Dir(), true)
		if err != nil {
			return err
		}
		if waited, err := waitPids(pids, deadline); waited || err != nil {
			return err
		}
	}
	soon := time.Now().Add(interval)
	if deadline.Before(soon) {
		soon = deadline
	}
	_, err := sys.PollUntil(nil, soon)
	return err
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

// waitPids waits until one of the processes has ended; waited is false when there is none of them to wait for.
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
