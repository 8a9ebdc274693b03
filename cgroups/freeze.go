package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"

	"teu/internal/sys"
)

// freezeTimeout bounds Freeze: a process in an uninterruptible wait (a dead network filesystem) cannot be frozen.
// runc gives v2 ten seconds too.
const freezeTimeout = 10 * time.Second

// v1Interval is how often a v1 freezer is asked again; it has no event to wait for.
const v1Interval = time.Millisecond

// Freeze stops (true) or continues (false) all processes of the container, and waits until that is so. A freeze
// that does not succeed in time is undone.
//
// In hybrid mode it is the v1 freezer that is used, as by runc: a process that some runtime inside the container has frozen
// by v1 never becomes frozen for v2, while v1 takes one that is frozen by v2 for frozen. The v2 tree is for a container whose
// cgroup of the v1 freezer is gone.
func (m *Manager) Freeze(freeze bool) error {
	if !freeze {
		return m.thaw()
	}
	p := m.unified()
	if f := m.v1("freezer"); f != nil {
		err := freezeV1(f.Dir())
		if p == nil || !absent(err) {
			return err
		}
	}
	if p == nil {
		return errors.New("freeze: no freezer cgroup controller")
	}
	return freezeV2(p.Dir())
}

// thaw undoes both freezers, since another program may have used the other one; v1 goes first, because what it
// holds does not leave the v2 freezer.
func (m *Manager) thaw() error {
	if p := m.v1("freezer"); p != nil {
		if err := writeCgroup(p.Dir()+"/freezer.state", "THAWED"); err != nil {
			return err
		}
	}
	p := m.unified()
	if p == nil {
		return nil
	}
	if err := writeCgroup(p.Dir()+"/cgroup.freeze", "0"); err != nil {
		return err
	}
	return waitFrozen(p.Dir(), false)
}

// writeCgroup writes to a file of a cgroup that may be gone.
func writeCgroup(file, value string) error {
	if err := sys.WriteFileAt(sys.AtFdcwd, file, value); err != nil && !absent(err) {
		return writeError(file, value, err)
	}
	return nil
}

func freezeV2(dir string) error {
	file := dir + "/cgroup.freeze"
	if err := sys.WriteFileAt(sys.AtFdcwd, file, "1"); err != nil {
		return writeError(file, "1", err)
	}
	err := waitFrozen(dir, true)
	if err != nil {
		return errors.Join(err, writeCgroup(file, "0"))
	}
	return nil
}

// waitFrozen waits for "frozen" in cgroup.events; an ancestor that is frozen keeps a thawed cgroup so for ever,
// which is not this cgroup's state.
func waitFrozen(dir string, frozen bool) error {
	if !frozen {
		parent, err := frozenV2(path.Dir(dir))
		if err != nil || parent {
			return err
		}
	}
	want := "frozen 0"
	if frozen {
		want = "frozen 1"
	}
	ok, err := waitEvent(dir, want, time.Now().Add(freezeTimeout))
	if err == nil && !ok {
		return fmt.Errorf("freeze %s: %w", dir, syscall.ETIMEDOUT)
	}
	return err
}

// waitEvent waits until a line of cgroup.events is want; kernfs wakes poll(2) with POLLPRI at each change. A
// cgroup that is gone counts as reached.
func waitEvent(dir, want string, deadline time.Time) (bool, error) {
	fd, err := sys.Openat(sys.AtFdcwd, dir+"/cgroup.events", sys.ORdonly, 0)
	if absent(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open %s/cgroup.events: %w", dir, err)
	}
	defer sys.Close(fd)
	buf := make([]byte, 128)
	for {
		n, err := sys.Rewind(fd, buf)
		if absent(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s/cgroup.events: %w", dir, err)
		}
		if hasLine(string(buf[:n]), want) {
			return true, nil
		}
		ok, err := sys.PollUntil([]sys.PollFD{{Fd: int32(fd), Events: sys.PollPri}}, deadline)
		if err != nil || !ok {
			return false, err
		}
	}
}

func hasLine(text, want string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimSuffix(line, "\n") == want {
			return true
		}
	}
	return false
}

// freezeV1 writes FROZEN until the state has become that: while processes fork, a v1 freezer can be stuck in
// FREEZING until the write is repeated.
func freezeV1(dir string) error {
	file := dir + "/freezer.state"
	for deadline := time.Now().Add(freezeTimeout); ; {
		if err := sys.WriteFileAt(sys.AtFdcwd, file, "FROZEN"); err != nil {
			return writeError(file, "FROZEN", err)
		}
		state, err := readLine(file)
		if err == nil && state == "FROZEN" {
			return nil
		}
		if err == nil && time.Now().After(deadline) {
			err = fmt.Errorf("freeze %s: state %s: %w", dir, state, syscall.ETIMEDOUT)
		}
		if err == nil {
			_, err = sys.PollUntil(nil, time.Now().Add(v1Interval))
		}
		if err != nil {
			return errors.Join(err, writeCgroup(file, "THAWED"))
		}
	}
}

// Frozen reports whether the container's own cgroup has been frozen, in either tree; a frozen ancestor does not
// count. A v2 freeze that is under way does.
func (m *Manager) Frozen() (bool, error) {
	if p := m.unified(); p != nil {
		state, err := readLine(p.Dir() + "/cgroup.freeze")
		if err != nil && !absent(err) {
			return false, err
		}
		if state == "1" {
			return true, nil
		}
	}
	if p := m.v1("freezer"); p != nil {
		return frozenV1(p.Dir(), false)
	}
	return false, nil
}

// frozenV1 reads a v1 freezer: its own setting, or with effective also that of its ancestors.
func frozenV1(dir string, effective bool) (bool, error) {
	file := dir + "/freezer.self_freezing"
	if effective {
		file = dir + "/freezer.state"
	}
	v, err := readLine(file)
	if absent(err) {
		return false, nil
	}
	return v == "1" || v == "FROZEN" || v == "FREEZING", err
}

// frozenV2 reads the effective state; the root of the tree has none.
func frozenV2(dir string) (bool, error) {
	v, err := readLine(dir + "/cgroup.events")
	if absent(err) {
		return false, nil
	}
	return hasLine(v, "frozen 1"), err
}
