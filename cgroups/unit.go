package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/cgroups/limits"
	"teu/cgroups/systemd"
)

/*
The systemd driver. systemd makes a unit's cgroups, and a scope is made around a process, so the order is another one:

	Plan         PlanUnit: the unit's name and where its cgroups will be; asks the service manager for its own
	StartUnit    the process is there and stands still; systemd makes the unit around it
	CreateV1     hierarchies that systemd does not put the process in
	Set          the properties of the unit first, since systemd writes the files when they change, then the files, exactly
	Destroy      stops the unit and makes systemd forget it, then as ever

From a stored record the unit is known before it is started, so after a crash at any point Destroy finds it.
*/

// PlanUnit is [Plan] for the systemd driver. It asks the service manager at the other end of the bus for its cgroup.
func PlanUnit(l *Layout, id string, spec *specs.Spec, bus *systemd.Bus) (Record, error) {
	asked := ""
	if spec.Linux != nil {
		asked = spec.Linux.CgroupsPath
	}
	u, err := systemd.ParsePath(asked, id, bus.User)
	if err != nil {
		return Record{}, fmt.Errorf("linux.cgroupsPath: %w", err)
	}
	root, err := bus.Root()
	if err != nil {
		return Record{}, err
	}
	rec := Record{Mode: l.Mode, Unit: &u}
	if l.V2.Mountpoint != "" {
		rec.Places = append(rec.Places, Place{Mountpoint: l.V2.Mountpoint, Path: root + u.Path()})
	}
	for i := range l.V1 {
		h := &l.V1[i]
		rec.Places = append(rec.Places, Place{Name: h.Name, Mountpoint: h.Mountpoint, Path: root + u.Path()})
	}
	return rec, nil
}

// Use has the Manager ask systemd over bus, and close it in the end.
func (m *Manager) Use(bus *systemd.Bus) { m.bus = bus }

// HasUnit reports whether the cgroups are those of a unit, which [Manager.StartUnit] makes around a process.
func (m *Manager) HasUnit() bool { return m.rec.Unit != nil }

// LogTo tells where waits for systemd are logged.
func (m *Manager) LogTo(log func(format string, args ...any)) {
	if m.bus != nil {
		m.bus.Log = log
	}
}

// StartUnit makes the unit, with process pid in it: in the v2 tree, in systemd's own v1 hierarchy and in those of the
// controllers that systemd knows. A slice holds no processes by itself, so that Join has to put it there: inside is false
// then. When there is a unit of this name already, it is somebody else's, and the Manager does nothing to it from then on.
func (m *Manager) StartUnit(pid int, description string, more []systemd.Property) (inside bool, err error) {
	u := m.rec.Unit
	err = m.bus.Start(u, pid, description, m.rec.Mode == Unified, more)
	if systemd.Exists(err) {
		m.foreign = true
		return false, fmt.Errorf("linux.cgroupsPath: %w", err)
	}
	if err != nil || u.IsSlice() {
		return false, err
	}
	file, text, err := cgroupsOf(pid)
	if err != nil {
		return false, err
	}
	var own []Place
	for _, p := range m.rec.Places {
		if p.V2() || p.Name == "name=systemd" {
			own = append(own, p)
		}
	}
	return true, checkJoined(text, file, own)
}

// withUnit tells systemd of what apply is about to write; rules are left alone when they are nil. That the unit is idle it
// tells afterwards: the kernel takes no weight for an idle group (kernel/sched/fair.c, sched_group_set_shares).
func (m *Manager) withUnit(writes []limits.Write, rules []devices.Rule, apply func([]limits.Write) error) error {
	if m.rec.Unit == nil {
		return apply(writes)
	}
	writes = m.withPeriod(writes)
	list, idle := systemd.Limits(writes, m.now)
	if rules != nil {
		list = append(list, systemd.Devices(rules, m.v1("devices") == nil)...)
	}
	if err := m.bus.Set(m.rec.Unit, list); err != nil {
		return err
	}
	if err := apply(writes); err != nil {
		return err
	}
	return m.bus.Set(m.rec.Unit, idle)
}

// withPeriod adds to a write of the quota that of the period as it is now, which systemd makes the default where there is no
// quota.
func (m *Manager) withPeriod(writes []limits.Write) []limits.Write {
	var out []limits.Write
	periods := 0
	for _, w := range writes {
		switch {
		case w.File == "cpu.cfs_period_us":
			periods++
		case w.File == "cpu.cfs_quota_us" && periods == 0:
			if now := m.now(w, "cpu.cfs_period_us"); now != "" {
				period := w
				period.File, period.Value, period.Late = "cpu.cfs_period_us", now, true
				out = append(out, period)
			}
		case w.File == "cpu.max" && len(strings.Fields(w.Value)) == 1:
			if now := strings.Fields(m.now(w, w.File)); len(now) == 2 {
				w.Value = strings.TrimSpace(w.Value) + " " + now[1]
			}
		}
		out = append(out, w)
	}
	return out
}

// now is what a file beside that of w holds, "" when that is not known.
func (m *Manager) now(w limits.Write, file string) string {
	p := m.placeOf(&w)
	if p == nil {
		return ""
	}
	text, err := readLine(p.Dir() + "/" + file)
	if err != nil {
		return ""
	}
	return text
}

// stopUnit stops the unit, when it may be one of ours.
func (m *Manager) stopUnit() error {
	if m.rec.Unit == nil {
		return nil
	}
	return m.bus.Stop(m.rec.Unit)
}

// checkUnit is the part of a record's check that is about its unit.
func (r *Record) checkUnit() error {
	if r.Unit == nil {
		return nil
	}
	if err := r.Unit.Check(); err != nil {
		return fmt.Errorf("cgroup record: %w", err)
	}
	for i := range r.Places {
		if path.Base(r.Places[i].Path) != r.Unit.Name {
			return errors.New("cgroup record: a path that is not that of the unit")
		}
	}
	return nil
}

// systemds reports whether the slices in the place's hierarchy are systemd's to make, and to remove: in the v2 tree, and in
// the v1 hierarchies of what it knows.
func (p *Place) systemds() bool {
	for _, name := range [...]string{"name=systemd", "cpu", "memory", "blkio", "pids", "devices"} {
		if nameHas(p.Name, name) {
			return true
		}
	}
	return p.V2()
}
