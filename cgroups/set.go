package cgroups

import (
	"errors"
	"fmt"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/cgroups/limits"
	"teu/internal/sys"
)

// Set applies linux.resources to the cgroups that Create made. Devices are set even when r is nil, since what no
// entry allows is denied. It returns warnings, for the caller to log, about fields that have no effect, and
// refuses by name those that cannot be honoured, before anything is written.
func (m *Manager) Set(r *specs.LinuxResources) (warnings []string, err error) {
	rules, writes, warnings, err := m.compile(r)
	if err != nil {
		return nil, err
	}
	err = m.withUnit(writes, rules, func(writes []limits.Write) error {
		if err := m.setDevices(rules); err != nil {
			return err
		}
		return m.apply(writes)
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// Check says what Set would say of r, as far as that is known before there are cgroups: that of a v2 tree cannot have a
// controller that its root has not.
func (m *Manager) Check(r *specs.LinuxResources) (warnings []string, err error) {
	_, writes, warnings, err := m.compile(r)
	p := m.unified()
	if err != nil || p == nil {
		return warnings, err
	}
	have, err := readLine(p.Mountpoint + "/cgroup.controllers")
	if err != nil {
		return warnings, err
	}
	for i := range writes {
		w := &writes[i]
		if !w.Unified && m.rec.Mode != Unified { // in a v1 hierarchy, or found in the tree
			continue
		}
		if w.Controller != "cgroup" && !w.Optional && !hasField(have, w.Controller) {
			return warnings, fmt.Errorf("%s: no %s cgroup controller", w.Field, w.Controller)
		}
	}
	return warnings, nil
}

func (m *Manager) compile(r *specs.LinuxResources) (rules []devices.Rule, writes []limits.Write, warnings []string, err error) {
	var entries []specs.LinuxDeviceCgroup
	if r != nil {
		entries = r.Devices
	}
	if rules, err = devices.Parse(entries); err != nil {
		return nil, nil, nil, err
	}
	writes, warnings, err = limits.Compile(r, m.host())
	return rules, writes, warnings, err
}

// host is what limits has to know of the container's cgroups.
func (m *Manager) host() limits.Host {
	return limits.Host{Version: m.version, HasV2: m.unified() != nil, Read: m.read}
}

// version tells where a controller is: in a v1 hierarchy, else in the v2 tree.
func (m *Manager) version(controller string) limits.Version {
	switch {
	case m.v1(controller) != nil:
		return limits.V1
	case m.rec.Mode == Unified:
		// When it is not there, the write fails and says why.
		return limits.V2
	}
	if p := m.unified(); p != nil {
		// A kernel booted with cgroup_no_v1= leaves controllers to the v2 tree of a hybrid host.
		if have, err := readLine(p.Mountpoint + "/cgroup.controllers"); err == nil && hasField(have, controller) {
			return limits.V2
		}
	}
	return limits.None
}

func (m *Manager) place(controller string) *Place {
	if p := m.v1(controller); p != nil {
		return p
	}
	return m.unified()
}

func (m *Manager) read(controller, file string) (string, error) {
	p := m.place(controller)
	if p == nil {
		return "", fmt.Errorf("read %s: no %s cgroup controller", file, controller)
	}
	return readLine(p.Dir() + "/" + file)
}

// apply makes the writes in order; a Late one that the kernel refuses is tried again when the others of its
// controller are done.
func (m *Manager) apply(writes []limits.Write) error {
	var late []limits.Write
	for i, w := range writes {
		err := m.write(&w)
		if w.Late && errors.Is(err, syscall.EINVAL) {
			late = append(late, w)
			err = nil
		}
		if err != nil {
			return err
		}
		if i+1 < len(writes) && writes[i+1].Controller == w.Controller {
			continue
		}
		for _, w := range late {
			if err := m.write(&w); err != nil {
				return err
			}
		}
		late = nil
	}
	return nil
}

// placeOf is where w is to be written; nil when there is no such place.
func (m *Manager) placeOf(w *limits.Write) *Place {
	if w.Unified {
		return m.unified()
	}
	return m.place(w.Controller)
}

func (m *Manager) write(w *limits.Write) error {
	p := m.placeOf(w)
	if p == nil {
		return fmt.Errorf("%s: no %s cgroup controller", w.Field, w.Controller)
	}
	file := p.Dir() + "/" + w.File
	err := sys.WriteFileAt(sys.AtFdcwd, file, w.Value)
	switch {
	case err == nil, w.Optional && errors.Is(err, syscall.ENOENT):
		return nil
	case errors.Is(err, syscall.ENOENT):
		return m.missing(w, p, writeError(file, w.Value, err))
	case errors.Is(err, syscall.EBUSY) && w.File == "memory.limit_in_bytes":
		if used, uerr := readLine(p.Dir() + "/memory.usage_in_bytes"); uerr == nil {
			return fmt.Errorf("%s: %w: %s bytes are in use", w.Field, writeError(file, w.Value, err), used)
		}
	case errors.Is(err, syscall.EBUSY) && w.Controller == "cpuset" && !p.V2():
		// kernel/cgroup/cpuset-v1.c, cpuset1_validate_change; v2 narrows the children by itself.
		return fmt.Errorf("%s: %w: a cgroup below has others", w.Field, writeError(file, w.Value, err))
	}
	return fmt.Errorf("%s: %w", w.Field, writeError(file, w.Value, err))
}

// missing says why there is no file for w.
func (m *Manager) missing(w *limits.Write, p *Place, err error) error {
	if p.V2() && w.Controller != "cgroup" {
		if why := m.denied[w.Controller]; why != nil {
			return fmt.Errorf("%s: %s cgroup controller: %w", w.Field, w.Controller, why)
		}
		if have, rerr := readLine(p.Dir() + "/cgroup.controllers"); rerr != nil || !hasField(have, w.Controller) {
			return fmt.Errorf("%s: no %s cgroup controller: %w", w.Field, w.Controller, err)
		}
	}
	if w.Needs != "" {
		return fmt.Errorf("%s: %w: %s", w.Field, err, w.Needs)
	}
	return fmt.Errorf("%s: %w", w.Field, err)
}

// setDevices installs the filter: lists where there is a v1 devices hierarchy, else a program on the v2 cgroup.
// With neither the container is refused.
func (m *Manager) setDevices(rules []devices.Rule) error {
	if p := m.v1("devices"); p != nil {
		return setDeviceList(p.Dir(), rules)
	}
	p := m.unified()
	if p == nil {
		return errors.New("linux.resources.devices: no devices cgroup controller, and no cgroup v2 to attach a filter to")
	}
	fd, err := sys.Openat(sys.AtFdcwd, p.Dir(), sys.OPath|sys.ODirectory|sys.ONofollow, 0)
	if err == nil {
		err = devices.Attach(fd, rules)
		sys.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("linux.resources.devices: %s: %w", p.Dir(), err)
	}
	return nil
}

// setDeviceList leaves the list as it was when a part of the new one is refused, unless it was one of denied devices,
// which the kernel does not show.
func setDeviceList(dir string, rules []devices.Rule) error {
	want, err := devices.V1(rules)
	if err != nil {
		return err
	}
	before, err := deviceList(dir)
	if err != nil {
		return err
	}
	if err = changeDeviceList(dir, before, want); err == nil {
		return nil
	}
	if old, oerr := devices.ParseList(before); oerr == nil && !old.AllowAll {
		if now, nerr := deviceList(dir); nerr != nil {
			err = fmt.Errorf("%w; %w", err, nerr)
		} else if uerr := changeDeviceList(dir, now, old); uerr != nil {
			err = fmt.Errorf("%w; put back what was written: %w", err, uerr)
		}
	}
	return err
}

func deviceList(dir string) (string, error) {
	text, err := sys.ReadFileAt(sys.AtFdcwd, dir+"/devices.list")
	if err != nil {
		return "", fmt.Errorf("linux.resources.devices: read %s/devices.list: %w", dir, err)
	}
	return string(text), nil
}

func changeDeviceList(dir, now string, want devices.List) error {
	changes, err := devices.Transition(now, want)
	if err != nil {
		return fmt.Errorf("linux.resources.devices: %s: %w", dir, err)
	}
	// The kernel takes one line per write(2); lines for the same file share an open.
	for len(changes) > 0 {
		file := dir + "/devices.deny"
		if changes[0].Allow {
			file = dir + "/devices.allow"
		}
		var lines []string
		for _, c := range changes {
			if c.Allow != changes[0].Allow {
				break
			}
			lines = append(lines, c.Line)
		}
		if done, err := sys.WriteEach(sys.AtFdcwd, file, lines); err != nil {
			return fmt.Errorf("linux.resources.devices: %w", writeError(file, lines[done], err))
		}
		changes = changes[len(lines):]
	}
	return nil
}
