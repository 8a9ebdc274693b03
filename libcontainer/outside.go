package libcontainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/hooks"
	"teu/libcontainer/host"
	"teu/libcontainer/lsm"
	"teu/libcontainer/preflight"
	"teu/libcontainer/process"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

func idMaps(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	list = spec.IDMap(list)
	out := make([]syscall.SysProcIDMap, len(list))
	for i, m := range list {
		out[i] = syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)}
	}
	return out
}

// processFacts asks what compileInit has to know about the process.
func (c *creation) processFacts() error {
	if err := c.identity(c.spec.Process, c.ns.inUserNS()); err != nil {
		return err
	}
	p := &c.facts.process
	p.NewKeyring = c.state.Keyring
	var err error
	p.Home, err = c.home()
	return err
}

// identity is what create and exec have to know alike: capabilities, filter, descriptors.
func (c *creation) identity(proc *specs.Process, inUserNS bool) error {
	p := &c.facts.process
	p.Process = proc
	mountLabel := ""
	if l := c.spec.Linux; l != nil {
		p.Personality, p.MemoryPolicy, mountLabel = l.Personality, l.MemoryPolicy, l.MountLabel
	}
	if err := checkLabels(proc, mountLabel); err != nil {
		return err
	}
	if proc.ApparmorProfile == spec.Unconfined && !lsm.Apparmor() {
		// Nothing confines it, as it asks; there is nobody to tell.
		unconfined := *proc
		unconfined.ApparmorProfile, p.Process = "", &unconfined
	}
	p.NoSetgroups = spec.Annotated(c.spec.Annotations, names.KeepGroups)
	p.LastCap = host.LastCap(40)
	grantable, err := host.Grantable(p.LastCap, inUserNS)
	if err != nil {
		return err
	}
	var warnings []string
	p.Grantable = grantable
	p.Caps, warnings = process.ParseCaps(proc.Capabilities, grantable)
	if own := c.spec.Process; c.entry == nil && own != nil { // exec
		_, told := process.ParseCaps(own.Capabilities, grantable)
		c.told = append(c.told, told...)
	}
	for _, w := range warnings {
		c.warn(w)
	}
	return c.seccomp()
}

// writeProc writes a file of the process below the host's own /proc.
func writeProc(pid int, name, value string) error {
	path := "/proc/" + strconv.Itoa(pid) + "/" + name
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.OWronly, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer sys.Close(fd)
	magic, err := sys.Magic(fd)
	if err != nil {
		return err
	}
	if magic != sys.ProcSuperMagic {
		return fmt.Errorf("open %s: not on procfs: %w", path, syscall.EXDEV)
	}
	if err := sys.WriteAll(fd, []byte(value)); err != nil {
		return fmt.Errorf("write %q to %s: %w", value, path, err)
	}
	return nil
}

func (c *creation) runtimeHooks() error {
	if err := c.checkJoined(c.cgroup); err != nil {
		return err
	}
	h := c.spec.Hooks
	st := storedState(&c.state, specs.StateCreating)
	if err := c.r.runHooks("hooks.prestart", h.Prestart, st); err != nil { //nolint:staticcheck // deprecated, and in use
		return err
	}
	return c.r.runHooks("hooks.createRuntime", h.CreateRuntime, st)
}

func (c *creation) hasHooks() bool {
	h := c.spec.Hooks
	return h != nil && len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) > 0 //nolint:staticcheck // as above
}

// openHooks opens what container-side hooks read their state from and write their output to.
func (c *creation) openHooks() error {
	h := c.spec.Hooks
	if h == nil {
		return nil
	}
	c.states = map[specs.ContainerState]int{}
	state := func(status specs.ContainerState) error {
		fd, err := sys.Memfd("teu-state", 0)
		if err != nil {
			return err
		}
		c.inputs[inputState+string(status)] = fd
		c.states[status] = fd
		return nil
	}
	if len(h.CreateContainer) > 0 {
		if err := state(specs.StateCreating); err != nil {
			return err
		}
	}
	if len(h.StartContainer) > 0 {
		if err := state(specs.StateCreated); err != nil {
			return err
		}
	}
	if c.facts.hookOutput(h) {
		files, err := hooks.OpenStreams(c.spec.Annotations)
		if err != nil {
			return err
		}
		output, w, err := hooks.NewOutput(files)
		if err != nil {
			return err
		}
		c.hookOutput, c.inputs[inputHooks] = output, w
	}
	return nil
}

// fillStates writes the states, once the pid is known, before init can come to a hook.
func (c *creation) fillStates() error {
	if err := c.fillListener(storedState(&c.state, specs.StateCreating)); err != nil {
		return err
	}
	if len(c.states) == 0 {
		return nil
	}
	// These hooks run in the container: theirs is the pid that it has there (runtime.md, "State").
	inner, err := host.InnerPid(c.init.Pid)
	if err != nil {
		return err
	}
	for status, fd := range c.states {
		st := storedState(&c.state, status)
		st.Pid = inner
		if err := writeState(fd, st, "hooks"); err != nil {
			return err
		}
	}
	return nil
}

// writeState fills a memfd with a state that reader is to read.
func writeState(fd int, state any, reader string) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := sys.WriteAll(fd, data); err != nil {
		return fmt.Errorf("write state for %s: %w", reader, err)
	}
	return sys.Seal(fd)
}

// explainAt adds to a failure of init what its parent knows about it: the output of a hook, or what is wrong with the
// executable inside the root.
func (c *creation) explainAt(err error, root int) error {
	var pe *program.Error
	if err == nil || !errors.As(err, &pe) {
		return err
	}
	if pe.Report.Status != program.Failed {
		return err
	}
	switch pe.Note().Op {
	case program.OpHook:
		if c.hookOutput == nil {
			return err
		}
		// Our own end has to go for the reader to see the end.
		sys.Close(c.inputs[inputHooks])
		delete(c.inputs, inputHooks)
		if end, _ := c.hookOutput.End(); end != "" {
			return fmt.Errorf("%w: %s", err, end)
		}
	case program.OpExec, program.OpFind:
		return explainExec(pe, root)
	case program.OpCheckOwner, program.OpCheckRoot:
		return explainPlace(pe)
	case program.OpSyscall:
		return explainCall(pe, c.init.Pid)
	}
	return err
}

// explainSpawn adds to a failure of clone3(2) what may have forbidden a user namespace: EPERM, or ENOSPC for a limit.
func explainSpawn(err error, userNS bool) error {
	if userNS && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC)) {
		if why := preflight.NoUserNamespace(); why != "" {
			return fmt.Errorf("linux.namespaces: %w: %s", err, why)
		}
	}
	return err
}
