package libcontainer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/rootfs"
)

/*
What the parent opens on behalf of init, as inputs of its program:

	root.path, sources   in a user namespace, whose root may not reach them; a source that lies in the root is looked up there,
	                     by init, for earlier mounts may have made it
	the host's cgroups   there, too, for mounts of type cgroup without a cgroup namespace
	translated mounts    any mount whose ids are translated (mounts[].uidMappings): bound, or of a new filesystem

Who translates the ids of a mount needs CAP_SYS_ADMIN over its filesystem and over the user namespace that says how
(mount_setattr(2)). Over a filesystem of the host's, init in a user namespace has it not; over one of its own it has, but the
kernel takes no mapping by the very namespace that the filesystem belongs to, and over any other that is not its child init
has none again. So the parent does it, for all, and makes such a filesystem itself: it belongs to the host's user namespace.
*/

// source is one thing that the parent opens.
type source struct {
	name  string // of the input: inputRoot, "mounts[3].source"
	dest  string // where it goes in the container
	path  string // what is cloned, or where the new filesystem comes from
	dir   bool   // it is a directory that is opened, and not cloned
	root  string // the root that path is looked up in, "" for that of the host
	flags uint   // of open_tree(2)
	fs    *rootfs.Filesystem
	ids   *spec.MountIDs
}

// lookUpInside has a bind mount's source that lies in the container's root looked up there, for symlinks in it are the image's. It
// reports whether that is for the parent to do, which has to where the ids of the mount are translated.
func (s *source) lookUpInside(container *specs.Spec, f *initFacts) (byParent bool) {
	path, inside := rootfs.InRoot(container, f.bundle, f.root, s.path)
	if inside && s.ids != nil {
		s.root, s.path = f.root, path
	}
	return !inside || s.ids != nil
}

// compileSources lists what the parent opens for s.
func compileSources(s *specs.Spec, ns *namespaces, f *initFacts) (list []source, err error) {
	switch ns.rootKind() {
	case rootAsInput, rootAsCwd:
		list = append(list, source{name: inputRoot, path: f.root, dir: true})
	case rootAsTree:
		list = append(list, source{name: inputRoot, path: f.root, flags: sys.OpenTreeClone | sys.AtRecursive})
	}
	if !ns.has(sys.CloneNewNs) {
		return list, nil
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		ids, p := spec.MountIDsOf(m, s.Linux)
		if p != nil {
			return nil, fmt.Errorf("mounts[%d].%s: %w", i, p, syscall.EINVAL)
		}
		if ids == nil && !ns.inUserNS() {
			continue
		}
		flags, bind := rootfs.BindFlags(m)
		if ids == nil && !bind {
			continue
		}
		src := source{name: fmt.Sprintf("mounts[%d].source", i), dest: m.Destination, path: m.Source, flags: flags, ids: ids}
		if bind {
			src.path = rootfs.Source(f.bundle, m)
			if !src.lookUpInside(s, f) {
				continue
			}
		} else if fs, ok := rootfs.NewFilesystem(s, m); ok {
			src.fs = &fs
		} else {
			continue // the compiler says why
		}
		list = append(list, src)
	}
	return list, nil
}

// cgroupSources lists what the parent opens of the host's cgroups, cg, for s.
func cgroupSources(s *specs.Spec, ns *namespaces, cg *rootfs.Cgroups) (list []source) {
	if !ns.has(sys.CloneNewNs) || !ns.inUserNS() {
		return nil
	}
	for i := range s.Mounts {
		for _, h := range cg.Shared(&s.Mounts[i]) {
			list = append(list, source{
				name: rootfs.CgroupSource(i, h.Name), dest: s.Mounts[i].Destination, path: h.Path, flags: sys.OpenTreeClone,
			})
		}
	}
	return list
}

// cgroupSources is the same of c, and says what the container will not see.
func (c *creation) cgroupSources() []source {
	list := cgroupSources(c.spec, c.ns, &c.facts.cgroups)
	if len(list) > 0 && len(c.facts.cgroups.Hierarchy) > 0 {
		for _, name := range c.cgroup.unmounted {
			c.r.Log.Warnf("cgroup v1 %s is mounted nowhere within reach: the hierarchy is left out of %s", name, list[0].dest)
		}
	}
	return list
}

// translated: the ids of some source are to be translated.
func translated(list []source) bool {
	return slices.ContainsFunc(list, func(s source) bool { return s.ids != nil })
}

// openSources opens what compileSources lists.
//
// In a user namespace it is opened in init's mount namespace, when init has it from birth: there the kernel has locked what
// the host's mounts are read-only, nosuid, nodev for, and what is mounted below them (mount_namespaces(7)), so that root of
// the container can undo neither.
func (c *creation) openSources() error {
	list, err := compileSources(c.spec, c.ns, &c.facts)
	list = append(list, c.cgroupSources()...)
	if err != nil || len(list) == 0 {
		return err
	}
	if c.ns.newUser() {
		if err := <-c.spawned; err != nil {
			return err
		}
	}
	var maps idMapNamespaces
	defer maps.close()
	if translated(list) {
		if err := maps.open(c, list); err != nil {
			return err
		}
	}
	open := func() error { return c.openHere(list, &maps) }
	if c.ns.rootKind() == rootAsInput && c.ns.has(sys.CloneNewNs) {
		return sys.InMountNamespace("/proc/"+strconv.Itoa(c.init.Pid)+"/ns/mnt", open)
	}
	return open()
}

