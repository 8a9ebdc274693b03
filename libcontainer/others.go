package libcontainer

import (
	"errors"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/libcontainer/store"
)

// others reports whether the processes in a container's cgroup are none of its own. When the first process of a pid namespace of
// its own is gone, so is all that was in it (pid_namespaces(7)): those that are there by now are of a container that was told to
// use the same, empty, cgroup. What is in the runtime's own pid namespace may be an exec that has come no further.
func (r *Runtime) others(st *store.State, cg *cgroup) (bool, error) {
	if cg.Manager == nil || cg.HasUnit() || !cg.MayHoldProcesses() {
		return false, nil
	}
	over, err := initOver(st)
	if err != nil || !over {
		return false, err
	}
	pids, err := cg.Pids(true)
	if err != nil || len(pids) == 0 {
		return false, err
	}
	s, err := spec.Load(r.Root + "/" + st.ID)
	if err != nil {
		return false, nil //nolint:nilerr // not known to be others'
	}
	if n := names.NamespaceIn(s.Linux, specs.PIDNamespace); n == nil || n.Path != "" {
		return false, nil
	}
	found := false
	for _, pid := range pids {
		same, err := host.SameNamespace("/proc/"+strconv.Itoa(pid)+"/ns/pid", "pid")
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended
		}
		if err != nil || same {
			return false, nil //nolint:nilerr // as above
		}
		found = true
	}
	return found, nil
}

// initOver reports whether the container's first process has ended with all its threads. An intent does not say which that is: the
// record that did may be lost, and the process live.
func initOver(st *store.State) (bool, error) {
	if st.Init.Pid == 0 {
		return false, nil
	}
	pidfd, err := openInit(st)
	if gone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer sys.Close(pidfd)
	return host.Ended(pidfd)
}
