package libcontainer

import (
	"errors"
	"fmt"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/cgroups/systemd"
	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/spec"
)

// CgroupManager is who makes the cgroups of containers (--cgroup-manager). What a container has got is in its record, so
// it matters to create and run only.
type CgroupManager string

// The cgroup managers, by crun's names.
const (
	Cgroupfs CgroupManager = "cgroupfs" // teu itself; so does ""
	Systemd  CgroupManager = "systemd"  // systemd, asked over D-Bus for a unit
	Disabled CgroupManager = "disabled" // nobody: the container stays in the cgroup of its runtime
)

// planCgroup decides where the cgroup is to be and finds out what is there already, before anything is made.
func (r *Runtime) planCgroup(id string, s *specs.Spec) (*cgroup, error) {
	if r.CgroupManager == Disabled {
		return &cgroup{}, r.withoutCgroup(s)
	}
	layout, err := cgroups.Probe()
	if err != nil {
		return nil, err
	}
	if r.CgroupManager == Systemd {
		return r.planUnit(layout, id, s)
	}
	rec, err := cgroups.Plan(layout, id, s)
	if err != nil {
		return nil, err
	}
	c, err := surveyed(rec)
	if err == nil {
		c.unmounted = layout.Unmounted
	}
	return c, err
}

func surveyed(rec cgroups.Record) (*cgroup, error) {
	if err := rec.Survey(); err != nil {
		return nil, err
	}
	m, err := cgroups.Load(rec)
	return &cgroup{Manager: m}, err
}

func (r *Runtime) planUnit(layout *cgroups.Layout, id string, s *specs.Spec) (*cgroup, error) {
	user, err := r.userManager()
	if err != nil {
		return nil, err
	}
	bus := &systemd.Bus{User: user, Log: r.Log.Infof}
	rec, err := cgroups.PlanUnit(layout, id, s, bus)
	if err == nil {
		var c *cgroup
		if c, err = surveyed(rec); err == nil {
			c.Use(bus)
			return c, nil
		}
	}
	bus.Close()
	return nil, err
}

// userManager reports whether the unit is to be one of the user's service manager: that of whoever is not root, or root of
// a user namespace only. --rootless says otherwise.
func (r *Runtime) userManager() (bool, error) {
	switch r.Rootless {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if !sys.IsRoot() {
		return true, nil
	}
	nested, err := host.InUserNamespace()
	if err != nil || !nested {
		return false, err
	}
	// A machine that is a container in a user namespace has a systemd of its own, and its root no user's.
	_, err = systemd.UserBus()
	return err == nil, nil
}

// withoutCgroup refuses the limits that nothing would hold.
func (r *Runtime) withoutCgroup(s *specs.Spec) error {
	if s.Linux == nil || s.Linux.Resources == nil {
		return nil
	}
	l := s.Linux.Resources
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"memory", l.Memory != nil && *l.Memory != specs.LinuxMemory{}},
		{"cpu", l.CPU != nil && *l.CPU != specs.LinuxCPU{}},
		{"pids", l.Pids != nil && l.Pids.Limit != nil && *l.Pids.Limit >= 0},
		{"blockIO", l.BlockIO != nil && !emptyBlockIO(l.BlockIO)},
		{"hugepageLimits", len(l.HugepageLimits) > 0},
		{"network", l.Network != nil && (l.Network.ClassID != nil || len(l.Network.Priorities) > 0)},
		{"rdma", len(l.Rdma) > 0},
		{"unified", len(l.Unified) > 0},
	} {
		if f.set {
			return fmt.Errorf("linux.resources.%s: cannot be set without a cgroup (--cgroup-manager=disabled)", f.name)
		}
	}
	if len(l.Devices) > 0 {
		// Every bundle has a list of them, so this would be the end of the option.
		r.Log.Warnf("linux.resources.devices: without a cgroup (--cgroup-manager=disabled) access to devices is not limited")
	}
	return nil
}

func emptyBlockIO(b *specs.LinuxBlockIO) bool {
	return (b.Weight == nil || *b.Weight == 0) && (b.LeafWeight == nil || *b.LeafWeight == 0) &&
		len(b.WeightDevice)+len(b.ThrottleReadBpsDevice)+len(b.ThrottleWriteBpsDevice)+
			len(b.ThrottleReadIOPSDevice)+len(b.ThrottleWriteIOPSDevice) == 0
}

// errNoCgroup is what is said to verbs that work on one.
var errNoCgroup = errors.New("the container has no cgroup")

// makeFirst makes what init can be born in, the v2 cgroup. That of a unit is made around init, by systemd.
func (c *cgroup) makeFirst() error {
	if c.Manager == nil || c.HasUnit() {
		return nil
	}
	return c.CreateUnified()
}

// makeRest makes the cgroups that makeFirst has not made.
func (c *creation) makeRest() error {
	switch {
	case c.cgroup.Manager == nil:
		return nil
	case c.cgroup.HasUnit():
		if err := c.startUnit(); err != nil {
			return err
		}
		if err := c.cgroup.CreateUnified(); err != nil {
			return err
		}
	}
	if err := c.cgroup.CreateV1(); err != nil {
		return err
	}
	if c.cgroup.HasUnit() {
		// While init stands still. Later it could have failed, and with its last process a scope is gone.
		return c.fill()
	}
	return nil
}

// fill writes the limits.
func (c *creation) fill() error {
	c.step("fill the cgroup")
	c.oom.expect(c.spec.Linux)
	err := c.cgroup.fill(c.spec, c.r.Log)
	c.oom.noteLimit()
	return err
}

// startUnit has systemd make the unit around init, which is there by then and waits for its program.
func (c *creation) startUnit() error {
	c.step("wait for the spawn")
	if err := <-c.spawned; err != nil {
		return err
	}
	c.step("start the unit")
	list, report := spec.SystemdProperties(c.spec.Annotations)
	if len(report.Problems) > 0 { // validation has refused it
		return fmt.Errorf("annotations: %w", syscall.EINVAL)
	}
	properties := make([]systemd.Property, len(list))
	for i := range list {
		properties[i] = systemd.Property(list[i])
	}
	inside, err := c.cgroup.StartUnit(c.init.Pid, "teu container "+c.o.ID, properties)
	c.init.Cloned = inside
	return err
}

// record is the cgroup as the container's record has it, "" for none.
func (c *cgroup) record() string {
	if c.Manager == nil {
		return ""
	}
	return c.Record().String()
}

// shown is what a mount of type cgroup shows: the container's cgroup or, when it has none, that of its runtime.
func (c *cgroup) shown() (cgroups.Record, error) {
	if c.Manager != nil {
		return c.Record(), nil
	}
	layout, err := cgroups.Probe()
	if err != nil {
		return cgroups.Record{}, err
	}
	c.unmounted = layout.Unmounted
	return cgroups.Own(layout)
}

// release ends the connection to systemd, which is made anew when it is needed.
func (c *cgroup) release() {
	if c.Manager != nil {
		c.Close()
	}
}

// logTo has waits for systemd logged.
func (c *cgroup) logTo(l *log.Logger) {
	if c.Manager != nil {
		c.LogTo(l.Infof)
	}
}
