package libcontainer

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/internal/sys"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
)

// oomCount tells whether the kernel has killed processes of a cgroup that was out of memory, since it was made.
type oomCount struct {
	at     *cgroup // where the process is
	of     *cgroup // the container's own, which has the limit
	before cgroups.OOM
	limit  uint64 // of a unit, as it was last known; 0 for none
}

// countOOM begins to count. A cgroup that is still to be made has had no kill.
func countOOM(at, of *cgroup) *oomCount {
	o := &oomCount{at: at, of: of, before: at.ooms()}
	o.noteLimit()
	return o
}

// noteLimit notes the limit of a unit, whose cgroup may be gone when it is to be told.
func (o *oomCount) noteLimit() {
	if o.of.Manager == nil || !o.of.HasUnit() {
		return
	}
	if n, ok := o.of.MemoryLimit(); ok {
		o.limit = n
	}
}

// expect notes the limit that a unit is about to be given, which may be its end at once.
func (o *oomCount) expect(l *specs.Linux) {
	if l != nil && l.Resources != nil && l.Resources.Memory != nil && l.Resources.Memory.Limit != nil && *l.Resources.Memory.Limit > 0 {
		o.limit = uint64(*l.Resources.Memory.Limit)
	}
}

// countCreated counts from the beginning of a container that is not started yet: its init may be dying already. In a cgroup
// that was there before the container, that is not known.
func countCreated(cg *cgroup) *oomCount {
	o := countOOM(cg, cg)
	if cg.Manager != nil && cg.Counted() {
		o.before = cgroups.OOM{Above: o.before.Above}
	}
	return o
}

// ooms is nothing also where there is nothing to ask (any more): nothing is known then.
func (c *cgroup) ooms() cgroups.OOM {
	if c.Manager == nil {
		return cgroups.OOM{}
	}
	n, err := c.OOM()
	if err != nil {
		return cgroups.OOM{}
	}
	return n
}

func (o *oomCount) grew() bool {
	if o == nil {
		return false
	}
	kills, _ := o.at.ooms().Since(o.before)
	return kills
}

// grewUnseen reports whether it grew and the cgroup, that of a unit, has gone with what it had counted.
func (o *oomCount) grewUnseen() bool { return o != nil && o.at.ooms().Gone && o.grew() }

// refused reports whether err may be that of an allocation at the limit of the cgroup. execve(2) has E2BIG when
// there are no pages to put the arguments in.
func (o *oomCount) refused(err error) bool {
	if o == nil || !errors.Is(err, syscall.ENOMEM) && !errors.Is(err, syscall.E2BIG) {
		return false
	}
	_, limit := o.at.ooms().Since(o.before)
	return limit
}

// cause is why the kernel kills: the limit as it is now, which need not be that of config.json any more.
func (o *oomCount) cause() string {
	n, ok := o.of.MemoryLimit()
	if !ok {
		n, ok = o.limit, o.limit != 0
	}
	if ok {
		return "out of memory: linux.resources.memory.limit is " + strconv.FormatUint(n, 10) + " bytes"
	}
	return "out of memory: that of a cgroup above, or of the machine"
}

// vforked is more memory, in bytes, than what a cgroup is charged for between the clone of a process into it and the end of
// its execve. Until then it shares the memory of teu (vfork(2)), and of those that share memory the kernel, when it has to
// kill one, kills all (__oom_kill_process). The clone returns a little earlier (exec_mmap): what is certain is the first word
// of the interpreter.
const vforked = 1 << 20

// tight reports whether the limits may be too little for the start of a process, so that they have to wait for it. Written in
// another form than bytes they are taken to be.
func tight(l *specs.Linux) bool {
	if l == nil || l.Resources == nil {
		return false
	}
	if _, ok := l.Resources.Unified["memory.max"]; ok {
		return true
	}
	m := l.Resources.Memory
	return m != nil && m.Limit != nil && *m.Limit > 0 && *m.Limit < vforked
}

// cramped reports whether the container's processes have left too little of their memory for the start of another.
func (c *cgroup) cramped() bool {
	if c.Manager == nil {
		return false
	}
	n, ok := c.Room(vforked)
	return ok && n < vforked
}

// dying bounds the wait for the end of a process that the kernel has killed.
const dying = time.Second

