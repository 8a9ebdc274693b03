package program

import "math/bits"

// duty is a set of things that a program has done.
type duty uint32

// The duties. Some have to be done on every way to an instruction, of some it matters that no way has done them yet.
const (
	undumpable duty = 1 << iota // nobody else may look into the process
	signals                     // signals as they are at the start of a program
	rooted                      // the root is the container's: changed, or checked in a joined mount namespace
	entered                     // the root was changed by pivot_root or chroot
	keepcaps                    // becoming a user keeps the permitted set
	nnp                         // no_new_privs is set
	user                        // the process is its user
	caps                        // capabilities are set
	admin                       // CAP_SYS_ADMIN is among them
	ambient                     // the ambient set was cleared
	filtered                    // a filter is loaded
	cwdChecked                  // the working directory is inside the root
	closed                      // what is not the workload's is marked close-on-exec
	moved                       // a mount namespace was joined
	ownOwner                    // its owner was compared with the user namespace that the process was started in
	inUser                      // a user namespace was joined
	unambient                   // the ambient set that the process came with was cleared
	narrowed                    // no more capabilities than the last steps take
	pidsJoined                  // children are to be born in another pid namespace than the process is in
	noRoot                      // the user namespace has no root
	idsChanged                  // the last instruction changed ids: the process may be looked into again
)

// bitset is a set of slots.
type bitset []uint64

func (s bitset) has(i uint64) bool { return s[i>>6]&(1<<(i&63)) != 0 }
func (s bitset) add(i uint64)      { s[i>>6] |= 1 << (i & 63) }
func (s bitset) del(i uint64)      { s[i>>6] &^= 1 << (i & 63) }

// keep makes s what s and t share.
func (s bitset) keep(t bitset) {
	for i := range s {
		s[i] &= t[i]
	}
}

// join makes s what s and t hold together.
func (s bitset) join(t bitset) {
	for i := range s {
		s[i] |= t[i]
	}
}

// all yields what s holds, the lowest first.
func (s bitset) all(yield func(uint64) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(uint64(i<<6 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}

// flow is what is known before an instruction, on every way to it.
type flow struct {
	done duty // on every way
	seen duty // on some way

	inputs  uint64   // slots below are the parent's
	words   []uint64 // the sets below are parts of it
	set     bitset   // slots that hold a descriptor
	outside bitset   // slots set before the change of root
	mount   bitset   // fsmount: a filesystem of our own making
	checked bitset   // a mount whose filesystem was checked
	procfs  bitset   // a mount that was checked to be a procfs
	strict  bitset   // a file opened strictly below a checked one
	placed  bitset   // mounts that some way has attached
	nodev   bitset   // mounts through which no device is opened
	open    bitset   // files, directories and mounts that some way has left open
	owned   bitset   // mount namespaces whose owner was checked
	ownUser bitset   // the user namespace that the process was started in

	devpts  bitset // directories that were checked to be on a devpts
	hostPid bitset // procfs of another pid namespace than the one that was joined, and their mounts
	nulls   bitset // files that were checked to be the null device

	owner Slot // the user namespace, to be joined, that an owner was compared with on some way, or None

	places bitset // mounts that some way has put on a place and holds
	covers bitset // masked and read-only paths that some way has not looked up again
	tracks *tracks
}

func newFlow(p *Program, t *tracks) *flow {
	f := &flow{tracks: t, inputs: uint64(len(p.Inputs)), owner: None}
	slots := [...]*bitset{&f.set, &f.outside, &f.mount, &f.checked, &f.procfs, &f.strict, &f.placed, &f.nodev, &f.open,
		&f.owned, &f.ownUser, &f.devpts, &f.hostPid, &f.nulls}
	size := func(bits int) int { return (bits + 63) / 64 }
	f.words = make([]uint64, len(slots)*size(p.Slots)+size(t.moves)+size(t.covering))
	rest := f.words
	cut := func(bits int) bitset {
		s := rest[:size(bits)]
		rest = rest[size(bits):]
		return s
	}
	for _, s := range slots {
		*s = cut(p.Slots)
	}
	f.places, f.covers = cut(t.moves), cut(t.covering)
	return f
}

func (f *flow) copyFrom(g *flow) {
	f.done, f.seen, f.owner = g.done, g.seen, g.owner
	copy(f.words, g.words)
}

// meet keeps what both ways agree on.
func (f *flow) meet(g *flow) {
	f.done &= g.done
	f.seen |= g.seen
	f.outside.join(g.outside)
	f.open.join(g.open)
	f.placed.join(g.placed)
	f.hostPid.join(g.hostPid)
	f.places.join(g.places)
	f.covers.join(g.covers)
	f.set.keep(g.set)
	f.mount.keep(g.mount)
	f.checked.keep(g.checked)
	f.procfs.keep(g.procfs)
	f.nodev.keep(g.nodev)
	f.owned.keep(g.owned)
	f.ownUser.keep(g.ownUser)
	f.devpts.keep(g.devpts)
	f.nulls.keep(g.nulls)
	if f.owner != g.owner && f.owner != None && g.owner != None {
		clear(f.owned)
	}
	f.owner = max(f.owner, g.owner)
	f.strict.keep(g.strict)
}

func (f *flow) has(d duty) bool { return f.done&d == d }
func (f *flow) may(d duty) bool { return f.seen&d != 0 }

func (f *flow) do(d duty) {
	f.done |= d
	f.seen |= d
}

func (f *flow) undo(d duty) { f.done &^= d }

// fill records that slot s holds a new descriptor.
func (f *flow) fill(s uint64) {
	f.set.add(s)
	f.outside.del(s)
	f.mount.del(s)
	f.checked.del(s)
	f.procfs.del(s)
	f.nodev.del(s)
	f.owned.del(s)
	f.ownUser.del(s)
	f.devpts.del(s)
	f.nulls.del(s)
	f.hostPid.del(s)
	f.strict.del(s)
	f.open.del(s)
	f.placed.del(s)
	f.gone(s)
}

// enter records that what is held is outside of where the process is now.
func (f *flow) enter() {
	for i := range f.outside {
		f.outside[i] = f.set[i] | f.open[i]
	}
}

// close records that slot s holds nothing any more.
func (f *flow) close(s uint64) {
	f.set.del(s)
	f.open.del(s)
	f.gone(s)
}

// foreign returns a slot with a file, directory or mount from outside that is still open, or -1.
func (f *flow) foreign() int {
	for i := range f.open {
		if w := f.open[i] & f.outside[i]; w != 0 {
			return i<<6 + bits.TrailingZeros64(w)
		}
	}
	return -1
}
