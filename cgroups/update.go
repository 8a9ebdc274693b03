package cgroups

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/cgroups/limits"
)

// Update is what PlanUpdate has found out is to be written.
type Update struct {
	// Then is what is asked for once it is applied: what is to be passed as now the next time.
	Then     *specs.LinuxResources
	Warnings []string

	m      *Manager
	writes []limits.Write
	rules  []devices.Rule // nil when they stay
}

// PlanUpdate is for setting what change names and leaving the rest as it is. now is what was asked for until now, by
// config.json and by updates: the kernel does not tell all of it. It writes nothing.
//
// Devices change only when change has another list of them than now. Callers send the list of old with every update
// (containerd does for Kubernetes), and somebody else may have let the container have a device in addition since, as
// NVIDIA's hook does.
func (m *Manager) PlanUpdate(now, change *specs.LinuxResources) (u *Update, err error) {
	if now == nil {
		now = new(specs.LinuxResources)
	}
	u = &Update{m: m, Then: limits.Merge(now, change)}
	host := m.host()
	host.Update = true
	if u.writes, u.Warnings, err = limits.Compile(limits.Complete(now, change), host); err != nil {
		return nil, err
	}
	if other := change.Devices != nil && !sameDevices(now.Devices, change.Devices); other {
		if u.rules, err = devices.Parse(change.Devices); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// Apply writes it, all or nothing, as far as the kernel lets it be: when a value is refused, what has been written is put
// back, and the error names what could not be.
func (u *Update) Apply() error {
	m := u.m
	before := m.remember(u.writes)
	err := m.withUnit(u.writes, u.rules, func(writes []limits.Write) error {
		err := m.apply(writes)
		if err == nil && u.rules != nil {
			err = m.setDevices(u.rules)
		}
		return err
	})
	if err != nil {
		if uerr := m.putBack(before); uerr != nil {
			err = fmt.Errorf("%w; put back what was written: %w", err, uerr)
		}
	}
	return err
}

func sameDevices(a, b []specs.LinuxDeviceCgroup) bool {
	same := func(x, y *int64) bool {
		if x == nil || y == nil {
			return x == y
		}
		return *x == *y
	}
	return slices.EqualFunc(a, b, func(x, y specs.LinuxDeviceCgroup) bool {
		return x.Allow == y.Allow && x.Type == y.Type && x.Access == y.Access && same(x.Major, y.Major) && same(x.Minor, y.Minor)
	})
}

// memory is a control file, what it held, and the writes that would make it so again.
type memory struct {
	file, text string
	undo       []limits.Write
}

// remember reads the files that are about to be written. One that cannot be read, or not be put back, is left out.
func (m *Manager) remember(writes []limits.Write) (list []memory) {
	note := func(w limits.Write) {
		p := m.placeOf(&w)
		if p == nil {
			return
		}
		file := p.Dir() + "/" + w.File
		at := slices.IndexFunc(list, func(o memory) bool { return o.file == file })
		if at < 0 {
			text, err := readLine(file)
			if err != nil {
				return
			}
			at = len(list)
			list = append(list, memory{file: file, text: text})
		}
		text := list[at].text
		if text == "" && w.Controller == "cpuset" {
			// That of the parent; a cpuset that has processes cannot be emptied again (kernel/cgroup/cpuset.c,
			// validate_change).
			text, _ = readLine(file + ".effective")
		}
		value, ok := w.Undo(text)
		if ok && !slices.ContainsFunc(list[at].undo, func(o limits.Write) bool { return o.Value == value }) {
			w.Value = value
			list[at].undo = append(list[at].undo, w)
		}
	}
	for _, w := range writes {
		if w.Moves != "" {
			moved := w
			moved.File, moved.Moves = w.Moves, ""
			note(moved)
		}
		note(w)
	}
	return list
}

// putBack writes to the files that have changed what they held before, the last first. The kernel may refuse a value until
// another is back, so those that it does are tried once more.
func (m *Manager) putBack(list []memory) error {
	var all []limits.Write
	for _, old := range list {
		all = append(all, old.undo...)
	}
	return m.withUnit(all, nil, func([]limits.Write) error { return m.putBackFiles(list) })
}

func (m *Manager) putBackFiles(list []memory) error {
	var failed []limits.Write
	for _, old := range slices.Backward(list) {
		if text, err := readLine(old.file); err == nil && text == old.text {
			continue
		}
		for _, w := range old.undo {
			if err := m.write(&w); errors.Is(err, syscall.EINVAL) {
				failed = append(failed, w)
			} else if err != nil {
				return err
			}
		}
	}
	for _, w := range failed {
		if err := m.write(&w); err != nil {
			return err
		}
	}
	return nil
}
