package console

import (
	"fmt"
	"syscall"
	"time"

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
	deaf    bool // nobody takes what is written to stdout
	last    bool // the container's process is gone: drain and stop
	hungup  bool // no slave is open at the moment
	edge    int  // epoll on the master while hungup, made on first need

	again time.Time     // when to say the end of the input once more
	pause time.Duration // between the last two times
}

// The end of the input is said by a character, which a process may miss: one that has yet to set its terminal raw, or that had
// read half a line. So it is said again, as by somebody who keeps the key down, first after firstPause, later and later. Who reads
// a raw terminal gets it as a character, which may mean nothing there, a few times only.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 10 * time.Second
)

func (r *Relay) loop() {
	p := &pump{Relay: r, edge: -1}
	for p.step() {
	}
	// The master goes first: a container that still runs (the loop has
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
	if p.ending() && !time.Now().Before(p.again) {
		p.sayEnd()
	}
	if n == 0 {
		return !p.last // drained
	}
	if fds[atWake].Revents != 0 {
		p.flags()
	}
	if fds[atStdin].Revents != 0 {
		p.readIn()
	}
	if fds[atStdout].Revents != 0 {
		p.writeOut()
		return true
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
	default:
		timeout = int(max(0, time.Until(p.again)).Milliseconds()) + 1
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

// ending tells whether the input has ended, and somebody may want to know.
func (p *pump) ending() bool { return p.eof && len(p.in) == 0 && !p.last && !p.hungup }

// sayEnd writes the character that stands for the end of the input (termios(3), VEOF).
func (p *pump) sayEnd() {
	t, err := sys.GetTermios(p.master)
	if err == nil && t.Cc[sys.VEOF] != 0 && (t.Lflag&sys.ICANON != 0 || p.pause < mostPause) {
		sys.Write(p.master, t.Cc[sys.VEOF:sys.VEOF+1])
	}
	p.again, p.pause = time.Now().Add(p.pause), min(2*p.pause, mostPause)
}

// readIn reads from the user. The end, or an error such as EIO of a terminal that
// went away, ends the input only: the container decides what that means.
func (p *pump) readIn() {
	n, err := sys.Read(p.stdin, p.inBuf[:])
	switch {
	case err == syscall.EAGAIN: // somebody made the shared description non-blocking
	case err != nil || n == 0:
		p.eof, p.pause = true, firstPause
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
	if !p.deaf {
		p.out = p.outBuf[:n]
	}
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

// writeOut writes to the user. When that fails the rest is dropped: the process may have more to do than to write, and its
// exit status is not to depend on who reads it.
func (p *pump) writeOut() {
	n, err := sys.Write(p.stdout, p.out)
	switch err {
	case nil, syscall.EAGAIN:
		p.out = p.out[n:]
		return
	case syscall.EPIPE: // whoever read it wants no more
	default:
		p.fail("write standard output", err)
	}
	p.deaf, p.out = true, nil
}

// fail notes the first error; it is false, which ends the loop.
func (p *pump) fail(what string, err error) bool {
	if p.err == nil {
		p.err = fmt.Errorf("console: %s: %w", what, err)
	}
	return false
}
