package libcontainer

import (
	"fmt"
	"sort"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/libcontainer/spec"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

// The inputs of an init program beside the joined namespaces and what rootfs wants opened.
const (
	inputLock    = "lock"    // the container's directory, locked
	inputGate    = "gate"    // the listening socket
	inputRoot    = "root"    // root.path, in a user namespace, see rootKind; exec: the container's root
	inputConsole = "console" // where the master of the terminal goes
	inputHooks   = "hooks"   // where createContainer hooks write
	inputState   = "state "  // + status: the state that container-side hooks read
	inputCgroup  = "cgroup " // + hierarchy of v1: its tasks file
)

// initFacts is what compileInit knows beside the spec: answers of the host, none about a path in the container.
type initFacts struct {
	bundle  string
	root    string // where root.path leads to, see rootDir
	process process.Config
	environ []string // the runtime's
	cgroups rootfs.Cgroups
	// joins lists the cgroup v1 hierarchies that init joins by itself; their tasks files are inputs.
	joins []string
	// parentSources lists what the parent opens on init's behalf: inputRoot, "mounts[3].source".
	parentSources []string

	noPivot   bool
	revealing []string // rootfs.Config.Revealing
	gate      bool     // create, not run
	pidsLate  bool     // the pid namespace that is joined is entered late, see namespaces.entersLate
	userFirst bool     // the user namespace is joined before the others, see joinNamespaces
}

// hookOutput: init needs somewhere to send the output of hooks before start brings its own.
func (f *initFacts) hookOutput(h *specs.Hooks) bool {
	return len(h.CreateContainer) > 0 || !f.gate && len(h.StartContainer) > 0
}

func (f *initFacts) declareJoins(b *program.Builder) (slots []program.Slot) {
	for _, name := range f.joins {
		slots = append(slots, b.Input(inputCgroup+name))
	}
	return slots
}

// join joins the cgroups whose tasks files are at slots.
func (f *initFacts) join(b *program.Builder, where string, slots []program.Slot) {
	for i, s := range slots {
		b.At(where, "join the cgroup of "+f.joins[i])
		b.Write(s, "0")
		b.Close(s)
	}
}

// becomeRoot has the process be root of the user namespace that it has joined, or u where root is not mapped: all capabilities are its
// own by joining, but what it makes has to belong to somebody.
func becomeRoot(b *program.Builder, where string, u *specs.User) {
	process.Settle(b, where, u)
	process.OwnedByParent(b)
}

// enterPidNamespace goes on in a child, which is the parent's: setns(2) and unshare(2) move only children.
func enterPidNamespace(b *program.Builder, where string, control program.Slot) {
	b.At(where, "enter the pid namespace")
	b.Fork(control, sys.CloneParent)
	process.OwnedByParent(b)
}

// initCompiler compiles the program of a container's first process. Its methods are in the order in which they run.
type initCompiler struct {
	b     *program.Builder
	s     *specs.Spec
	f     *initFacts
	ns    *namespaces
	slots map[uint64]program.Slot

	control, lock, gate, console, hookOut program.Slot
	states                                map[specs.ContainerState]program.Slot
	joins                                 []program.Slot
	sources                               map[string]program.Slot
	inCgroup                              bool
}

// compileInit compiles the program that `create` and `run` start.
func compileInit(s *specs.Spec, ns *namespaces, f *initFacts) (*program.Program, error) {
	c := &initCompiler{b: program.New(), s: s, f: f, ns: ns}
	c.inputs()
	c.begin()
	if err := c.files(); err != nil {
		return nil, err
	}
	c.run()
	return c.b.Program(), nil
}

func (c *initCompiler) inputs() {
	b := c.b
	c.lock, c.gate, c.console, c.hookOut = program.None, program.None, program.None, program.None
	c.control = b.Stream(nsenter.InputControl)
	c.lock = b.Input(inputLock)
	if c.f.gate {
		c.gate = b.Stream(inputGate)
	}
	if c.s.Process.Terminal {
		c.console = b.Stream(inputConsole)
	}
	c.states = map[specs.ContainerState]program.Slot{}
	if h := c.s.Hooks; h != nil {
		if c.f.hookOutput(h) {
			c.hookOut = b.Stream(inputHooks)
		}
		if len(h.CreateContainer) > 0 {
			c.states[specs.StateCreating] = b.Stream(inputState + string(specs.StateCreating))
		}
		if len(h.StartContainer) > 0 {
			c.states[specs.StateCreated] = b.Stream(inputState + string(specs.StateCreated))
		}
	}
	declareListener(b, &c.f.process)
	c.joins = c.f.declareJoins(b)
	c.slots = c.ns.inputs(b)
	c.sources = map[string]program.Slot{}
	for _, name := range c.f.parentSources {
		c.sources[name] = b.Input(name)
	}
}

// begin joins and makes the namespaces.
func (c *initCompiler) begin() {
	b := c.b
	process.Begin(b)
	if c.ns.rootKind() == rootAsCwd {
		b.At("root.path", "go to "+c.f.root)
		b.Fchdir(c.sources[inputRoot])
		b.Close(c.sources[inputRoot])
	}
	c.f.process.OpenProc(b)
	keep := uint64(0)
	if c.f.pidsLate {
		keep = sys.CloneNewPid
	}
	c.f.joinNamespaces(b, c.slots, keep, func(flag uint64) { b.At(c.ns.where[flag]+".path", "join "+c.ns.paths[flag]) })
	fresh := c.ns.fresh &^ c.ns.cloned() &^ (sys.CloneNewCgroup | sys.CloneNewTime)
	if c.ns.inUserNS() && !c.ns.newUser() {
		becomeRoot(b, c.ns.where[sys.CloneNewUser], &c.s.Process.User)
	}
	if fresh != 0 {
		b.At("linux.namespaces", "make "+program.CloneFlags(fresh))
		b.Unshare(fresh)
	}
	if c.ns.paths[sys.CloneNewPid] != "" && !c.f.pidsLate || fresh&sys.CloneNewPid != 0 {
		enterPidNamespace(b, c.ns.where[sys.CloneNewPid], c.control)
	}
	c.timeNamespace()
	c.network()
}

// timeNamespace makes a time namespace and enters it: unshare(2) alone moves only children (time_namespaces(7)).
func (c *initCompiler) timeNamespace() {
	if c.ns.fresh&sys.CloneNewTime == 0 {
		return
	}
	b := c.b
	b.At(c.ns.where[sys.CloneNewTime], "make a time namespace")
	b.Unshare(sys.CloneNewTime)
	if len(c.s.Linux.TimeOffsets) > 0 {
		b.Sync(c.control, program.ByteOffsets, program.ByteOffsets)
	}
	s := b.Openat2(program.Host, "/proc/self/ns/time_for_children", program.How{Flags: sys.ONonblock})
	b.Setns(s, sys.CloneNewTime)
	b.Close(s)
}

// network brings the loopback of a new network namespace up.
func (c *initCompiler) network() {
	if c.ns.fresh&sys.CloneNewNet == 0 {
		return
	}
	b := c.b
	b.At(c.ns.where[sys.CloneNewNet], "bring lo up")
	s := b.Socket(sys.AfInet, sys.SockDgrm)
	ifreq := make([]byte, 40)
	copy(ifreq, "lo")
	ifreq[16] = sys.IffUp
	b.Ioctl(s, sys.Siocsifflags, ifreq)
	b.Close(s)
}

// cgroup waits for the parent to have the cgroup ready and joins it: the hierarchies of v1 by writing to tasks,
// which for a single thread that moves itself does not wait for a grace period as cgroup.procs does (Linux 5.5,
// commit 9a3284fad42f). Only then is the process's cgroup the right root for a new cgroup namespace.
func (c *initCompiler) cgroup() {
	if c.inCgroup {
		return
	}
	c.inCgroup = true
	b := c.b
	b.At("linux.cgroupsPath", "join the cgroup")
	b.Sync(c.control, program.ByteCgroup, program.ByteCgroup)
	c.f.join(b, "linux.cgroupsPath", c.joins)
	if c.ns.fresh&sys.CloneNewCgroup != 0 {
		b.At(c.ns.where[sys.CloneNewCgroup], "make a cgroup namespace")
		b.Unshare(sys.CloneNewCgroup)
	}
}

// files builds the root and enters it.
func (c *initCompiler) files() error {
	b, noMounts := c.b, !c.ns.has(sys.CloneNewNs)
	dir, tree := c.root()
	fs := rootfs.New(b, &rootfs.Config{
		Spec: c.s, Bundle: c.f.bundle, Root: c.f.root, Dir: dir, Tree: tree, UserNS: c.ns.inUserNS(), Sources: c.sources, NoMounts: noMounts,
		Pids: c.pids(), Cgroups: c.f.cgroups, EnterCgroupNS: c.cgroup, NoPivot: c.f.noPivot, Revealing: c.f.revealing,
	})
	c.f.process.NoDev = rootfs.DevIsBound(c.s) || noMounts && c.ns.inUserNS()
	fs.Root()
	if err := fs.Mounts(); err != nil {
		return err
	}
	c.cgroup()
	if err := fs.Devices(); err != nil {
		return err
	}
	c.kernel()
	fs.Dir("process.cwd", c.s.Process.Cwd)
	master, slave := program.None, program.None
	if c.s.Process.Terminal {
		master, slave = fs.Console(process.Winsize(c.s.Process.ConsoleSize), c.s.Process.User.UID, true)
	}
	c.runtimeHooks()
	c.containerHooks(fs.Chdir)
	fs.Masks()
	fs.Finish()
	fs.Enter()
	if master != program.None {
		b.At("process.terminal", "pass the terminal on")
		b.SendFd(c.console, master, "/dev/ptmx")
		b.Close(master, c.console)
	}
	if c.f.pidsLate {
		b.Close(c.slots[sys.CloneNewPid])
	}
	c.f.process.Narrow(b)
	if c.f.pidsLate {
		enterPidNamespace(b, c.ns.where[sys.CloneNewPid], c.control)
	}
	c.f.process.Session(b, slave)
	return nil
}

// root is the directory that root.path leads to, or a clone of it, as rootfs wants them.
func (c *initCompiler) root() (dir, tree program.Slot) {
	switch c.ns.rootKind() {
	case rootAsInput:
		return c.sources[inputRoot], program.None
	case rootAsCwd:
		c.b.At("root.path", "open "+c.f.root)
		return c.b.Openat2(program.Host, ".", program.How{Flags: sys.OPath | sys.ODirectory}), program.None
	case rootAsTree:
		return program.None, c.sources[inputRoot]
	}
	return program.None, program.None
}

// pids is the pid namespace that a procfs is to be of, when the process is in another one as yet.
func (c *initCompiler) pids() program.Slot {
	if !c.f.pidsLate {
		return program.None
	}
	return c.slots[sys.CloneNewPid]
}

// kernel sets the names and the sysctls of the new namespaces.
func (c *initCompiler) kernel() {
	b := c.b
	if c.s.Hostname != "" {
		b.At("hostname", "set "+c.s.Hostname)
		b.Sethostname(c.s.Hostname)
	}
	if c.s.Domainname != "" {
		b.At("domainname", "set "+c.s.Domainname)
		b.Setdomainname(c.s.Domainname)
	}
	if c.s.Linux == nil || len(c.s.Linux.Sysctl) == 0 {
		return
	}
	b.At("linux.sysctl", "mount a private proc")
	fs, proc := process.PrivateProc(b)
	keys := make([]string, 0, len(c.s.Linux.Sysctl))
	for k := range c.s.Linux.Sysctl {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, key := range keys {
		b.At("linux.sysctl."+key, "write "+c.s.Linux.Sysctl[key])
		file, _ := spec.SysctlFile(key)
		f := b.Openat2(proc, "sys/"+file, program.How{Flags: sys.OWronly, Resolve: program.Strict})
		b.Write(f, c.s.Linux.Sysctl[key])
		b.Close(f)
	}
	b.At("linux.sysctl", "let go of the private proc")
	b.Close(fs, proc)
}

// run is the way from a complete container to the workload.
func (c *initCompiler) run() {
	b, p := c.b, &c.f.process
	if h := c.s.Hooks; c.f.gate && (h == nil || len(h.StartContainer) == 0) {
		p.Find(b) // hooks may make it yet
	}
	p.Attributes(b)
	p.Limits(b)
	process.Released(b)
	b.Close(c.lock)
	b.Sync(c.control, program.ByteReady, program.ByteReady)
	out := c.hookOut
	if c.f.gate {
		b.At("", "wait for start")
		out = b.Gate(c.gate)
	}
	if h := c.s.Hooks; h != nil && len(h.StartContainer) > 0 {
		// They are looked up in the container, so whoever made the image may have made them: they are to be no more
		// than the workload is.
		p.BeforeExec = func() {
			for i := range h.StartContainer {
				c.hook(fmt.Sprintf("hooks.startContainer[%d]", i), &h.StartContainer[i], p.Environ(), c.states[specs.StateCreated], out)
			}
		}
	}
	p.Exec(b)
}
