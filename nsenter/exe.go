package nsenter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"teu/internal/sys"
)

// selfExe is the magic link to the running binary.
const selfExe = "/proc/self/exe"

// Exe is this binary, opened so that whoever gets hold of the descriptor, or of /proc/PID/exe of a process that runs it,
// can never write to the file on the host (CVE-2019-5736).
type Exe struct {
	fd    int
	mount int // the overlay, or -1
}

// Close lets go of it. Closing the detached overlay waits for an RCU grace period, up to some milliseconds: it is done
// when nobody waits any more.
func (e *Exe) Close() {
	sys.Close(e.fd)
	if e.mount >= 0 {
		sys.Close(e.mount)
	}
}

// ProtectedExe opens this binary through a detached read-only overlay or, where no overlay can be made, as a sealed copy
// in memory. force chooses one way ("overlay" or "memfd"); "" tries them in that order.
func ProtectedExe(force string) (*Exe, error) {
	var overlayErr error
	if force != "memfd" {
		e, err := overlayExe()
		if err == nil || force == "overlay" {
			return e, err
		}
		overlayErr = err
	}
	fd, err := memfdExe()
	if err != nil && overlayErr != nil {
		return nil, fmt.Errorf("protect %s: %w (and %w)", selfExe, err, overlayErr)
	}
	return &Exe{fd, -1}, err
}

func overlayExe() (*Exe, error) {
	path, err := os.Readlink(selfExe)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Split(path)
	// overlay splits lowerdir at colons, and a binary that was removed has no directory entry to find.
	if strings.ContainsAny(dir, `:\,`) || strings.HasSuffix(name, " (deleted)") {
		return nil, fmt.Errorf("overlay over %q: not a plain path", path)
	}
	mnt, err := sys.ReadonlyOverlay(dir, otherDir)
	if err != nil {
		return nil, err
	}
	fd, err := sys.Openat(mnt, name, sys.ORdonly|sys.ONofollow, 0)
	if err != nil {
		sys.Close(mnt)
		return nil, err
	}
	e := &Exe{fd, mnt}
	// What the overlay shows must be what runs: the path may have been given to another file since.
	if same, err := sameContent(fd, selfExe); err != nil || !same {
		e.Close()
		return nil, fmt.Errorf("overlay over %s: not the running binary", path)
	}
	return e, nil
}

// otherDir is the second lower layer that overlay asks for. It comes after the first, so nothing of it hides the
// binary; procfs would not do, since nothing may be stacked on it.
const otherDir = "/sys"

// sameContent compares what identifies a file across the overlay: inode number, size and time of change of content.
func sameContent(fd int, path string) (bool, error) {
	a, err := sys.Fstat(fd)
	if err != nil {
		return false, err
	}
	b, err := sys.Statat(sys.AtFdcwd, path)
	if err != nil {
		return false, err
	}
	return a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim, nil
}

func memfdExe() (int, error) {
	src, err := sys.Openat(sys.AtFdcwd, selfExe, sys.ORdonly, 0)
	if err != nil {
		return -1, err
	}
	defer sys.Close(src)
	st, err := sys.Fstat(src)
	if err != nil {
		return -1, err
	}
	if sys.Sealed(src) { // re-executed from the copy
		return sys.Openat(sys.AtFdcwd, selfExe, sys.ORdonly, 0)
	}
	fd, err := sys.MemfdExec("teu")
	if err != nil {
		return -1, err
	}
	if err := sys.CopyFile(fd, src, st.Size); err != nil {
		sys.Close(fd)
		return -1, fmt.Errorf("copy %s: %w", selfExe, err)
	}
	if err := sys.Seal(fd); err != nil {
		sys.Close(fd)
		return -1, err
	}
	// Executing a file that somebody holds open for writing is ETXTBSY: hand out a read-only descriptor.
	ro, err := sys.Openat(sys.AtFdcwd, fmt.Sprintf("/proc/self/fd/%d", fd), sys.ORdonly, 0)
	sys.Close(fd)
	return ro, err
}
