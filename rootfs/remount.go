package rootfs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// remount changes the mount on a destination that is one already: the flags that are named, and no others, as mount(8)
// does it. A list with bind in it is about the mount alone; without it options of the filesystem are changed as well, if
// that is one that an earlier mount of the list has made. Any other may be the host's, or another container's.
func (c *Compiler) remount(where string, m *specs.Mount, o *options) error {
	b, dest := c.b, destination(m)
	b.At(where, "remount "+m.Destination+", which has to be a mount")
	at := b.Openat2(c.root, dest, program.How{Flags: sys.OPath, Resolve: program.InRoot})
	c.attributes(at, o, true)
	c.propagateAs(at, o.propagation)
	b.Close(at)

	if len(o.data) == 0 && o.super|o.superClr == 0 {
		return nil
	}
	k := c.made(dest)
	if !ownSuperblock(k.fstype) {
		return fmt.Errorf("options: %q: the filesystem on %s may be another's as well: %w", m.Options, m.Destination, syscall.EPERM)
	}
	b.At(where, "reconfigure "+k.fstype+" on "+m.Destination)
	fs := b.Fspick(k.mnt)
	for _, opt := range o.filesystemOptions(k.fstype) {
		c.fsOption(fs, opt)
	}
	b.FsReconfigure(fs)
	b.Close(fs)
	return nil
}

// made is the filesystem that the list has mounted last on dest, or none.
func (c *Compiler) made(dest string) kept {
	for _, k := range slices.Backward(c.kept) {
		if k.dest == dest {
			return k
		}
	}
	return kept{}
}

// ownSuperblock: mounting one of these makes a filesystem of its own, every time.
func ownSuperblock(fstype string) bool {
	switch fstype {
	case "tmpfs", "ramfs", "overlay", "devpts", "proc":
		return true
	}
	return false
}

// fsOption sets one option of a filesystem: "key=value" or "key".
func (c *Compiler) fsOption(fs program.Slot, opt string) {
	if key, value, ok := strings.Cut(opt, "="); ok {
		c.b.FsSet(fs, key, value)
	} else {
		c.b.FsFlag(fs, opt)
	}
}
