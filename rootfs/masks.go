package rootfs

import (
	"fmt"
	"path/filepath"
	"syscall"

	"teu/internal/sys"
	"teu/nsenter/program"
)

/*
Masked and read-only paths:

	file      openat2 O_DIRECTORY → ENOTDIR; open_tree(null, CLONE), move_mount
	directory openat2 O_DIRECTORY; open_tree(tmpfs, CLONE), move_mount
	readonly  openat2; open_tree CLONE; mount_setattr RDONLY; move_mount

and each of them, once the root is entered, by its path again:

	check     openat2; fstat; fstatfs

A path that does not exist is passed over, and must not exist, or be masked, then.
*/

// coverage is a path that is to be checked in the final root.
type coverage struct {
	where, path string
	cover       program.Cover
}

// Masks compiles linux.maskedPaths and linux.readonlyPaths. A path that does not exist is passed over.
func (c *Compiler) Masks() {
	linux := c.c.Spec.Linux
	if linux == nil {
		return
	}
	dirs, nulls := program.None, program.None
	if len(linux.MaskedPaths) > 0 {
		dirs, nulls = c.b.Slot(), c.b.Slot()
	}
	masked := map[string]bool{}
	for _, p := range linux.MaskedPaths {
		masked[filepath.Clean("/"+p)] = true
	}
	for i, p := range linux.ReadonlyPaths {
		// What is masked shows nothing that could be written to.
		if p = filepath.Clean("/" + p); !isBelow(p, masked) {
			c.readonly(fmt.Sprintf("linux.readonlyPaths[%d]", i), p, program.Cover{Dirs: dirs, Nulls: nulls})
		}
	}
	if len(linux.MaskedPaths) > 0 {
		c.masks(linux.MaskedPaths, program.Cover{Dirs: dirs, Nulls: nulls, Dev: program.None, Ino: program.None})
	}
}

func (c *Compiler) masks(paths []string, found program.Cover) {
	b := c.b
	b.At("linux.maskedPaths", "get ready to mask")
	null := b.Openat2(program.Host, "/dev/null", program.How{Flags: sys.OPath | sys.ONofollow, Resolve: sys.ResolveNoMagiclinks})
	// Masking with anything else than the real null device would not mask (CVE-2025-31133).
	b.CheckDev(null, sys.SIfchr, sys.NullDev)
	b.Alias(b.Identify(null, program.Device), found.Nulls)
	// One tmpfs serves every directory: each more costs memory and, per CPU, time at the end (runc #5275). It is made
	// for the first that is there; the others get copies, which can be made of an attached mount on every kernel.
	cover := b.Slot()
	masked := map[string]bool{}
	for i, p := range paths {
		if p = filepath.Clean("/" + p); !isBelow(p, masked) {
			where := fmt.Sprintf("linux.maskedPaths[%d]", i)
			c.mask(where, p, null, cover, found.Dirs)
			c.covered = append(c.covered, coverage{where, p, found})
			masked[p] = true
		}
	}
	b.At("linux.maskedPaths", "done with masking")
	b.Close(null)
	b.Close(cover)
	b.Ignore(syscall.EBADF)
}

// checkMasks looks up each masked and read-only path once more, from the root that the workload is going to have: whoever can
// rename in the image or on a volume may have had a mask put elsewhere, or have put something else in its place.
func (c *Compiler) checkMasks() {
	for i := range c.covered {
		m := &c.covered[i]
		what := "check that " + m.path + " is masked"
		if m.cover.Dev != program.None {
			what = "check that " + m.path + " is read-only"
		}
		c.b.At(m.where, what)
		c.b.CheckCover(m.path, m.cover)
	}
}

// isBelow reports whether p, or a directory above it, is among those masked: nothing of it can be seen then.
func isBelow(p string, masked map[string]bool) bool {
	for above := range upwards(p) {
		if masked[above] {
			return true
		}
	}
	return masked["/"]
}

// emptyDir is a mount with nothing in it.
func (c *Compiler) emptyDir() program.Slot {
	return c.newFilesystem("tmpfs", "tmpfs", []string{"nr_blocks=1", "nr_inodes=1"}, sys.MountAttrRdonly)
}

// mask masks p by null or cover, which is made when there is none yet; its device goes to dirs.
func (c *Compiler) mask(where, p string, null, cover, dirs program.Slot) {
	b := c.b
	b.At(where, "mask "+p)
	file, first, done := b.Label(), b.Label(), b.Label()
	dir := c.target(p, program.WantDir|program.Existing, program.None)
	b.On(file, syscall.ENOTDIR)
	b.On(done, syscall.ENOENT)
	mnt := b.CloneTree(cover, 0)
	b.On(first, syscall.EBADF)
	b.MoveMount(mnt, dir)
	b.Close(mnt, dir)
	b.Jump(done)

	b.Here(first)
	b.Alias(c.emptyDir(), cover)
	b.Alias(b.Identify(cover, program.Device), dirs)
	b.MoveMount(cover, dir)
	b.Close(dir)
	b.Jump(done)

	b.Here(file)
	target := c.target(p, program.WantFile|program.Existing, program.None)
	b.On(done, syscall.ENOENT)
	mnt = b.CloneTree(null, 0)
	b.MoveMount(mnt, target)
	b.Close(mnt, target)
	b.Here(done)
}

func (c *Compiler) readonly(where, p string, found program.Cover) {
	b := c.b
	b.At(where, "make "+p+" read-only")
	found.Dev, found.Ino = b.Slot(), b.Slot()
	c.covered = append(c.covered, coverage{where, p, found})
	at, done := c.root, b.Label()
	mounted, isMount := c.held[p]
	if p != "/" {
		at = c.target(p, program.WantAny, program.None)
		if !isMount {
			b.On(done, syscall.ENOENT)
		}
	}
	b.Alias(b.Identify(at, program.Device), found.Dev)
	b.Alias(b.Identify(at, program.Inode), found.Ino)
	if p == "/" {
		// A mount on the root would be left behind: what is entered is the root that it is on.
		c.late = append(c.late, func() {
			b.At(where, "make / read-only")
			b.MountSetattr(at, sys.AtRecursive, program.MountAttr{Set: sys.MountAttrRdonly})
		})
		return
	}
	mnt := b.CloneTree(at, sys.AtRecursive)
	b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Set: sys.MountAttrRdonly})
	b.MoveMount(mnt, at)
	if isMount {
		// What is masked below it is looked up from there: the mounts that were there are covered, those below it too.
		b.Close(at)
		c.entry++
		c.hold(p, held{mnt, c.entry, mounted.fstype})
		return
	}
	b.Close(mnt, at)
	b.Here(done)
}
