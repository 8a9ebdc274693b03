package nsenter

// #include "signals.h"
import "C"

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"teu/internal/sys"
)

// lastSignal is _NSIG of Linux.
const lastSignal = 64

// CatchSignals makes the signals that a foreground runtime passes on readable, one byte each, from the non-blocking
// pipe it returns. It takes all but
//   - SIGCHLD, and SIGURG, which the Go runtime sends itself to preempt goroutines;
//   - SIGPIPE, an error of our own writes, and SIGWINCH, which the terminal's relay serves;
//   - SIGTTIN and SIGTTOU, which stop a background job that touches its terminal: caught, the ioctl that raised them
//     would be restarted for ever;
//   - the signals of a fault, which are our own bugs;
//   - SIGHUP and SIGINT if they are ignored, as below nohup(1);
//   - SIGKILL and SIGSTOP, which cannot be caught, and 32 to 34, glibc's and Go's own.
//
// It lasts until the process ends, so it is called once.
func CatchSignals() (pipe int, err error) {
	r, w, err := sys.NonblockPipe()
	if err != nil {
		return -1, err
	}
	list := forwarded()
	if errno := C.teu_catch(C.int(w), (*C.uchar)(&list[0]), C.int(len(list))); errno != 0 {
		return -1, fmt.Errorf("sigaction: %w", syscall.Errno(errno))
	}
	return r, nil
}

func forwarded() []byte {
	list := make([]byte, 0, lastSignal)
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		switch sig {
		case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGWINCH, syscall.SIGTTIN, syscall.SIGTTOU,
			syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGPROF, 32, 33, 34,
			syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL:
		default:
			if !signal.Ignored(sig) {
				list = append(list, byte(sig))
			}
		}
	}
	return list
}

// SignalError says that teu was told to end while it waited for init. It is EINTR.
type SignalError struct{ Signal syscall.Signal }

// Error names the signal.
func (e *SignalError) Error() string {
	return "signal: " + e.Signal.String() + ": " + syscall.EINTR.Error()
}

// Unwrap gives EINTR.
func (e *SignalError) Unwrap() error { return syscall.EINTR }

// readSignals reads the signals that have come: one that ends teu is an error (EINTR), the others are held.
func (in *Init) readSignals() error {
	var buf [64]byte
	n, err := sys.Read(in.Signals, buf[:])
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("read signals: %w", err)
	}
	for _, b := range buf[:max(n, 0)] {
		switch sig := syscall.Signal(b); sig {
		case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
			return &SignalError{sig}
		}
		in.Held = append(in.Held, b)
	}
	return nil
}
