package cgroups

import (
	"teu/internal/sys"
)

// walk goes through the cgroups below the open directory top, which a payload may have nested as deep as it liked (by
// default no cgroup.max.depth bounds it): it holds one descriptor beside top, or two for a moment, uses no path longer than a name,
// and does not recurse. down is called with the directory that a cgroup is in, and its name, before those below it; when
// it returns false they are left out. up, which may be nil, is called after them. A cgroup that is gone is passed over.
//
// It comes back up by "..": a cgroup is never moved to another parent (cgroup v1 renames within the same one only), and
// the entry of one that was removed meanwhile keeps its own.
func walk(top int, down func(dir int, name string) (bool, error), up func(dir int, name string) error) error {
	w := walker{at: -1}
	defer w.move(-1)
	// What top has been read for its list before does not count.
	if err := w.open(top, "."); err != nil {
		return err
	}
	if err := w.list(); err != nil {
		return err
	}
	for {
		if name := w.next(); name != "" {
			into, err := down(w.at, name)
			if err != nil {
				return err
			}
			if !into {
				w.skip()
				continue
			}
			if err := w.enter(name); err != nil {
				return err
			}
			continue
		}
		if len(w.names) == 1 {
			return nil
		}
		if err := w.leave(); err != nil {
			return err
		}
		name := w.next()
		w.skip()
		if up == nil {
			continue
		}
		if err := up(w.at, name); err != nil {
			return err
		}
	}
}

// walker is where a walk has come to.
type walker struct {
	at    int        // descriptor
	names [][]string // what is left to do on each level from the top; the first of each but the last is where it is
}

func (w *walker) next() string {
	if left := w.names[len(w.names)-1]; len(left) > 0 {
		return left[0]
	}
	return ""
}

func (w *walker) skip() {
	last := len(w.names) - 1
	w.names[last] = w.names[last][1:]
}

func (w *walker) enter(name string) error {
	err := w.open(w.at, name)
	if absent(err) {
		w.skip()
		return nil
	}
	if err != nil {
		return err
	}
	return w.list()
}

func (w *walker) leave() error {
	w.names = w.names[:len(w.names)-1]
	return w.open(w.at, "..")
}

// list finds out what is below the place it is at.
func (w *walker) list() error {
	names, err := sys.Subdirs(w.at)
	if err != nil && !absent(err) {
		return err
	}
	w.names = append(w.names, names)
	return nil
}

func (w *walker) open(dir int, name string) error {
	fd, err := sys.Openat(dir, name, sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if err == nil {
		w.move(fd)
	}
	return err
}

func (w *walker) move(to int) {
	if w.at >= 0 {
		sys.Close(w.at)
	}
	w.at = to
}
