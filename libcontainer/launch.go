package libcontainer

import (
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/console"
	"teu/libcontainer/host"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
)

// launch starts init and, while that boots, makes everything its program needs.
func (c *creation) launch() error {
	c.step("make the cgroup")
	c.onUndo(c.cgroup.remove)
	if err := c.cgroup.makeFirst(); err != nil {
		return err
	}
	if err := c.makeRdt(); err != nil {
		return err
	}
	start := startOf(c.spec, c.ns)
	start.CgroupDir = c.cgroup.dir()
	if err := c.spawn(start); err != nil {
		return err
	}
	if err := c.makeRest(); err != nil {
		return err
	}
	c.state.Cgroup = c.cgroup.record() // without a v2 tree that cannot be written
	c.step("open what init needs")
	if err := c.open(); err != nil {
		return err
	}
	if c.ns.paths[sys.CloneNewUser] != "" {
		if err := c.whoJoins(); err != nil {
			return err
		}
	}
	if ns, joined := c.inputs[inputName(sys.CloneNewPid)]; joined {
		c.facts.pidsLate = c.ns.entersLate(c.spec, sys.NamesPids(ns))
	}
	c.step("ask about the process")
	if err := c.processFacts(); err != nil {
		return err
	}
	c.step("compile")
	p, err := compileInit(c.spec, c.ns, &c.facts)
	if err != nil {
		return err
	}
	return c.send(p)
}

// startOf is what the process is born with.
func startOf(s *specs.Spec, ns *namespaces) *nsenter.Start {
	start := &nsenter.Start{Namespaces: ns.cloned()}
	if ns.newUser() {
		start.UIDs, start.GIDs = idMaps(s.Linux.UIDMappings), idMaps(s.Linux.GIDMappings)
		start.UID, start.GID = spec.Settler(s.Linux.UIDMappings, s.Process.User.UID), spec.Settler(s.Linux.GIDMappings, s.Process.User.GID)
	}
	return start
}

// protect starts protecting the binary, which takes a while and depends on nothing.
func (c *creation) protect() {
	c.exe = make(chan protectedExe, 1)
	go func() {
		exe, err := nsenter.ProtectedExe(os.Getenv("_TEU_EXE"))
		c.exe <- protectedExe{exe, err}
	}()
}

type protectedExe struct {
	*nsenter.Exe
	err error
}

// spawn starts the interpreter beside what follows; spawning waits until it is there.
func (c *creation) spawn(s *nsenter.Start) (err error) {
	c.preserve, c.facts.process.ListenFds, err = preserved(c.o.PreserveFDs)
	if err != nil {
		return err
	}
	if s.Stdio, err = c.stdio(); err != nil {
		return err
	}
	s.Preserve = c.preserve
	c.facts.process.Preserve = len(c.preserve)
	if c.init, err = nsenter.New(); err != nil {
		return err
	}
	if c.entry != nil { // create
		if err := c.init.Name(below(int(c.entry.Dir().Fd()), store.InitName)); err != nil {
			return fmt.Errorf("socket of init: %w", err)
		}
	}
	c.spawned = make(chan error, 1)
	go func() {
		defer close(c.spawned)
		exe := <-c.exe
		if exe.err != nil {
			c.spawned <- exe.err
			return
		}
		s.Exe = exe.Exe
		err := c.init.Spawn(s)
		if cgroups.Busy(err) && c.elsewhere != nil {
			if s.CgroupDir, err = c.elsewhere(); err == nil {
				err = c.init.Spawn(s)
			}
		}
		c.spawned <- explainSpawn(c.explainBusy(err), s.UIDs != nil)
	}()
	c.onUndo(c.kill)
	return nil
}

// explainBusy says why a cgroup refuses processes (cgroup-v2.rst, "No Internal Process Constraint").
func (c *creation) explainBusy(err error) error {
	if !cgroups.Busy(err) {
		return err
	}
	where := "linux.cgroupsPath"
	if c.entry == nil { // exec, which would have gone elsewhere had it not been told to go there
		where = "--cgroup"
	}
	return fmt.Errorf("%s: %w: the cgroup has given controllers to those below it (cgroup.subtree_control)", where, err)
}

// send gives the interpreter its program, whether it is there already or not.
func (c *creation) send(p *program.Program) error {
	c.step("verify")
	if err := p.Verify(); err != nil {
		return err
	}
	c.r.Log.Debugf("the program has %d instructions", len(p.Insns))
	fault, err := debugFault(len(p.Insns))
	if err != nil {
		return err
	}
	c.step("send the program")
	defer c.letGoOfListener()
	return c.init.Run(p, c.inputs, program.Options{Stamp: c.times != nil || c.r.Log.Enabled(log.Debug), Fault: fault})
}

