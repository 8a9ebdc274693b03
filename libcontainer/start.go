package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/hooks"
	"teu/libcontainer/host"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter/program"
)

// Start opens the gate of a created container and waits until the workload runs or has failed to.
func (r *Runtime) Start(id string) error {
	entry, err := r.openWhole(id)
	if err != nil {
		return err
	}
	defer entry.Close()
	st := entry.State
	status, err := r.fullStatus(st) // init, paused, would never answer
	if err != nil {
		return err
	}
	cg, err := loadCgroup(st)
	if err != nil {
		return err
	}
	r.Log.Debugf("start container %q: %s, process %d, %v", id, status, st.Init.Pid, cg)
	if status != specs.StateCreated {
		err := fmt.Errorf("cannot start container %q: it is %s, want created", id, status)
		return r.explainStopped(err, entry, status, cg)
	}
	late, err := lateHooks(entry)
	if err != nil {
		return err
	}
	oom := countCreated(cg)
	await, err := startNotify(entry)
	if err != nil { // it may have ended just now
		return oom.explain(fmt.Errorf("start container %q: %w", id, err), func() bool { return gateDied(err, st) })
	}
	err = r.openGate(entry, late, oom)
	if err != nil {
		err = oom.explain(err, func() bool { return gateDied(err, st) })
		err = fmt.Errorf("start container %q: %w", id, err)
	} else {
		r.Log.Debugf("process %d has executed its program", st.Init.Pid)
		if err := entry.Started(); err != nil {
			return err
		}
		err = r.poststart(late, st)
	}
	if err == nil {
		return await()
	}
	if !failedHook(err) || killedInHook(err) {
		return err
	}
	// A failing hook ends the container (runtime.md, "Lifecycle", 7 and 9).
	return errors.Join(err, r.destroy(entry, cg))
}

// poststart runs the hooks that come after the workload was started.
func (r *Runtime) poststart(h *specs.Hooks, st *store.State) error {
	if h == nil {
		return nil
	}
	return r.runHooks("hooks.poststart", h.Poststart, storedState(st, specs.StateRunning))
}

// poststop runs the hooks that come after the container is gone. A failing one is logged, and the others run
// (runtime.md, "Lifecycle", 13).
func (r *Runtime) poststop(h *specs.Hooks, st *store.State) {
	if h == nil {
		return
	}
	if len(h.Poststop) > 0 {
		r.Log.Debugf("run hooks.poststop, %d of them", len(h.Poststop))
	}
	for _, w := range hooks.RunAll("hooks.poststop", h.Poststop, storedState(st, specs.StateStopped)) {
		r.Log.Warnf("%v", w)
	}
}

// lateHooks are the hooks that are due after create, nil for none, and reads the annotations that they are told.
func lateHooks(entry *store.Container) (*specs.Hooks, error) {
	text, err := entry.Hooks()
	if err != nil || text == nil {
		return nil, err
	}
	h, err := spec.DecodeHooks("hooks of container "+entry.ID, text)
	if err != nil {
		return nil, err
	}
	return h, entry.LoadAnnotations()
}

// late reports whether any of the hooks are due after create, when the bundle may be gone.
func late(h *specs.Hooks) bool {
	return h != nil && len(h.StartContainer)+len(h.Poststart)+len(h.Poststop) > 0
}

// failedHook reports whether err is that of a hook.
func failedHook(err error) bool {
	var pe *program.Error
	if errors.As(err, &pe) {
		return pe.Note().Op == program.OpHook
	}
	var he *hooks.Error
	return errors.As(err, &he)
}

// killedInHook reports whether err is the end of init while it waited for a hook: no hook has failed, the container is stopped.
func killedInHook(err error) bool {
	var pe *program.Error
	return errors.As(err, &pe) && pe.Report.Status != program.Failed
}

// storedState is the state of runtime.md, as hooks read it.
func storedState(st *store.State, status specs.ContainerState) *specs.State {
	pid := st.Init.Pid
	if status == specs.StateStopped {
		pid = 0
	}
	return &specs.State{
		Version: st.Version, ID: st.ID, Status: status, Pid: pid, Bundle: st.Bundle, Annotations: st.Annotations,
	}
}

// gateConn is `start`'s end of the gate: init's report page and program came over it.
type gateConn struct {
	sock, report, image int
	root                heldRoot // init's
}

func (g *gateConn) close() {
	for _, fd := range [3]int{g.sock, g.report, g.image} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
	g.root.close()
}

// dialGate connects to the gate of the container whose directory is dir. ECONNREFUSED and ENOENT: nobody waits there.
func dialGate(dir int) (*gateConn, error) {
	g := &gateConn{sock: -1, report: -1, image: -1, root: heldRoot{-1, -1}}
	var err error
	if g.sock, err = sys.UnixStream(); err != nil {
		return nil, err
	}
	if err = sys.ConnectUnix(g.sock, below(dir, store.GateName)); err != nil {
		g.close()
		return nil, fmt.Errorf("connect to init: %w", err)
	}
	return g, nil
}

// errGone is the end of init while it was waited for.
var errGone = errors.New("init has ended, or was killed")

// greet receives the descriptors that init passes to each process that connects to the gate. It does not check the byte that
// comes with them: older versions of teu sent another, and a container that one of them created may still wait.
func (g *gateConn) greet(pidfd int) error {
	if err := g.await(pidfd); err != nil {
		return fmt.Errorf("greet init: %w", err)
	}
	var buf [1]byte
	n, fds, err := sys.RecvFDs(g.sock, buf[:], 2)
	if err == nil && n == 0 || errors.Is(err, syscall.ECONNRESET) {
		err = errGone
	}
	if err != nil {
		return fmt.Errorf("greet init: %w", err)
	}
	if n != 1 || len(fds) != 2 {
		for _, fd := range fds {
			sys.Close(fd)
		}
		return fmt.Errorf("greet init: %w", syscall.EPROTO)
	}
	g.report, g.image = fds[0], fds[1]
	return nil
}

