package libcontainer

import (
	"errors"
	"fmt"
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
	m.facts.bundle, m.facts.root = st.Bundle, st.Rootfs
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
	p, err := compileMounts(m.spec, &m.facts, m.pin.way)
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

// cloneSources clones what is to be attached, in the host's mount namespace, but for what lies in the container's root, where its processes
// may have put a symlink by now: that is for the program to look up there. For a container in a user namespace that is done in a copy
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
		src := source{
			name: fmt.Sprintf("mounts[%d].source", i), dest: mount.Destination,
			path: rootfs.Source(m.facts.bundle, mount), flags: flags, ids: ids,
		}
		if src.lookUpInside(m.spec, &m.facts) {
			list = append(list, src)
		}
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
