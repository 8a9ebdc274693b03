package libcontainer

import (
	"fmt"
	"math"
	"path/filepath"
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
	inputRoot    = "root"    // exec: the container's root
	inputConsole = "console" // where the master of the terminal goes
	inputHooks   = "hooks"   // where createContainer hooks write
	inputState   = "state "  // + status: the state that container-side hooks read
	inputCgroup  = "cgroup " // + hierarchy of v1: its tasks file
)

// initFacts is what compileInit knows beside the spec: answers of the host, none about a path in the container.
type initFacts struct {
	bundle  string
	process process.Config
	cgroups rootfs.Cgroups
	// joins lists the cgroup v1 hierarchies that init joins by itself; their tasks files are inputs.
	joins []string
	// parentSources lists what the parent opens on init's behalf: "root", "mounts[3].source".
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

func becomeRoot(b *program.Builder, where string) {
	b.At(where, "become root of the user namespace")
	process.Become(b, 0, 0)
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
	inCgroup                              bool
}

// compileInit compiles the program that `create` and `run` start.
func compileInit(s *specs.Spec, ns *namespaces, f *initFacts) (*program.Program, error) {
	c := &initCompiler{b: program.New(), s: s, f: f, ns: ns}
	sources := c.inputs()
	c.begin()
	if err := c.files(sources); err != nil {
		return nil, err
	}
	c.run()
	return c.b.Program(), nil
}

func (c *initCompiler) inputs() map[string]program.Slot {
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
	sources := map[string]program.Slot{}
	for _, name := range c.f.parentSources {
		sources[name] = b.Input(name)
	}
	return sources
}

// begin comes by the namespaces.
func (c *initCompiler) begin() {
	b := c.b
	process.Begin(b)
	c.f.process.OpenProc(b)
	keep := uint64(0)
	if c.f.pidsLate {
		keep = sys.CloneNewPid
	}
	c.f.joinNamespaces(b, c.slots, keep, func(flag uint64) { b.At(c.ns.where[flag]+".path", "join "+c.ns.paths[flag]) })
	fresh := c.ns.fresh &^ c.ns.cloned() &^ (sys.CloneNewCgroup | sys.CloneNewTime)
	if c.ns.inUserNS() && !c.ns.newUser() {
		becomeRoot(b, c.ns.where[sys.CloneNewUser])
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
func (c *initCompiler) files(sources map[string]program.Slot) error {
	b := c.b
	if !c.ns.has(sys.CloneNewNs) {
		return c.chroot()
	}
	fs := rootfs.New(b, &rootfs.Config{
		Spec: c.s, Bundle: c.f.bundle, UserNS: c.ns.inUserNS(), Sources: sources,
		Pids: c.pids(), Cgroups: c.f.cgroups, EnterCgroupNS: c.cgroup, NoPivot: c.f.noPivot, Revealing: c.f.revealing,
	})
	c.f.process.NoDev = rootfs.DevIsBound(c.s)
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
	c.hooks()
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

// pids is the pid namespace that a procfs is to be of, when the process is in another one as yet.
func (c *initCompiler) pids() program.Slot {
	if !c.f.pidsLate {
		return program.None
	}
	return c.slots[sys.CloneNewPid]
}

// chroot is all there is to do for a container in the host's mount namespace: anything mounted would be mounted on
// the host, which validation refuses.
func (c *initCompiler) chroot() error {
	b := c.b
	c.cgroup()
	c.kernel()
	c.hooks()
	b.At("root.path", "change root")
	path := c.s.Root.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.f.bundle, path)
	}
	dir := b.Openat2(program.Host, path, program.How{
		Flags: sys.OPath | sys.ODirectory | sys.ONofollow, Resolve: sys.ResolveNoMagiclinks,
	})
	b.Fchdir(dir)
	b.Close(dir)
	b.Chroot(".")
	b.Chdir("/")
	c.f.process.NoDev = true
	c.f.process.Narrow(b)
	c.f.process.Session(b, program.None)
	return nil
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

// hooks lets the parent run the hooks of the runtime namespace and runs those of the container's (config.md, "POSIX-
// platform Hooks").
func (c *initCompiler) hooks() {
	b, h := c.b, c.s.Hooks
	if h == nil {
		return
	}
	if len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) > 0 { //nolint:staticcheck // prestart is deprecated, and in use
		b.At("hooks", "wait for the hooks of the runtime")
		b.Sync(c.control, program.ByteHooks, program.ByteHooks)
	}
	for i := range h.CreateContainer {
		c.hook(fmt.Sprintf("hooks.createContainer[%d]", i), &h.CreateContainer[i], c.states[specs.StateCreating], c.hookOut)
	}
}

func (c *initCompiler) hook(where string, h *specs.Hook, state, out program.Slot) {
	timeout := 0
	if h.Timeout != nil {
		timeout = min(*h.Timeout, math.MaxInt/1000) * 1000
	}
	args := h.Args
	if len(args) == 0 {
		args = []string{h.Path}
	}
	c.b.At(where, h.Path)
	c.b.Hook(h.Path, args, h.Env, state, out, timeout)
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
				c.hook(fmt.Sprintf("hooks.startContainer[%d]", i), &h.StartContainer[i], c.states[specs.StateCreated], out)
			}
		}
	}
	p.Exec(b)
}
