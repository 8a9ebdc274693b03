package libcontainer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/store"
)

// killWait bounds the wait for a process that got SIGKILL: one that does not end by then hangs in the kernel.
const killWait = 10 * time.Second

// Delete removes a stopped container, or with force one in any state, half-made ones included. Each step can be
// repeated: what one delete did not get to, the next one does. With force a container that does not exist is no error.
func (r *Runtime) Delete(id string, force bool) error {
	open := r.store().Open
	if force {
		open = r.openByForce
	}
	entry, err := open(id, lockWait)
	var missing *store.NotExistError
	if force && errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer entry.Close()
	if entry.Damage != nil && !force {
		return fmt.Errorf("container %q: %w", id, entry.Damage)
	}
	if unknown(entry) {
		return r.refuseDamaged(entry)
	}
	if entry.State == nil {
		r.Log.Debugf("delete container %q: half-made, remove its directory in %s", id, r.Root)
		return entry.Remove()
	}
	if entry.Damage != nil {
		r.Log.Warnf("container %q: %v: ended by its intent record", id, entry.Damage)
	}
	// runc also lets a created container go without force; the spec does not (runtime.md, "Delete").
	if !force {
		status, err := r.fullStatus(entry.State)
		if err != nil {
			return err
		}
		if status != specs.StateStopped {
			return fmt.Errorf("cannot delete container %q: it is %s, not stopped", id, status)
		}
	}
	cg, err := loadCgroup(entry.State)
	if err != nil {
		return err
	}
	return r.destroy(entry, cg)
}

// destroy ends what runs, removes the cgroup and the resctrl group, runs the poststop hooks and forgets the container.
func (r *Runtime) destroy(entry *store.Container, cg *cgroup) error {
	st := entry.State
	cg.logTo(r.Log)
	defer cg.release()
	others, err := r.others(st, cg)
	if err != nil {
		return err
	}
	if others {
		r.Log.Warnf("container %q: its %v is left alone: the processes in it are another's", st.ID, cg)
		cg = &cgroup{}
	}
	r.Log.Debugf("delete container %q: kill process %d, if it is there", st.ID, st.Init.Pid)
	if err := killInit(st, cg); err != nil {
		return err
	}
	r.Log.Debugf("remove %v", cg)
	if err := cg.remove(); err != nil {
		return err
	}
	if err := removeRdt(st); err != nil {
		return err
	}
	h, err := lateHooks(entry)
	if err != nil {
		r.Log.Warnf("the poststop hooks cannot be run: %v", err)
	}
	r.poststop(h, st)
	r.Log.Debugf("remove the record of container %q in %s", st.ID, r.Root)
	return entry.Remove()
}

// killInit kills the first process, and with it all in its pid namespace, and waits until it is gone.
func killInit(st *store.State, cg *cgroup) error {
	pidfd, err := openInit(st)
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kill container %q: %w", st.ID, err)
	}
	defer sys.Close(pidfd)
	if err := sys.PidfdSendSignal(pidfd, sys.SIGKILL); err != nil && !gone(err) {
		return fmt.Errorf("kill container %q: %w", st.ID, err)
	}
	// A frozen process dies only when it is thawed.
	if err := cg.signal(syscall.SIGKILL); err != nil {
		return err
	}
	done, err := host.AwaitEnd(pidfd, st.Init.Pid, killWait)
	if err != nil {
		return err
	}
	if !done {
		held := ""
		if tracer := host.Tracer(st.Init.Pid); tracer != 0 {
			held = fmt.Sprintf(": thread %d traces it, and holds it up", tracer)
		}
		return fmt.Errorf("kill container %q: process %d still there after %v%s", st.ID, st.Init.Pid, killWait, held)
	}
	return nil
}

// clearHalfMade removes what a teu that died while creating id left behind, and reports whether id may be free now.
func (r *Runtime) clearHalfMade(id string) bool {
	if st, err := r.store().Read(id); err != nil || !halfMade(st) {
		return false
	}
	entry, err := r.store().Open(id, lockWait)
	var missing *store.NotExistError
	if errors.As(err, &missing) {
		return true
	}
	if err != nil {
		return false
	}
	defer entry.Close()
	// Asked again under the lock: another create may have been here in between.
	if entry.Damage != nil || !halfMade(entry.State) {
		return false
	}
	cg, err := loadCgroup(entry.State)
	return err == nil && r.destroy(entry, cg) == nil
}

// halfMade reports whether the record says that nobody came further than creating, and the teu that did is gone. Its
// init, if there is one, is about to go.
func halfMade(st *store.State) bool {
	if st.Phase != store.Creating {
		return false
	}
	making, err := host.Alive(st.Runtime.Pid, st.Runtime.Start)
	return err == nil && !making
}
