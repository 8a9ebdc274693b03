package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/console"
	"teu/libcontainer/hooks"
	"teu/libcontainer/host"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/netdev"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

/*
create, step by step (init's own part is compile.go's):

	load, validate      config.json
	lock, intent        the record names everything that could be left behind
	cgroup              made and filled, but for what init could trip over
	compile, launch     clone3, the binary itself, the program in a memfd
	outside             what is done from outside on the pid; syncs with init; hooks
	created             the record says so; pid file last
*/

// creation is a container being made. Its undo list takes back what was done when a step fails.
type creation struct {
	r    *Runtime
	o    CreateOptions
	spec *specs.Spec
	ns   *namespaces // of spec
	text []byte      // of config.json
	file string      // where that was
	gate bool        // create; run goes on by itself

	entry    *store.Container
	state    store.State
	cgroup   *cgroup
	oom      *oomCount
	rdt      *intelrdt.Group // nil without linux.intelRdt
	devices  netdev.Mover
	init     *nsenter.Init
	facts    initFacts
	inputs   map[string]int
	preserve []int // descriptors the workload keeps
	opened   []int // what was opened for it beside the inputs

	hookOutput *hooks.Output
	states     map[specs.ContainerState]int // memfds that container-side hooks read
	exe        chan protectedExe
	spawned    chan error // init is there, or could not be started
	// elsewhere finds another cgroup to be born in when the first one refuses processes.
	elsewhere func() (int, error)
	undo      []func() error
	times     *timeline
	lost      []error  // what could not be taken back, and is in no record
	told      []string // exec: warnings that are the container's
}

// Create makes the container and leaves its first process waiting for Start.
func (r *Runtime) Create(o CreateOptions) error {
	c := &creation{r: r, o: o, gate: true, times: newTimeline()}
	defer c.close()
	err := c.create()
	c.logInit()
	if err != nil {
		return c.fail(err)
	}
	return nil
}

// fail takes back what was done; what it cannot take back is part of the error. When a hook was what failed, the poststop
// hooks run as at any end of a container (runtime.md, "Lifecycle", 3 to 5).
func (c *creation) fail(err error) error {
	c.r.Log.Debugf("failed: undo %d steps", len(c.undo))
	err = c.explainDeath(err) // as long as there is a cgroup to ask
	lost := c.rollback()
	if failedHook(err) {
		c.r.poststop(c.spec.Hooks, &c.state)
	}
	return errors.Join(append([]error{err}, lost...)...)
}

func (c *creation) create() error {
	if err := c.load(); err != nil {
		return err
	}
	if err := c.reserve(); err != nil {
		return err
	}
	if err := c.launch(); err != nil {
		return err
	}
	if err := c.outside(); err != nil {
		return err
	}
	return c.created()
}

func (c *creation) onUndo(f func() error) { c.undo = append(c.undo, f) }

// rollback takes back what was done, last things first, and says what it cannot. When something is left the record, which
// names it, stays for delete --force.
func (c *creation) rollback() []error {
	var left []error
	for i := len(c.undo) - 1; i >= 0; i-- {
		if err := c.undo[i](); err != nil {
			left = append(left, err)
		}
	}
	c.undo = nil
	if c.entry != nil && len(left) == 0 {
		if err := c.entry.Remove(); err != nil {
			left = append(left, err)
		}
	}
	return append(c.lost, left...)
}

func (c *creation) close() {
	for _, fd := range c.inputs {
		sys.Close(fd)
	}
	if c.hookOutput != nil {
		c.hookOutput.End() // the rest of it may yet be on the way to a file
	}
	for _, fd := range c.opened {
		sys.Close(fd)
	}
	c.devices.Close()
	if c.init != nil {
		c.init.Close()
	}
	if c.entry != nil {
		c.entry.Close()
	}
}

