package libcontainer

import (
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// streams are the standard streams by their descriptors.
var streams = [3]string{"standard input", "standard output", "standard error"}

// stdio is what the process gets as its standard streams: the runtime's own, nil. A directory is refused: what is below it
// can be opened from inside the container, and what is above it (CVE-2024-21626).
//
// In place of a null device the process of an exec gets one that is not the host's, and nobody's in the container: whoever owns
// a device may change its mode through a descriptor, and what the container has at /dev/null may be anything by now.
func (c *creation) stdio() (*[3]int, error) {
	list, null := [3]int{0, 1, 2}, -1
	for n, name := range streams {
		st, err := sys.Fstat(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if sys.IsDir(&st) {
			return nil, fmt.Errorf("%s: %w: want a file, a pipe, a socket or a terminal", name, syscall.EISDIR)
		}
		if c.entry != nil || !isNull(&st) {
			continue
		}
		if null < 0 {
			if null, err = privateNull(); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			c.opened = append(c.opened, null)
		}
		list[n] = null
	}
	if null < 0 {
		return nil, nil
	}
	return &list, nil
}

// privateNull opens the host's /dev/null through a read-only mount that is nowhere in the tree: it can be read and written, as
// any device can on such a mount, but its mode, owner and times cannot be changed through it. The mount is one of all /dev,
// where /dev/null may itself be mounted.
func privateNull() (int, error) {
	mnt, err := sys.OpenTree(sys.AtFdcwd, "/dev", sys.OpenTreeClone|sys.AtRecursive)
	if err != nil {
		return -1, fmt.Errorf("/dev: %w", err)
	}
	defer func() { go sys.Close(mnt) }() // the kernel waits for a grace period, which nothing here depends on
	if err := sys.MakeReadonly(mnt); err != nil {
		return -1, fmt.Errorf("/dev: %w", err)
	}
	fd, err := sys.Openat(mnt, "null", sys.ORdwr|sys.ONoctty|sys.ONofollow, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/null: %w", err)
	}
	st, err := sys.Fstat(fd)
	if err == nil && !isNull(&st) {
		err = syscall.ENODEV
	}
	if err != nil {
		sys.Close(fd)
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	return fd, nil
}

func isNull(st *sys.Stat) bool { return st.Mode&sys.SIfmt == sys.SIfchr && st.Rdev == sys.NullDev }
