package fields

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// supervisor is who listens at linux.seccomp.listenerPath.
type supervisor struct {
	t    testing.TB
	path string
	sock *net.UnixListener
	step int // how much it reads at a time
}

// passed is what came over a connection.
type passed struct {
	specs.ContainerProcessState
	listener int
}

// answer is what becomes of a call: it goes on, or it fails.
type answer struct {
	run   bool
	errno syscall.Errno
}

var goOn = answer{run: true}

func supervise(b *kit.Bundle) *supervisor {
	b.T.Helper()
	path := b.Dir + "/supervisor"
	sock, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	check(b.T, err)
	b.T.Cleanup(func() { sock.Close() })
	return &supervisor{t: b.T, path: path, sock: sock, step: 4096}
}

// profile is one with a listener for the supervisor.
func (s *supervisor) profile(defaultAction specs.LinuxSeccompAction, rules ...specs.LinuxSyscall) edit {
	return linux(func(l *specs.Linux) {
		l.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: defaultAction, Syscalls: rules, ListenerPath: s.path, ListenerMetadata: "what the supervisor knows",
		}
	})
}

// receive takes a connection and reads it to its end, which has to come while nothing is answered.
func (s *supervisor) receive() (p passed) {
	conn, err := s.accept()
	if err != nil {
		s.t.Errorf("accept the runtime's connection: %v", err)
		return passed{listener: -1}
	}
	defer conn.Close()
	p.listener = -1
	var text []byte
	buf, control := make([]byte, s.step), make([]byte, syscall.CmsgSpace(4))
	for {
		n, cn, _, _, err := conn.ReadMsgUnix(buf, control)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			break
		}
		if err != nil {
			s.t.Errorf("read from the runtime's connection: %v", err)
			return p
		}
		text = append(text, buf[:n]...)
		if cn == 0 {
			continue
		}
		if p.listener >= 0 || len(text) != n {
			s.t.Errorf("descriptor after %d bytes: want one, with the first message", len(text)-n)
		}
		msgs, err := syscall.ParseSocketControlMessage(control[:cn])
		if err == nil {
			var fds []int
			if fds, err = syscall.ParseUnixRights(&msgs[0]); err == nil {
				p.listener = fds[0]
			}
		}
		if err != nil {
			s.t.Errorf("parse the descriptor of the message: %v", err)
		}
	}
	if err := json.Unmarshal(text, &p.ContainerProcessState); err != nil {
		s.t.Errorf("parse the state that the runtime sent: %v: %q", err, text)
	}
	if p.listener < 0 || len(p.Fds) != 1 || p.Fds[0] != specs.SeccompFdName {
		s.t.Errorf("from the runtime: got listener %d, descriptors %q, want one of name %s", p.listener, p.Fds, specs.SeccompFdName)
	}
	return p
}

func (s *supervisor) accept() (*net.UnixConn, error) {
	s.sock.SetDeadline(time.Now().Add(kit.Limit))
	conn, err := s.sock.AcceptUnix()
	if err == nil {
		conn.SetDeadline(time.Now().Add(kit.Limit))
	}
	return conn, err
}

// shutdown ends a socket for good: a process that another test has just forked may have it for a moment longer than we.
func shutdown(sock syscall.Conn) error {
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) { serr = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	return errors.Join(err, serr)
}

// hangUp closes a connection.
func hangUp(conn *net.UnixConn) error { return errors.Join(shutdown(conn), conn.Close()) }

// serve answers the calls that come over the listener until the last process has ended, and returns those whose
// answer was wanted.
func (p *passed) serve(t testing.TB, decide func(n *sys.SeccompNotif) answer) (calls []int32) {
	defer syscall.Close(p.listener)
	for {
		n, ok, err := sys.SeccompRecv(p.listener)
		if err != nil {
			t.Errorf("receive a call from the listener: %v", err)
		}
		if err != nil || !ok {
			return calls
		}
		calls = append(calls, n.Nr)
		a, flags := decide(&n), uint32(0)
		if a.run {
			flags = sys.SeccompContinue
		}
		switch err := sys.SeccompSend(p.listener, n.ID, 0, a.errno, flags); err {
		case nil:
		case syscall.ENOENT: // the process was killed, or a signal made it ask again
			calls = calls[:len(calls)-1]
		default:
			t.Errorf("answer the call of pid %d: %v", n.Pid, err)
		}
	}
}

// behind is a supervisor at work beside the test: what it was sent, and the calls that came, once all has ended.
func (s *supervisor) behind(decide func(n *sys.SeccompNotif) answer) (sent <-chan passed, calls <-chan []int32) {
	c, done := make(chan passed, 1), make(chan []int32, 1)
	go func() {
		p := s.receive()
		c <- p
		if p.listener < 0 {
			done <- nil
			return
		}
		done <- p.serve(s.t, decide)
	}()
	return c, done
}

// only answers one call with an error; the others go on.
func only(nr int32, errno syscall.Errno) func(*sys.SeccompNotif) answer {
	return func(n *sys.SeccompNotif) answer {
		if n.Nr == nr {
			return answer{errno: errno}
		}
		return goOn
	}
}
