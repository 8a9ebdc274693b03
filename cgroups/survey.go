package cgroups

import (
	"fmt"
	"path"
	"slices"

	"teu/internal/sys"
)

// Survey notes in the record which directories exist already, so that Destroy can tell them from those that
// Create will make. It changes nothing on the host, and belongs before the record is stored.
//
// As runc does, it refuses a cgroup that holds processes, here or in its children, and one that is frozen
// (config-linux.md, "Control groups"): starting in it would hang, and stopping would kill what is not the
// container's. A frozen parent is refused as well.
func (r *Record) Survey() error {
	if err := r.check(); err != nil {
		return err
	}
	for i := 0; i < len(r.Places); i++ {
		kept, err := deepest(&r.Places[i])
		if err != nil {
			if r.Mode == Hybrid && r.Places[i].V2() {
				r.Places = slices.Delete(slices.Clone(r.Places), i, i+1)
				i--
				continue
			}
			return err
		}
		r.Places[i].Kept = kept
	}
	for i := range r.Places {
		p := &r.Places[i]
		if p.Kept == p.Path {
			if err := p.checkEmpty(); err != nil {
				return err
			}
		}
		if err := p.checkThawed(); err != nil {
			return err
		}
		if r.Unit != nil && p.systemds() {
			p.Kept = path.Dir(p.Path)
		}
	}
	return nil
}

// deepest returns the longest part of the place's path that exists.
func deepest(p *Place) (string, error) {
	for dir := p.Path; dir != "/"; dir = path.Dir(dir) {
		err := sys.Exists(p.Mountpoint + dir)
		if err == nil {
			return dir, nil
		}
		if !absent(err) {
			return "", fmt.Errorf("cgroup %s: %w", p.Mountpoint+dir, err)
		}
	}
	return "/", nil
}

func (p *Place) checkEmpty() error {
	pids, err := procs(p.Dir(), true)
	if err != nil {
		return err
	}
	if len(pids) != 0 {
		return fmt.Errorf("linux.cgroupsPath: %s: container's cgroup is not empty: %d process(es) found",
			p.Dir(), len(pids))
	}
	return nil
}

// checkThawed looks at the deepest cgroup that exists; the root of a hierarchy cannot be frozen.
func (p *Place) checkThawed() error {
	if p.Kept == "/" || !p.V2() && !nameHas(p.Name, "freezer") {
		return nil
	}
	dir := p.Mountpoint + p.Kept
	frozen, err := frozenV1(dir, true)
	if p.V2() {
		frozen, err = frozenV2(dir)
	}
	if err != nil {
		return err
	}
	if frozen {
		return fmt.Errorf("linux.cgroupsPath: %s: container's cgroup unexpectedly frozen", dir)
	}
	return nil
}
