package rootfs

import (
	"fmt"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/nsenter/program"
)

// remount changes the mount on a destination that is one already: the flags that are named, and no others, as mount(8)
// does it. A list with bind in it is about the mount alone; without it options of the filesystem are changed as well, if
// that is one that an earlier mount of the list has made. Any other may be the host's, or another container's.
//
// What the list has mounted there is not looked up again: whoever can rename on a volume meanwhile could put a symlink in
// its place, to have the flags of another mount changed, or those of this one left as they are.
func (c *Compiler) remount(where string, m *specs.Mount, o *options) error {
	b, dest := c.b, destination(m)
	b.At(where, "remount "+m.Destination+", which has to be a mount")
	k, known := c.held[dest]
	if !known {
		k.at = c.target(dest, program.WantAny, program.None)
	}
	c.attributes(k.at, o, true)
	c.propagateAs(k.at, o.propagation)
	if !known {
		b.Close(k.at)
	}

	if len(o.data) == 0 && o.super|o.superClr == 0 {
		return nil
	}
	if !ownSuperblock(k.fstype) {
		return fmt.Errorf("options: %q: the filesystem on %s may be another's as well: %w", m.Options, m.Destination, syscall.EPERM)
	}
	b.At(where, "reconfigure "+k.fstype+" on "+m.Destination)
	fs := b.Fspick(k.at)
	for _, opt := range o.filesystemOptions(k.fstype) {
		c.fsOption(fs, opt)
	}
	b.FsReconfigure(fs)
	b.Close(fs)
	return nil
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
