package libcontainer

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

// namespaces is how the container comes by its namespaces.
type namespaces struct {
	all   uint64            // every type that linux.namespaces lists
	fresh uint64            // those that are new
	paths map[uint64]string // those that are joined, by flag
	where map[uint64]string // the place in config.json, by flag
}

func parseNamespaces(spec *specs.Spec) *namespaces {
	ns := &namespaces{paths: map[uint64]string{}, where: map[uint64]string{}}
	if spec.Linux == nil {
		return ns
	}
	for i, n := range spec.Linux.Namespaces {
		flag, _ := names.Namespace(n.Type)
		ns.all |= flag
		ns.where[flag] = fmt.Sprintf("linux.namespaces[%d]", i)
		if n.Path != "" {
			ns.paths[flag] = n.Path
		} else {
			ns.fresh |= flag
		}
	}
	return ns
}

// has reports whether the container has a namespace of that kind that is not, for all the config says, the host's.
func (ns *namespaces) has(flag uint64) bool { return ns.all&flag != 0 }

// newUser reports whether the container gets a user namespace of its own.
func (ns *namespaces) newUser() bool { return ns.fresh&sys.CloneNewUser != 0 }

// inUserNS reports whether the container is in a user namespace, where device nodes cannot be made.
func (ns *namespaces) inUserNS() bool { return ns.has(sys.CloneNewUser) }

// cloned are the namespaces the process is born in. Two kinds are made by the program instead: a cgroup namespace has to
// come after the process is in its cgroup, a time namespace after its offsets are known. When a user namespace is joined
// the new ones have to belong to it, so all are made by the program.
func (ns *namespaces) cloned() uint64 {
	if ns.paths[sys.CloneNewUser] != "" {
		return 0
	}
	return ns.fresh &^ (sys.CloneNewCgroup | sys.CloneNewTime)
}

// forks: the process that is started is not the one that becomes the workload.
func (ns *namespaces) forks() bool {
	return ns.paths[sys.CloneNewPid] != "" || ns.fresh&^ns.cloned()&sys.CloneNewPid != 0
}

// entersLate reports whether the process enters the pid namespace that it joins only when the container is complete, so that whoever
// else is in there cannot stop it, or trace it, between two mounts. canName says whether a procfs can be told its pid namespace
// (Linux 6.18); otherwise it is that of the process that mounts it. Hooks are told the pid, and a path through /proc/self leads
// nowhere before.
func (ns *namespaces) entersLate(s *specs.Spec, canName bool) bool {
	if ns.paths[sys.CloneNewPid] == "" || !ns.has(sys.CloneNewNs) {
		return false
	}
	if h := s.Hooks; h != nil && len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer)+len(h.StartContainer) > 0 { //nolint:staticcheck // deprecated, and in use
		return false
	}
	// In a user namespace the procfs that sysctls are written through has to belong to that.
	if ns.inUserNS() && len(s.Linux.Sysctl) > 0 {
		return false
	}
	for _, list := range [...][]string{s.Linux.MaskedPaths, s.Linux.ReadonlyPaths} {
		for _, p := range list {
			if strings.HasPrefix(p, "/proc/self") || strings.HasPrefix(p, "/proc/thread-self") {
				return false
			}
		}
	}
	return canName || !slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "proc" })
}

// joinOrder lists the namespaces that are joined. The user namespace comes last: before it the runtime's own privileges open
// the others.
var joinOrder = [...]uint64{
	sys.CloneNewNet, sys.CloneNewIpc, sys.CloneNewUts, sys.CloneNewPid, sys.CloneNewTime, sys.CloneNewNs,
	sys.CloneNewCgroup, sys.CloneNewUser,
}

func inputName(flag uint64) string { return "namespace " + program.CloneFlags(flag) }

// open opens the namespaces that are joined, in this process: what the paths lead to elsewhere is nobody's business.
func (ns *namespaces) open(inputs map[string]int) error {
	for _, flag := range joinOrder {
		path := ns.paths[flag]
		if path == "" {
			continue
		}
		fd, err := sys.Openat(sys.AtFdcwd, path, sys.ORdonly|sys.ONonblock|sys.ONoctty, 0)
		if err != nil {
			return fmt.Errorf("%s.path: open %s: %w", ns.where[flag], path, err)
		}
		inputs[inputName(flag)] = fd
		magic, err := sys.Magic(fd)
		if err != nil {
			return err
		}
		if magic != sys.NsfsMagic {
			return fmt.Errorf("%s.path: %s: not a namespace: %w", ns.where[flag], path, syscall.EINVAL)
		}
	}
	return nil
}

// inputs declares the descriptors of the joined namespaces.
func (ns *namespaces) inputs(b *program.Builder) map[uint64]program.Slot {
	slots := map[uint64]program.Slot{}
	for _, flag := range joinOrder {
		if ns.paths[flag] != "" {
			slots[flag] = b.Input(inputName(flag))
		}
	}
	return slots
}

// joinNamespaces joins the namespaces at slots, of which at says what they are. A runtime without privileges has them only in
// the user namespace, and joins that first; what does not belong to that one it cannot join. Those of keep stay open.
func (f *initFacts) joinNamespaces(b *program.Builder, slots map[uint64]program.Slot, keep uint64, at func(flag uint64)) {
	mnt, mounts := slots[sys.CloneNewNs]
	user, users := slots[sys.CloneNewUser]
	if mounts {
		at(sys.CloneNewNs)
		if users {
			b.CheckOwner(mnt, user)
		} else {
			own := b.OwnUser()
			b.CheckOwner(mnt, own)
			b.Close(own)
		}
	}
	join := func(flag uint64) {
		at(flag)
		if flag == sys.CloneNewUser {
			process.JoinUser(b, slots[flag])
		} else {
			b.Setns(slots[flag], flag)
		}
		if flag&keep == 0 {
			b.Close(slots[flag])
		}
	}
	if users && f.userFirst {
		join(sys.CloneNewUser)
	}
	for _, flag := range joinOrder {
		if _, joined := slots[flag]; joined && !(flag == sys.CloneNewUser && f.userFirst) {
			join(flag)
		}
	}
}
