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
*/

// Masks compiles linux.maskedPaths and linux.readonlyPaths. A path that does not exist is passed over.
func (c *Compiler) Masks() {
	linux := c.c.Spec.Linux
	if linux == nil {
		return
	}
	for i, p := range linux.ReadonlyPaths {
		c.readonly(fmt.Sprintf("linux.readonlyPaths[%d]", i), p)
	}
	if len(linux.MaskedPaths) == 0 {
		return
	}
	b := c.b
	b.At("linux.maskedPaths", "get ready to mask")
	null := b.Openat2(program.Host, "/dev/null", program.How{Flags: sys.OPath | sys.ONofollow, Resolve: sys.ResolveNoMagiclinks})
	// Masking with anything else than the real null device would not mask (CVE-2025-31133).
	b.CheckDev(null, sys.SIfchr, sys.Makedev(1, 3))
	// One tmpfs serves every directory: each more costs memory and, per CPU, time at the end (runc #5275). It is made
	// for the first that is there; the others get copies, which can be made of an attached mount on every kernel.
	cover := b.Slot()
	masked := map[string]bool{}
	for i, p := range linux.MaskedPaths {
		if p = filepath.Clean("/" + p); !isBelow(p, masked) {
			c.mask(fmt.Sprintf("linux.maskedPaths[%d]", i), p, null, cover)
			masked[p] = true
		}
	}
	b.At("linux.maskedPaths", "done with masking")
	b.Close(null)
	b.Close(cover)
	b.Ignore(syscall.EBADF)
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

func (c *Compiler) mask(where, p string, null, cover program.Slot) {
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

func (c *Compiler) readonly(where, p string) {
	b := c.b
	b.At(where, "make "+p+" read-only")
	done := b.Label()
	at := c.target(filepath.Clean("/"+p), program.WantAny, program.None)
	b.On(done, syscall.ENOENT)
	mnt := b.CloneTree(at, sys.AtRecursive)
	b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Set: sys.MountAttrRdonly})
	b.MoveMount(mnt, at)
	b.Close(mnt, at)
	b.Here(done)
}
