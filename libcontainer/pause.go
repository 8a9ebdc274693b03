package libcontainer

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/store"
)

// statePaused is what `state` and `list` say of a container whose cgroup is frozen, be it created or running. It is runc's
// word; runtime.md leaves runtimes room for states of their own ("State").
const statePaused specs.ContainerState = "paused"

// Pause stops all processes of a container that is created or running, and waits until they have stopped.
func (r *Runtime) Pause(id string) error {
	return r.atRest("pause", id, func(_ *store.Container, cg *cgroup, status specs.ContainerState) error {
		if status != specs.StateCreated && status != specs.StateRunning {
			return fmt.Errorf("cannot pause container %q: it is %s: container not running", id, status)
		}
		if cg.Manager == nil {
			return fmt.Errorf("cannot pause container %q: %w", id, errNoCgroup)
		}
		return cg.Freeze(true)
	})
}

// Resume lets the processes of a paused container go on.
func (r *Runtime) Resume(id string) error {
	return r.atRest("resume", id, func(_ *store.Container, cg *cgroup, status specs.ContainerState) error {
		if status != statePaused {
			return fmt.Errorf("cannot resume container %q: it is %s: container not paused", id, status)
		}
		return cg.Freeze(false)
	})
}

// atRest calls f, of the verb, while no other verb changes the container: it never freezes one that a start waits for, or that
// a delete is about to remove.
func (r *Runtime) atRest(verb, id string, f func(*store.Container, *cgroup, specs.ContainerState) error) error {
	entry, err := r.openWhole(id)
	if err != nil {
		return err
	}
	defer entry.Close()
	cg, err := loadCgroup(entry.State)
	if err != nil {
		return err
	}
	status, err := r.frozenStatus(entry.State, cg)
	if err != nil {
		return err
	}
	r.Log.Debugf("%s container %q: %s, process %d, %v", verb, id, status, entry.State.Init.Pid, cg)
	if err := cg.whole(); err != nil && status != specs.StateStopped {
		return fmt.Errorf("%s container %q: %w", verb, id, err)
	}
	if err := f(entry, cg, status); err != nil {
		return err
	}
	r.Log.Debugf("%s container %q: done", verb, id)
	return nil
}

// fullStatus is status, with paused told apart from created and running.
func (r *Runtime) fullStatus(st *store.State) (specs.ContainerState, error) {
	cg, err := loadCgroup(st)
	if err != nil {
		return "", err
	}
	return r.frozenStatus(st, cg)
}

func (r *Runtime) frozenStatus(st *store.State, cg *cgroup) (specs.ContainerState, error) {
	status, err := r.status(st)
	if err != nil || status != specs.StateCreated && status != specs.StateRunning {
		return status, err
	}
	if frozen, err := cg.frozen(); err != nil || frozen {
		return statePaused, err
	}
	return status, nil
}
