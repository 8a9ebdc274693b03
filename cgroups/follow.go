package cgroups

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Follow returns a Manager, for Join, Dir, At and questions only, in which each cgroup that is gone is that of a thread of the container's
// first process in the same hierarchy. file is the cgroup file of that thread in /proc; alive reports whether it has been a thread of
// that process until now. A thread that is ending shows as in the root of each v1 hierarchy (proc_cgroup_show), which is why it is
// asked last. moved says what is in place of what.
//
// The container's cgroups are removed only when there is no process in them, by somebody who can put it elsewhere: a manager that
// rearranges, or a payload that was given the hierarchy to write. Either can do the same with what is joined to the container's own.
func (m *Manager) Follow(file string, alive func() error) (out *Manager, moved []string, err error) {
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	if err := alive(); err != nil {
		return nil, nil, err
	}
	layout := Layout{from: hostSource}
	out = &Manager{rec: Record{Mode: m.rec.Mode, Places: slices.Clone(m.rec.Places)}, v2: -1}
	if layout.V1, err = placed(out.rec.Places, file, string(text)); err != nil {
		return nil, nil, err
	}
	if err := layout.findMounts(); err != nil {
		return nil, nil, err
	}
	for i := range out.rec.Places {
		p, h := &out.rec.Places[i], &layout.V1[i]
		gone := p.Dir()
		if !absent(sys.Exists(gone)) {
			continue
		}
		if p.Path, err = h.beneath(); err != nil {
			return nil, nil, fmt.Errorf("cgroup %s is gone: %w", gone, err)
		}
		moved = append(moved, gone+" is gone: "+p.Dir())
	}
	return out, moved, nil
}

// placed are the hierarchies of the places with the cgroups that text, of a cgroup file in /proc, names.
func placed(places []Place, file, text string) ([]Hierarchy, error) {
	own := map[string]string{}
	for line := range strings.Lines(text) {
		name, where, err := parseCgroupLine(line)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		own[name] = where
	}
	list := make([]Hierarchy, len(places))
	for i := range places {
		p := &places[i]
		where, ok := own[p.Name]
		if !ok {
			return nil, fmt.Errorf("read %s: no cgroup of %q: %w", file, p.Name, syscall.ENOENT)
		}
		list[i] = Hierarchy{Name: p.Name, Mountpoint: p.Mountpoint, Own: where}
	}
	return list, nil
}
