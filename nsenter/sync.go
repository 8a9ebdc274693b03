package nsenter

import (
	"cmp"
	"fmt"
	"syscall"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// What init and its parent say to each other (docs/design.md, "The flows").

// recv is the next message; ok is false when the interpreter has let go of the socket, or has ended. A process that may look into
// it, as one of the same pod, may have a copy of the socket, which keeps that open.
func (in *Init) recv() (b byte, ok bool, err error) {
	said, err := in.await()
	if err == nil && said {
		b, ok, err = sys.RecvByte(in.Control)
	}
	if err != nil {
		err = fmt.Errorf("wait for init: %w", err)
	}
	return b, ok, err
}

// await waits for the interpreter to say something, or to end.
func (in *Init) await() (said bool, err error) {
	for {
		ready, err := sys.PollAny(in.Control, in.PidFd, in.Signals)
		if err != nil || ready[0] || ready[1] {
			return err == nil && ready[0], err
		}
		if err := in.readSignals(); err != nil {
			return false, err
		}
	}
}

// receive is the interpreter's next message. When the interpreter failed first, the error is its report.
func (in *Init) receive() (byte, error) {
	got, ok, err := in.recv()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, in.Failure()
	}
	return got, nil
}

// Expect waits for the interpreter to reach Sync(b). When the interpreter fails first, the error is its report.
func (in *Init) Expect(b byte) (err error) {
	var got byte
	if len(in.early) > 0 {
		got, in.early = in.early[0], in.early[1:]
	} else if got, err = in.receive(); err != nil {
		return err
	}
	if got != b {
		return fmt.Errorf("wait for init: unexpected message %q: %w", got, syscall.EPROTO)
	}
	return nil
}

// Join waits until the process that becomes the workload exists, when the program forks. The two processes share the
// socket, so the new one's first message may come before the word of the old one. The old one may also be killed before it
// has said anything, while the new one keeps the socket open.
func (in *Init) Join() error {
	for {
		said, err := in.await()
		if err != nil {
			return err
		}
		if !said {
			return in.Failure()
		}
		got, err := in.receive()
		if err != nil {
			return err
		}
		if got == program.ByteForked {
			return in.adopt()
		}
		in.early = append(in.early, got)
	}
}

// adopt takes over the process that went on after OpFork; it is our child because of CLONE_PARENT, so its pid is ours
// until we reap it. The kernel is asked whether it is: the new process shares the report page, and in the pid namespace that
// it has entered somebody may trace it (CAP_SYS_PTRACE), and name there whom we would put into the cgroup, and kill.
func (in *Init) adopt() error {
	r, err := in.Report()
	if err != nil {
		return err
	}
	if r.Pid <= 0 || r.Pid == in.Pid {
		return fmt.Errorf("wait for init: no pid after fork: %w", syscall.EPROTO)
	}
	fd, err := sys.PidfdOpen(r.Pid)
	if err != nil {
		return err
	}
	if child, err := sys.IsChild(fd); err != nil || !child {
		sys.Close(fd)
		return cmp.Or(err, fmt.Errorf("wait for init: process %d, named after fork, is none of ours: %w", r.Pid, syscall.EPROTO))
	}
	sys.Close(in.PidFd)
	left := in.Pid
	in.Pid, in.PidFd = r.Pid, fd
	_, err = sys.Wait4(left)
	return err
}

// Go answers a Sync.
func (in *Init) Go(b byte) error {
	if err := sys.SendByte(in.Control, b); err != nil {
		return in.Failure()
	}
	return nil
}

// WaitExec waits until the workload runs, which closes the control socket, or the interpreter has failed.
func (in *Init) WaitExec() error {
	_, ok, err := in.recv()
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("wait for init: message after the last: %w", syscall.EPROTO)
	}
	r, err := in.Report()
	if err != nil {
		return err
	}
	if r.Status == program.Execing {
		return nil
	}
	return in.Failure()
}
