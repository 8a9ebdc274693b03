package rootfs

import (
	"path/filepath"
	"strings"

	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

/*
What goes on or below the destination of an earlier mount is looked up from that mount, by the descriptor that the program
still has, never from the root again: whoever can rename in between, in the image or on a volume that another container
shares, could put something else in its place. Device nodes would land on a volume of the host's; a directory of files would
be masked and the real /proc be left open (youki CVE-2025-62161).

"Below" is by the text of the path. A destination that a symlink of the image leads into another mount, as /var/run/x does
with /run, is looked up from the root, where its own beginning is.
*/

// held is what the program holds at a destination.
type held struct {
	at     program.Slot
	order  int    // a later mount covers an earlier one
	fstype string // of a filesystem of its own, else ""
}

// openedOrder is for a directory that was opened and not mounted: it covers nothing.
const openedOrder = -1

// maxPath is PATH_MAX: a longer path is an error of the first call that is given it.
const maxPath = 4096

// upwards yields the clean path p and the directories above it but for "/", the longest first.
func upwards(p string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(p) > maxPath {
			p = p[:strings.LastIndexByte(p[:maxPath], '/')]
		}
		for p != "" && yield(p) {
			p = p[:strings.LastIndexByte(p, '/')]
		}
	}
}

// need records that entry i of mounts looks path up; what comes after the mounts is one more.
func (c *Compiler) need(path string, i int) {
	for p := range upwards(path) {
		if last, ok := c.needed[p]; ok && last >= i {
			return // so it is with all above
		}
		c.needed[p] = i
	}
}

// needs records what all the phases look up.
func (c *Compiler) needs() {
	s := c.c.Spec
	for i := range s.Mounts {
		m := &s.Mounts[i]
		c.need(destination(m), i)
		if _, bind := BindFlags(m); bind {
			if path, inside := c.c.inside(Source(c.c.Bundle, m)); inside {
				c.need(path, i)
			}
		}
	}
	after := len(s.Mounts)
	if s.Process != nil {
		c.need(filepath.Clean("/"+s.Process.Cwd), after)
		if s.Process.Terminal {
			c.need(devConsole, after)
			c.need(devPts, after)
		}
	}
	if !DevIsBound(s) {
		c.need(dev, after)
	}
	if s.Linux == nil {
		return
	}
	for i := range s.Linux.Devices {
		c.need(filepath.Clean("/"+s.Linux.Devices[i].Path), after)
	}
	for _, list := range [...][]string{s.Linux.ReadonlyPaths, s.Linux.MaskedPaths} {
		for _, p := range list {
			c.need(filepath.Clean("/"+p), after)
		}
	}
}

// hold keeps what is at dest now until all is in its place.
func (c *Compiler) hold(dest string, h held) {
	c.held[dest] = h
	c.holding = append(c.holding, h.at)
}

// placed keeps the mount that the entry at hand has put on dest as long as anything is still looked up there, or lets go of it.
func (c *Compiler) placed(dest, fstype string, mnt program.Slot) {
	if last := c.needed[dest]; last >= len(c.c.Spec.Mounts) {
		c.hold(dest, held{mnt, c.entry, fstype})
		return
	} else if last > c.entry {
		c.held[dest] = held{mnt, c.entry, fstype}
		c.until[last] = append(c.until[last], mnt)
		return
	}
	// What it covers is not to be found by this path any more.
	delete(c.held, dest)
	c.b.Close(mnt)
}

// path is where a lookup of the clean path p starts: at the last mount on the way that the program holds, else at the root.
func (c *Compiler) path(p string) program.Path {
	out, last := program.Inside(c.root, p), openedOrder-1
	if len(c.held) == 0 {
		return out
	}
	for dest := range upwards(p) {
		if h, ok := c.held[dest]; ok && h.order > last {
			out.Held, out.Known, last = h.at, len(dest), h.order
		}
	}
	return out
}

// mountPoint is target for something that goes there: on the container's procfs only what the list says by its path, which
// validation has seen to.
func (c *Compiler) mountPoint(p string, want program.Want, like program.Slot) program.Slot {
	if !names.BelowProc(p) {
		want |= program.OffProc
	}
	return c.target(p, want, like)
}

// target opens the clean path p, and makes what is missing as want says. /dev itself is never a symlink: devices would be
// made wherever it leads.
func (c *Compiler) target(p string, want program.Want, like program.Slot) program.Slot {
	if p == dev {
		want |= program.NoSymlinks
	}
	return c.b.Target(c.path(p), want, like)
}