// await waits for init to say something, or to let go of the connection. The end of init is asked for, too: a process of the same
// pod that may look into it may have a copy of its sockets, which keeps them open.
func (g *gateConn) await(pidfd int) error {
	ready, err := sys.PollAny(g.sock, pidfd)
	if err == nil && !ready[0] {
		err = errGone
	}
	return err
}

func (r *Runtime) openGate(entry *store.Container, late *specs.Hooks, oom *oomCount) error {
	g, err := dialGate(int(entry.Dir().Fd()))
	if err != nil {
		return err
	}
	defer g.close()
	pidfd, err := openInit(entry.State)
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	if err := g.greet(pidfd); err != nil {
		return err
	}
	if g.root, err = openRoot(entry.State.Init.Pid); err != nil {
		return err
	}
	opened := sys.Monotonic()
	output, err := g.open(late, entry.State.Annotations)
	if err != nil {
		return fmt.Errorf("open the gate: %w", err)
	}
	if output != nil {
		defer output.End() // the rest of it may yet be on the way to a file
	}
	if err = g.await(pidfd); err == nil {
		_, _, err = sys.RecvByte(g.sock)
	}
	if err != nil && !errors.Is(err, errGone) {
		return fmt.Errorf("wait for exec: %w", err)
	}
	if r.Log.Enabled(log.Debug) {
		if report, notes, err := g.read(); err == nil {
			logSteps(r.Log, entry.State.Init.Pid, report.Stamps, notes, opened)
		}
	}
	killed := func() bool { return !executed(entry.State.Init.Pid) && oom.grew() && ended(pidfd) }
	if err = g.outcome(output, killed); err == nil {
		return nil
	}
	// Until init is gone the container would show as running.
	if _, werr := sys.PidfdWait(pidfd, int(killWait.Milliseconds())); werr != nil {
		return errors.Join(err, werr)
	}
	return err
}

// open says go. startContainer hooks get a pipe for their output, whose end is returned.
func (g *gateConn) open(h *specs.Hooks, annotations map[string]string) (*hooks.Output, error) {
	if h == nil || len(h.StartContainer) == 0 {
		return nil, sys.SendFDs(g.sock, []byte{program.ByteGo})
	}
	files, err := hooks.OpenStreams(annotations)
	if err != nil {
		return nil, err
	}
	output, w, err := hooks.NewOutput(files)
	if err != nil {
		return nil, err
	}
	defer sys.Close(w)
	return output, sys.SendFDs(g.sock, []byte{program.ByteGo}, w)
}

// outcome says how it went after init has let go of the connection. killed tells whether that was in execve(2).
func (g *gateConn) outcome(output *hooks.Output, killed func() bool) error {
	var head [program.ReportHeader]byte
	n, err := sys.Pread(g.report, head[:], 0)
	if err != nil {
		return err
	}
	status, err := program.ReportStatus(head[:n])
	if err != nil || status == program.Execing && !killed() {
		return err
	}
	report, notes, err := g.read()
	if err != nil {
		return err
	}
	perr := &program.Error{Report: report, Notes: notes}
	if perr.Note().Op == program.OpHook && output != nil {
		if end, _ := output.End(); end != "" {
			return fmt.Errorf("%w: %s", perr, end)
		}
	}
	return explainExec(perr, g.root.dir)
}

// read reads init's report, and what the instructions of its program say of themselves.
func (g *gateConn) read() (report program.Report, notes []program.Note, err error) {
	image, err := readAll(g.image)
	if err != nil {
		return report, nil, err
	}
	if notes, err = program.Notes(image); err != nil {
		return report, nil, err
	}
	page := make([]byte, program.ReportLen(len(notes)))
	if _, err = sys.Pread(g.report, page, 0); err != nil {
		return report, nil, err
	}
	report, err = program.DecodeReport(page, len(notes))
	return report, notes, err
}

func readAll(fd int) ([]byte, error) {
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if st.Size > 2*program.MaxBlob {
		return nil, fmt.Errorf("program of %d bytes: %w", st.Size, syscall.E2BIG)
	}
	data := make([]byte, st.Size)
	n, err := sys.Pread(fd, data, 0)
	return data[:n], err
}

// status is the container's: what the record says, corrected by what the kernel says of its process.
func (r *Runtime) status(st *store.State) (specs.ContainerState, error) {
	alive, err := host.Alive(st.Init.Pid, st.Init.Start)
	if err != nil {
		return "", err
	}
	switch {
	case !alive && st.Phase == store.Creating && st.Init.Pid == 0:
		making, err := host.Alive(st.Runtime.Pid, st.Runtime.Start)
		if err != nil || !making {
			return specs.StateStopped, err
		}
		return specs.StateCreating, nil
	case !alive:
		return specs.StateStopped, nil
	case st.Phase == store.Creating:
		return specs.StateCreating, nil
	}
	// It is created until it has executed the program (runtime.md, "State"), whether a start has opened its gate or not.
	waits, err := r.waits(st)
	if err != nil {
		return "", err
	}
	if waits {
		return specs.StateCreated, nil
	}
	// It may have ended by now: it does not wait either then.
	if alive, err = host.Alive(st.Init.Pid, st.Init.Start); err != nil || !alive {
		return specs.StateStopped, err
	}
	return specs.StateRunning, nil
}
