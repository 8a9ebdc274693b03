package cgroups

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"teu/internal/sys"
)

// Kill sends SIGKILL to every process in the container's cgroups and in those below them, frozen ones too, and
// does not wait for them to end; Destroy does. It can be repeated, and is content with cgroups that do not exist.
//
// cgroup.kill (Linux 5.14) reaches all in one step, forks included; a threaded cgroup has none (EOPNOTSUPP), so
// there each process gets its signal. In hybrid mode the processes that are in the v1 cgroups only (a create that
// was cut short, a v2 tree that could not be joined) are killed one by one, as on v1 alone.
func (m *Manager) Kill() error {
	if m.foreign {
		return nil
	}
	if p := m.unified(); p != nil {
		err := writeCgroup(p.Dir()+"/cgroup.kill", "1")
		if errors.Is(err, syscall.EOPNOTSUPP) {
			err = m.Signal(syscall.SIGKILL, true)
		}
		if err != nil {
			return err
		}
	}
	err := m.killV1()
	// A process in a frozen v1 cgroup takes its SIGKILL when it is thawed.
	return errors.Join(err, m.thawTree())
}

// killV1 kills what no cgroup.kill has reached, again and again until nothing new appears. When processes fork
// faster than that, they are frozen in between.
func (m *Manager) killV1() error {
	const (
		passes = 100
		freeze = 4 // the pass from which on it freezes
	)
	if m.tracker() == nil {
		return nil
	}
	for pass := range passes {
		pids, err := m.survivors()
		if err != nil || len(pids) == 0 {
			return err
		}
		if pass >= freeze {
			if f := m.v1("freezer"); f != nil {
				if err := writeCgroup(f.Dir()+"/freezer.state", "FROZEN"); err != nil {
					return err
				}
				if pids, err = m.survivors(); err != nil {
					return err
				}
			}
		}
		if err := signalEach(pids, syscall.SIGKILL, m.pidsV1); err != nil {
			return err
		}
		if err := m.thawTree(); err != nil {
			return err
		}
		if err := waitEnd(pids); err != nil {
			return err
		}
	}
	return fmt.Errorf("kill cgroup %s: processes kept appearing: %w", m.tracker().Dir(), syscall.EAGAIN)
}

// pidsV1 are the processes in the v1 cgroups. In legacy mode they are looked for in every hierarchy, since a create
// that was cut short can have joined a process to some of them; in hybrid mode v2 is joined first.
func (m *Manager) pidsV1() ([]int, error) {
	if m.rec.Mode != Legacy {
		return procs(m.tracker().Dir(), true)
	}
	var all []int
	for i := range m.rec.Places {
		pids, err := procs(m.rec.Places[i].Dir(), true)
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			if !slices.Contains(all, pid) {
				all = append(all, pid)
			}
		}
	}
	return all, nil
}

// survivors are the processes of the v1 cgroups that are not in the v2 one. v1 is read first, so that a process
// that ends in between is taken for one of them rather than missed.
func (m *Manager) survivors() ([]int, error) {
	pids, err := m.pidsV1()
	if err != nil || len(pids) == 0 {
		return nil, err
	}
	u := m.unified()
	if u == nil {
		return pids, nil
	}
	reached, err := procs(u.Dir(), true)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return slices.Contains(reached, pid) }), nil
}

// thawTree thaws the v1 freezer and those below it, which a payload may have made and frozen.
func (m *Manager) thawTree() error {
	p := m.v1("freezer")
	if p == nil {
		return nil
	}
	fd, err := sys.Openat(sys.AtFdcwd, p.Dir(), sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", p.Dir(), err)
	}
	defer sys.Close(fd)
	if err := thawBelow(fd); err != nil {
		return fmt.Errorf("thaw cgroup %s: %w", p.Dir(), err)
	}
	return nil
}

func thawBelow(dir int) error {
	thaw := func(dir int, prefix string) error {
		err := sys.WriteFileAt(dir, prefix+"freezer.state", "THAWED")
		if absent(err) {
			return nil
		}
		return err
	}
	if err := thaw(dir, ""); err != nil {
		return err
	}
	return walk(dir, func(dir int, name string) (bool, error) { return true, thaw(dir, name+"/") }, nil)
}
