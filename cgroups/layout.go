package cgroups

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Mode is how a host arranges its cgroups. The text forms are part of stored records.
type Mode string

// The three arrangements there are.
const (
	Unified Mode = "unified" // /sys/fs/cgroup is a cgroup v2 tree
	Hybrid  Mode = "hybrid"  // v1 hierarchies, and a v2 tree beside them
	Legacy  Mode = "legacy"  // v1 hierarchies only
)

// Hierarchy is one mounted cgroup tree.
type Hierarchy struct {
	// Name is the second field of /proc/PID/cgroup: the controllers of a v1 hierarchy ("cpu,cpuacct") or its
	// name ("name=systemd"); empty for v2.
	Name string
	// Mountpoint is where it is mounted, in teu's mount namespace.
	Mountpoint string
	// Root is the cgroup that the mount shows at its root (mountinfo, field 4), as /proc/PID/cgroup would name it;
	// empty while nobody had to know.
	Root string
	// Own is teu's cgroup, as /proc/self/cgroup names it; empty while nobody had to know.
	Own string
}

// Layout is what [Probe] found.
type Layout struct {
	Mode Mode
	// V1 holds the v1 hierarchies in the order of /proc/self/cgroup.
	V1 []Hierarchy
	// V2 is the v2 tree; its Mountpoint is empty in Legacy mode.
	V2 Hierarchy
	// Unmounted names the v1 hierarchies that are active, and mounted nowhere that teu can reach.
	Unmounted []string

	from source
}

// source is where a Layout is read from; tests put files of their own in its place.
type source struct {
	base      string // conventional place of the mounts
	cgroup    string // /proc/self/cgroup
	mountinfo string // /proc/self/mountinfo
	magic     func(path string) (int64, error)
}

// Probe finds the cgroup hierarchies. It looks where every distribution mounts them and takes a filesystem of the
// right kind there for the right one (as runc does), so that it need not read mountinfo, which grows with the
// number of mounts on the host; that is read only for what is not in its usual place.
func Probe() (*Layout, error) {
	return probe(hostSource)
}

var hostSource = source{
	base:      "/sys/fs/cgroup",
	cgroup:    "/proc/self/cgroup",
	mountinfo: "/proc/self/mountinfo",
	magic:     sys.PathMagic,
}

func probe(from source) (*Layout, error) {
	l := &Layout{from: from}
	if magic, err := from.magic(from.base); err == nil && magic == sys.Cgroup2SuperMagic {
		l.Mode = Unified
		l.V2.Mountpoint = from.base
		return l, nil
	}
	text, err := sys.ReadFileAt(sys.AtFdcwd, from.cgroup)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from.cgroup, err)
	}
	missing := false
	for line := range strings.Lines(string(text)) {
		name, own, err := parseCgroupLine(line)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", from.cgroup, err)
		}
		h := Hierarchy{Name: name, Own: own, Mountpoint: from.usualPlace(name)}
		missing = missing || h.Mountpoint == ""
		if name == "" {
			l.V2 = h
		} else {
			l.V1 = append(l.V1, h)
		}
	}
	if missing {
		if err := l.findMounts(); err != nil {
			return nil, err
		}
	}
	return l, l.settle()
}

// settle drops the hierarchies that are mounted nowhere and names the mode.
func (l *Layout) settle() error {
	mounted := l.V1[:0]
	for _, h := range l.V1 {
		if h.Mountpoint != "" {
			mounted = append(mounted, h)
		} else {
			l.Unmounted = append(l.Unmounted, h.Name)
		}
	}
	l.V1 = mounted
	switch {
	case len(l.V1) == 0 && l.V2.Mountpoint == "":
		return fmt.Errorf("probe cgroups: no cgroup filesystem is mounted")
	case len(l.V1) == 0:
		l.Mode = Unified
	case l.V2.Mountpoint == "":
		l.Mode = Legacy
		l.V2 = Hierarchy{}
	default:
		l.Mode = Hybrid
	}
	return nil
}

// usualPlace returns the conventional mountpoint of a hierarchy when a cgroup filesystem of its version is there.
func (f *source) usualPlace(name string) string {
	want := int64(sys.CgroupSuperMagic)
	dir, named := strings.CutPrefix(name, "name=")
	if name == "" {
		want, dir = sys.Cgroup2SuperMagic, "unified"
	}
	try := func(dir string) string {
		p := f.base + "/" + dir
		if magic, err := f.magic(p); err == nil && magic == want {
			return p
		}
		return ""
	}
	if p := try(dir); p != "" || named || name == "" {
		return p
	}
	// Co-mounted controllers: the directory can be called after one of them, or have links to it.
	for one := range strings.SplitSeq(name, ",") {
		if one != dir {
			if p := try(one); p != "" {
				return p
			}
		}
	}
	return ""
}

// parseCgroupLine splits "4:memory:/path" (cgroups(7), /proc/PID/cgroup). The path may hold colons.
func parseCgroupLine(line string) (name, path string, err error) {
	_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
	name, path, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || !strings.HasPrefix(path, "/") {
		return "", "", fmt.Errorf("%q: not understood", line)
	}
	return name, path, nil
}

// findOwn completes Root and Own of every hierarchy.
func (l *Layout) findOwn() error {
	if l.V2.Mountpoint != "" && l.V2.Own == "" {
		own, err := ownPath(l.from.cgroup)
		if err != nil {
			return err
		}
		l.V2.Own = own
	}
	known := l.V2.Mountpoint == "" || l.V2.Root != ""
	for i := range l.V1 {
		known = known && l.V1[i].Root != ""
	}
	if known {
		return nil
	}
	return l.findMounts()
}

// ownPath returns the v2 cgroup named in a /proc/PID/cgroup file.
func ownPath(file string) (string, error) {
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	for line := range strings.Lines(string(text)) {
		name, path, err := parseCgroupLine(line)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", file, err)
		}
		if name == "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("read %s: no cgroup v2 line", file)
}

// beneath returns teu's own cgroup as a path below the mountpoint, "/" for the mountpoint itself. The two differ
// when a container got a piece of the host's tree mounted and no cgroup namespace.
func (h *Hierarchy) beneath() (string, error) {
	switch h.Root {
	case "":
		return "", fmt.Errorf("own cgroup %s: %s: not found in mountinfo", h.Own, h.Mountpoint)
	case "/":
		return h.Own, checkOwn(h)
	}
	rest, ok := strings.CutPrefix(h.Own, h.Root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", fmt.Errorf("own cgroup %s: not below %s, which is mounted on %s", h.Own, h.Root, h.Mountpoint)
	}
	if rest == "" {
		rest = "/"
	}
	return rest, checkOwn(h)
}

// checkOwn refuses the "/../x" that the kernel shows for a cgroup outside of the reader's cgroup namespace.
func checkOwn(h *Hierarchy) error {
	if h.Own == "/.." || strings.HasPrefix(h.Own, "/../") {
		return fmt.Errorf("own cgroup %s: outside of the cgroup namespace", h.Own)
	}
	return nil
}

// Has reports whether a v1 hierarchy carries the controller.
func (h *Hierarchy) Has(controller string) bool { return nameHas(h.Name, controller) }

func nameHas(name, controller string) bool {
	for one := range strings.SplitSeq(name, ",") {
		if one == controller {
			return true
		}
	}
	return false
}

// absent reports whether err says that there is nothing at a path, or no longer a cgroup behind an open file.
func absent(err error) bool { return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENODEV) }
