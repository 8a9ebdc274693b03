// Package cgroups makes, fills, watches and removes the cgroups of a container, on hosts with cgroup v2, with v1
// hierarchies, and with both. Under the systemd driver they are those of a unit: see unit.go.
//
// The life of a container's cgroups, and what each step does to the kernel:
//
//	Probe        statfs of /sys/fs/cgroup; on v1 also read /proc/self/cgroup, statfs per hierarchy
//	Plan         (nothing) paths out of linux.cgroupsPath, into a Record
//	Survey       faccessat: which directories exist; refuses a cgroup in use or frozen
//	             ... the caller stores the Record ...
//	Create       mkdir per hierarchy; v2: cgroup.subtree_control from the top; v1: cpuset.cpus and cpuset.mems
//	Set          one write per limit; devices.deny, devices.allow or bpf(2); memory last
//	Join         write cgroup.procs per v1 hierarchy (the process was cloned into the v2 one)
//	Freeze       freezer.state, on pure v2 cgroup.freeze
//	Kill         cgroup.kill, pidfd_send_signal to each that is left; freezer.state THAWED
//	Destroy      rmdir, deepest first; poll cgroup.events or pidfds while busy
//
// Each step can be repeated: after a crash, [Load] of the stored Record and Kill and Destroy leave nothing behind.
package cgroups

import (
	"teu/cgroups/systemd"
	"teu/internal/sys"
)

// Manager handles the cgroups that a [Record] names. Create, Set, Dir and Close belong to one goroutine; the
// other methods may run beside them and beside each other.
type Manager struct {
	rec    Record
	v2     int              // O_PATH fd of the v2 cgroup, -1 while not open
	denied map[string]error // v2 controllers that could not be enabled, with the reason
	bus    *systemd.Bus     // to the manager of the unit, if it is one
	// foreign says that the cgroups have turned out to be somebody else's: they are not touched.
	foreign bool
}

// Load makes a Manager. It asks the kernel nothing; it refuses a record that could not have come from [Plan].
func Load(rec Record) (*Manager, error) {
	if err := rec.check(); err != nil {
		return nil, err
	}
	m := &Manager{rec: rec, v2: -1}
	if rec.Unit != nil {
		m.bus = &systemd.Bus{User: rec.Unit.User}
	}
	return m, nil
}

// Record returns the record as it is now: in hybrid mode [Manager.Create] drops a v2 tree that cannot be written.
func (m *Manager) Record() Record { return m.rec }

// Dir returns an O_PATH fd of the container's v2 cgroup, for CLONE_INTO_CGROUP (clone3(2),
// syscall.SysProcAttr.CgroupFD), in hybrid mode too. It is false where there is none. The Manager owns the fd; it
// is valid until Close.
//
// On some kernels (6.18 is one; 6.1, 6.12.117 and 7.3 are not) the child of such a clone is killed at once, by
// SIGKILL, unless the caller's cgroup and the target have been written to cgroup.kill equally often: the count that
// is to catch a fork which races with the kill is taken from the one and compared with the other. A cgroup that
// Create has made has count 0; one that was there before, one that a payload has made, and the cgroup that teu runs
// in may have another, and nothing tells. So a child that dies in this way before its first step is to be started
// once more without Dir, and joined by Join(pid, false).
func (m *Manager) Dir() (fd int, ok bool) {
	if m.v2 >= 0 {
		return m.v2, true
	}
	p := m.unified()
	if p == nil {
		return -1, false
	}
	fd, err := sys.Openat(sys.AtFdcwd, p.Dir(), sys.OPath|sys.ODirectory|sys.ONofollow, 0)
	if err != nil {
		return -1, false
	}
	m.v2 = fd
	return fd, true
}

// Close releases the fd of Dir, and the connection to systemd.
func (m *Manager) Close() error {
	if m.bus != nil {
		m.bus.Close()
	}
	if m.v2 < 0 {
		return nil
	}
	fd := m.v2
	m.v2 = -1
	return sys.Close(fd)
}

// unified is the place in the v2 tree, nil when there is none.
func (m *Manager) unified() *Place {
	for i := range m.rec.Places {
		if m.rec.Places[i].V2() {
			return &m.rec.Places[i]
		}
	}
	return nil
}

// v1 is the place in the hierarchy of a controller, nil when no v1 hierarchy has it.
func (m *Manager) v1(controller string) *Place {
	for i := range m.rec.Places {
		if p := &m.rec.Places[i]; !p.V2() && nameHas(p.Name, controller) {
			return p
		}
	}
	return nil
}

// tracker is the v1 place to list the container's processes by: one that payloads are unlikely to move processes
// about in, and that is not gone when there is another. It is nil on pure v2.
func (m *Manager) tracker() (t *Place) {
	for _, c := range [...]string{"freezer", "devices", "pids", "memory"} {
		if p := m.v1(c); p != nil {
			if t = p; sys.Exists(p.Dir()) == nil {
				return t
			}
		}
	}
	for i := range m.rec.Places {
		if p := &m.rec.Places[i]; !p.V2() && (t == nil || sys.Exists(p.Dir()) == nil) {
			return p
		}
	}
	return t
}