// awaitInit waits until the process that becomes the workload is there.
func (c *creation) awaitInit(forks bool) error {
	c.step("wait for the spawn")
	if err := <-c.spawned; err != nil {
		return err
	}
	if forks {
		if err := c.init.Join(); err != nil {
			return c.explain(err)
		}
	}
	c.r.Log.Debugf("spawned process %d", c.init.Pid)
	return nil
}

// findInit notes which process it is. The record says so only when the container is created: until then init ends
// with its parent, and holds the lock as long as it has not.
func (c *creation) findInit() error {
	start, err := host.StartTime(c.init.Pid)
	if err != nil {
		return c.explain(c.init.Failure())
	}
	c.state.Init = store.Process{Pid: c.init.Pid, Start: start}
	return nil
}

// ready waits until the container is complete. The process that enters the pid namespace that is joined is another one.
func (c *creation) ready() error {
	if c.facts.pidsLate {
		if err := c.init.Join(); err != nil {
			return c.explain(err)
		}
		c.r.Log.Debugf("process %d went on", c.init.Pid)
		if err := c.findInit(); err != nil {
			return err
		}
	}
	if err := c.expect(program.ByteReady); err != nil {
		return err
	}
	return c.recordSeat()
}

// sync waits for init to ask for b, does what it asks for and answers.
func (c *creation) sync(b byte, do func() error) error {
	if err := c.expect(b); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.init.Go(b)
}

func (c *creation) expect(b byte) error {
	if err := c.init.Expect(b); err != nil {
		return c.explain(err)
	}
	c.r.Log.Debugf("process %d %v", c.init.Pid, reached(b))
	return nil
}

// kill ends a half-made init and reaps it, so that its cgroup can go.
func (c *creation) kill() error {
	if <-c.spawned; c.init.Pid == 0 {
		return nil
	}
	c.r.Log.Debugf("kill process %d", c.init.Pid)
	if err := sys.PidfdSendSignal(c.init.PidFd, sys.SIGKILL); err != nil && !gone(err) {
		return fmt.Errorf("kill init %d: %w", c.init.Pid, err)
	}
	if _, err := sys.Wait4(c.init.Pid); err != nil {
		return fmt.Errorf("wait for init %d: %w", c.init.Pid, err)
	}
	return nil
}

// open opens what init gets to start with.
func (c *creation) open() error {
	dir, err := sys.Dup(int(c.entry.Dir().Fd()))
	if err != nil {
		return err
	}
	c.inputs[inputLock] = dir
	if err := c.ns.open(c.inputs); err != nil {
		return err
	}
	if c.gate {
		fd, err := sys.ListenUnix(below(dir, store.GateName))
		if err != nil {
			return fmt.Errorf("gate of container %q: %w", c.o.ID, err)
		}
		c.inputs[inputGate] = fd
	}
	if err := c.openConsole(c.spec.Process.Terminal, c.o.ConsoleSocket, !c.gate && !c.o.Detach); err != nil {
		return err
	}
	if err := c.openHooks(); err != nil {
		return err
	}
	if err := c.openJoins(c.cgroup); err != nil {
		return err
	}
	if c.facts.cgroups, err = c.cgroup.mounts(c.spec, c.ns.has(sys.CloneNewCgroup)); err != nil {
		return err
	}
	return c.openSources()
}

// whoJoins finds out in which order the program can join namespaces.
func (c *creation) whoJoins() error {
	admin, err := host.Administers()
	c.facts.userFirst = !admin
	return err
}

// openJoins opens what the process joins the v1 hierarchies of cg by.
func (c *creation) openJoins(cg *cgroup) error {
	names, fds, err := cg.tasks()
	if err != nil {
		return err
	}
	for i, name := range names {
		c.inputs[inputCgroup+name] = fds[i]
	}
	c.facts.joins = names
	return nil
}

// errNoTerminal: nothing would ever come over the socket, and whoever listens there would wait for ever.
var errNoTerminal = errors.New("--console-socket: process.terminal is false")

// openConsole connects to the socket that gets the master of the terminal. A caller that stays in front of the process brings a
// socket of its own when there is none.
func (c *creation) openConsole(terminal bool, socket string, inFront bool) error {
	switch {
	case terminal && socket != "":
		return c.dialConsole(socket)
	case terminal && !inFront:
		return errors.New("process.terminal: true: want --console-socket, or no terminal")
	case !terminal && socket != "":
		return errNoTerminal
	}
	return nil
}

func (c *creation) dialConsole(path string) error {
	conn, err := console.Dial(path)
	if err != nil {
		return fmt.Errorf("--console-socket: %w", err)
	}
	defer conn.Close()
	fd, err := sys.Dup(int(conn.Fd()))
	if err == nil {
		c.inputs[inputConsole] = fd
	}
	return err
}
