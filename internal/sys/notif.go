package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The tests that supervise a process through the listener of its filter call what is in this file (seccomp_unotify(2));
// nothing else does, and the binary does not contain it.

// SeccompNotif is struct seccomp_notif: a system call that waits for an answer.
type SeccompNotif struct {
	ID    uint64
	Pid   uint32 // of the thread, in the pid namespace of whoever receives it
	Flags uint32
	Nr    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// SeccompRecv waits for the next call; ok is false when no process with the filter is left.
func SeccompRecv(listener int) (n SeccompNotif, ok bool, err error) {
	for {
		// Before Linux 6.11 receiving itself would wait on when there is no process left.
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return n, false, os.NewSyscallError("poll", err)
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			return n, false, nil
		}
		n = SeccompNotif{}
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		switch e {
		case 0:
			return n, true, nil
		case unix.EINTR, unix.ENOENT: // the process was killed meanwhile
		default:
			return n, false, os.NewSyscallError("ioctl NOTIF_RECV", e)
		}
	}
}

// SeccompContinue is the answer that lets a call go on.
const SeccompContinue = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE

// SeccompSend answers: the call returns value, or fails with errno. It is ENOENT when nobody waits for the answer any more.
func SeccompSend(listener int, id uint64, value int64, errno unix.Errno, flags uint32) error {
	answer := struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}{id, value, -int32(errno), flags}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	if e != 0 {
		return e
	}
	return nil
}
