package rootfs

import (
	"fmt"
	"path/filepath"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

func (c *Compiler) enterCgroupNS() {
	if f := c.c.EnterCgroupNS; f != nil {
		c.c.EnterCgroupNS = nil
		f()
	}
}

// cgroupOptions is o or, where the cgroups are not to be written, o with nothing that would make the mount writable.
func (c *Compiler) cgroupOptions(o *options) *options {
	if !c.c.Cgroups.Closed {
		return o
	}
	closed := *o
	closed.set |= sys.MountAttrRdonly
	closed.recClr &^= sys.MountAttrRdonly // rrw
	return &closed
}

// cgroupMount is a mount of cgroups; held says whether it is among those that are closed later.
type cgroupMount struct {
	mnt  program.Slot
	held bool
}

// cgroupPlaced is placed for a mount of cgroups: when it is to stay read-only, a remount may yet make it writable.
func (c *Compiler) cgroupPlaced(dest, fstype string, mnt program.Slot) {
	if !c.remounts || !c.c.Cgroups.Closed {
		c.placed(dest, fstype, mnt)
		return
	}
	needed := c.needed[dest] > c.entry
	if needed {
		c.hold(dest, held{mnt, c.entry, fstype})
	}
	c.cgroups = append(c.cgroups, cgroupMount{mnt, needed})
}

// shutCgroups makes them read-only again after all remounts: an "rrw" of /sys, or of the root, is for them too.
func (c *Compiler) shutCgroups() {
	for _, m := range c.cgroups {
		c.b.At("mounts", "keep the host's cgroups read-only")
		c.b.MountSetattr(m.mnt, 0, program.MountAttr{Set: sys.MountAttrRdonly})
		if !m.held {
			c.b.Close(m.mnt)
		}
	}
}

// Shared lists the host's directories that m shows, as hierarchies of v1 or, without a name, of v2.
func (g *Cgroups) Shared(m *specs.Mount) []Hierarchy {
	o, err := optionsOf(m)
	switch {
	case err != nil || !IsCgroup(m) || o.has(bind) || o.has(remount) || g.OwnNS:
		return nil
	case m.Type == "cgroup" && len(g.Hierarchy) > 0:
		return g.Hierarchy
	case g.Unified != "":
		return []Hierarchy{{Path: g.Unified}}
	}
	return nil
}

// CgroupSource is the name of the input for the cgroups that entry i of mounts shows of a hierarchy, "" being v2.
func CgroupSource(i int, hierarchy string) string {
	return fmt.Sprintf("mounts[%d].cgroup %s", i, hierarchy)
}

// hostCgroups is a mount of the directory path of a hierarchy, as the host has it.
func (c *Compiler) hostCgroups(hierarchy, path string, o *options) program.Slot {
	mnt, given := c.c.Sources[CgroupSource(c.entry, hierarchy)]
	if given {
		c.cutOff(mnt)
	} else {
		mnt = c.b.OpenTree(program.Host, path, sys.OpenTreeClone)
	}
	c.attributes(mnt, c.cgroupOptions(o), true)
	return mnt
}

// cgroupV2 mounts the unified hierarchy: the namespace's own view of it or, when the cgroup namespace is the runtime's, the
// whole tree, where the paths of /proc/PID/cgroup are to be found. That is a bind mount: a new one would set the options of
// the host's (nsdelegate, memory_recursiveprot) anew.
func (c *Compiler) cgroupV2(where, dest string, m *specs.Mount, o *options) error {
	b := c.b
	c.enterCgroupNS()
	b.At(where, "mount cgroup2 on "+m.Destination)
	var mnt program.Slot
	if c.c.Cgroups.OwnNS {
		mnt = c.newFilesystem("cgroup2", m.Source, o.data, o.set)
		c.attributes(mnt, o, false)
	} else {
		if c.c.Cgroups.Unified == "" {
			return fmt.Errorf("type: cgroup2: no such hierarchy on this host: %w", syscall.ENODEV)
		}
		mnt = c.hostCgroups("", c.c.Cgroups.Unified, o)
	}
	c.attach(mnt, dest, "cgroup2")
	c.propagate(mnt, o)
	c.cgroupPlaced(dest, "cgroup2", mnt)
	return nil
}

// cgroupV1 builds what /sys/fs/cgroup looks like on a v1 host: a tmpfs with a mount for each hierarchy, of the container's
// own cgroup.
func (c *Compiler) cgroupV1(where, dest string, o *options) {
	b := c.b
	c.enterCgroupNS()
	b.At(where, "mount the cgroup v1 hierarchies on "+dest)
	attrs := o.set &^ sys.MountAttrRdonly
	tmpfs := c.newFilesystem("tmpfs", "tmpfs", []string{"mode=755"}, attrs)
	c.attach(tmpfs, dest, "tmpfs")
	for _, h := range c.c.Cgroups.Hierarchy {
		b.At(where, "mount cgroup v1 "+h.Name)
		var mnt program.Slot
		if c.c.Cgroups.OwnNS {
			mnt = c.newFilesystem("cgroup", "cgroup", h.Options, o.set)
			c.attributes(mnt, o, false)
		} else {
			mnt = c.hostCgroups(h.Name, h.Path, o)
		}
		at := filepath.Join(dest, h.Name)
		dst := b.Target(program.Path{Root: c.root, Name: at, Held: tmpfs, Known: len(dest)}, program.WantDir|program.OffProc, program.None)
		b.MoveMount(mnt, dst)
		b.Close(dst)
		c.cgroupPlaced(at, "cgroup", mnt)
		for _, name := range h.Symlinks {
			b.Symlinkat(h.Name, tmpfs, name)
		}
	}
	if (o.set|o.recSet)&sys.MountAttrRdonly != 0 {
		b.MountSetattr(tmpfs, 0, program.MountAttr{Set: sys.MountAttrRdonly})
	}
	c.propagate(tmpfs, o)
	c.placed(dest, "tmpfs", tmpfs)
}
