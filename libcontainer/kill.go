package libcontainer

import (
	"errors"
	"fmt"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/store"
)

// Kill sends sig to the container's first process or, with all, to every process in its cgroup. A container that is
// neither created nor running is an error (runtime.md, "Kill"), but for `kill --all`, which also reaches what is
// left behind when the first process is gone.
func (r *Runtime) Kill(id string, sig syscall.Signal, all bool) error {
	st, err := r.store().Read(id)
	if err != nil {
		return err
	}
	status, err := r.status(st)
	if err != nil {
		return err
	}
	r.Log.Debugf("kill container %q: %s, process %d, signal %d", id, status, st.Init.Pid, int(sig))
	if all {
		cg, err := loadCgroup(st)
		if err != nil {
			return err
		}
		r.Log.Debugf("signal all processes in %v", cg)
		if cg.Manager == nil && status != specs.StateStopped {
			return signalInit(st, sig)
		}
		if others, err := r.others(st, cg); err != nil || others {
			return err
		}
		return cg.signal(sig)
	}
	if status != specs.StateCreated && status != specs.StateRunning {
		return fmt.Errorf("cannot kill container %q: it is %s: container not running", id, status)
	}
	if err := signalInit(st, sig); err != nil || sig != sys.SIGKILL {
		return err
	}
	return thaw(st)
}

// thaw lets a frozen container go on: one that a cgroup v1 freezer holds does not even die of SIGKILL (runc thaws it too).
func thaw(st *store.State) error {
	cg, err := loadCgroup(st)
	if err != nil {
		return err
	}
	frozen, err := cg.frozen()
	if err != nil || !frozen {
		return err
	}
	return cg.Freeze(false)
}

// signalInit sends sig to the process the record names and to no other that has its pid by now.
func signalInit(st *store.State, sig syscall.Signal) error {
	if err := signalProcess(st.Init, sig); err != nil {
		return fmt.Errorf("kill container %q: %w", st.ID, err)
	}
	return nil
}

func signalProcess(p store.Process, sig syscall.Signal) error {
	pidfd, err := host.OpenProcess(p.Pid, p.Start)
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	return sys.PidfdSendSignal(pidfd, sig)
}

// openInit returns a pidfd of the container's first process, or ESRCH when it is gone.
func openInit(st *store.State) (int, error) { return host.OpenProcess(st.Init.Pid, st.Init.Start) }

// gone reports whether err says that the process to act on no longer exists.
func gone(err error) bool { return errors.Is(err, syscall.ESRCH) }
