package console

import (
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// pump is the state of the loop: one buffer for each direction, and an fd is
// only read when the buffer for what it says is empty.
type pump struct {
	*Relay
	in, out []byte // what is to be written to the master, to stdout
	inBuf   [chunk]byte
	outBuf  [chunk]byte
	eof     bool // stdin has ended
	last    bool // the container's process is gone: drain and stop
	hungup  bool // no slave is open at the moment
	edge    int  // epoll on the master while hungup, made on first need
}

func (r *Relay) loop() {
	p := &pump{Relay: r, edge: -1}
	for p.step() {
	}
	// The master goes first: a container that still runs (standard output
	// failed) gets the SIGHUP of a terminal that was hung up.
	r.mu.Lock()
	sys.Close(r.master)
	sys.Close(r.wake)
	r.wake = -1
	r.mu.Unlock()
	if p.edge >= 0 {
		sys.Close(p.edge)
	}
	close(r.done)
}

// The places of the descriptors in a round of poll(2).
const (
	atWake = iota
	atMaster
	atStdin
	atStdout
)

// step waits for one round of events and serves it; false ends the loop.
func (p *pump) step() bool {
	fds, timeout := p.interest()
	n, err := sys.Poll(fds[:], timeout)
	if err != nil {
		return p.fail("poll", err)
	}
	if n == 0 {
		return false // drained: only then is there a timeout
	}
	if fds[atWake].Revents != 0 {
		p.flags()
	}
	if fds[atStdin].Revents != 0 {
		p.readIn()
	}
	if fds[atStdout].Revents != 0 {
		return p.writeOut()
	}
	ev := fds[atMaster].Revents
	if ev&sys.PollOut != 0 && len(p.in) != 0 {
		p.writeIn()
	}
	if ev&^sys.PollOut != 0 && len(p.out) == 0 {
		return p.readOut()
	}
	return true
}

// interest tells what to wait for.
func (p *pump) interest() (fds [4]sys.PollFD, timeout int) {
	for i := range fds {
		fds[i].Fd = -1
	}
	fds[atWake] = sys.PollFD{Fd: int32(p.wake), Events: sys.PollIn}
	timeout = -1
	if len(p.out) != 0 {
		fds[atStdout] = sys.PollFD{Fd: int32(p.stdout), Events: sys.PollOut}
	} else {
		fds[atMaster] = sys.PollFD{Fd: int32(p.master), Events: sys.PollIn}
		// The kernel flushes the line discipline before it says that a
		// master has nothing to read (n_tty_poll): one look is conclusive.
		if p.last {
			timeout = 0
		}
	}
	switch {
	case p.last:
	case p.hungup:
		// poll(2) would report POLLHUP again and again; an edge-triggered
		// epoll speaks up when somebody opens the slave anew and writes.
		if len(p.out) == 0 {
			fds[atMaster].Fd = int32(p.edge)
		}
	case len(p.in) != 0:
		fds[atMaster].Fd = int32(p.master)
		fds[atMaster].Events |= sys.PollOut
	case !p.eof:
		fds[atStdin] = sys.PollFD{Fd: int32(p.stdin), Events: sys.PollIn}
	}
	return fds, timeout
}

func (p *pump) flags() {
	var count [8]byte
	sys.Read(p.wake, count[:])
	p.mu.Lock()
	resized := p.resized
	p.resized, p.last = false, p.last || p.ended
	p.mu.Unlock()
	if resized {
		p.resize()
	}
	if p.last {
		p.in = nil // nobody is left to read it
	}
}

// readIn reads from the user. The end, or an error such as EIO of a terminal that
// went away, ends the input only: the container decides what that means.
func (p *pump) readIn() {
	n, err := sys.Read(p.stdin, p.inBuf[:])
	switch {
	case err == syscall.EAGAIN: // somebody made the shared description non-blocking
	case err != nil || n == 0:
		p.eof = true
	default:
		p.in = p.inBuf[:n]
	}
}

func (p *pump) writeIn() {
	n, err := sys.Write(p.master, p.in)
	if err == nil {
		p.in = p.in[n:]
	} else if err != syscall.EAGAIN {
		p.in = nil // the slave is closed; readOut sees it too
	}
}

// readOut reads what the container wrote. EIO says that no slave is open and
// all that was written has been read: the end if the process is gone, a pause
// if it runs (an init like systemd's opens its console for every line).
func (p *pump) readOut() bool {
	if p.hungup && !p.last {
		sys.EpollDrain(p.edge)
	}
	n, err := sys.Read(p.master, p.outBuf[:])
	switch {
	case err == syscall.EAGAIN:
		p.hungup = false
		return true
	case err == syscall.EIO || err == nil && n == 0:
		return !p.last && p.hangup()
	case err != nil:
		return p.fail("read master", err)
	}
	p.hungup = false
	p.out = p.outBuf[:n]
	return true
}

func (p *pump) hangup() bool {
	p.hungup = true
	if p.edge >= 0 {
		return true
	}
	edge, err := sys.EpollEdge(p.master)
	if err != nil {
		return p.fail("epoll", err)
	}
	p.edge = edge
	return true
}

func (p *pump) writeOut() bool {
	n, err := sys.Write(p.stdout, p.out)
	switch err {
	case nil, syscall.EAGAIN:
		p.out = p.out[n:]
		return true
	case syscall.EPIPE: // whoever read it wants no more; the hang-up says so
		return false
	}
	return p.fail("write standard output", err)
}

func (p *pump) fail(what string, err error) bool {
	p.err = fmt.Errorf("console: %s: %w", what, err)
	return false
}
