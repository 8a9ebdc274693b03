package cgroups

import (
	"fmt"
	"strings"

	"teu/internal/mountinfo"
	"teu/internal/sys"
)

// mount is a mount of a cgroup filesystem.
type mount struct {
	mountinfo.Mount      // for v1 the options of the superblock name the controllers
	hidden          bool // something else is mounted over it
}

// shows reports whether what is at the mountpoint is a filesystem of the mount's kind.
func (f *source) shows(m *mountinfo.Mount) bool {
	want := int64(sys.CgroupSuperMagic)
	if m.Type == "cgroup2" {
		want = sys.Cgroup2SuperMagic
	}
	magic, err := f.magic(m.Point)
	return err == nil && magic == want
}

// findMounts fills in from mountinfo each Mountpoint that is empty, and every Root.
func (l *Layout) findMounts() error {
	text, err := sys.ReadFileAt(sys.AtFdcwd, l.from.mountinfo)
	if err != nil {
		return fmt.Errorf("read %s: %w", l.from.mountinfo, err)
	}
	var mounts []mount
	for _, m := range mountinfo.Parse(string(text), "cgroup", "cgroup2") {
		mounts = append(mounts, mount{m, !l.from.shows(&m)})
	}
	for i := range l.V1 {
		l.V1[i].locate(mounts)
	}
	if l.Mode == Unified || l.V2.Own != "" {
		l.V2.locate(mounts)
	}
	return nil
}

// locate chooses the mount of the hierarchy. A mountpoint that is known already stands; where several mounts lie
// on it the last covers the others. Among several places the first that shows the own cgroup is taken, else the
// first. What is hidden is none.
func (h *Hierarchy) locate(mounts []mount) {
	var found *mount
	shown := false
	for i := range mounts {
		m := &mounts[i]
		if !m.is(h.Name) {
			continue
		}
		if h.Mountpoint != "" {
			if m.Point == h.Mountpoint {
				found = m
			}
			continue
		}
		if m.hidden {
			continue
		}
		holds := m.Root == "/" || h.Own == m.Root || strings.HasPrefix(h.Own, m.Root+"/")
		if found == nil || holds && !shown {
			found, shown = m, holds
		}
	}
	if found == nil {
		// A link (/sys/fs/cgroup/cpu) led to the mount, under a name that mountinfo does not have.
		if h.Mountpoint != "" && h.Name != "" {
			other := Hierarchy{Name: h.Name, Own: h.Own}
			other.locate(mounts)
			h.Root = other.Root
		}
		return
	}
	h.Mountpoint, h.Root = found.Point, found.Root
}

// is reports whether the mount shows the hierarchy of that name.
func (m *mount) is(name string) bool {
	if name == "" {
		return m.Type == "cgroup2"
	}
	if m.Type != "cgroup" {
		return false
	}
	for one := range strings.SplitSeq(name, ",") {
		if !nameHas(m.Super, one) {
			return false
		}
	}
	return true
}
