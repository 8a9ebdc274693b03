package console

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"teu/internal/sys"
)

// chunk is what one write carries at most: a pipe that polls writable takes
// PIPE_BUF bytes without blocking (pipe(7)).
const chunk = 4096

// Relay joins the terminal that teu runs on with the master of a container's
// pseudo-terminal, for `run -t` without a console socket.
//
// One goroutine does all of it over poll(2), so the master has one user and
// neither direction can block the other for longer than a write to standard
// output takes.
//
// The process is what counts: when nobody takes its output any more, that is
// dropped and it goes on. The end of the input is passed on as its terminal has it.
type Relay struct {
	stdin, stdout int
	host          int          // terminal among teu's stdio, -1 when there is none
	saved         *sys.Termios // of host, until restored
	master        int
	wake          int // eventfd: look at flags
	winch         chan os.Signal
	done          chan struct{} // closed by the loop at its end

	mu      sync.Mutex
	resized bool
	ended   bool

	err error // first failure; read after done
}

// NewRelay takes over master, puts the terminal in front of the user in raw mode,
// gives master its size, and starts copying. Without a terminal among teu's
// stdio, or with one that has just gone, the bytes are copied all the same.
// The caller defers [Relay.Close] at once: it is what restores the terminal.
func NewRelay(master *os.File) (*Relay, error) {
	return newRelay(master, 0, 1, 2)
}

func newRelay(master *os.File, stdin, stdout, stderr int) (_ *Relay, err error) {
	r := &Relay{
		stdin: stdin, stdout: stdout, host: -1,
		winch: make(chan os.Signal, 1),
		done:  make(chan struct{}),
	}
	// A duplicate outlives the caller's file, whose finalizer may close it.
	if r.master, err = sys.Dup(int(master.Fd())); err != nil {
		return nil, fmt.Errorf("console: dup: %w", err)
	}
	master.Close()
	if r.wake, err = sys.Eventfd(); err != nil {
		sys.Close(r.master)
		return nil, fmt.Errorf("console: eventfd: %w", err)
	}
	defer func() {
		if err != nil {
			r.Restore()
			sys.Close(r.wake)
			sys.Close(r.master)
		}
	}()
	// What the container writes goes out as it is; see sys.RawKeepOutput.
	if err := sys.ClearONLCR(r.master); err != nil {
		return nil, fmt.Errorf("console: set master: %w", err)
	}
	if err := sys.SetNonblock(r.master, true); err != nil {
		return nil, fmt.Errorf("console: set master: %w", err)
	}
	r.err = r.raw(stdin, stdout, stderr)
	signal.Notify(r.winch, syscall.SIGWINCH)
	r.resize()
	go r.watch()
	go r.loop()
	return r, nil
}

// raw finds the host terminal and sets it to raw mode.
func (r *Relay) raw(fds ...int) error {
	for _, fd := range fds {
		t, err := sys.GetTermios(fd)
		if err != nil {
			continue // no terminal
		}
		if err := sys.SetTermios(fd, sys.RawKeepOutput(t)); err != nil {
			return fmt.Errorf("console: set terminal raw: %w", err)
		}
		r.host, r.saved = fd, t
		return nil
	}
	return nil
}

// Restore gives the host terminal its settings back. It may be called more than
// once and from any goroutine; [Relay.Close] does it too.
func (r *Relay) Restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved == nil {
		return nil
	}
	saved := r.saved
	r.saved = nil
	if err := sys.SetTermios(r.host, saved); err != nil {
		return fmt.Errorf("console: restore terminal: %w", err)
	}
	return nil
}

// Close is called when the container's process is gone: all that it wrote is
// copied out, then the terminal is restored and the master closed. Processes
// that outlive it and still hold the slave are not waited for. The error is what
// went wrong first, on the user's side most likely: it says nothing of the process.
func (r *Relay) Close() error {
	r.post(func() { r.ended = true })
	<-r.done
	signal.Stop(r.winch)
	err := r.err
	if rerr := r.Restore(); err == nil {
		err = rerr
	}
	return err
}

// post changes a flag and wakes the loop, unless that is gone.
func (r *Relay) post(set func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	set()
	if r.wake >= 0 {
		sys.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// watch turns SIGWINCH into a flag: only the loop touches the master.
func (r *Relay) watch() {
	for {
		select {
		case <-r.winch:
			r.post(func() { r.resized = true })
		case <-r.done:
			return
		}
	}
}

// resize hands the host's size to the container. Without one, or when the
// terminal has just gone, the container keeps what it has.
func (r *Relay) resize() {
	if r.host < 0 {
		return
	}
	if ws, err := sys.GetWinsize(r.host); err == nil && (ws.Row != 0 || ws.Col != 0) {
		sys.SetWinsize(r.master, ws)
	}
}
