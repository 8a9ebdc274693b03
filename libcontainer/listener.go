package libcontainer

import (
	"fmt"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/console"
	"teu/libcontainer/process"
	"teu/nsenter/program"
)

/*
The listener of a filter with SCMP_ACT_NOTIFY goes to a supervisor (config-linux.md, "Seccomp", listenerPath):

	create, run, exec   connect to it, and write the container process state into a memfd once they know the pid
	the process         gets both, and sends the state with the listener right after it has loaded the filter: the
	                    instruction listen, nsenter/listener.c
*/

// The inputs of a process whose filter has a listener.
const (
	inputListener      = "listener"       // the socket connected to the supervisor
	inputListenerState = "listener state" // what it is sent
)

// listenerTimeout bounds the wait for a supervisor that does not accept, or does not read.
const listenerTimeout = 10 * time.Second

// openListener connects to the supervisor.
func (c *creation) openListener(path string) error {
	if path == "" {
		return fmt.Errorf("linux.seccomp.listenerPath: SCMP_ACT_NOTIFY without it: %w", syscall.EINVAL)
	}
	conn, err := console.DialWithin(path, listenerTimeout)
	if err != nil {
		return fmt.Errorf("linux.seccomp.listenerPath: %w", err)
	}
	defer conn.Close()
	fd, err := sys.Dup(int(conn.Fd()))
	if err != nil {
		return err
	}
	c.inputs[inputListener] = fd
	if c.inputs[inputListenerState], err = sys.Memfd("teu-listener-state", 0); err != nil {
		delete(c.inputs, inputListenerState)
		return err
	}
	c.facts.process.Listener = &process.Listener{Path: path}
	return nil
}

// declareListener declares the inputs of a filter's listener, when it has one.
func declareListener(b *program.Builder, p *process.Config) {
	if l := p.Listener; l != nil {
		l.Socket, l.State = b.Stream(inputListener), b.Stream(inputListenerState)
	}
}

// letGoOfListener closes our copy of the connection once the process has its own: it ends with what is sent over it.
func (c *creation) letGoOfListener() {
	if fd, ok := c.inputs[inputListener]; ok {
		sys.Close(fd)
		delete(c.inputs, inputListener)
	}
}

// fillListener writes what the supervisor is sent, once the pid is known, before the process can come to send it.
func (c *creation) fillListener(st *specs.State) error {
	fd, ok := c.inputs[inputListenerState]
	if !ok {
		return nil
	}
	return writeState(fd, processState(c.spec.Linux.Seccomp, c.init.Pid, st), "linux.seccomp.listenerPath")
}

// processState is config-linux.md, "The Container Process State".
func processState(s *specs.LinuxSeccomp, pid int, st *specs.State) *specs.ContainerProcessState {
	return &specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid, Metadata: s.ListenerMetadata, State: *st,
	}
}
