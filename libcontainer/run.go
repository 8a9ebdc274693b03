package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/console"
	"teu/libcontainer/store"
	"teu/nsenter"
)

// Run creates and starts a container and, unless detached, stays in front of it until it ends, passing signals and
// the terminal on, and deletes it. The status is the workload's, or 128 and the signal that ended it.
func (r *Runtime) Run(o CreateOptions) (status int, err error) {
	c := &creation{r: r, o: o, times: newTimeline()}
	defer c.close()
	fg, err := newForeground(c)
	if err != nil {
		return -1, err
	}
	defer fg.close()
	err = c.run(fg)
	c.logInit()
	if err != nil {
		return -1, c.fail(err)
	}
	c.devices.Close() // its network namespace is to end with the container
	if o.Detach {
		return 0, fg.notify.awaitUnlocked(c.entry, c.init.PidFd)
	}
	// Whoever deletes the container by force must not have to wait for its end.
	if err := c.entry.Unlock(); err != nil {
		return -1, err
	}
	status, err = fg.wait(c.init)
	c.warnOOM(status)
	if o.Keep {
		return status, err
	}
	if derr := c.end(); err == nil {
		err = derr
	}
	return status, err
}

// EndedBy is the signal that ended Run or Exec before the process had executed its program, if err tells of one.
func EndedBy(err error) (sig syscall.Signal, ok bool) {
	if s := (*nsenter.SignalError)(nil); errors.As(err, &s) {
		return s.Signal, true
	}
	return 0, false
}

// end removes the container after its process has ended, unless somebody else has done so.
func (c *creation) end() error {
	err := c.entry.Relock(lockWait)
	if missing := (*store.NotExistError)(nil); errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.r.destroy(c.entry, c.cgroup)
}

func (c *creation) run(fg *foreground) error {
	if err := c.load(); err != nil {
		return err
	}
	if err := c.reserve(); err != nil {
		return err
	}
	if err := fg.terminal(c.spec.Process.Terminal, c.o.ConsoleSocket, c.inputs); err != nil {
		return err
	}
	if err := c.launch(); err != nil {
		return err
	}
	if err := fg.catch(c.init); err != nil {
		return err
	}
	if err := c.outside(); err != nil {
		return err
	}
	var err error
	if fg.notify, err = openNotify(c.entry, c.init.Pid); err != nil {
		return err
	}
	root, err := openRoot(c.init.Pid)
	if err != nil {
		return err
	}
	defer root.close()
	// Before init goes on: what it writes first has to find the terminal as it is to be.
	if err := fg.receive(); err != nil {
		return err
	}
	if err := c.created(); err != nil {
		return err
	}
	if err := c.awaitExec(root.dir); err != nil {
		return err
	}
	return c.r.poststart(c.spec.Hooks, &c.state)
}

// heldRoot is the root of a process, to find out later what was wrong with the executable: it is gone when the process is. What is
// mounted below the root is gone with the mount namespace, which is held, too.
type heldRoot struct{ dir, mounts int }

func openRoot(pid int) (heldRoot, error) {
	held := heldRoot{-1, -1}
	for _, f := range []struct {
		name string
		fd   *int
	}{{"root", &held.dir}, {"ns/mnt", &held.mounts}} {
		path := "/proc/" + strconv.Itoa(pid) + "/" + f.name
		fd, err := sys.Openat(sys.AtFdcwd, path, sys.OPath, 0)
		if err == nil {
			*f.fd = fd
			continue
		}
		held.close()
		if errors.Is(err, syscall.ENOENT) { // what belongs to the whole process is to be had of its first thread only
			return heldRoot{-1, -1}, fmt.Errorf("open %s: %w: its first thread has ended", path, err)
		}
		return heldRoot{-1, -1}, fmt.Errorf("open %s: %w", path, err)
	}
	return held, nil
}

func (h heldRoot) close() {
	for _, fd := range [2]int{h.dir, h.mounts} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
}

