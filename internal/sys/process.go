package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SeqpacketPair makes two connected sockets that keep message boundaries, both close-on-exec.
func SeqpacketPair() ([2]int, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	return p, os.NewSyscallError("socketpair", err)
}

// RecvByte reads one message of one byte; ok is false when the peer is gone.
func RecvByte(fd int) (b byte, ok bool, err error) {
	var buf [1]byte
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECONNRESET:
			return 0, false, nil
		case err != nil:
			return 0, false, os.NewSyscallError("read", err)
		}
		return buf[0], n == 1, nil
	}
}

// SendByte sends one byte and never raises SIGPIPE.
func SendByte(fd int, b byte) error {
	return os.NewSyscallError("sendto", unix.Sendto(fd, []byte{b}, unix.MSG_NOSIGNAL, nil))
}

// Random fills b with what nobody can guess. A few bytes come whole (getrandom(2)).
func Random(b []byte) error {
	_, err := unix.Getrandom(b, 0)
	return os.NewSyscallError("getrandom", err)
}

// PidfdOpen is pidfd_open(2). ESRCH says that pid is no process, however the kernel puts it: before 6.16 an id that is
// still in use for a thread, a session or a process group is EINVAL, since then (17f1b08acf50) that of a thread is ENOENT.
func PidfdOpen(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if pid > 0 && (err == unix.EINVAL || err == unix.ENOENT) {
		err = unix.ESRCH
	}
	return fd, os.NewSyscallError("pidfd_open", err)
}

// PidfdSendSignal is pidfd_send_signal(2).
func PidfdSendSignal(pidfd int, sig unix.Signal) error {
	return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// PidfdWait waits until the process behind pidfd has ended, timeout milliseconds at most (-1: for ever); it does not
// reap. done is false on timeout.
func PidfdWait(pidfd, timeout int) (done bool, err error) {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, timeout)
		if err == unix.EINTR {
			continue
		}
		return n > 0, os.NewSyscallError("poll", err)
	}
}

// Wait4 reaps the child pid and returns its status and resource usage.
func Wait4(pid int) (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		return ws, os.NewSyscallError("wait4", err)
	}
}

// KilledBy is the signal that the child pid was ended by, or 0 when it lives, or ended by itself. It does not wait, and leaves
// the child to be waited for.
func KilledBy(pid int) (unix.Signal, error) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil || info.Code != cldKilled && info.Code != cldDumped {
		return 0, os.NewSyscallError("waitid", err)
	}
	// The union begins on a boundary of 8 bytes: si_pid, si_uid, si_status (sigaction(2)).
	return unix.Signal(*(*int32)(unsafe.Add(unsafe.Pointer(&info), 16+8))), nil
}

// IsChild reports whether the process behind pidfd is a child of this one, ended or not, that nobody has waited for (waitid(2),
// ECHILD).
func IsChild(pidfd int) (bool, error) {
	err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	if err == unix.ECHILD {
		return false, nil
	}
	return err == nil, os.NewSyscallError("waitid", err)
}

// Values of si_code for SIGCHLD (sigaction(2)).
const (
	cldKilled = 2
	cldDumped = 3
)

// WaitAny reaps any child that has ended, without waiting; pid is 0 when there is none.
func WaitAny() (pid int, ws unix.WaitStatus, err error) {
	pid, err = unix.Wait4(-1, &ws, unix.WNOHANG, nil)
	if err == unix.ECHILD {
		return 0, 0, nil
	}
	return pid, ws, os.NewSyscallError("wait4", err)
}

