package libcontainer

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/console"
	"teu/libcontainer/host"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

// ExecOptions are the flags of exec.
type ExecOptions struct {
	ConsoleSocket, ProcessFile, PidFile, PidfdSocket, Cwd, User, ProcessLabel, Apparmor string

	Args, Env, Caps, Cgroups []string
	AdditionalGids           []int

	Tty, Detach, NoNewPrivs, IgnorePaused, NoSubreaper bool
	NoNewPrivsSet, TtySet                              bool

	PreserveFDs int
}

// execution is one exec being made.
type execution struct {
	creation // what it shares with create: explain, sync, expect, close
	x        ExecOptions
	st       *store.State
	status   specs.ContainerState
	process  *specs.Process
	cgroup   *cgroup
	pin      *pin    // where it goes
	at       *cgroup // where it is put: the container's own, that of --cgroup, or else where spawn finds room
	found    *cgroup // where spawn has found room
}

// Exec starts another process in a container. The status is the process's, or 128 and the signal that ended it; detached
// it is 0.
func (r *Runtime) Exec(id string, x ExecOptions) (status int, err error) {
	e := &execution{creation: creation{r: r, inputs: map[string]int{}}, x: x}
	defer e.closeExec()
	fg, err := foregroundFor(!x.Detach, !x.NoSubreaper)
	if err != nil {
		return -1, err
	}
	defer fg.close()
	if err := e.exec(id, fg); err != nil {
		err = e.explainDeath(err)
		e.rollback()
		return -1, err
	}
	if x.Detach {
		return 0, nil
	}
	status, err = fg.wait(e.init.Pid, e.init.PidFd)
	e.warnOOM(status)
	return status, err
}

func (e *execution) closeExec() {
	e.close()
	if e.pin != nil {
		e.pin.close()
	}
	for _, c := range [3]*cgroup{e.cgroup, e.at, e.found} {
		if c != nil && c.Manager != nil {
			c.Close()
		}
	}
}

func (e *execution) exec(id string, fg *foreground) error {
	if err := e.find(id); err != nil {
		return err
	}
	if err := e.describe(); err != nil {
		return err
	}
	if err := e.terminal(fg); err != nil {
		return err
	}
	if err := e.launchExec(); err != nil {
		return err
	}
	if err := fg.catch(); err != nil {
		return err
	}
	if err := e.join(); err != nil {
		return err
	}
	steps, err := compileExecOutside(e.process)
	if err != nil {
		return err
	}
	if err := run(steps.early, e.init.Pid); err != nil {
		return err
	}
	if err := e.fillListener(storedState(e.st, e.status)); err != nil {
		return err
	}
	if err := e.expect(program.ByteReady); err != nil {
		return err
	}
	if err := e.checkJoined(e.at); err != nil {
		return err
	}
	if err := run(steps.late, e.init.Pid); err != nil {
		return err
	}
	if err := e.sendPidfd(e.x.PidfdSocket, console.PidfdOfExec); err != nil {
		return err
	}
	if err := writePidFile(e.x.PidFile, e.init.Pid); err != nil {
		return err
	}
	if err := fg.receive(); err != nil {
		return err
	}
	if err := e.init.Go(program.ByteReady); err != nil {
		return err
	}
	return e.awaitExec(e.pin.root)
}

// join waits for the process and puts it where the container's limits hold.
func (e *execution) join() error {
	if err := e.awaitInit(e.pin.joined&sys.CloneNewPid != 0); err != nil {
		return err
	}
	if e.found != nil {
		e.at = e.found
	}
	e.r.Log.Debugf("process %d goes into %v", e.init.Pid, e.at)
	if err := e.moveInto(e.at); err != nil {
		return err
	}
	return joinRdt(e.st, e.init.Pid)
}

// terminal finds out where the master of the terminal goes, if there is to be one.
func (e *execution) terminal(fg *foreground) error {
	terminal, socket := e.process.Terminal, e.x.ConsoleSocket
	if err := e.openConsole(terminal, socket, !e.x.Detach); err != nil {
		return err
	}
	return fg.terminal(terminal, socket, e.inputs)
}

