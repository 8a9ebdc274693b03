package kit

import "slices"

// Report is what `payload all` prints; see tests/payload.
type Report struct {
	Args, Env                                []string
	Pid, Ppid                                int
	Cwd, Cgroup, OOMScoreAdj, UIDMap, GIDMap string
	ID                                       struct {
		UID, EUID, GID, EGID int
		Groups               []int
		Umask                string
	}
	Status    map[string]string // /proc/self/status
	Mountinfo []Mount
	FDs       map[string]string
	Rlimits   map[string]struct{ Soft, Hard string }
	Hostname  struct{ Hostname, Domainname string }
	NS        map[string]string
	TTY       TTY
	Netif     []struct{ Name, Flags string }
	Sched     Sched
	// Personality is /proc/self/personality.
	Personality string
}

// Sched is what `payload sched` prints.
type Sched struct {
	Policy, Flags, Nice, Priority        int
	Runtime, Deadline, Period            uint64
	IOClass, IOPriority                  int
	MemoryMode, MemoryFlags, MemoryNodes int
}

// Mount is a line of mountinfo.
type Mount struct {
	ID, Parent, Root, Target, Type, Source string
	Options, Propagation, SuperOptions     []string
}

// Has tells whether the mount has each of the options, of its own or of its file system; "!name" is to be absent.
func (m *Mount) Has(options ...string) bool {
	for _, o := range options {
		name, absent := o, o[0] == '!'
		if absent {
			name = o[1:]
		}
		if (slices.Contains(m.Options, name) || slices.Contains(m.SuperOptions, name)) == absent {
			return false
		}
	}
	return true
}

// TTY is what `payload tty` prints.
type TTY struct {
	IsATTY                     [3]bool
	Window                     *struct{ Rows, Columns int }
	Controlling, DevTTY, Name  string
	Session, Group, Foreground int
}

// File is what `payload stat` prints of a path.
type File struct {
	Path, Error, Type, Mode, Rdev, Dev string
	UID, GID                           int
	Size                               int64
}

// Mount is the topmost mount on target, or nil.
func (r *Report) Mount(target string) *Mount {
	for i := range slices.Backward(r.Mountinfo) {
		if r.Mountinfo[i].Target == target {
			return &r.Mountinfo[i]
		}
	}
	return nil
}
