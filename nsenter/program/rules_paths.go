package program

import (
	"fmt"
	"path"
	"strings"

	"teu/internal/sys"
)

// lookup is a path, clean and without a slash at its beginning, that was looked up from the slot root.
type lookup struct {
	root uint64
	path string
	made bool // else there was none
}

// point is where a move_mount has put a slot.
type point struct {
	lookup
	slot uint64
	prev int32 // the one before of the same slot, or noPlace
}

const noPlace = -1

// tracks is what a program has looked up and mounted where, in the order of its instructions. On which ways that was done is
// for flow.places to say.
type tracks struct {
	opened []lookup // by slot
	lax    []bool   // by slot: a symlink may lead to a procfs
	places []point  // at most as many as there are moves
	last   []int32  // by slot: its last place, or noPlace
	moves  int
	pids   Arg // the pid namespace that is joined

	covers   []cover // at most as many as there are instructions that cover
	covering int
}

func newTracks(p *Program) *tracks {
	t := &tracks{opened: make([]lookup, p.Slots), lax: make([]bool, p.Slots), last: make([]int32, p.Slots)}
	for s := range t.last {
		t.last[s] = noPlace
	}
	for i := range p.Insns {
		if p.Insns[i].Op == OpSyscall && p.Insns[i].Nr == sys.SysMoveMount {
			t.moves++
		}
		if p.Insns[i].covers() {
			t.covering++
		}
	}
	return t
}

// plain is p in the form that lookup has.
func plain(p string) string {
	if p == "." || strings.Contains(p, "//") || strings.Contains(p, "/.") || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "..") ||
		strings.HasSuffix(p, "/") {
		p = path.Clean("/" + p)
	}
	return strings.TrimPrefix(p, "/")
}

// within reports whether p is dir, or below it.
func within(dir, p string) bool {
	return dir == "" || strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

// looked records what in has opened.
func (t *tracks) looked(in *Insn) {
	l := lookup{}
	if in.Op == OpTarget || in.Op == OpSyscall && in.namesPath() && in.Args[0].Kind == Use && in.Args[1].Text != "" {
		l = lookup{in.Args[0].Val, plain(in.Args[1].Text), true}
	}
	t.opened[in.Out] = l
	t.lax[in.Out] = in.Op == OpTarget && in.Args[2].Val&uint64(NoSymlinks|OffProc) == 0 && !within("proc", l.path)
}

// namesPath reports whether the first arguments are a directory and a path.
func (in *Insn) namesPath() bool {
	sig, _ := in.signature()
	return len(sig.args) > 1 && sig.args[0] == aDirFd && sig.args[1] == aPath
}

// mounted records where in, a move_mount, has put a mount. What covers the procfs, or a part of it, is to be known by its path.
func (f *flow) mounted(in *Insn) error {
	src, dst, name, t := &in.Args[0], &in.Args[2], in.Args[3].Text, f.tracks
	if dst.Kind == Use && t.lax[dst.Val] && !in.covers() {
		return fmt.Errorf("on path %q, by which a symlink may lead into a procfs", t.opened[dst.Val].path)
	}
	if src.Kind != Use || in.Args[1].Text != "" || dst.Kind != Use {
		return nil
	}
	l := t.opened[dst.Val]
	if name != "" {
		l = lookup{dst.Val, plain(name), true}
	}
	if !l.made {
		return nil
	}
	f.places.add(uint64(len(t.places)))
	t.places = append(t.places, point{l, src.Val, t.last[src.Val]})
	t.last[src.Val] = int32(len(t.places) - 1)
	return nil
}

// gone records that slot s is on no place any more.
func (f *flow) gone(s uint64) {
	for n := f.tracks.last[s]; n != noPlace; n = f.tracks.places[n].prev {
		f.places.del(uint64(n))
	}
}

// at is the number of the place where slot s was mounted by l; noPlace for a directory that was opened by it. Else ok is false.
func (f *flow) at(s uint64, l lookup) (n int32, ok bool) {
	for n = f.tracks.last[s]; n != noPlace; n = f.tracks.places[n].prev {
		if f.places.has(uint64(n)) && f.tracks.places[n].lookup == l {
			return n, true
		}
	}
	return noPlace, f.tracks.opened[s] == l
}

// again refuses a path that is looked up from root though the program has a mount that it has put on the path, or on its way:
// whoever can rename there may have put something else in its place. since is the number of the place where the lookup starts.
func (f *flow) again(root uint64, name string, since int32) error {
	p := ""
	for n := range f.places.all {
		pl := &f.tracks.places[n]
		if pl.root != root || int32(n) <= since {
			continue
		}
		if p == "" {
			p = plain(name)
		}
		if within(pl.path, p) {
			return fmt.Errorf("path %q is looked up below slot s%d again, though slot s%d is mounted on %q", name, root, pl.slot, pl.path)
		}
	}
	return nil
}

// target checks from where a Target starts.
func (f *flow) target(in *Insn) error {
	root, name, held, known := in.Args[0].Val, in.Args[1].Text, &in.Args[4], in.Args[5].Val
	if held.Kind != Use {
		if known != 0 {
			return fmt.Errorf("path %q starts at no slot", name)
		}
		return f.again(root, name, noPlace)
	}
	if known == 0 || known > uint64(len(name)) || known < uint64(len(name)) && name[known] != '/' {
		return fmt.Errorf("path %q starts after %d bytes", name, known)
	}
	n, ok := f.at(held.Val, lookup{root, plain(name[:known]), true})
	if !ok {
		return fmt.Errorf("path %q starts at slot s%d, which is not on %q", name, held.Val, name[:known])
	}
	if err := f.inside(held.Val, name); err != nil {
		return err
	}
	return f.again(root, name, n)
}
