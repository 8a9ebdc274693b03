package cgroups

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"teu/internal/sys"
)

// Kill sends SIGKILL to every process in the container's cgroups and in those below them, frozen ones too, and
// does not wait for them to end; Destroy does. It can be repeated, and is content with cgroups that do not exist. Its
// success says that it has reached all of them.
//
// In hybrid mode the processes that are in the v1 cgroups only (a create that was cut short, a v2 tree that could not
// be joined) are killed one by one, as on v1 alone.
func (m *Manager) Kill() error {
	if m.foreign {
		return nil
	}
	if p := m.unified(); p != nil {
		if err := p.killV2(); err != nil {
			return err
		}
	}
	err := m.killV1()
	// A process in a frozen v1 cgroup takes its SIGKILL when it is thawed.
	return errors.Join(err, m.thawTree())
}

const (
	killPasses = 100 // of looking again, before it is given up
	killFreeze = 4   // the pass from which on it freezes what forks faster than it is killed
)

// killV2 kills what is in the v2 tree. cgroup.kill (Linux 5.14) reaches all in one step, forks included, but not
//
//   - a process whose first thread has ended while another goes on: SIGKILL is sent to that first thread alone, and has no
//     effect there (__cgroup_kill and complete_signal, seen on Linux 6.18);
//   - a threaded cgroup, which has no such file (EOPNOTSUPP).
//
// So whoever is left gets the signal through a pidfd, which is that of the process, and then it all begins anew, until nobody
// is left that has not got it. No fork slips through: one that is under way at the last cgroup.kill makes a child that is
// killed, one that was before it is in the list, and whoever has been signalled forks no more.
func (p *Place) killV2() error {
	seen := make(map[int]bool)
	for pass := range killPasses {
		if pass == killFreeze {
			thaw, err := p.holdStill()
			if err != nil {
				return err
			}
			defer thaw()
		}
		err := writeCgroup(p.Dir()+"/cgroup.kill", "1")
		if err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
			return err
		}
		again := func() ([]int, error) { return procs(p.Dir(), true) }
		pids, err := again()
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(pids, func(pid int) bool { return seen[pid] })
		if len(fresh) == 0 {
			return nil
		}
		for _, pid := range fresh {
			seen[pid] = true
		}
		if err := signalEach(fresh, syscall.SIGKILL, again); err != nil {
			return err
		}
	}
	return fmt.Errorf("kill cgroup %s: processes kept appearing: %w", p.Dir(), syscall.EAGAIN)
}

// holdStill freezes a v2 cgroup, unless it is frozen; what is frozen still dies of SIGKILL. A process that cannot be
// frozen is not waited for longer than killWait.
func (p *Place) holdStill() (thaw func(), err error) {
	file := p.Dir() + "/cgroup.freeze"
	now, err := readLine(file)
	if err != nil || now == "1" {
		if absent(err) {
			err = nil
		}
		return func() {}, err
	}
	if err := writeCgroup(file, "1"); err != nil {
		return nil, err
	}
	_, err = waitEvent(p.Dir(), "frozen 1", time.Now().Add(killWait))
	thaw = func() { _ = writeCgroup(file, "0") } // the dead do not mind
	if err != nil {
		thaw()
	}
	return thaw, err
}

// killV1 kills what no cgroup.kill has reached, again and again until nothing new appears. When processes fork
// faster than that, they are frozen in between.
func (m *Manager) killV1() error {
	if m.tracker() == nil {
		return nil
	}
	for pass := range killPasses {
		pids, err := m.survivors()
		if err != nil || len(pids) == 0 {
			return err
		}
		if pass >= killFreeze {
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
