package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/systemd"
)

// Record names the cgroups of a container: enough to rebuild a [Manager], and to clean up after a teu that died at
// any point. It is stored as text (see String) before the first of them is made.
type Record struct {
	Mode   Mode
	Places []Place
	// Unit is the container's systemd unit; nil under the cgroupfs driver.
	Unit *systemd.Unit
}

// Place is a container's cgroup in one hierarchy.
type Place struct {
	// Name is that of the [Hierarchy]; empty for v2.
	Name string
	// Mountpoint of the hierarchy.
	Mountpoint string
	// Path of the cgroup below the mountpoint, clean and never just "/".
	Path string
	// Kept is the deepest directory on the way to Path, as a path below the mountpoint, that was there before the
	// container ("/" at least). Destroy removes what it finds empty between it and Path. When it is empty (nobody
	// looked), only Path itself is removed; when it is Path, the cgroup had been made by someone else.
	Kept string
}

// Dir is the cgroup's directory on the host.
func (p *Place) Dir() string { return p.Mountpoint + p.Path }

// V2 reports whether the place is in the v2 tree.
func (p *Place) V2() bool { return p.Name == "" }

// Plan decides where the container's cgroups are to be. It changes nothing; it reads /proc/self/cgroup and
// mountinfo when the path is relative and the layout does not know teu's own cgroup yet.
//
// linux.cgroupsPath is taken as runc's cgroupfs driver takes it. An absolute path starts at the mountpoint of
// each hierarchy. A relative one starts at teu's own cgroup on v1; on pure v2 at the parent of that, because a
// cgroup that holds processes (teu) cannot give controllers to its children. Without a path it is the container's
// id, relative. In hybrid mode the v2 tree follows the rule of v1.
//
// Paths with ".." are refused, where runc cuts them at the root, and so are those that name the root.
func Plan(l *Layout, id string, spec *specs.Spec) (Record, error) {
	p, err := containerPath(id, spec)
	if err != nil {
		return Record{}, err
	}
	if p[0] != '/' {
		if err := l.findOwn(); err != nil {
			return Record{}, fmt.Errorf("linux.cgroupsPath: %q: %w", p, err)
		}
	}
	rec := Record{Mode: l.Mode, Places: make([]Place, 0, len(l.V1)+1)}
	add := func(h *Hierarchy) error {
		full := p
		if p[0] != '/' {
			own, err := h.beneath()
			if err != nil {
				return fmt.Errorf("linux.cgroupsPath: %q: %w", p, err)
			}
			if l.Mode == Unified {
				own = path.Dir(own)
			}
			full = path.Join(own, p)
		}
		rec.Places = append(rec.Places, Place{Name: h.Name, Mountpoint: h.Mountpoint, Path: full})
		return nil
	}
	// v2 comes first: it is the one that the process is cloned into, and the one to kill and wait by.
	if l.V2.Mountpoint != "" {
		if err := add(&l.V2); err != nil {
			return Record{}, err
		}
	}
	for i := range l.V1 {
		if err := add(&l.V1[i]); err != nil {
			return Record{}, err
		}
	}
	return rec, nil
}

// Own is the record of teu's own cgroups: for [Record.Mounts] only, as [Load] refuses it where one of them is the root.
func Own(l *Layout) (Record, error) {
	if err := l.findOwn(); err != nil {
		return Record{}, err
	}
	rec := Record{Mode: l.Mode}
	add := func(h *Hierarchy) error {
		own, err := h.beneath()
		rec.Places = append(rec.Places, Place{Name: h.Name, Mountpoint: h.Mountpoint, Path: own})
		return err
	}
	if l.V2.Mountpoint != "" {
		if err := add(&l.V2); err != nil {
			return rec, err
		}
	}
	for i := range l.V1 {
		if err := add(&l.V1[i]); err != nil {
			return rec, err
		}
	}
	return rec, nil
}

// containerPath returns linux.cgroupsPath, clean, or the id.
func containerPath(id string, spec *specs.Spec) (string, error) {
	if spec.Linux == nil || spec.Linux.CgroupsPath == "" {
		if err := checkPath(id); err != nil || strings.Contains(id, "/") {
			return "", fmt.Errorf("container id %q: cannot name a cgroup", id)
		}
		return id, nil
	}
	p := spec.Linux.CgroupsPath
	if err := checkPath(p); err != nil {
		return "", fmt.Errorf("linux.cgroupsPath: %q: %w", p, err)
	}
	return path.Clean(p), nil
}

// checkPath refuses what could lead out of the hierarchy, its root, and what the kernel refuses as a name
// (cgroup_mkdir: /proc/PID/cgroup could not be parsed).
func checkPath(p string) error {
	if strings.ContainsAny(p, "\x00\n") {
		return errors.New("holds a newline or a zero byte")
	}
	for name := range strings.SplitSeq(p, "/") {
		if name == ".." {
			return errors.New(`".." is not allowed`)
		}
	}
	if c := path.Clean(p); c == "/" || c == "." {
		return errors.New("names no cgroup below the root")
	}
	return nil
}

// check refuses a record that [Plan] could not have made, since everything below its paths gets killed and removed.
func (r *Record) check() error {
	if len(r.Places) == 0 {
		return errors.New("cgroup record: names no cgroup")
	}
	if err := r.checkUnit(); err != nil {
		return err
	}
	for i := range r.Places {
		p := &r.Places[i]
		switch {
		case checkPath(p.Path) != nil || !path.IsAbs(p.Path) || path.Clean(p.Path) != p.Path:
			return fmt.Errorf("cgroup record: path %q: not a cgroup", p.Path)
		case !path.IsAbs(p.Mountpoint) || strings.Contains(p.Mountpoint, "\n"):
			return fmt.Errorf("cgroup record: mountpoint %q: not a path that can be recorded", p.Mountpoint)
		case p.Kept != "" && p.Kept != "/" && p.Kept != p.Path && !strings.HasPrefix(p.Path, p.Kept+"/"):
			return fmt.Errorf("cgroup record: %q: not on the way to %q", p.Kept, p.Path)
		}
	}
	return nil
}

// String is the record as text, a line each for the mode, with the unit, and for the fields of every place: a fifth of
// what the first use of encoding/json costs in a fresh process, and every verb is one. [ParseRecord] reads it.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString(string(r.Mode))
	if r.Unit != nil {
		b.WriteString(" " + r.Unit.String())
	}
	for _, p := range r.Places {
		for _, field := range [4]string{p.Name, p.Mountpoint, p.Path, p.Kept} {
			b.WriteByte('\n')
			b.WriteString(field)
		}
	}
	return b.String()
}

// ParseRecord reads what [Record.String] wrote. [Load] checks what it says.
func ParseRecord(text string) (Record, error) {
	lines := strings.Split(text, "\n")
	mode, unit, hasUnit := strings.Cut(lines[0], " ")
	r := Record{Mode: Mode(mode), Places: make([]Place, 0, len(lines)/4)}
	if hasUnit {
		var err error
		if r.Unit, err = systemd.ParseUnit(unit); err != nil {
			return Record{}, fmt.Errorf("cgroup record: %w", err)
		}
	}
	if len(lines)%4 != 1 || (r.Mode != Unified && r.Mode != Hybrid && r.Mode != Legacy) {
		return Record{}, errors.New("cgroup record: not one of ours")
	}
	for f := lines[1:]; len(f) > 0; f = f[4:] {
		r.Places = append(r.Places, Place{Name: f[0], Mountpoint: f[1], Path: f[2], Kept: f[3]})
	}
	return r, nil
}
