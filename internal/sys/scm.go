package sys

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SunPathMax is the longest path a struct sockaddr_un holds, without its NUL.
const SunPathMax = 107

// UnixStream makes an unconnected AF_UNIX stream socket, O_CLOEXEC.
func UnixStream() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// UnixStreamPair makes a connected pair of AF_UNIX stream sockets, O_CLOEXEC.
func UnixStreamPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// ConnectUnix connects sock to path, at most SunPathMax bytes.
func ConnectUnix(sock int, path string) error {
	return unix.Connect(sock, &unix.SockaddrUnix{Name: path})
}

// SetSendTimeout bounds the wait of connect and of each send (SO_SNDTIMEO, socket(7)); it is EAGAIN in the end.
func SetSendTimeout(sock int, limit time.Duration) error {
	tv := unix.NsecToTimeval(limit.Nanoseconds())
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(sock, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
}

// SendFDs sends data, at least one byte, with the fds attached as SCM_RIGHTS
// (unix(7)) in one message. A closed peer gives EPIPE, never a signal.
func SendFDs(sock int, data []byte, fds ...int) error {
	oob := unix.UnixRights(fds...)
	for {
		n, err := unix.SendmsgN(sock, data, oob, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n != len(data):
			return unix.EMSGSIZE
		}
		return nil
	}
}

// RecvFDs receives one message into buf and up to max fds with it, all
// O_CLOEXEC. When it fails, no fd is left open: EMSGSIZE stands for more fds
// than max or for control data it does not know.
func RecvFDs(sock int, buf []byte, max int) (n int, fds []int, err error) {
	oob := make([]byte, unix.CmsgSpace(4*max))
	var oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(sock, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	for i := range msgs {
		rights, rerr := unix.ParseUnixRights(&msgs[i])
		if rerr != nil {
			err = rerr
		}
		fds = append(fds, rights...)
	}
	// CMSG_SPACE rounds up: room for one fd holds two.
	if err == nil && (flags&unix.MSG_CTRUNC != 0 || len(fds) > max) {
		err = unix.EMSGSIZE
	}
	if err != nil {
		for _, fd := range fds {
			Close(fd)
		}
		return 0, nil, err
	}
	return n, fds, nil
}

// BindUnix gives a Unix socket, one of a pair too, a name in the filesystem.
func BindUnix(sock int, path string) error {
	return os.NewSyscallError("bind", unix.Bind(sock, &unix.SockaddrUnix{Name: path}))
}

// Bound reports whether some process has the socket, of another kind than datagram, that was bound to path: of one that is
// there the kernel says EPROTOTYPE, of one that is not ECONNREFUSED (unix(7), connect(2)). It does not get to the socket.
func Bound(path string) (bool, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	switch err := ConnectUnix(fd, path); err {
	case unix.EPROTOTYPE:
		return true, nil
	case unix.ECONNREFUSED:
		return false, nil
	case nil:
		return false, os.NewSyscallError("connect", unix.EPROTOTYPE)
	default:
		return false, os.NewSyscallError("connect", err)
	}
}

// BindDatagram makes a Unix datagram socket at path, in place of one that was there, that everyone may send to.
func BindDatagram(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = unix.Unlink(path); err == nil || err == unix.ENOENT {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Chmod(path, 0o777)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// SendDatagram sends data to the Unix datagram socket at path; "@name" is in the abstract namespace (unix(7)).
func SendDatagram(path string, data []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("sendto", unix.Sendto(fd, data, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path}))
}

// PeerPid is the process that listens on the socket at path, in the pid namespace of the caller; 0 when it is not in there
// (SO_PEERCRED, unix(7)).
func PeerPid(path string) (int, error) {
	sock, err := UnixStream()
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer Close(sock)
	if err := ConnectUnix(sock, path); err != nil {
		return 0, os.NewSyscallError("connect", err)
	}
	cred, err := unix.GetsockoptUcred(sock, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt", err)
	}
	return int(cred.Pid), nil
}
