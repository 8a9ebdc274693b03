package libcontainer

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"teu/internal/sys"
	"teu/libcontainer/store"
	"teu/nsenter"
)

// waits reports whether the first process has yet to execute the container's program. What tells is what only the kernel
// takes away: the name and the arguments of a process are its own to write.
func (r *Runtime) waits(st *store.State) (bool, error) {
	dir, err := sys.Openat(sys.AtFdcwd, r.Root+"/"+st.ID, sys.OPath|sys.ODirectory|sys.ONofollow, 0)
	if err != nil {
		return false, fmt.Errorf("open %s/%s: %w", r.Root, st.ID, err)
	}
	defer sys.Close(dir)
	if st.Phase == store.Running {
		// The process, which has executed the program, may be about to let go of its sockets: that of start first.
		if _, err := sys.Lstatat(dir, store.OpenedName); err == nil {
			return false, nil
		}
	}
	waits, err := nsenter.Waits(below(dir, store.InitName))
	if errors.Is(err, syscall.ENOENT) {
		return waitsAtGate(dir, st)
	}
	if err != nil {
		return false, fmt.Errorf("container %q: %s: %w", st.ID, store.InitName, err)
	}
	return waits, nil
}

// waitsAtGate is waits for a container that an older version has made: somebody listens at its gate.
func waitsAtGate(dir int, st *store.State) (bool, error) {
	if st.Phase != store.Created {
		return false, nil
	}
	waits, err := sys.Bound(below(dir, store.GateName))
	if errors.Is(err, syscall.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("container %q: %s: %w", st.ID, store.GateName, err)
	}
	return waits, nil
}

// below is the path of a socket in the open directory: it is longer than sun_path holds where the directory's is.
func below(dir int, name string) string { return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name }