// find opens the container's first process, and checks that it is one to join.
func (e *execution) find(id string) error {
	st, err := e.r.store().Read(id)
	if err != nil {
		return err
	}
	e.st = st
	status, err := e.r.status(st)
	if err != nil {
		return err
	}
	e.status = status
	if status != specs.StateRunning && status != specs.StateCreated {
		return fmt.Errorf("cannot exec in container %q: it is %s", id, status)
	}
	if e.cgroup, err = loadCgroup(st); err != nil {
		return err
	}
	e.r.Log.Debugf("exec in container %q: %s, process %d, %v", id, status, st.Init.Pid, e.cgroup)
	if err := e.cgroup.whole(); err != nil {
		return fmt.Errorf("exec in container %q: %w", id, err)
	}
	moved, err := e.cgroup.follow(st)
	if err != nil {
		return fmt.Errorf("exec in container %q: %w", id, err)
	}
	for _, m := range moved {
		e.r.Log.Warnf("exec in container %q: cgroup %s is joined, where its first process is", id, m)
	}
	frozen, err := e.cgroup.frozen()
	if err != nil {
		return err
	}
	if frozen && !e.x.IgnorePaused {
		return fmt.Errorf("cannot exec in container %q: it is paused (use --ignore-paused to override)", id)
	}
	if e.pin, err = pinInit(st); err != nil {
		return fmt.Errorf("exec in container %q: %w", id, err)
	}
	return nil
}

// pinInit opens where the container's first process is.
func pinInit(st *store.State) (*pin, error) {
	recorded, err := parseSeat(st.Namespaces)
	if err != nil {
		return nil, err
	}
	pidfd, err := openInit(st)
	if err != nil {
		return nil, err
	}
	defer sys.Close(pidfd)
	p, err := pinned(st.Init.Pid, recorded)
	if err != nil {
		return nil, err
	}
	// As long as the process is there the pid was its own. Else another has it by now, maybe one of the host's, which
	// leaves no namespace to join and leads to the host's root.
	if err := sys.PidfdSendSignal(pidfd, 0); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// describe puts together what the process is to be: the container's own, or --process, and the flags on top.
func (e *execution) describe() error {
	// What the bundle holds by now is another container's (runtime.md, "Lifecycle", 2), and nobody has validated it.
	s, err := spec.Load(e.r.Root + "/" + e.st.ID)
	if err != nil {
		return err
	}
	e.spec, e.st.Annotations = s, s.Annotations
	if e.x.ProcessFile != "" {
		e.process, err = spec.LoadProcess(e.x.ProcessFile)
	} else {
		e.process, err = e.overlay(s.Process)
	}
	if err != nil {
		return err
	}
	report := spec.ValidateProcess(e.process, lsmFacts(e.process, ""))
	where := e.x.ProcessFile
	if where == "" {
		where = "exec"
	}
	if err := e.r.accept(report, where); err != nil {
		return err
	}
	e.at, err = e.cgroup.below(e.x.Cgroups)
	return err
}

// overlay is the container's process with what the flags change.
func (e *execution) overlay(base *specs.Process) (*specs.Process, error) {
	if base == nil {
		return nil, fmt.Errorf("container %q: config.json has no process", e.st.ID)
	}
	p, x := *base, &e.x
	p.Args, p.Terminal, p.ConsoleSize = x.Args, x.Tty, nil
	if x.Cwd != "" {
		p.Cwd = x.Cwd
	}
	p.Env = append(append([]string(nil), p.Env...), x.Env...)
	if x.ProcessLabel != "" {
		p.SelinuxLabel = x.ProcessLabel
	}
	if x.Apparmor != "" {
		p.ApparmorProfile = x.Apparmor
	}
	if x.NoNewPrivsSet {
		p.NoNewPrivileges = x.NoNewPrivs
	}
	if len(x.Caps) > 0 {
		p.Capabilities = addCaps(p.Capabilities, x.Caps)
	}
	if x.User != "" {
		if err := parseUser(&p.User, x.User); err != nil {
			return nil, err
		}
	}
	for _, g := range x.AdditionalGids {
		if g < 0 || int64(g) > int64(^uint32(0)) {
			return nil, fmt.Errorf("--additional-gids %d: %w", g, syscall.EINVAL)
		}
		p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(g))
	}
	return &p, nil
}