// SetSubreaper makes this process adopt the orphans among its descendants (PR_SET_CHILD_SUBREAPER).
func SetSubreaper() error {
	return os.NewSyscallError("prctl PR_SET_CHILD_SUBREAPER", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// Rlimit is struct rlimit64.
type Rlimit = unix.Rlimit

// Prlimit sets a resource limit of process pid.
func Prlimit(pid, resource int, l Rlimit) error {
	return os.NewSyscallError("prlimit", unix.Prlimit(pid, resource, &l, nil))
}

// RaiseHardLimit raises the hard resource limit of process pid to hard, when it is lower.
func RaiseHardLimit(pid, resource int, hard uint64) error {
	var l Rlimit
	err := unix.Prlimit(pid, resource, nil, &l)
	if err == nil && l.Max < hard {
		l.Max = hard
		err = unix.Prlimit(pid, resource, &l, nil)
	}
	return os.NewSyscallError("prlimit", err)
}

// GetRlimit is a resource limit of this process.
func GetRlimit(resource int) (l Rlimit, err error) {
	return l, os.NewSyscallError("prlimit", unix.Prlimit(0, resource, nil, &l))
}

// IsRoot reports whether this process is root.
func IsRoot() bool { return unix.Geteuid() == 0 }

// NamespaceType is the CLONE_NEW* flag of the namespace that path leads to; ENOTTY when it is none (ioctl_nsfs(2)).
func NamespaceType(path string) (uint64, error) {
	fd, err := Openat(AtFdcwd, path, ORdonly|ONonblock, 0)
	if err != nil {
		return 0, err
	}
	defer Close(fd)
	flag, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	return uint64(flag), err
}

// CapGet returns the effective, permitted and inheritable capability sets of the calling thread.
func CapGet() (effective, permitted, inheritable uint64, err error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, 0, 0, os.NewSyscallError("capget", err)
	}
	join := func(lo, hi uint32) uint64 { return uint64(lo) | uint64(hi)<<32 }
	return join(data[0].Effective, data[1].Effective), join(data[0].Permitted, data[1].Permitted),
		join(data[0].Inheritable, data[1].Inheritable), nil
}

// CapBounded reports whether capability c is in the bounding set; known is false when the kernel has no such one.
func CapBounded(c int) (in, known bool) {
	r, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
	return r == 1, err == nil
}

// MapReport maps a page shared with another process for reading.
func MapReport(fd, size int) ([]byte, error) {
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
	return b, os.NewSyscallError("mmap", err)
}

// Unmap undoes MapReport.
func Unmap(b []byte) error { return os.NewSyscallError("munmap", unix.Munmap(b)) }

// ListenUnix makes a listening stream socket bound to path, close-on-exec.
func ListenUnix(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 8); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// Magic returns the filesystem magic of fd (fstatfs(2)).
func Magic(fd int) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	return int64(st.Type), nil
}

// IsNoexec reports whether nothing can be executed from the mount that path is on.
func IsNoexec(path string) (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(path, &st)
	return st.Flags&unix.ST_NOEXEC != 0, os.NewSyscallError("statfs", err)
}

// OpenTree is open_tree(2) on an absolute path or, without one, on the descriptor dirfd.
func OpenTree(dirfd int, path string, flags uint) (int, error) {
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	fd, err := unix.OpenTree(dirfd, path, flags|unix.OPEN_TREE_CLOEXEC)
	return fd, os.NewSyscallError("open_tree", err)
}

// MakeSlave takes the mounts of the tree that fd refers to out of their peer groups: they still receive mounts and
// unmounts, and pass none on (mount_namespaces(7)).
func MakeSlave(fd int) error {
	attr := unix.MountAttr{Propagation: unix.MS_SLAVE}
	err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
	return os.NewSyscallError("mount_setattr", err)
}

// MakeReadonly makes the mounts of the detached tree that fd refers to read-only.
func MakeReadonly(fd int) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
	return os.NewSyscallError("mount_setattr", err)
}

// WaitStatus is the status of wait4(2).
type WaitStatus = unix.WaitStatus

// Pipe makes a pipe, both ends close-on-exec.
func Pipe() (r, w int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC)
	return p[0], p[1], os.NewSyscallError("pipe2", err)
}

// OpenInRoot opens path as though the directory root were "/": no symlink and no ".." leads out of it, and magic links
// are refused (openat2(2)).
//
// The kernel gives up (EAGAIN) on a ".." when any rename or mount on the machine came between, and says to try again; one
// process that does nothing but rename spoils one lookup in 50.
func OpenInRoot(root int, path string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags) | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for try := 1; ; try++ {
		fd, err := unix.Openat2(root, path, &how)
		if err != unix.EINTR && (err != unix.EAGAIN || try == maxLookups) {
			return fd, os.NewSyscallError("openat2", err)
		}
	}
}

// maxLookups bounds OpenInRoot where somebody renames on and on; interp.c has the same.
const maxLookups = 1000

// Monotonic is CLOCK_MONOTONIC in nanoseconds.
func Monotonic() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// NonblockPipe makes a pipe whose ends do not block, both close-on-exec.
func NonblockPipe() (r, w int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
	return p[0], p[1], os.NewSyscallError("pipe2", err)
}

// PollAny waits until one of fds is readable or has hung up, for ever, and says which.
func PollAny(fds ...int) (ready []bool, err error) {
	list := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		list[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for {
		_, err := unix.Poll(list, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("poll", err)
		}
		ready = make([]bool, len(fds))
		for i := range list {
			ready[i] = list[i].Revents != 0
		}
		return ready, nil
	}
}