// load reads and checks the bundle.
func (c *creation) load() error {
	c.protect()
	if err := store.ValidateID(c.o.ID); err != nil {
		return err
	}
	if err := checkPidFile(c.o.PidFile); err != nil {
		return err
	}
	bundle, err := bundleDir(c.o.Bundle)
	if err != nil {
		return err
	}
	file, err := configFile(bundle, c.o.Config)
	if err != nil {
		return err
	}
	c.r.Log.Debugf("make container %q from bundle %s, its record in %s", c.o.ID, bundle, c.r.Root)
	c.step("load config.json")
	s, text, ignored, err := spec.LoadFile(file)
	if err != nil {
		return err
	}
	for _, w := range ignored {
		c.warn(w.String())
	}
	spec.FillMappings(s, os.Geteuid(), os.Getegid())
	c.step("validate")
	report := spec.Validate(s, c.r.hostFacts(s))
	if err := c.accept(report, file); err != nil {
		return err
	}
	for _, w := range rootfs.Ignored(s.Mounts) {
		c.warn(w)
	}
	c.spec, c.ns, c.text, c.file, c.facts.bundle = s, parseNamespaces(s), text, file, bundle
	c.facts.gate, c.facts.noPivot = c.gate, c.o.NoPivot
	c.facts.environ = hooks.Environ()
	if c.facts.root, err = rootDir(s, bundle); err != nil {
		return err
	}
	if c.o.NoPivot {
		if c.facts.revealing, err = host.Mounts("proc", "sysfs"); err != nil {
			return err
		}
	}
	return nil
}

// accept logs the warnings of validation; its problems are an error. file is where the config came from.
func (c *creation) accept(report spec.Report, file string) error {
	for _, w := range report.Warnings {
		c.warn(w.String())
	}
	return report.Err(file)
}

// reserve takes the id and writes the intent record, before the first side effect.
func (c *creation) reserve() error {
	c.step("reserve the id")
	self := os.Getpid()
	start, err := host.StartTime(self)
	if err != nil {
		return err
	}
	c.state = recordOf(c.spec, c.text, c.file, &c.facts)
	c.state.ID, c.state.Created, c.state.UID = c.o.ID, time.Now().UTC(), uint32(os.Geteuid())
	c.state.Runtime = store.Process{Pid: self, Start: start}
	if !c.o.NoNewKeyring {
		if c.state.Keyring, err = keyringName(c.o.ID); err != nil {
			return err
		}
	}
	err = c.claim()
	if err != nil && c.r.clearHalfMade(c.o.ID) {
		// All is asked anew: which cgroups are there, and whether they are in use, has changed.
		err = c.claim()
	}
	if err != nil {
		return err
	}
	c.inputs = map[string]int{}
	return c.notifySpec()
}

// recordOf is what the record of a container holds of its bundle.
func recordOf(s *specs.Spec, text []byte, file string, f *initFacts) store.State {
	st := store.State{
		Version: s.Version, Phase: store.Creating, Bundle: f.bundle, Rootfs: f.root,
		Config: file, Annotations: s.Annotations, Boot: store.Boot(),
	}
	if len(s.Annotations) > 0 {
		st.AnnotationsAt.From, st.AnnotationsAt.To = spec.Member(text, "annotations")
	}
	if late(s.Hooks) {
		st.HooksAt.From, st.HooksAt.To = spec.Member(text, "hooks")
	}
	return st
}

// claim plans the cgroup and writes the intent record.
func (c *creation) claim() (err error) {
	if c.cgroup, err = c.r.planCgroup(c.o.ID, c.spec); err != nil {
		if _, rerr := c.r.store().Read(c.o.ID); rerr == nil { // it may be in use by the container itself
			err = &store.ExistError{ID: c.o.ID}
		}
		return err
	}
	c.oom = countOOM(c.cgroup, c.cgroup)
	c.state.Cgroup = c.cgroup.record()
	if err = c.planRdt(); err != nil {
		return err
	}
	c.r.Log.Debugf("planned %v", c.cgroup)
	c.entry, err = c.r.store().Create(c.o.ID, &c.state, c.text, lockWait)
	return err
}

