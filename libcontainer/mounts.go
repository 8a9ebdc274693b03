package libcontainer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

/*
mounts add     the parent clones the sources, in the mount namespace of the host; a program joins that of the container, and its user
               namespace, finds each destination in the container's root and attaches (compilemounts.go)
mounts remove  a thread joins the mount namespace, finds each destination in the container's root by a descriptor, and takes off what that
               stands for

Both go only where create has been (see pin), hold the container's lock, and run nothing of the container's.
*/

// mounting is a change of the mounts of a container.
type mounting struct {
	creation // what it shares with create: sources, spawn, expect, close
	held     *store.Container
	pin      *pin
	list     []specs.Mount
}

// AddMounts attaches the bind mounts that a file lists, as config.json does, to a container that is created or running. Those before one
// that fails stay.
func (r *Runtime) AddMounts(id, file string) error {
	m, err := r.openMounting(id, file)
	defer m.closeAll()
	if err == nil {
		err = m.checkBinds(file)
	}
	if err != nil {
		return err
	}
	if err = m.attach(); err != nil {
		err = m.explainDeath(err)
	}
	return errors.Join(append([]error{err}, m.rollback()...)...) // ends the process, whose work is done
}

// RemoveMounts takes off, last first, the mounts on the destinations that a file lists, as config.json does; what else it says of them
// is not looked at.
func (r *Runtime) RemoveMounts(id, file string) error {
	m, err := r.openMounting(id, file)
	defer m.closeAll()
	if err != nil {
		return err
	}
	// Of the host's procfs: a path through a descriptor is all that umount2(2) takes for a mount that was looked at.
	fds, err := sys.Openat(sys.AtFdcwd, "/proc/self/fd", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return fmt.Errorf("open /proc/self/fd: %w", err)
	}
	defer sys.Close(fds)
	ns := fmt.Sprintf("/proc/self/fd/%d", m.pin.fds[sys.CloneNewNs])
	return sys.InMountNamespace(ns, func() error {
		root, err := m.pin.rootHere()
		if err != nil {
			return err
		}
		defer sys.Close(root)
		for i, mount := range slices.Backward(m.list) {
			if err := m.detach(fds, root, mount.Destination); err != nil {
				return fmt.Errorf("mounts[%d]: take off %s: %w", i, mount.Destination, err)
			}
		}
		return nil
	})
}

// openMounting opens the container and reads the file. What it returns is to be closed in any case.
func (r *Runtime) openMounting(id, file string) (m *mounting, err error) {
	m = &mounting{creation: creation{r: r, inputs: map[string]int{}}}
	if m.list, err = loadMounts(file); err != nil {
		return m, err
	}
	if m.held, err = r.openWhole(id); err != nil {
		return m, err
	}
	st := m.held.State
	status, err := r.fullStatus(st)
	if err != nil {
		return m, err
	}
	if status != specs.StateCreated && status != specs.StateRunning && status != statePaused {
		return m, fmt.Errorf("cannot change the mounts of container %q: it is %s", id, status)
	}
	if m.spec, err = spec.Load(r.Root + "/" + id); err != nil {
		return m, err
	}
	m.facts.bundle = st.Bundle
	if m.pin, err = pinInit(st); err == nil && m.pin.joined&sys.CloneNewNs == 0 {
		err = errors.New("it has no mount namespace of its own")
	}
	if err != nil {
		return m, fmt.Errorf("change the mounts of container %q: %w", id, err)
	}
	return m, nil
}

func loadMounts(file string) ([]specs.Mount, error) {
	list, err := spec.LoadMounts(file)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: mounts: got none, want an array of them: %w", file, syscall.EINVAL)
	}
	for i := range list {
		if list[i].Destination == "" {
			return nil, fmt.Errorf("%s: mounts[%d].destination: got nothing, want an absolute path: %w", file, i, syscall.EINVAL)
		}
	}
	return list, nil
}

func (m *mounting) closeAll() {
	m.close()
	if m.pin != nil {
		m.pin.close()
	}
	if m.held != nil {
		m.held.Close()
	}
}

