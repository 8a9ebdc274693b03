package spec

import (
	"path/filepath"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec/names"
)

// mounts: config.md, "Mounts".
func (c *checker) mounts() {
	if len(c.Mounts) > 0 {
		c.needsMountNamespace("mounts")
	}
	if c.Root != nil && c.Root.Readonly {
		c.needsMountNamespace("root.readonly")
	}
	if c.Process != nil && c.Process.Terminal {
		c.needsMountNamespace("process.terminal")
	}
	c.bindsInstead()
	for i := range c.Mounts {
		m := &c.Mounts[i]
		switch {
		case m.Destination == "":
			c.bad(at("mounts", i)+".destination", "nothing", "an absolute path")
		case !absolute(m.Destination):
			c.warn(at("mounts", i)+".destination", quote(m.Destination), "an absolute path: it is taken from /")
		}
		c.mountKind(i, m)
		c.overProc(i, m)
		c.mountIDs(i, m)
	}
}

// mountKind checks that type, source and options go together.
func (c *checker) mountKind(i int, m *specs.Mount) {
	remount, bind := names.HasOption(m, "remount"), names.IsBind(m)
	if m.Type == "" && !bind && !remount {
		c.bad(at("mounts", i)+".type", "nothing", `a filesystem type, or "bind" in the options`)
	}
	if m.Source == "" && bind && !remount {
		c.bad(at("mounts", i)+".source", "nothing", "the path to bind")
	}
	for j, o := range names.Options(m) {
		path := at(at("mounts", i)+".options", j)
		switch o {
		case "tmpcopyup":
			if m.Type != "tmpfs" || bind || remount {
				c.bad(path, o+" on a mount of type "+quote(m.Type), "a new tmpfs")
			}
		case "copy-symlink", "src-nofollow", "dest-nofollow":
			if !bind || remount {
				c.bad(path, o, "bind or rbind beside it")
			}
		}
	}
}

// overProc refuses what would hide the procfs of the container, as runc does. Whether what is bound on /proc is one is asked when it is
// opened, and so is whether a symlink of the image leads there.
func (c *checker) overProc(i int, m *specs.Mount) {
	dest := filepath.Clean("/" + m.Destination)
	if !names.BelowProc(dest) || names.HasOption(m, "remount") {
		return
	}
	path := at("mounts", i) + ".destination"
	switch {
	case dest != names.Proc && !slices.Contains(names.ProcFiles(), dest):
		c.bad(path, quote(m.Destination)+", inside /proc", "one of "+list(names.ProcFiles()))
	case dest == names.Proc && m.Type != "proc" && !names.IsBind(m):
		c.bad(path, quote(m.Destination)+" for a mount of type "+quote(m.Type), "a procfs there")
	}
}

// mountIDs checks how the ids of a mount are translated.
func (c *checker) mountIDs(i int, m *specs.Mount) {
	ids, p := MountIDsOf(m, c.Linux)
	if p != nil {
		c.bad(at("mounts", i)+"."+p.Path, p.Found, p.Want)
		return
	}
	if ids == nil {
		return
	}
	path := at("mounts", i)
	switch m.Type {
	case "cgroup", "cgroup2", "proc", "sysfs":
		c.bad(path, "mappings of ids for a filesystem of type "+m.Type, "a type of filesystem that can")
	}
	if names.HasOption(m, "remount") {
		c.bad(path, "mappings of ids for a mount that is there already", "no remount in the options")
	}
	uids, gids := path+".uidMappings", path+".gidMappings"
	if len(m.UIDMappings) == 0 {
		uids, gids = path+".options.uids", path+".options.gids"
	} else if !names.HasOption(m, "idmap", "ridmap") {
		c.warn(path+".options", "none of idmap and ridmap", "idmap beside uidMappings: older runtimes ignore them in silence")
	}
	if !ids.Container {
		c.mappings(uids, ids.UIDs)
		c.mappings(gids, ids.GIDs)
	}
}

// bindsInstead is about what takes a mount in a user namespace only: devices are bound there, and sysctls written through a procfs
// of its own.
func (c *checker) bindsInstead() {
	if names.NamespaceIn(c.Linux, specs.UserNamespace) == nil {
		return
	}
	if len(c.Linux.Devices) > 0 {
		c.needsMountNamespace("linux.devices")
	}
	if len(c.Linux.Sysctl) > 0 {
		c.needsMountNamespace("linux.sysctl")
	}
}

// needsMountNamespace refuses what would change the mounts of the host.
func (c *checker) needsMountNamespace(path string) {
	if !c.private(specs.MountNamespace) {
		c.bad(path, "mounts to make without a mount namespace", "one in linux.namespaces")
	}
}

// rootfs checks what linux says about the mounts (config-linux.md).
func (c *checker) rootfs() {
	l := c.Linux
	if !slices.Contains([]string{"", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate",
		"runbindable"}, l.RootfsPropagation) {
		c.bad("linux.rootfsPropagation", quote(l.RootfsPropagation), "shared, slave, private or unbindable")
	} else if l.RootfsPropagation != "" {
		c.needsMountNamespace("linux.rootfsPropagation")
	}
	c.paths("linux.maskedPaths", l.MaskedPaths)
	c.paths("linux.readonlyPaths", l.ReadonlyPaths)
	for i, p := range l.MaskedPaths {
		// With the root masked there would be nothing to execute.
		if absolute(p) && filepath.Clean(p) == "/" {
			c.bad(at("linux.maskedPaths", i), quote(p), "a path below the root")
		}
	}
}

func (c *checker) paths(list string, paths []string) {
	if len(paths) > 0 {
		c.needsMountNamespace(list)
	}
	for i, p := range paths {
		if !absolute(p) {
			c.bad(at(list, i), quote(p), "an absolute path")
		}
	}
}

// Bounds of device numbers (the kernel's include/linux/kdev_t.h).
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

// devices: config-linux.md, "Devices".
func (c *checker) devices() {
	type device struct {
		kind         string
		major, minor int64
	}
	seen := map[device]int{}
	for i := range c.Linux.Devices {
		d, path := &c.Linux.Devices[i], at("linux.devices", i)
		switch {
		case !absolute(d.Path):
			c.bad(path+".path", quote(d.Path), "an absolute path")
		case filepath.Clean(d.Path) == "/":
			c.bad(path+".path", quote(d.Path), "a path below the root")
		}
		switch d.Type {
		case "b", "c", "u":
			c.number(path+".major", d.Major, 0, maxMajor)
			c.number(path+".minor", d.Minor, 0, maxMinor)
		case "p":
		default:
			c.bad(path+".type", quote(d.Type), `one of "b", "c", "p", "u"`)
		}
		if d.UID != nil && *d.UID == noID {
			c.bad(path+".uid", "4294967295", "0 to 4294967294")
		}
		if d.GID != nil && *d.GID == noID {
			c.bad(path+".gid", "4294967295", "0 to 4294967294")
		}
		if d.Type == "p" {
			continue
		}
		n := device{d.Type, d.Major, d.Minor}
		if j, ok := seen[n]; ok {
			c.warn(path, "the device of "+at("linux.devices", j), "each device once")
		} else {
			seen[n] = i
		}
	}
}

func (c *checker) number(path string, n, low, high int64) {
	if n < low || n > high {
		c.bad(path, strconv.FormatInt(n, 10), strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10))
	}
}
