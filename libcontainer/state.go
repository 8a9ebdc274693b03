package libcontainer

import (
	"errors"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/host"
	"teu/libcontainer/store"
)

// Status is what `state` and `list` print of a container, with runc's names.
type Status struct {
	Version        string               `json:"ociVersion"`
	ID             string               `json:"id"`
	InitProcessPid int                  `json:"pid"`
	Status         specs.ContainerState `json:"status"`
	Bundle         string               `json:"bundle"`
	Rootfs         string               `json:"rootfs"`
	Created        time.Time            `json:"created"`
	Annotations    map[string]string    `json:"annotations,omitempty"`
	Owner          string               `json:"owner"`
}

// State returns the status of one container.
func (r *Runtime) State(id string) (*Status, error) {
	st, err := r.store().ReadWhole(id)
	if err != nil {
		return nil, err
	}
	return r.statusOf(st)
}

func (r *Runtime) statusOf(st *store.State) (*Status, error) {
	status, err := r.fullStatus(st)
	if err != nil {
		return nil, err
	}
	pid := st.Init.Pid
	r.Log.Debugf("container %q: %s, recorded as %s with process %d", st.ID, status, st.Phase, pid)
	if status == specs.StateStopped {
		pid = 0
	}
	return &Status{
		Version: st.Version, ID: st.ID, InitProcessPid: pid, Status: status, Bundle: st.Bundle, Rootfs: st.Rootfs,
		Created: st.Created, Annotations: st.Annotations, Owner: host.UserName(st.UID),
	}, nil
}

// List returns the status of every container, and apart from them what could not be read.
func (r *Runtime) List() (all []Status, bad []error, err error) {
	states, bad, err := r.store().List()
	r.Log.Debugf("%d records in %s", len(states), r.Root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, st := range states {
		status, err := r.statusOf(st)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, *status)
	}
	return all, bad, nil
}

// IDs lists the ids of all containers, those of half-made ones and of those whose record cannot be read too.
func (r *Runtime) IDs() ([]string, error) { return r.store().IDs() }
