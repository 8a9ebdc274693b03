package devices

import (
	"errors"
	"syscall"

	"teu/internal/sys"
)

// progName marks the filters that are ours: a cgroup may carry others (systemd's DeviceAllow=, an administrator's),
// which can only restrict further and are left alone.
const progName = "teu_devices"

// Attach makes rules the device filter of the v2 cgroup that the fd is open on (O_PATH will do). A filter attached
// before by this function is replaced in one step, so there is no moment without one.
func Attach(cgroup int, rules []Rule) error {
	insns, err := Program(rules)
	if err != nil {
		return err
	}
	old, err := attached(cgroup)
	defer func() {
		for _, fd := range old {
			sys.Close(fd)
		}
	}()
	if err != nil {
		return err
	}
	prog, err := sys.DeviceProgLoad(Encode(insns), progName)
	if err != nil {
		return err
	}
	defer sys.Close(prog) // the attachment keeps the program
	replace := -1
	if len(old) > 0 {
		replace = old[0]
	}
	if err := sys.DeviceProgAttach(cgroup, prog, replace); err != nil {
		return err
	}
	for i := 1; i < len(old); i++ {
		if err := sys.DeviceProgDetach(cgroup, old[i]); err != nil {
			return err
		}
	}
	return nil
}

// attached opens the filters on the cgroup that carry our name.
func attached(cgroup int) (fds []int, err error) {
	ids, err := sys.DeviceProgs(cgroup)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		fd, err := sys.BPFProgByID(id)
		switch {
		case errors.Is(err, syscall.ENOENT):
			continue // detached since
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
			continue // a security module hides it, so it is not ours
		case err != nil:
			return fds, err
		}
		name, err := sys.BPFProgName(fd)
		if err == nil && name == progName {
			fds = append(fds, fd)
			continue
		}
		sys.Close(fd)
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}
