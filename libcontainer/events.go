package libcontainer

import (
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/internal/sys"
)

// Events calls each with what the container uses, once an interval, and whenever it runs out of memory, until its first
// process has ended. An error of each ends it.
func (r *Runtime) Events(id string, interval time.Duration, each func(*Event) error) error {
	st, err := r.watched(id)
	if err != nil {
		return err
	}
	pidfd, err := openInit(st)
	if gone(err) {
		return notRunning(id, specs.StateStopped)
	}
	if err != nil {
		return fmt.Errorf("events of container %q: %w", id, err)
	}
	defer sys.Close(pidfd)
	cg, err := loadCgroup(st)
	if err != nil {
		return err
	}
	if err := cg.whole(); err != nil {
		return fmt.Errorf("events of container %q: %w", id, err)
	}
	oom, err := r.watchOOM(cg)
	if err != nil {
		return err
	}
	defer oom.Close()
	counted := firstCount(cg)
	for next := time.Now().Add(interval); ; {
		fds := []sys.PollFD{{Fd: int32(pidfd), Events: sys.PollIn}, oom.PollFD()}
		if _, err := sys.PollUntil(fds, next); err != nil {
			return fmt.Errorf("events of container %q: poll: %w", id, err)
		}
		// Also when the container has ended, which may be because it ran out of memory.
		fired, err := oom.Fired()
		if fired && counted != nil {
			counted = countOOM(cg, cg)
		}
		// systemd may have removed the cgroup before it could be asked.
		fired = fired || err == nil && fds[0].Revents != 0 && counted.grewUnseen()
		if err == nil && fired {
			err = each(&Event{Type: "oom", ID: id})
		}
		if err != nil || fds[0].Revents != 0 {
			return err
		}
		if now := time.Now(); !now.Before(next) {
			e, err := statsOf(st, cg)
			if err == nil {
				err = each(e)
			}
			if err != nil {
				return err
			}
			if next = next.Add(interval); next.Before(now) {
				next = now // stats take longer than the interval
			}
		}
	}
}

// firstCount counts what systemd may remove before it could be asked; nil where that cannot be.
func firstCount(cg *cgroup) *oomCount {
	if cg.Manager == nil || !cg.HasUnit() {
		return nil
	}
	return countOOM(cg, cg)
}

// watchOOM watches whether the container runs out of memory, where the host can tell.
func (r *Runtime) watchOOM(cg *cgroup) (oom *cgroups.OOMWatch, err error) {
	if cg.Manager != nil {
		oom, err = cg.WatchOOM()
	}
	if err == nil && oom == nil {
		r.Log.Warnf("no memory cgroup controller: out of memory is not told")
	}
	return oom, err
}