// foreground is what run and exec do for a process that they stay in front of.
type foreground struct {
	log     *log.Logger
	active  bool // not detached
	signals int  // a pipe that the signals to pass on come over, or -1
	sock    int  // the end of a socket pair that the terminal's master comes over, or -1
	relay   *console.Relay
	notify  *notify
}

func newForeground(c *creation) (*foreground, error) {
	return c.r.foregroundFor(!c.o.Detach, !c.o.NoSubreaper)
}

func (r *Runtime) foregroundFor(active, subreaper bool) (*foreground, error) {
	fg := &foreground{log: r.Log, active: active, sock: -1, signals: -1}
	if !active {
		return fg, nil
	}
	if subreaper {
		if err := sys.SetSubreaper(); err != nil {
			return nil, err
		}
	}
	return fg, nil
}

// catch starts collecting signals, which wait passes on. It is done while init starts up: until then a signal ends teu
// and with it init.
func (fg *foreground) catch(in *nsenter.Init) (err error) {
	if fg.active {
		fg.signals, err = nsenter.CatchSignals()
		in.Signals = fg.signals
	}
	return err
}

// terminal makes the socket over which init passes the master, unless a console socket gets it.
func (fg *foreground) terminal(wanted bool, consoleSocket string, inputs map[string]int) error {
	if !wanted || consoleSocket != "" {
		return nil
	}
	pair, err := sys.UnixStreamPair()
	if err != nil {
		return err
	}
	fg.sock, inputs[inputConsole] = pair[0], pair[1]
	return nil
}

// receive takes the master of the terminal and joins it with ours.
func (fg *foreground) receive() error {
	if fg.sock < 0 {
		return nil
	}
	conn := os.NewFile(uintptr(fg.sock), "console")
	fg.sock = -1
	defer conn.Close()
	master, err := console.RecvFD(conn)
	if err != nil {
		return err
	}
	fg.relay, err = console.NewRelay(master)
	return err
}

// wait waits for the process and reaps it and whatever else ends up as our child meanwhile.
func (fg *foreground) wait(in *nsenter.Init) (status int, err error) {
	pid, pidfd := in.Pid, in.PidFd
	if err := send(pidfd, in.Held); err != nil {
		return -1, err
	}
	for done := false; !done; {
		ready, err := sys.PollAny(pidfd, fg.signals, fg.notify.fd())
		if err != nil {
			return -1, err
		}
		if done = ready[0]; done {
			break
		}
		if ready[1] {
			err = fg.pass(pidfd)
		}
		if ready[2] && err == nil {
			_, err = fg.notify.forward()
		}
		if err != nil {
			return -1, err
		}
	}
	ws, err := sys.Wait4(pid)
	if err != nil {
		return -1, fmt.Errorf("wait for process %d: %w", pid, err)
	}
	for {
		other, _, err := sys.WaitAny()
		if err != nil || other == 0 {
			break
		}
	}
	if fg.relay != nil {
		relay := fg.relay
		fg.relay = nil
		if err := relay.Close(); err != nil {
			surviveSIGPIPE()
			fg.log.Warnf("%v", err)
		}
	}
	return exitStatus(ws), nil
}

// surviveSIGPIPE keeps a warning on a standard error that nobody reads from ending teu (os/signal, "SIGPIPE"): the status of
// the process is to come through. It takes 0.15 ms, so it comes with the warning.
func surviveSIGPIPE() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// pass passes on the signals that came.
func (fg *foreground) pass(pidfd int) error {
	var buf [64]byte
	n, err := sys.Read(fg.signals, buf[:])
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("read signals: %w", err)
	}
	return send(pidfd, buf[:max(n, 0)])
}

func send(pidfd int, signals []byte) error {
	for _, sig := range signals {
		if err := sys.PidfdSendSignal(pidfd, syscall.Signal(sig)); err != nil && !gone(err) {
			return fmt.Errorf("pass on %v: %w", syscall.Signal(sig), err)
		}
	}
	return nil
}

func exitStatus(ws sys.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

func (fg *foreground) close() {
	if fg.relay != nil {
		fg.relay.Close() // on the way out with another error
	}
	if fg.sock >= 0 {
		sys.Close(fg.sock)
	}
	fg.notify.close()
}
