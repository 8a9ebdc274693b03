package sys

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Inherited says whether fd came with execve(2): what this process opens itself is close-on-exec, always. It is EBADF when
// nothing is open there.
func Inherited(fd int) (bool, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0, err
}

// InheritedFDs are those of the n numbers from first on that came with execve(2), in their order. They are looked for among what is
// open: n may be anything.
func InheritedFDs(first, n int) ([]int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < first || fd-first >= n {
			continue
		}
		if came, err := Inherited(fd); err == nil && came {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds, nil
}

// OpenRegular opens for reading a plain file at a path inside the directory root, as [OpenInRoot] looks it up. What it is
// is known before it is opened: to open a device can do something already (a watchdog starts). It is EINVAL for
// anything but a plain file that can be read at once.
func OpenRegular(root int, path string) (int, Stat, error) {
	at, err := OpenInRoot(root, path, OPath)
	if err != nil {
		return -1, Stat{}, err
	}
	defer Close(at)
	st, err := Fstat(at)
	if err != nil {
		return -1, st, os.NewSyscallError("fstat", err)
	}
	if !IsRegular(&st) {
		return -1, st, unix.EINVAL
	}
	fd, err := Openat(AtFdcwd, "/proc/self/fd/"+strconv.Itoa(at), ORdonly|ONonblock, 0)
	if err == unix.EAGAIN { // somebody has a lease on it (fcntl(2)), to keep us waiting
		err = unix.EINVAL
	}
	return fd, st, os.NewSyscallError("open", err)
}
