package libcontainer

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/cgroups/systemd"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
)

// unknown reports whether a container has a record that cannot be read, and nothing else says which processes may be alive:
// the intent does, by the cgroup that they are in. In a directory without a record nothing was made yet.
func unknown(entry *store.Container) bool {
	switch {
	case entry.Damage == nil || errors.Is(entry.Damage, store.ErrHalfMade):
		return false
	case entry.State == nil:
		return true
	}
	return entry.State.Cgroup == "" && !entry.State.Stale
}

// refuseDamaged says what is wrong with a container whose record is lost, and what is to be done: to forget it could be to
// forget processes that run. The configuration, which is kept apart from the record, may tell where they are, by the rule
// that create goes by; but whose that cgroup is by now only the record could tell, so nobody is killed for it.
func (r *Runtime) refuseDamaged(entry *store.Container) error {
	dir := r.Root + "/" + entry.ID
	where := ""
	if group, n := r.guessCgroup(dir, entry.ID); n > 0 {
		where = fmt.Sprintf(" (%d are in %s)", n, group)
	}
	return fmt.Errorf("container %q: %w: processes of it may run, and which is not known: end them%s, and then remove %s",
		entry.ID, entry.Damage, where, dir)
}

// guessCgroup is the first cgroup, of those that create would use, that holds processes, and how many.
func (r *Runtime) guessCgroup(dir, id string) (group string, processes int) {
	s, err := spec.Load(dir)
	if err != nil || r.CgroupManager == Disabled {
		return "", 0
	}
	layout, err := cgroups.Probe()
	if err != nil {
		return "", 0
	}
	rec, err := r.planned(layout, id, s)
	if err != nil {
		return "", 0
	}
	for _, p := range rec.Places {
		m, err := cgroups.Load(cgroups.Record{Mode: rec.Mode, Places: []cgroups.Place{p}})
		if err != nil {
			continue
		}
		if pids, err := m.Pids(true); err == nil && len(pids) > 0 {
			return p.Dir(), len(pids)
		}
	}
	return "", 0
}

func (r *Runtime) planned(layout *cgroups.Layout, id string, s *specs.Spec) (cgroups.Record, error) {
	if r.CgroupManager != Systemd {
		return cgroups.Plan(layout, id, s)
	}
	user, err := r.userManager()
	if err != nil {
		return cgroups.Record{}, err
	}
	bus := &systemd.Bus{User: user}
	defer bus.Close()
	return cgroups.PlanUnit(layout, id, s, bus)
}