// checkBinds checks the mounts as create would check them in the container's own config.json.
func (m *mounting) checkBinds(file string) error {
	whole := *m.spec
	whole.Mounts = m.list
	m.spec, m.ns = &whole, parseNamespaces(&whole)
	report := spec.Validate(&whole, m.r.hostFacts(&whole))
	elsewhere := func(p spec.Problem) bool { return !strings.HasPrefix(p.Path, "mounts[") }
	report.Problems = slices.DeleteFunc(report.Problems, elsewhere)
	report.Warnings = slices.DeleteFunc(report.Warnings, elsewhere)
	if err := m.accept(report, file); err != nil {
		return err
	}
	for i := range m.list {
		if err := rootfs.CheckBind(&m.list[i]); err != nil {
			return fmt.Errorf("%s: mounts[%d].%w", file, i, err)
		}
	}
	return nil
}

// attach clones the sources and has the program attach them.
func (m *mounting) attach() error {
	m.protect()
	if err := m.spawn(&nsenter.Start{CgroupDir: -1}); err != nil {
		return err
	}
	for _, flag := range [...]uint64{sys.CloneNewNs, sys.CloneNewUser} {
		if fd, joined := m.pin.fds[flag]; joined {
			m.inputs[inputName(flag)] = fd
			delete(m.pin.fds, flag)
		}
	}
	if m.pin.joined&sys.CloneNewUser != 0 {
		if err := m.whoJoins(); err != nil {
			return err
		}
	}
	if m.pin.held {
		fd, err := sys.Dup(m.pin.root)
		if err != nil {
			return err
		}
		m.inputs[inputRoot] = fd
	}
	if err := m.cloneSources(); err != nil {
		return err
	}
	p, err := compileMounts(m.list, &m.spec.Process.User, &m.facts, m.pin.way)
	if err != nil {
		return err
	}
	if err := m.send(p); err != nil {
		return err
	}
	if err := m.awaitInit(false); err != nil {
		return err
	}
	return m.expect(program.ByteAttached)
}

// cloneSources clones what is to be attached, in the host's mount namespace. For a container in a user namespace that is done in a copy
// of it, as for create: there the kernel locks what the host's mounts are read-only, nosuid, nodev for.
func (m *mounting) cloneSources() error {
	var list []source
	for i := range m.list {
		mount := &m.list[i]
		ids, p := spec.MountIDsOf(mount, m.spec.Linux)
		if p != nil {
			return fmt.Errorf("mounts[%d].%s: %w", i, p, syscall.EINVAL)
		}
		flags, _ := rootfs.BindFlags(mount)
		list = append(list, source{
			name: fmt.Sprintf("mounts[%d].source", i), dest: mount.Destination,
			path: rootfs.Source(m.facts.bundle, mount), flags: flags, ids: ids,
		})
	}
	var maps idMapNamespaces
	defer maps.close()
	if translated(list) {
		if err := maps.open(&m.creation, list); err != nil {
			return err
		}
	}
	open := func() error { return m.openHere(list, &maps) }
	if m.pin.joined&sys.CloneNewUser != 0 {
		return sys.InLockedMounts(open)
	}
	return open()
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
func (m *mounting) detach(fds, root int, dest string) error {
	fd, err := sys.OpenInRoot(root, filepath.Clean("/"+dest), sys.OPath)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	if err := m.mayGo(fds, root, fd); err != nil {
		return err
	}
	err = sys.Detach(fds, fd)
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("%w: nothing is mounted there that the container's mount namespace may take off", err)
	}
	return err
}

// mayGo refuses to take off the root, /proc, what is mounted there, and what masks a path or makes it read-only; a mount that has
// such a one below it as well, since it would go too.
func (m *mounting) mayGo(fds, root, fd int) error {
	id, err := rootOf(fd)
	if err != nil {
		return err
	}
	if top, err := rootOf(root); err != nil || id == top {
		return errors.Join(err, fmt.Errorf("%w: it is the container's root", syscall.EPERM))
	}
	at, err := sys.PathOf(fds, fd)
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
		real, err := sys.PathOf(fds, there)
		sys.Close(there)
		if err != nil {
			return err
		}
		if within(at, real) || i == 0 && within(real, at) {
			return fmt.Errorf("%w: what is mounted on %s is to stay", syscall.EPERM, path)
		}
	}
	return nil
}

// within reports whether the clean path p is dir, or below it.
func within(dir, p string) bool {
	rest, ok := strings.CutPrefix(p, dir)
	return ok && (rest == "" || rest[0] == '/')
}
