// Package console moves terminals and other descriptors between processes and
// relays the terminal of a foreground container.
//
//	Dial    socket · connect (· open O_PATH for a long path)
//	SendFD  sendmsg SCM_RIGHTS        RecvFD  recvmsg SCM_RIGHTS
//	Relay   TCGETS · TCSETS raw · TIOCSWINSZ · poll{eventfd,master,stdin,stdout}
//	        · read/write … · TCSETS restore · close
package console

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"teu/internal/sys"
)

// maxName bounds the name that goes along with a descriptor; go-runc reads as much.
const maxName = 4096

// What the sender of a pidfd says it is (runc-create(8), --pidfd-socket).
const (
	PidfdOfInit = "standard" // create and run
	PidfdOfExec = "setns"    // exec
)

// Dial connects to the AF_UNIX stream socket at path, which may be longer than
// a struct sockaddr_un holds.
func Dial(path string) (*os.File, error) { return DialWithin(path, 0) }

// DialWithin is Dial with a limit, unless that is 0, to how long connecting and each send wait for the peer. What is over it
// is ETIMEDOUT here, and EAGAIN of the sends.
func DialWithin(path string, limit time.Duration) (*os.File, error) {
	sock, err := sys.UnixStream()
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if limit > 0 {
		err = sys.SetSendTimeout(sock, limit)
	}
	if err == nil {
		err = connect(sock, path)
	}
	if err == syscall.EAGAIN { // unix(7): the backlog of the listener is full
		err = syscall.ETIMEDOUT
	}
	if err != nil {
		sys.Close(sock)
		return nil, fmt.Errorf("connect %s: %w", path, err)
	}
	return os.NewFile(uintptr(sock), path), nil
}

func connect(sock int, path string) error {
	// An empty path would autobind, and a leading @ or NUL would name an
	// abstract socket: callers pass files.
	if path == "" {
		return syscall.ENOENT
	}
	if len(path) <= sys.SunPathMax && path[0] != '@' {
		return sys.ConnectUnix(sock, path)
	}
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.OPath, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	return sys.ConnectUnix(sock, "/proc/self/fd/"+strconv.Itoa(fd))
}

// SendFD sends fd over the socket, with its name as the data, and keeps fd.
func SendFD(conn *os.File, fd int, name string) error {
	if name == "" || len(name) >= maxName {
		return fmt.Errorf("send fd over %s: name of %d bytes: %w", conn.Name(), len(name), syscall.EINVAL)
	}
	if err := sys.SendFDs(int(conn.Fd()), []byte(name), fd); err != nil {
		return fmt.Errorf("send fd over %s: %w", conn.Name(), err)
	}
	return nil
}

// RecvFD receives one descriptor and its name, which the file takes. It blocks until
// there is one; EPIPE stands for a peer that closed without sending, EBADMSG for a
// message without exactly one descriptor.
func RecvFD(conn *os.File) (*os.File, error) {
	buf := make([]byte, maxName)
	n, fds, err := sys.RecvFDs(int(conn.Fd()), buf, 1)
	switch {
	case err != nil:
	case n == 0:
		err = syscall.EPIPE
	case len(fds) != 1:
		err = syscall.EBADMSG
	default:
		return os.NewFile(uintptr(fds[0]), string(buf[:n])), nil
	}
	for _, fd := range fds {
		sys.Close(fd)
	}
	return nil, fmt.Errorf("receive fd over %s: %w", conn.Name(), err)
}

// SendPidfd sends pidfd to the socket at path and closes the connection; kind
// is [PidfdOfInit] or [PidfdOfExec].
func SendPidfd(path string, pidfd int, kind string) error {
	conn, err := Dial(path)
	if err != nil {
		return err
	}
	defer conn.Close()
	return SendFD(conn, pidfd, kind)
}