// explain adds to an error what init, or a hook in its cgroup, was killed for, or refused; died says whether init was
// killed. Of a cgroup that is gone nothing is known any more.
func (o *oomCount) explain(err error, died func() bool) error {
	switch {
	case o.refused(err):
		return fmt.Errorf("%w: %s", err, o.cause())
	case !o.grew():
	case hookKilled(err): // which it says itself
		return fmt.Errorf("%w: %s", err, o.cause())
	case died():
		return fmt.Errorf("%w: killed: %s", err, o.cause())
	}
	return err
}

// explainDeath adds to an error what init, or a hook in its cgroup, was killed for, or by.
func (c *creation) explainDeath(err error) error {
	var pe *program.Error
	if errors.As(err, &pe) && pe.Report.Status != program.Failed && !c.oom.grew() {
		if sig := c.killer(); sig != 0 {
			return fmt.Errorf("%w: signal: %v", err, sig)
		}
	}
	return c.oom.explain(err, c.initKilled)
}

func (c *creation) initKilled() bool { return c.killer() != 0 }

// killer is the signal that init was ended by, or is about to be; 0 for none.
func (c *creation) killer() syscall.Signal {
	if c.spawned == nil {
		return 0
	}
	if <-c.spawned; c.init.Pid == 0 || !ended(c.init.PidFd) {
		return 0
	}
	sig, err := sys.KilledBy(c.init.Pid)
	if err != nil { // it is somebody else's child
		return 0
	}
	return sig
}

func ended(pidfd int) bool {
	done, err := sys.PidfdWait(pidfd, int(dying.Milliseconds()))
	return err == nil && done
}

func hookKilled(err error) bool {
	var pe *program.Error
	return errors.As(err, &pe) && pe.Note().Op == program.OpHook && pe.Report.Errno == syscall.ECHILD &&
		syscall.WaitStatus(pe.Report.Detail).Signal() == syscall.SIGKILL
}

// awaitExec waits until the workload runs or has failed to; root is where its executable is.
func (c *creation) awaitExec(root int) error {
	if err := c.explainAt(c.init.WaitExec(), root); err != nil {
		return err
	}
	c.r.Log.Debugf("process %d has executed its program", c.init.Pid)
	return c.checkExec()
}

// checkExec tells an exec that was done from one in which the kernel killed the process. Both close the socket, and in
// the report execve(2) is what comes last; but only a new program has a new name, which outlives the process.
func (c *creation) checkExec() error {
	if executed(c.init.Pid) || !c.oom.grew() || !c.initKilled() || executed(c.init.Pid) {
		return nil
	}
	return c.init.Failure()
}

// gateDied reports whether err, of whoever opened the gate, is the end of init without a word.
func gateDied(err error, st *store.State) bool {
	var pe *program.Error
	if errors.As(err, &pe) {
		return pe.Report.Status != program.Failed
	}
	pidfd, err := openInit(st)
	if err != nil {
		return gone(err)
	}
	defer sys.Close(pidfd)
	return ended(pidfd)
}

// explainStopped adds to an error what a container has died of that was created, and not started yet.
func (r *Runtime) explainStopped(err error, entry *store.Container, status specs.ContainerState, cg *cgroup) error {
	if status != specs.StateStopped || entry.State.Phase != store.Created {
		return err
	}
	oom := countCreated(cg)
	if oom.at.ooms().Gone {
		return r.guessOOM(err, entry, oom)
	}
	return oom.explain(err, func() bool { return true })
}

// guessOOM is for a unit that has gone with what it had counted before anybody asked: it goes by the limit.
func (r *Runtime) guessOOM(err error, entry *store.Container, oom *oomCount) error {
	resources, rerr := r.resources(entry)
	l := &specs.Linux{Resources: resources}
	if rerr != nil || !tight(l) {
		return err
	}
	if oom.expect(l); oom.limit == 0 {
		return err
	}
	return fmt.Errorf("%w: its unit is gone: it may have been killed: %s", err, oom.cause())
}

// executed reports whether the process has become another program than the interpreter. Of one that is gone nothing is
// known, and it is taken for one that has.
func executed(pid int) bool {
	interpreter, err := nsenter.Began(pid)
	return err != nil || !interpreter
}

// warnOOM tells what may be behind an exit code that says no more than that there was a SIGKILL.
func (c *creation) warnOOM(status int) {
	c.r.Log.Debugf("process %d has ended with status %d", c.init.Pid, status)
	if status == 128+int(syscall.SIGKILL) && c.oom.grew() {
		surviveSIGPIPE()
		c.r.Log.Warnf("killed: the kernel has killed processes of the container: %s", c.oom.cause())
	}
}