// openHere opens them in the mount namespace of the calling thread.
func (c *creation) openHere(list []source, maps *idMapNamespaces) error {
	for i := range list {
		s := &list[i]
		fd, err := s.open()
		if err != nil {
			return err
		}
		c.inputs[s.name] = fd
		c.facts.parentSources = append(c.facts.parentSources, s.name)
		if s.ids != nil {
			if err := s.translate(fd, maps.of(s.ids)); err != nil {
				return err
			}
		}
		if s.fs != nil || s.dir {
			continue
		}
		// Cloned in the host's mount namespace, it is a peer there: what init mounts on it would show on the host.
		if err := sys.MakeSlave(fd); err != nil {
			return fmt.Errorf("%s: %s: %w", s.name, s.path, err)
		}
	}
	return nil
}

func (s *source) open() (int, error) {
	if s.dir {
		return openRootDir(s.path)
	}
	if s.fs != nil {
		fd, err := sys.NewMount(s.fs.Type, s.fs.Source, s.fs.Options)
		if err != nil {
			return -1, fmt.Errorf("%s: mount %s on %s: %w", s.place(), s.fs.Type, s.dest, err)
		}
		return fd, nil
	}
	fd, err := s.clone()
	if errors.Is(err, syscall.EINVAL) && s.flags&sys.AtRecursive == 0 {
		err = fmt.Errorf("%w: a user namespace must not uncover what is mounted below it: want rbind", err)
	}
	if err != nil {
		return -1, fmt.Errorf("%s: %s: %w", s.name, s.path, err)
	}
	return fd, nil
}

// clone clones what is at the path.
func (s *source) clone() (int, error) {
	if s.root == "" {
		return sys.OpenTree(sys.AtFdcwd, s.path, s.flags)
	}
	root, err := openRootDir(s.root)
	if err != nil {
		return -1, err
	}
	defer sys.Close(root)
	flags := sys.OPath
	if s.flags&sys.AtSymlinkNofollow != 0 {
		flags |= sys.ONofollow
	}
	at, err := sys.OpenInRoot(root, s.path, flags)
	if err != nil {
		return -1, err
	}
	defer sys.Close(at)
	return sys.OpenTree(at, "", s.flags)
}

// place is the mount in config.json.
func (s *source) place() string { return s.name[:len(s.name)-len(".source")] }

// translate has the ids of the mount fd translated.
func (s *source) translate(fd, userns int) error {
	err := sys.Idmap(fd, userns, s.ids.Recursive)
	if err == nil {
		return nil
	}
	from := s.path
	if s.fs != nil {
		from = "a new filesystem"
	}
	what := "translate the ids of " + from + ", of type " + fsType(s, fd) + ", for " + s.dest
	switch {
	case errors.Is(err, syscall.EINVAL) && s.ids.Recursive:
		err = fmt.Errorf("%w: this type of filesystem, or one mounted below, does not support it", err)
	case errors.Is(err, syscall.EINVAL):
		err = fmt.Errorf("%w: this type of filesystem does not support it", err)
	case errors.Is(err, syscall.EPERM):
		err = fmt.Errorf("%w: they are translated already, or the user namespace is not ours to use", err)
	}
	return fmt.Errorf("%s: %s: %w", s.place(), what, err)
}

// fsType names the type of the filesystem behind fd.
func fsType(s *source, fd int) string {
	if s.fs != nil {
		return s.fs.Type
	}
	magic, err := sys.Magic(fd)
	if err != nil {
		return "unknown"
	}
	return sys.FsName(magic)
}

// idMapNamespaces are the user namespaces that say how ids are translated. Equal mappings share one.
type idMapNamespaces struct {
	own  int // the container's, or 0
	list []idMapNamespace
}

type idMapNamespace struct {
	uids, gids []specs.LinuxIDMapping
	fd         int
}

func (n *idMapNamespaces) open(c *creation, list []source) error {
	for i := range list {
		ids := list[i].ids
		switch {
		case ids == nil || n.of(ids) > 0:
		case ids.Container:
			if err := n.openOwn(c); err != nil {
				return err
			}
		default:
			fd, err := sys.UserNamespace(idMaps(ids.UIDs), idMaps(ids.GIDs))
			if err != nil {
				return fmt.Errorf("%s: uids %v, gids %v: %w", list[i].place(), ids.UIDs, ids.GIDs, err)
			}
			n.list = append(n.list, idMapNamespace{ids.UIDs, ids.GIDs, fd})
		}
	}
	return nil
}

// openOwn opens the container's user namespace: the one that it joins, or init's.
func (n *idMapNamespaces) openOwn(c *creation) (err error) {
	if fd, ok := c.inputs[inputName(sys.CloneNewUser)]; ok {
		n.own, err = sys.Dup(fd)
		return err
	}
	n.own, err = sys.Openat(sys.AtFdcwd, "/proc/"+strconv.Itoa(c.init.Pid)+"/ns/user", sys.ORdonly, 0)
	if err != nil {
		return fmt.Errorf("open the user namespace of init %d: %w", c.init.Pid, err)
	}
	return nil
}

// of is the namespace for ids, or 0.
func (n *idMapNamespaces) of(ids *spec.MountIDs) int {
	if ids.Container {
		return n.own
	}
	for i := range n.list {
		if l := &n.list[i]; slices.Equal(l.uids, ids.UIDs) && slices.Equal(l.gids, ids.GIDs) {
			return l.fd
		}
	}
	return 0
}

func (n *idMapNamespaces) close() {
	if n.own > 0 {
		sys.Close(n.own)
	}
	for i := range n.list {
		sys.Close(n.list[i].fd)
	}
}