// outside does on the process what is done from outside, and answers init's syncs in their order.
func (c *creation) outside() error {
	toFill := c.cgroup.Manager != nil && !c.cgroup.HasUnit()
	if toFill && !tight(c.spec.Linux) {
		if err := c.fill(); err != nil {
			return err
		}
		toFill = false
	}
	if err := c.awaitInit(c.ns.forks() && !c.facts.pidsLate); err != nil {
		return err
	}
	c.cgroup.release()
	if err := c.findInit(); err != nil {
		return err
	}
	c.step("apply from outside")
	steps, err := compileOutside(c.spec, c.ns, &c.devices, c.rdt)
	if err != nil {
		return err
	}
	if err := c.apply(steps.early); err != nil {
		return err
	}
	if len(steps.offsets) > 0 {
		if err := c.sync(program.ByteOffsets, func() error { return c.apply(steps.offsets) }); err != nil {
			return err
		}
	}
	c.step("wait for init")
	if err := c.fillStates(); err != nil {
		return err
	}
	if err := c.sync(program.ByteCgroup, func() error {
		if toFill {
			if err := c.fill(); err != nil {
				return err
			}
		}
		return c.inNamespaces(steps.network)
	}); err != nil {
		return err
	}
	if c.hasHooks() {
		if err := c.sync(program.ByteHooks, c.runtimeHooks); err != nil {
			return err
		}
	}
	if err := c.ready(); err != nil {
		return err
	}
	if !c.hasHooks() { // a hook may put it where it likes
		if err := c.checkJoined(c.cgroup); err != nil {
			return err
		}
	}
	return c.apply(steps.late)
}

// handOver makes the cgroup init's: init moves itself into the hierarchies of v1. When the container's root has a cgroup
// namespace of its own in a user namespace of its own, and a cgroup mount that is not read-only, the v2 cgroup is also
// given to it to manage (config-linux.md, "Cgroup ownership").
func (c *creation) handOver() error {
	if err := c.moveInto(c.cgroup); err != nil {
		return err
	}
	if c.cgroup.Manager == nil || !c.ns.newUser() || c.ns.fresh&sys.CloneNewCgroup == 0 || !writableCgroup(c.spec.Mounts) {
		return nil
	}
	for _, m := range c.spec.Linux.UIDMappings {
		if m.ContainerID == 0 {
			return c.cgroup.Delegate(int(m.HostID))
		}
	}
	return nil
}

// moveInto moves a process that was not born in its cgroup there.
func (c *creation) moveInto(cg *cgroup) error {
	if c.init.Cloned || cg.Manager == nil {
		return nil
	}
	return cg.Join(c.init.Pid, false)
}

// explain is explainAt without an executable in sight.
func (c *creation) explain(err error) error { return c.explainAt(err, -1) }

// created commits: the record first, so that a container that init reports ready is known as such, then init's
// release, then the pid file, which is what callers wait for.
func (c *creation) created() error {
	c.step("created")
	c.state.Phase, c.state.CgroupIDs = store.Created, c.cgroup.ids()
	if err := c.entry.Write(&c.state); err != nil {
		return err
	}
	if err := c.sendPidfd(c.o.PidfdSocket, console.PidfdOfInit); err != nil {
		return err
	}
	if err := writePidFile(c.o.PidFile, c.init.Pid); err != nil {
		return err
	}
	if err := c.times.write(c.init); err != nil {
		return err
	}
	return c.init.Go(program.ByteReady)
}

// sendPidfd sends a pidfd of the process over the socket at path, if there is to be one. kind is what the receiver is told.
func (c *creation) sendPidfd(path, kind string) error {
	if path == "" {
		return nil
	}
	if err := console.SendPidfd(path, c.init.PidFd, kind); err != nil {
		return fmt.Errorf("--pidfd-socket: %w", err)
	}
	return nil
}
