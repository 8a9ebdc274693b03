package libcontainer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/spec/names"
	"teu/libcontainer/store"
	"teu/rootfs"
)

// cgroup is a container's cgroup: what the verbs need of a cgroups.Manager. A container whose record names none has
// a nil Manager, and nothing to do.
type cgroup struct {
	*cgroups.Manager
	unmounted []string // v1 hierarchies that are active, and mounted nowhere within reach
	replaced  []string // what it had, and where another cgroup is by now, which is left out of the Manager
	gone      []string // what it had, and where nothing is any more
}

// loadCgroup is the cgroup that a container's record names. What lies below its paths gets frozen, killed and removed, so
// what is not the container's own is left out.
func loadCgroup(st *store.State) (*cgroup, error) {
	if st.Cgroup == "" {
		return &cgroup{}, nil
	}
	rec, err := cgroups.ParseRecord(st.Cgroup)
	if err != nil {
		return nil, err
	}
	replaced, gone, known := rec.Own(st.CgroupIDs)
	if !known {
		// After a boot with other hierarchies there may be something else than cgroups in their place.
		rec.Places = slices.DeleteFunc(rec.Places, func(p cgroups.Place) bool {
			magic, err := sys.PathMagic(p.Mountpoint)
			return err == nil && magic != sys.CgroupSuperMagic && magic != sys.Cgroup2SuperMagic
		})
	}
	if len(rec.Places) == 0 {
		return &cgroup{replaced: replaced}, nil
	}
	m, err := cgroups.Load(rec)
	return &cgroup{Manager: m, replaced: replaced, gone: gone}, err
}

// whole is an error when some of the container's cgroups have been removed and others made in their place: there is nothing
// there for the container to be limited by, to be counted in, or to be frozen in.
func (c *cgroup) whole() error {
	if len(c.replaced) == 0 {
		return nil
	}
	return fmt.Errorf("cgroup %s is another than the container's, which somebody has removed: %w", c.replaced[0], syscall.ESTALE)
}

// follow goes by where the container's first process is in the hierarchies in which the container's own cgroup is gone, and says where
// that is.
func (c *cgroup) follow(st *store.State) (moved []string, err error) {
	if len(c.gone) == 0 || c.Manager == nil {
		return nil, nil
	}
	pidfd, err := openInit(st)
	if err != nil {
		return nil, err
	}
	defer sys.Close(pidfd)
	t, err := openThread(st.Init.Pid)
	if err != nil {
		return nil, err
	}
	defer t.close()
	dir := fmt.Sprintf("/proc/%d/%s", st.Init.Pid, t.at)
	c.Manager, moved, err = c.Follow(dir+"cgroup", func() error {
		exits, err := host.ThreadExits(dir + "stat")
		if err == nil && exits {
			err = fmt.Errorf("%sstat: the thread is ending: %w", dir, syscall.ESRCH)
		}
		return errors.Join(err, sys.PidfdSendSignal(pidfd, 0)) // the pid was its own, and may be another's from now on
	})
	return moved, err
}

// ids says which cgroups the container has got.
func (c *cgroup) ids() string {
	if c.Manager == nil {
		return ""
	}
	return c.IDs()
}

// dir is the directory for CLONE_INTO_CGROUP, or -1.
func (c *cgroup) dir() int {
	if c.Manager == nil {
		return -1
	}
	if fd, ok := c.Dir(); ok {
		return fd
	}
	return -1
}

// fill writes the limits. It is done before init joins: the device list, once begun, would keep init from making
// device nodes.
func (c *cgroup) fill(s *specs.Spec, l *log.Logger) error {
	if s.Linux == nil {
		return nil
	}
	warnings, err := c.Set(s.Linux.Resources)
	for _, w := range warnings {
		l.Warnf("%s", w)
	}
	return err
}

// checkJoined finds out whether init, which has been put into cg, still is there.
func (c *creation) checkJoined(cg *cgroup) error {
	if cg.Manager == nil {
		return nil
	}
	err := cg.CheckJoined(c.init.Pid)
	if err == nil {
		return nil
	}
	// A process that ends shows as in the root of each v1 hierarchy (proc_cgroup_show): that is not what is wrong then.
	if ended, werr := sys.PidfdWait(c.init.PidFd, int(endWait.Milliseconds())); werr == nil && ended {
		return c.explain(c.init.Failure())
	}
	return err
}

