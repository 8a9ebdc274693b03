package libcontainer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/store"
)

// notifyDir is where a container finds the socket for sd_notify(3).
const notifyDir = "/run/notify"

// notify stands between the workload and the service manager that teu was started by: the workload reports to a socket
// in the container's directory, and what it may say is passed on to $NOTIFY_SOCKET. The manager's own socket stays out of
// the container's reach: it would believe any pid that a message names.
type notify struct {
	sock int    // ours, bound in the container's directory
	host string // the manager's
	pid  int
}

// notifySpec adds to the spec what a container needs to find the socket. It does nothing unless teu itself was given
// $NOTIFY_SOCKET.
func (c *creation) notifySpec() error {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	if err := c.entry.MakeNotifyDir(); err != nil {
		return err
	}
	// Appending to what config.json gave would write behind its end.
	c.spec.Mounts = append(c.spec.Mounts[:len(c.spec.Mounts):len(c.spec.Mounts)], specs.Mount{
		Destination: notifyDir, Type: "bind", Source: c.r.Root + "/" + c.o.ID + "/" + store.NotifyDir,
		Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"},
	})
	c.spec.Process.Env = append(c.spec.Process.Env, "NOTIFY_SOCKET="+notifyDir+"/"+store.NotifyName)
	return nil
}

// openNotify binds the socket before the workload runs. It returns nil when there is nobody to notify, or the container
// was made without.
func openNotify(entry *store.Container, pid int) (*notify, error) {
	host := os.Getenv("NOTIFY_SOCKET")
	if host == "" || !entry.HasNotifyDir() {
		return nil, nil
	}
	path := "/proc/self/fd/" + strconv.Itoa(int(entry.Dir().Fd())) + "/" + store.NotifyDir + "/" + store.NotifyName
	sock, err := sys.BindDatagram(path)
	if err != nil {
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	return &notify{sock: sock, host: host, pid: pid}, nil
}

func (n *notify) close() {
	if n != nil {
		sys.Close(n.sock)
	}
}

// fd is what to wait on for messages, or -1.
func (n *notify) fd() int {
	if n == nil {
		return -1
	}
	return n.sock
}

// maxNotify is the size of the longest message that systemd accepts.
const maxNotify = 4096

// forward passes one message on and reports whether it said that the workload is ready. Only that passes, with the pid
// as the host knows it: what else a message may ask for is between the manager and teu.
func (n *notify) forward() (ready bool, err error) {
	buf := make([]byte, maxNotify)
	k, err := sys.Read(n.sock, buf)
	if err != nil {
		return false, fmt.Errorf("notify socket: %w", err)
	}
	for line := range bytes.Lines(buf[:k]) {
		if !bytes.HasPrefix(line, []byte("READY=1")) {
			continue
		}
		msg := fmt.Sprintf("MAINPID=%d\nREADY=1\n", n.pid)
		if err := sys.SendDatagram(n.host, []byte(msg)); err != nil {
			return false, fmt.Errorf("notify %s: %w", n.host, err)
		}
		return true, nil
	}
	return false, nil
}

// awaitReady passes messages on until the workload is ready, or gone.
func (n *notify) awaitReady(pidfd int) (ready bool, err error) {
	for {
		came, err := sys.PollAny(n.sock, pidfd)
		if err != nil {
			return false, err
		}
		if came[0] {
			if ready, err := n.forward(); err != nil || ready {
				return ready, err
			}
			continue
		}
		if came[1] {
			return false, nil
		}
	}
}

// startNotify is start's part: it binds the socket; the function returned lets other verbs at the container, and waits until
// the workload is ready.
func startNotify(entry *store.Container) (await func() error, err error) {
	pidfd, err := openInit(entry.State)
	if err != nil {
		return nil, err
	}
	n, err := openNotify(entry, entry.State.Init.Pid)
	if err != nil {
		return nil, errors.Join(err, sys.Close(pidfd))
	}
	return func() error {
		defer sys.Close(pidfd)
		defer n.close()
		return n.awaitUnlocked(entry, pidfd)
	}, nil
}

// awaitUnlocked is awaitReady without the lock: the workload may take its time, and say nothing for ever. A container that was
// deleted meanwhile did not get ready.
func (n *notify) awaitUnlocked(entry *store.Container, pidfd int) error {
	if n == nil {
		return nil
	}
	if err := entry.Unlock(); err != nil {
		return err
	}
	if ready, err := n.awaitReady(pidfd); err != nil || ready {
		return err
	}
	// Whoever is deleting it holds the lock until that is done.
	var missing *store.NotExistError
	if err := entry.Relock(lockWait); errors.As(err, &missing) {
		return fmt.Errorf("start container %q: it was deleted before it was ready: %w", entry.ID, err)
	}
	return nil
}
