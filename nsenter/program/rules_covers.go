package program

import (
	"fmt"
	"strings"

	"teu/internal/sys"
)

// cover is a path that an instruction masks or makes read-only: its place in config.json, and the path when it was looked up.
type cover struct{ where, path string }

// covers reports whether in masks a path or makes one read-only. That is said by the place in config.json that it is for.
func (in *Insn) covers() bool {
	return in.Op == OpSyscall && (in.Nr == sys.SysMoveMount || in.Nr == sys.SysMountSetattr) &&
		(strings.HasPrefix(in.Where, "linux.maskedPaths[") || strings.HasPrefix(in.Where, "linux.readonlyPaths["))
}

// covered records that in covers a path, which is to be looked up again.
func (f *flow) covered(in *Insn) {
	if !in.covers() {
		return
	}
	t, path := f.tracks, ""
	if dst := &in.Args[2]; in.Nr == sys.SysMoveMount && dst.Kind == Use {
		path = t.opened[dst.Val].path
	}
	n := len(t.covers) - 1
	if n < 0 || t.covers[n].where != in.Where {
		n++
		t.covers = append(t.covers, cover{where: in.Where})
	}
	if path != "" {
		t.covers[n].path = path
	}
	f.covers.add(uint64(n))
}

// checkCover records that a path was looked up again.
func (f *flow) checkCover(in *Insn) error {
	if !f.has(entered) {
		return fmt.Errorf("before the change of root")
	}
	for n := range f.covers.all {
		c := &f.tracks.covers[n]
		if c.where != in.Where {
			continue
		}
		if p := plain(in.Args[0].Text); c.path != "" && c.path != p {
			return fmt.Errorf("path %q, where %q was covered", p, c.path)
		}
		f.covers.del(n)
		return nil
	}
	return nil
}

// uncovered refuses to go on with a path that was covered and not looked up again: whoever can rename there may have moved the
// mask away.
func (f *flow) uncovered() error {
	for n := range f.covers.all {
		return fmt.Errorf("%s was not checked in the final root", f.tracks.covers[n].where)
	}
	return nil
}