// endWait is how long the end of a process that seems to be ending is waited for, to tell what it is.
const endWait = time.Second

// tasks opens the tasks file of each v1 hierarchy for init to join by itself. The permission checked is the opener's.
func (c *cgroup) tasks() (names []string, fds []int, err error) {
	if c.Manager == nil {
		return nil, nil, nil
	}
	rec := c.Record()
	for i := range rec.Places {
		p := &rec.Places[i]
		if p.V2() {
			continue
		}
		file := p.Dir() + "/tasks"
		fd, err := sys.Openat(sys.AtFdcwd, file, sys.OWronly, 0)
		if err != nil {
			for _, fd := range fds {
				sys.Close(fd)
			}
			return nil, nil, fmt.Errorf("open %s: %w", file, err)
		}
		names, fds = append(names, p.Name), append(fds, fd)
	}
	return names, fds, nil
}

// below is the cgroup that `exec --cgroup` names: PATH, or CONTROLLER[,CONTROLLER…]:PATH for some v1 hierarchies.
func (c *cgroup) below(list []string) (*cgroup, error) {
	if len(list) == 0 || c.Manager == nil {
		return c, nil
	}
	sub := map[string]string{}
	for _, arg := range list {
		controllers, dir, ok := strings.Cut(arg, ":")
		switch {
		case !ok && len(list) > 1: // beside others it would not be said which of them goes for a hierarchy
			return nil, fmt.Errorf("--cgroup %s: beside others, want CONTROLLER:PATH: %w", arg, syscall.EINVAL)
		case !ok:
			controllers, dir = "", arg
		case controllers == "":
			return nil, fmt.Errorf("--cgroup %s: no controller before the colon: %w", arg, syscall.EINVAL)
		}
		for controller := range strings.SplitSeq(controllers, ",") {
			if _, dup := sub[controller]; dup {
				return nil, fmt.Errorf("--cgroup %s: given twice: %w", arg, syscall.EINVAL)
			}
			sub[controller] = dir
		}
	}
	m, err := c.At(sub)
	if err != nil {
		return nil, fmt.Errorf("--cgroup: %w", err)
	}
	return &cgroup{Manager: m}, nil
}

// mounts is what the mounts of type cgroup in s show.
//
// A runtime that is itself in a user namespace shows the cgroups of its own namespace read-only, even when asked for a writable
// mount: the container's root would be the user who owns those of the runtime (CVE-2023-25809).
func (c *cgroup) mounts(s *specs.Spec, ownNS bool) (out rootfs.Cgroups, err error) {
	if !slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool { return rootfs.IsCgroup(&m) }) {
		return out, nil
	}
	rec, err := c.shown()
	if err != nil {
		return out, err
	}
	data := rec.Mounts()
	out.OwnNS, out.Unified = ownNS, data.Unified
	if !ownNS {
		if out.Closed, err = host.InUserNamespace(); err != nil {
			return out, err
		}
	}
	for _, m := range data.V1 {
		out.Hierarchy = append(out.Hierarchy, rootfs.Hierarchy{
			Name: m.Dir, Options: strings.Split(m.Options, ","), Path: m.HostPath, Symlinks: m.Links,
		})
	}
	return out, nil
}

func (c *cgroup) signal(sig syscall.Signal) error {
	if c.Manager == nil {
		return nil
	}
	if sig == syscall.SIGKILL {
		return c.Kill()
	}
	return c.Signal(sig, true)
}

// killAgain is how long remove waits for processes to end before it looks for some that it has not killed.
const killAgain = time.Second

// remove kills what is left in the cgroup and removes it, within killWait.
func (c *cgroup) remove() error {
	if c.Manager == nil {
		return nil
	}
	for end := time.Now().Add(killWait); ; {
		if err := c.Kill(); err != nil {
			return err
		}
		err := c.Destroy(min(killAgain, time.Until(end)))
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(end) {
			return err
		}
	}
}

func (c *cgroup) frozen() (bool, error) {
	if c.Manager == nil {
		return false, nil
	}
	return c.Frozen()
}

func writableCgroup(mounts []specs.Mount) bool {
	for i := range mounts {
		if rootfs.IsCgroup(&mounts[i]) {
			return !names.HasOption(&mounts[i], "ro")
		}
	}
	return false
}
