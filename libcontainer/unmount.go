package libcontainer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/mountinfo"
	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// RemoveMounts takes off, last first, the mounts on the destinations that a file lists, as config.json does; what else it says of them
// is not looked at.
func (r *Runtime) RemoveMounts(id, file string) error {
	m, err := r.openMounting(id, file)
	defer m.closeAll()
	if err != nil {
		return err
	}
	host, err := openHostProc()
	if err != nil {
		return err
	}
	defer host.close()
	ns := fmt.Sprintf("/proc/self/fd/%d", m.pin.fds[sys.CloneNewNs])
	return sys.InMountNamespace(ns, func() error {
		root, err := m.pin.rootHere()
		if err != nil {
			return err
		}
		defer sys.Close(root)
		for i, mount := range slices.Backward(m.list) {
			if err := m.detach(host, root, mount.Destination); err != nil {
				return fmt.Errorf("mounts[%d]: take off %s: %w", i, mount.Destination, err)
			}
		}
		return nil
	})
}

// hostProc is the procfs of the host, for a thread that is in the container's mount namespace.
type hostProc struct {
	proc int
	fds  int // self/fd: a path through a descriptor is all that umount2(2) takes for a mount that was looked at
}

func openHostProc() (*hostProc, error) {
	proc, err := sys.Openat(sys.AtFdcwd, "/proc", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	fds, err := sys.Openat(proc, "self/fd", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		sys.Close(proc)
		return nil, fmt.Errorf("open /proc/self/fd: %w", err)
	}
	return &hostProc{proc, fds}, nil
}

func (h *hostProc) close() {
	sys.Close(h.fds)
	sys.Close(h.proc)
}

// rootHere opens the root of the container, for a thread that is in its mount namespace.
func (p *pin) rootHere() (int, error) {
	if p.held {
		return sys.Dup(p.root)
	}
	fd, err := sys.Openat(sys.AtFdcwd, "/", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return -1, fmt.Errorf("open the container's root: %w", err)
	}
	id, err := rootOf(fd)
	if err == nil && id != p.way.root {
		err = fmt.Errorf("open the container's root: %w: another directory is there", syscall.ESTALE)
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

// detach takes off the mount on dest. It is looked up once; what was found is compared with what may not go, and goes.
func (m *mounting) detach(host *hostProc, root int, dest string) error {
	fd, err := sys.OpenInRoot(root, filepath.Clean("/"+dest), sys.OPath)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	mounted, err := sys.IsMountRoot(fd)
	if err == nil && !mounted {
		err = fmt.Errorf("%w: nothing is mounted there", syscall.EINVAL)
	}
	if err != nil {
		return err
	}
	if err := m.mayGo(host, root, fd); err != nil {
		return err
	}
	// Nothing that is mounted below it goes from its peers, which the host may have: a volume may be shared with it.
	if err = sys.MakeSlave(fd); err == nil {
		err = sys.Detach(host.fds, fd)
	}
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("%w: the container's mount namespace may not take it off", err)
	}
	return err
}

// mayGo refuses to take off the root, /proc, what is mounted there, and what masks a path or makes it read-only; a mount that has
// such a one below it as well, since it would go too.
func (m *mounting) mayGo(host *hostProc, root, fd int) error {
	id, err := rootOf(fd)
	if err != nil {
		return err
	}
	if top, err := rootOf(root); err != nil || id == top {
		return errors.Join(err, fmt.Errorf("%w: it is the container's root", syscall.EPERM))
	}
	at, err := sys.PathOf(host.fds, fd)
	if err != nil {
		return err
	}
	kept := []string{"/proc"}
	if l := m.spec.Linux; l != nil {
		kept = slices.Concat(kept, l.MaskedPaths, l.ReadonlyPaths)
	}
	for i, path := range kept {
		there, err := sys.OpenInRoot(root, filepath.Clean("/"+path), sys.OPath)
		if err != nil {
			continue // the image has it not, so nothing is mounted on it
		}
		real, err := sys.PathOf(host.fds, there)
		sys.Close(there)
		if err != nil {
			return err
		}
		if names.Within(at, real) || i == 0 && names.Within(real, at) {
			return fmt.Errorf("%w: what is mounted on %s is to stay", syscall.EPERM, path)
		}
	}
	// They may have other paths by now: a process that may rename in the container can move the directory that one is in.
	text, err := sys.ReadFileAt(host.proc, "thread-self/mountinfo")
	if err != nil {
		return fmt.Errorf("read the container's mountinfo: %w", err)
	}
	if cover, ok := coverBelow(mountinfo.Parse(string(text)), strconv.FormatUint(id.mount, 10)); ok {
		return fmt.Errorf("%w: what is mounted on %s is to stay: it masks, or keeps read-only, what it is on", syscall.EPERM, cover)
	}
	return nil
}

// coverBelow finds among the mount with that id, and all below it, one that masks a path or makes it read-only, and where it is. It goes
// by what rename(2) changes nothing of: rootfs makes such mounts of the null device, of a tmpfs for a single inode, and of what they are on.
func coverBelow(mounts []mountinfo.Mount, id string) (point string, found bool) {
	byID := map[string]*mountinfo.Mount{}
	for i := range mounts {
		byID[mounts[i].ID] = &mounts[i]
	}
	for i := range mounts {
		m := &mounts[i]
		above := m
		for n := 0; above != nil && above.ID != id; n++ { // the first of all mounts is its own parent
			if above = byID[above.Parent]; n == len(mounts) {
				above = nil
			}
		}
		if above != nil && (masks(m) || keepsReadonly(m, byID[m.Parent])) {
			return m.Point, true
		}
	}
	return "", false
}

func masks(m *mountinfo.Mount) bool {
	if filepath.Base(m.Root) == "null" && (m.Type == "devtmpfs" || m.Type == "tmpfs") {
		return true
	}
	return m.Type == "tmpfs" && mountinfo.HasOption(m.Options, "ro") && mountinfo.HasOption(m.Super, "nr_inodes=1")
}

// keepsReadonly reports whether m is a read-only mount of something in the mount that it is on, by the same name.
func keepsReadonly(m, on *mountinfo.Mount) bool {
	return on != nil && mountinfo.HasOption(m.Options, "ro") && m.Dev == on.Dev && names.Within(strings.TrimSuffix(on.Root, "/"), m.Root) &&
		(m.Root == on.Root || filepath.Base(m.Root) == filepath.Base(m.Point))
}
