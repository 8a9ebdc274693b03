package cgroups

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Join moves the process pid into the container's cgroups; cloned says that it was started in the v2 one, by way
// of [Manager.Dir].
//
// The first write can wait for an RCU grace period (cgroup_threadgroup_rwsem, taken with the lock held that mkdir of
// a cgroup needs too): for 9 hierarchies 6.4 ms, median of 200 with 25 ms between them, of which all but 0.15 ms are
// that wait. Nothing of the Manager is changed, so Join may run beside other work. A process with one thread that
// writes "0" to the file tasks of each v1 cgroup by itself does not wait (0.3 ms): the kernel takes that lock only
// to move whole processes, or somebody else.
func (m *Manager) Join(pid int, cloned bool) error {
	text := strconv.Itoa(pid)
	for i := range m.rec.Places {
		p := &m.rec.Places[i]
		if p.V2() && cloned {
			continue
		}
		file := p.Dir() + "/cgroup.procs"
		if err := sys.WriteFileAt(sys.AtFdcwd, file, text); err != nil {
			return fmt.Errorf("join cgroup: adding pid %d to cgroups: %w", pid, writeError(file, text, err))
		}
	}
	return nil
}

// CheckJoined compares /proc/PID/cgroup with the record: a service manager, or whoever else has the power to, may
// have moved the process to where the limits do not hold. Where teu sees only a piece of a hierarchy, or has a cgroup
// namespace, the ends of the paths are compared. It takes 30 µs for ten hierarchies.
func (m *Manager) CheckJoined(pid int) error {
	file, text, err := cgroupsOf(pid)
	if err != nil {
		return err
	}
	return checkJoined(text, file, m.rec.Places)
}

func cgroupsOf(pid int) (file, text string, err error) {
	file = "/proc/" + strconv.Itoa(pid) + "/cgroup"
	b, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return file, "", fmt.Errorf("read %s: %w", file, err)
	}
	return file, string(b), nil
}

func checkJoined(text, file string, places []Place) error {
	for i := range places {
		p := &places[i]
		at, found := "", false
		for line := range strings.Lines(text) {
			name, where, err := parseCgroupLine(line)
			if err != nil {
				return fmt.Errorf("read %s: %w", file, err)
			}
			if name == p.Name {
				at, found = where, true
				break
			}
		}
		if !found || !sameEnd(at, p.Path) {
			return fmt.Errorf("join cgroup %s: %s names %q: somebody has moved the process", p.Dir(), file, at)
		}
	}
	return nil
}

// sameEnd reports whether one of the paths is the end of the other: the mount may show less of the tree than the cgroup
// namespace, or more.
func sameEnd(a, b string) bool {
	return a == b || a != "/" && (strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
}

// At returns a Manager for cgroups below the container's, for Join and Dir only: those of exec --cgroup. Keys of
// sub are controllers, or "" for every hierarchy; values are paths below the container's cgroup.
func (m *Manager) At(sub map[string]string) (*Manager, error) {
	out := &Manager{rec: Record{Mode: m.rec.Mode, Places: slices.Clone(m.rec.Places)}, v2: -1}
	for controller, dir := range sub {
		for name := range strings.SplitSeq(dir, "/") {
			if name == ".." {
				return nil, fmt.Errorf("bad sub cgroup path: %s", dir)
			}
		}
		known := false
		for i := range out.rec.Places {
			p := &out.rec.Places[i]
			if controller != "" && !nameHas(p.Name, controller) && !nameHas(p.Name, "name="+controller) {
				continue
			}
			p.Path = path.Join(m.rec.Places[i].Path, dir)
			known = true
		}
		if !known {
			return nil, fmt.Errorf("bad sub cgroup path: %s: no %s cgroup controller", dir, controller)
		}
	}
	return out, nil
}

// AtProcess returns a Manager, for Join and Dir only, for the v2 cgroup that a process of the container is in. It
// is for exec when the container's own cgroup refuses processes (EBUSY) because its payload, a nested runtime or
// service manager, has moved down and given controllers to its children.
func (m *Manager) AtProcess(pid int) (*Manager, error) {
	p := m.unified()
	if p == nil {
		return nil, errors.New("join cgroup: no cgroup v2")
	}
	where, err := ownPath("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil, err
	}
	// What stands before the container's path, if anything, is the part of the tree that teu does not see.
	i := strings.Index(where+"/", p.Path+"/")
	if i < 0 {
		return nil, fmt.Errorf("join cgroup: pid %d: is in %s, not below %s", pid, where, p.Path)
	}
	// The v1 hierarchies have cgroups of their own below the container's, and any of them can hold processes.
	own := *p
	own.Path = path.Join(p.Path, where[i+len(p.Path):])
	out := &Manager{rec: Record{Mode: m.rec.Mode, Places: slices.Clone(m.rec.Places)}, v2: -1}
	*out.unified() = own
	return out, nil
}

// Busy reports whether err is what a v2 cgroup with controllers enabled for its children says to a process that
// is to join it (cgroup-v2.rst, "No Internal Process Constraint"); see [Manager.AtProcess].
func Busy(err error) bool { return errors.Is(err, syscall.EBUSY) }
