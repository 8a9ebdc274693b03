package libcontainer

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"teu/libcontainer/host"
	"teu/libcontainer/store"
	"teu/nsenter"
)

/*
Who holds the lock of a container may be waiting for what the container controls: for init, which a process of the same pod has
stopped; for a hook; for the workload's exec. `delete --force` waits for none of them. Without the lock it ends what the
record names, so that whoever waits for it gets on, and says in an error that it has gone; then it takes the lock.
*/

const (
	// forceAgain is how often it is looked again for what is to be ended: a create that goes on makes more.
	forceAgain = 100 * time.Millisecond
	// forceCreate is how long a create whose init was killed may take to undo what it has done, before it is killed itself.
	forceCreate = 2 * time.Second
)

// openByForce is [store.Store.Open], for a container that may be killed to get its lock.
func (r *Runtime) openByForce(id string, wait time.Duration) (*store.Container, error) {
	entry, err := r.store().Open(id, 0)
	var busy *store.BusyError
	if !errors.As(err, &busy) {
		return entry, err
	}
	r.Log.Debugf("delete container %q: its lock is held: kill first", id)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		r.killUnlocked(id, stop)
	}()
	entry, err = r.store().Open(id, wait)
	close(stop)
	<-stopped
	return entry, err
}

// killUnlocked kills the container of that id, again and again until stop is closed, but not one that has come in its place.
// What cannot be killed is told by whoever has the lock.
func (r *Runtime) killUnlocked(id string, stop <-chan struct{}) {
	var first *store.State
	tick := time.NewTicker(forceAgain)
	defer tick.Stop()
	for began := time.Now(); ; {
		// Before the intent is written nothing is there to be killed.
		if st, err := r.store().Read(id); err == nil {
			if first == nil {
				first = st
			}
			if st.Runtime != first.Runtime || !st.Created.Equal(first.Created) {
				return
			}
			r.killNamed(st, time.Since(began) >= forceCreate)
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// killNamed kills what a record names: the first process, what is in the cgroup and, when it is being created, what the
// creating teu has started, its first process among them, or with impatience that teu as well.
func (r *Runtime) killNamed(st *store.State, impatient bool) {
	note := func(what string, err error) {
		if err != nil && !gone(err) {
			r.Log.Debugf("delete container %q: %s: %v", st.ID, what, err)
		}
	}
	note("kill init", signalProcess(st.Init, syscall.SIGKILL))
	if cg, err := loadCgroup(st); err == nil {
		if others, err := r.others(st, cg); err == nil && !others {
			note("kill the cgroup", cg.signal(syscall.SIGKILL))
		}
		cg.release()
	}
	if st.Phase != store.Creating {
		return
	}
	note("kill what create has started", killChildren(st.Runtime))
	note("kill an init that has outlived its create", r.killOrphan(st))
	if impatient {
		note("kill create", signalProcess(st.Runtime, syscall.SIGKILL))
	}
}

// killChildren kills the children of a process: of a create, its init and hooks.
func killChildren(parent store.Process) error {
	if alive, err := host.Alive(parent.Pid, parent.Start); err != nil || !alive {
		return err
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if ppid, start, err := host.Parent(pid); err == nil && ppid == parent.Pid {
			if err := signalProcess(store.Process{Pid: pid, Start: start}, syscall.SIGKILL); !gone(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// killOrphan kills an init whose create has been killed and which has not got its SIGKILL from that: somebody has stopped it in
// the moment between a fork and the prctl(2) that asks for it. It holds the lock, as no process of a container does.
func (r *Runtime) killOrphan(st *store.State) error {
	if alive, err := host.Alive(st.Runtime.Pid, st.Runtime.Start); err != nil || alive {
		return err
	}
	pids, err := r.store().Holders(st.ID)
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		start, err := host.StartTime(pid)
		if err != nil {
			continue
		}
		if interpreter, err := nsenter.Began(pid); err == nil && interpreter {
			errs = append(errs, signalProcess(store.Process{Pid: pid, Start: start}, syscall.SIGKILL))
		}
	}
	return errors.Join(errs...)
}
