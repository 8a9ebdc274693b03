package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// Open flags, as in open(2), beside those that programs use.
const (
	OCreat    = unix.O_CREAT
	OExcl     = unix.O_EXCL
	OTrunc    = unix.O_TRUNC
	OAppend   = unix.O_APPEND
	ONonblock = unix.O_NONBLOCK
)

// Stat is the result of stat(2).
type Stat = unix.Stat_t

// IsRegular reports whether st is a plain file.
func IsRegular(st *Stat) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }

// IsDir reports whether st is a directory.
func IsDir(st *Stat) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsSymlink reports whether st, of Lstatat, is a symbolic link.
func IsSymlink(st *Stat) bool { return st.Mode&unix.S_IFMT == unix.S_IFLNK }

// IsSocket reports whether st is a Unix socket.
func IsSocket(st *Stat) bool { return st.Mode&unix.S_IFMT == unix.S_IFSOCK }

// Openat opens path below dirfd with openat(2). The fd is always O_CLOEXEC.
func Openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Close closes fd. It is not retried: Linux frees the number even on EINTR.
func Close(fd int) error { return unix.Close(fd) }

// Dup duplicates fd with O_CLOEXEC set.
func Dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// Fstat is fstat(2).
func Fstat(fd int) (st Stat, err error) {
	err = unix.Fstat(fd, &st)
	return st, err
}

// Lstatat is fstatat(2) with AT_SYMLINK_NOFOLLOW.
func Lstatat(dirfd int, path string) (st Stat, err error) {
	err = unix.Fstatat(dirfd, path, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// Statat is fstatat(2); it follows symbolic links, and magic links of /proc.
func Statat(dirfd int, path string) (st Stat, err error) {
	err = unix.Fstatat(dirfd, path, &st, 0)
	return st, err
}

// Directory tells a directory from every other, and from itself on another mount: its device (major << 32 | minor), its inode and
// the number of its mount (STATX_MNT_ID, statx(2), Linux 5.8).
func Directory(fd int) (dev, ino, mount uint64, err error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_MNT_ID, &st); err != nil {
		return 0, 0, 0, os.NewSyscallError("statx", err)
	}
	return uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), st.Ino, st.Mnt_id, nil
}

// IsMountRoot reports whether fd is the root of a mount (statx(2), Linux 5.8).
func IsMountRoot(fd int) (bool, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, 0, &st)
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, os.NewSyscallError("statx", err)
}

// Mkdirat is mkdirat(2).
func Mkdirat(dirfd int, path string, mode uint32) error {
	return unix.Mkdirat(dirfd, path, mode)
}

// Unlinkat removes a name that is not a directory.
func Unlinkat(dirfd int, path string) error { return unix.Unlinkat(dirfd, path, 0) }

// Rmdirat removes an empty directory.
func Rmdirat(dirfd int, path string) error {
	return unix.Unlinkat(dirfd, path, unix.AT_REMOVEDIR)
}

// Renameat is renameat(2); the new name is replaced in one step.
func Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	return unix.Renameat(olddirfd, oldpath, newdirfd, newpath)
}

// Exchange swaps the files of two names in dir in one step (RENAME_EXCHANGE, rename(2)); both have to be there.
func Exchange(dir int, a, b string) error {
	return unix.Renameat2(dir, a, dir, b, unix.RENAME_EXCHANGE)
}

// Read is read(2), retried on EINTR.
func Read(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Write is write(2), retried on EINTR. It may write less than all of b.
func Write(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// WriteAll writes all of b to a blocking fd.
func WriteAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := Write(fd, b)
		if err != nil {
			return err
		}
		if n == 0 {
			return unix.EIO
		}
		b = b[n:]
	}
	return nil
}

// SetNonblock sets or clears O_NONBLOCK on the open file description of fd.
func SetNonblock(fd int, on bool) error { return unix.SetNonblock(fd, on) }

// Poll events, as in poll(2).
const (
	PollIn  = unix.POLLIN
	PollOut = unix.POLLOUT
	PollErr = unix.POLLERR
	PollHup = unix.POLLHUP
)

// PollFD is struct pollfd; a negative Fd is skipped by the kernel.
type PollFD = unix.PollFd

// Poll is poll(2), retried on EINTR. timeout is in milliseconds, -1 waits
// without bound; a retry starts the timeout anew.
func Poll(fds []PollFD, timeout int) (int, error) {
	for {
		n, err := unix.Poll(fds, timeout)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Eventfd makes a non-blocking, O_CLOEXEC eventfd(2) with count 0.
func Eventfd() (int, error) {
	return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
}

// EpollEdge makes an epoll(7) instance that becomes readable each time fd has
// something new to say (EPOLLET), a hang-up or data after it.
func EpollEdge(fd int) (int, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLHUP | unix.EPOLLET, Fd: int32(fd)}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		Close(ep)
		return -1, err
	}
	return ep, nil
}

// EpollDrain takes the pending event off an instance made by EpollEdge.
func EpollDrain(ep int) {
	var ev [1]unix.EpollEvent
	unix.EpollWait(ep, ev[:], 0)
}