// addCaps adds names to the sets that let a process use them. The inheritable and ambient sets stay as they are:
// what is executed later is not to inherit them (CVE-2022-29162).
func addCaps(c *specs.LinuxCapabilities, names []string) *specs.LinuxCapabilities {
	var out specs.LinuxCapabilities
	if c != nil {
		out = *c
	}
	add := func(list []string) []string { return append(append([]string(nil), list...), names...) }
	out.Bounding, out.Effective, out.Permitted = add(out.Bounding), add(out.Effective), add(out.Permitted)
	return &out
}

// parseUser reads "UID[:GID]" into u: decimal digits and nothing else, so that no name can pass for a number
// (CVE-2016-3697, crun CVE-2026-30892). Groups that are not given stay as they are, as with runc; group 0 would be one that
// nobody asked for.
func parseUser(u *specs.User, s string) error {
	uid, gid, hasGid := strings.Cut(s, ":")
	id := func(text string, to *uint32) bool {
		n, err := strconv.ParseUint(text, 10, 32)
		*to = uint32(n)
		return err == nil && n != 1<<32-1
	}
	u.Username = ""
	if !id(uid, &u.UID) || hasGid && !id(gid, &u.GID) {
		return fmt.Errorf("--user %s: want UID[:GID]: %w", s, syscall.EINVAL)
	}
	return nil
}

func (e *execution) launchExec() (err error) {
	e.o.PreserveFDs = e.x.PreserveFDs
	e.protect()
	e.oom = countOOM(e.at, e.cgroup)
	if len(e.x.Cgroups) == 0 {
		e.elsewhere = e.besideInit
	}
	start := &nsenter.Start{CgroupDir: -1} // it joins later
	if !e.cgroup.cramped() {
		start.CgroupDir = e.at.dir()
	}
	if start.CPUs, err = initialAffinity(e.process); err != nil {
		return err
	}
	if err := e.spawn(start); err != nil {
		return err
	}
	if err := e.execFacts(); err != nil {
		return err
	}
	err = e.openJoins(e.at)
	if err != nil && len(e.x.Cgroups) > 0 {
		err = fmt.Errorf("--cgroup: %w", err)
	}
	if err != nil {
		return err
	}
	for flag, fd := range e.pin.fds {
		e.inputs[inputName(flag)] = fd
	}
	clear(e.pin.fds)
	if e.pin.held {
		if e.inputs[inputRoot], err = sys.Dup(e.pin.root); err != nil {
			return err
		}
	}
	return e.send(compileExec(e.process, &e.facts, e.pin.way))
}

// besideInit is for a payload that gave controllers to children of its cgroup and moved its processes into one of them
// (cgroup-v2.rst, "No Internal Process Constraint"): exec goes where the first process is, as with runc. It runs beside
// the rest of the launch, which has to do with the v1 cgroups only.
func (e *execution) besideInit() (int, error) {
	m, err := e.cgroup.AtProcess(e.st.Init.Pid)
	if err != nil {
		return -1, err
	}
	e.found = &cgroup{Manager: m}
	return e.found.dir(), nil
}

// execFacts asks what the compiler has to know about the process.
func (e *execution) execFacts() error {
	newUser := e.pin.joined&sys.CloneNewUser != 0
	if err := e.identity(e.process, newUser); err != nil {
		return err
	}
	p := &e.facts.process
	p.Joins, p.NoDev, p.NewKeyring = true, rootfs.DevIsBound(e.spec), e.st.Keyring
	if newUser {
		p.NoSetgroups = e.pin.noSetgroups
		if err := e.whoJoins(); err != nil {
			return err
		}
	}
	if hasHome(e.process.Env) {
		return nil
	}
	if p.Home = "/"; !e.pin.held {
		return nil // the first process has moved to another root, whose users are none of the container's
	}
	var err error
	p.Home, err = host.Home(e.pin.root, "etc/passwd", e.process.User.UID)
	return err
}
