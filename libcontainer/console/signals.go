package console

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals collects the signals that a foreground runtime gets, for its container.
type Signals struct {
	ch   chan os.Signal
	stop chan struct{}
}

// CatchSignals starts collecting; done before the container exists, so that
// none hits teu in between. All signals are taken but
//   - SIGCHLD, and SIGURG, which the Go runtime sends itself to preempt goroutines;
//   - SIGPIPE, an error of our own writes, and SIGWINCH, which the [Relay] serves;
//   - SIGTTIN and SIGTTOU, which stop a background job that touches its terminal: caught,
//     the ioctl that raised them would be restarted for ever;
//   - SIGHUP and SIGINT if they are ignored, as below nohup(1);
//   - SIGKILL and SIGSTOP, which cannot be caught, and 32 to 34, glibc's and Go's own.
func CatchSignals() *Signals {
	s := &Signals{ch: make(chan os.Signal, 64), stop: make(chan struct{})}
	signal.Notify(s.ch, caught()...)
	return s
}

const lastSignal = 64 // _NSIG of Linux

func caught() []os.Signal {
	all := make([]os.Signal, 0, lastSignal)
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		switch sig {
		case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGWINCH,
			syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGKILL, syscall.SIGSTOP, 32, 33, 34:
		default:
			if !signal.Ignored(sig) {
				all = append(all, sig)
			}
		}
	}
	return all
}

// Forward hands each collected signal to send, in order, beginning with those that
// came before this call, until Stop. send is what knows the container's
// pidfd; it also decides what an error means (ESRCH: the process is gone).
func (s *Signals) Forward(send func(syscall.Signal)) {
	go func() {
		for {
			select {
			case sig := <-s.ch:
				send(sig.(syscall.Signal))
			case <-s.stop:
				return
			}
		}
	}()
}

// Stop ends collecting and forwarding; signals act on teu again as they did before.
func (s *Signals) Stop() {
	signal.Stop(s.ch)
	close(s.stop)
}
