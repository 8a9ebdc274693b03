// Package rootfs compiles what config.json says about the container's files into a program: the root, the mounts,
// the devices, the masked and read-only paths, and the change of root.
//
// Paths inside the root are somebody else's: they are only ever opened with openat2 RESOLVE_IN_ROOT and mounted onto
// by descriptor, never used twice (CVE-2019-19921, CVE-2021-30465, CVE-2024-45310, CVE-2025-31133 and their kin).
package rootfs

import (
	"fmt"
	"path/filepath"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Config is what the compiler needs to know beside the spec.
type Config struct {
	Spec   *specs.Spec
	Bundle string // absolute
	Root   string // the directory that root.path leads to, absolute: no symlink, at least at its end

	// Dir is the directory Root in the mount namespace of the process, program.None when that is still to be looked up. Tree is
	// a clone of it, program.None but where there may be no such directory.
	Dir, Tree program.Slot

	// UserNS: the container gets a user namespace of its own, where device nodes cannot be made.
	UserNS bool
	// Sources holds the inputs for what the parent opened because the container's root may not reach it, or could not translate
	// its ids: "mounts[i].source" and those that CgroupSource names.
	Sources map[string]program.Slot

	// Pids is the pid namespace that a procfs is of, program.None for that of the process.
	Pids    program.Slot
	Cgroups Cgroups
	// EnterCgroupNS is called before the first cgroup is mounted.
	EnterCgroupNS func()

	// NoMounts: the mount namespace is the host's. Nothing is mounted, which validation has seen to; the root is a directory.
	NoMounts bool
	NoPivot  bool
	// Revealing lists where procfs and sysfs are mounted on the host, the last first. Without pivot_root they stay in the
	// container's mount namespace.
	Revealing []string
}

// Cgroups is the cgroup layout of the host as far as a mount of type cgroup needs it.
type Cgroups struct {
	Unified   string // host path of the v2 tree, "" where there is none
	OwnNS     bool   // the container has a cgroup namespace of its own
	Closed    bool   // they are mounted read-only, whatever the options say (docs/decisions/0008-mounts.md)
	Hierarchy []Hierarchy
}

// Hierarchy is one cgroup v1 hierarchy.
type Hierarchy struct {
	Name     string   // the directory below /sys/fs/cgroup: "cpu,cpuacct", "systemd"
	Options  []string // mount options that name it: "cpu", "cpuacct"; "none", "name=systemd"
	Path     string   // host path of the container's own cgroup in it
	Symlinks []string // other names of the directory: "cpu", "cpuacct"
}

// Compiler holds the state between the phases, which the caller runs in order: Root, Mounts, Devices, Console,
// Masks, Finish, Enter.
type Compiler struct {
	b    *program.Builder
	c    *Config
	root program.Slot
	cut  uint64   // how mounts of the host's are cut off from it: the propagation they get, or 0
	late []func() // what has to wait until everything is in its place

	covered []coverage // what is to be checked once the root is entered

	held    map[string]held        // what lookups start from, by its destination
	holding []program.Slot         // what is closed in the end
	until   map[int][]program.Slot // what is closed after an entry of mounts
	needed  map[string]int         // path: the last entry of mounts for which it, or something below, is looked up
	entry   int                    // of mounts, at hand

	remounts bool                    // whether anything is remounted
	cgroups  []cgroupMount           // those that are to stay read-only
	early    map[string]program.Slot // bind sources that openSources opened
}

// New starts compiling into b.
func New(b *program.Builder, c *Config) *Compiler {
	return &Compiler{b: b, c: c, root: program.None, held: map[string]held{}, needed: map[string]int{}, until: map[int][]program.Slot{}}
}

// Inside starts compiling for a process that is in the root already, as exec's is.
func Inside(b *program.Builder) *Compiler {
	b.At("", "open the root")
	root := b.Openat2(program.Host, "/", program.How{Flags: sys.OPath | sys.ODirectory})
	return &Compiler{b: b, c: &Config{}, root: root}
}

// Attaching starts compiling the mounts of c for a process that is in the root already.
func Attaching(b *program.Builder, c *Config) *Compiler {
	fs := Inside(b)
	inside := New(b, c)
	inside.root = fs.root
	return inside
}

// Close lets go of the root that Inside opened.
func (c *Compiler) Close() { c.b.Close(c.root) }

// Path is what root.path says: an absolute path on the host, where a symlink may be.
func Path(s *specs.Spec, bundle string) string {
	if filepath.IsAbs(s.Root.Path) {
		return filepath.Clean(s.Root.Path)
	}
	return filepath.Join(bundle, s.Root.Path)
}

// Root cuts the mount namespace off from the host's, as linux.rootfsPropagation says, and mounts root.path on itself, by the
// descriptor of the one lookup. There hooks find it until it is entered, beside all that the host has (config.md,
// "POSIX-platform Hooks").
func (c *Compiler) Root() {
	b := c.b
	if c.c.NoMounts {
		b.At("root.path", "open "+c.c.Root)
		c.root = c.directory()
		return
	}
	p, _ := c.rootPropagation()
	if p.kind == sys.MsShared {
		c.openSources()
	}
	b.At("linux.rootfsPropagation", "cut off from the host's mounts")
	switch p.kind {
	case sys.MsShared:
		c.privateParent()
	case sys.MsPrivate, sys.MsUnbindable:
		c.cut = sys.MsPrivate
	default:
		c.cut = sys.MsSlave
	}
	if c.cut != 0 {
		b.MountSetattrPath("/", sys.AtRecursive, program.MountAttr{Propagation: c.cut})
	}

	b.At("root.path", "mount "+c.c.Root)
	if c.root = c.c.Tree; c.root != program.None {
		c.cutOff(c.root)
		b.MoveMountTo(c.root, "/")
	} else {
		dir := c.directory()
		c.root = b.CloneTree(dir, sys.AtRecursive)
		b.MoveMount(c.root, dir)
		b.Close(dir)
	}
	if c.cut == 0 {
		if p.recursive {
			b.MountSetattr(c.root, sys.AtRecursive, program.MountAttr{Propagation: p.kind})
		}
		// A peer group of its own is what it gets when it is entered (config-linux.md, "Rootfs Mount Propagation").
		b.MountSetattr(c.root, 0, program.MountAttr{Propagation: sys.MsPrivate})
	}
}

// directory is the one that root.path has led to.
func (c *Compiler) directory() program.Slot {
	if c.c.Dir != program.None {
		return c.c.Dir
	}
	return c.b.Openat2(program.Host, c.c.Root, program.How{
		Flags: sys.OPath | sys.ODirectory | sys.ONofollow, Resolve: sys.ResolveNoMagiclinks,
	})
}

// privateParent is for a root from which mounts show on the host: the one mount that the root is going to be mounted on, and that
// pivot_root(2) leaves, is made private. Its root is the last of the directories on the way that is a mount: of any other
// mount_setattr(2) says EINVAL. So it is found without reading mountinfo.
//
// A process that got its mount namespace with a user namespace has no mounts that are shared (mount_namespaces(7)).
func (c *Compiler) privateParent() {
	b, path := c.b, c.c.Root
	if c.c.Dir != program.None {
		return
	}
	if c.c.Tree != program.None {
		path = "/"
	}
	found := b.Label()
	for private := (program.MountAttr{Propagation: sys.MsPrivate}); ; path = filepath.Dir(path) {
		b.MountSetattrPath(path, 0, private)
		if path == "/" {
			break
		}
		above := b.Label()
		b.On(above, syscall.EINVAL)
		b.Jump(found)
		b.Here(above)
	}
	b.Here(found)
}

// openSources opens the sources of bind mounts while "/" is still a peer of the host's: what is cloned from it later has no
// peers there, and a volume on the host's own root filesystem could neither be shared nor be a slave.
func (c *Compiler) openSources() {
	c.early = map[string]program.Slot{}
	for i := range c.c.Spec.Mounts {
		m := &c.c.Spec.Mounts[i]
		where := fmt.Sprintf("mounts[%d]", i)
		flags, isBind := BindFlags(m)
		source := Source(c.c.Bundle, m)
		_, given := c.c.Sources[where+".source"]
		if _, inside := c.c.inside(source); given || inside || !isBind || m.Source == "" {
			continue
		}
		c.b.At(where, "bind "+source+" on "+m.Destination)
		c.early[where+".source"] = c.b.OpenTree(program.Host, source, flags)
	}
}

// cutOff is for what the parent has cloned in the host's mount namespace: until it is told otherwise, such a mount is
// the peer of the one it was cloned from, and what is mounted below it shows on the host.
func (c *Compiler) cutOff(mnt program.Slot) {
	if c.cut != 0 {
		c.b.MountSetattr(mnt, sys.AtRecursive, program.MountAttr{Propagation: c.cut})
	}
}

// Finish is what waits until everything else is in its place: propagation, read-only mounts, read-only root.
func (c *Compiler) Finish() {
	for _, f := range c.late {
		f()
	}
	c.b.Close(c.holding...)
	if c.c.Spec.Root.Readonly {
		c.b.At("root.readonly", "make the root read-only")
		c.b.MountSetattr(c.root, 0, program.MountAttr{Set: sys.MountAttrRdonly})
	}
}

// Chdir makes the root the working directory, for hooks: Enter does so anyway.
func (c *Compiler) Chdir() {
	c.b.At("root.path", "go to the root")
	c.b.Fchdir(c.root)
}

// Enter makes the root the process's own, lets go of the host's, and checks what was masked.
//
// After pivot_root(".", ".") the old root lies on top of the new one (pivot_root(2), "pivot_root(".", ".")"), and is
// taken off. Mounts that are still peers of the host's have to be made slaves first: the host would lose them too.
// Only a descriptor leads to the old root then: "." is the new one to all calls but umount2.
func (c *Compiler) Enter() {
	b := c.b
	b.At("root.path", "enter the root")
	old := program.None
	if c.cut == 0 && !c.c.NoPivot && !c.c.NoMounts {
		old = b.Openat2(program.Host, "/", program.How{Flags: sys.OPath | sys.ODirectory})
	}
	b.Fchdir(c.root)
	if c.c.NoMounts {
		b.Close(c.root)
		b.Chroot(".")
		b.Chdir("/")
		return
	}
	if c.c.NoPivot {
		c.cover()
		b.Close(c.root)
		c.hideRevealing()
		b.Chroot(".")
	} else {
		b.Close(c.root)
		b.PivotRoot(".", ".")
		if old != program.None {
			b.MountSetattr(old, sys.AtRecursive, program.MountAttr{Propagation: sys.MsSlave})
			b.Close(old)
		}
		b.Umount2(".", sys.MntDetach)
	}
	b.Chdir("/")
	c.propagation()
	c.checkMasks()
}

// cover moves the root over "/", where whoever joins the mount namespace finds it. By the host's paths the process then finds what
// was there before the root was, as hideRevealing has to.
func (c *Compiler) cover() {
	if c.c.Tree != program.None || c.c.Root == "/" {
		return // it is there
	}
	if c.cut == 0 && c.c.Dir == program.None {
		c.b.MountSetattrPath("/", 0, program.MountAttr{Propagation: sys.MsPrivate})
	}
	c.b.MoveMountTo(c.root, "/")
}

// hideRevealing takes the procfs and the sysfs of the host away. As long as the mount namespace holds one with nothing
// masked, the kernel lets a user namespace in the container mount another (mount_too_revealing in fs/namespace.c), where
// root's /proc/sys is writable. In a user namespace the host's are locked, and are covered instead, which makes them
// count as masked. So are those that are peers of the host's, which would lose what is taken off from a peer.
func (c *Compiler) hideRevealing() {
	b := c.b
	for _, path := range c.c.Revealing {
		b.At("root.path", "take away the host's "+path)
		locked, done := b.Label(), b.Label()
		if c.cut == 0 {
			b.MountSetattrPath(path, 0, program.MountAttr{Propagation: sys.MsPrivate})
			b.On(done, syscall.ENOENT, syscall.EINVAL) // not there, or no mount any more
		} else {
			b.Umount2(path, sys.MntDetach)
			b.On(locked, syscall.EINVAL, syscall.EPERM)
			b.On(done, syscall.ENOENT)
			b.Jump(done)
		}
		b.Here(locked)
		cover := c.emptyDir()
		b.MoveMountTo(cover, path)
		b.Close(cover)
		b.Here(done)
	}
}

// rootPropagation is linux.rootfsPropagation, if it says anything.
func (c *Compiler) rootPropagation() (p propagation, ok bool) {
	if c.c.Spec.Linux == nil {
		return propagation{}, false
	}
	return propagationOption(c.c.Spec.Linux.RootfsPropagation)
}

// Shows reports whether what is mounted in the container shows on the host.
func Shows(s *specs.Spec) bool {
	p, ok := (&Compiler{c: &Config{Spec: s}}).rootPropagation()
	return ok && p.kind == sys.MsShared
}

// propagation gives the root what linux.rootfsPropagation says. It comes after pivot_root, which refuses a shared root.
//
// A recursive one is not for mounts that have one in their options: a volume that is rprivate stays so beside one that is rshared, for
// which callers ask for a root that is rshared. So each of mounts gets it by itself, see propagate, and those of the host below
// the root have it from Root. What is unbindable cannot be cloned, which read-only paths are, and waits for all.
func (c *Compiler) propagation() {
	p, ok := c.rootPropagation()
	if !ok {
		return
	}
	flags := uint(0)
	if p.recursive && p.kind == sys.MsUnbindable {
		flags = sys.AtRecursive
	}
	c.b.At("linux.rootfsPropagation", "make the root "+c.c.Spec.Linux.RootfsPropagation)
	c.b.MountSetattrPath("/", flags, program.MountAttr{Propagation: p.kind})
}

// Dir makes sure that the directory path exists in the root.
func (c *Compiler) Dir(where, path string) {
	c.b.At(where, "make "+path)
	c.b.Close(c.target(filepath.Clean("/"+path), program.WantDir, program.None))
}
