package spec

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/libcontainer/spec/names"
)

// private reports whether the container has a namespace of type t that is not the runtime's own.
func (c *checker) private(t specs.LinuxNamespaceType) bool {
	n := names.NamespaceIn(c.Linux, t)
	return n != nil && (n.Path == "" || !c.facts.Own[t])
}

// namespaces: config-linux.md, "Namespaces".
func (c *checker) namespaces() {
	seen := map[specs.LinuxNamespaceType]bool{}
	for i, n := range c.Linux.Namespaces {
		if flag, _ := names.Namespace(n.Type); flag == 0 {
			c.bad(at("linux.namespaces", i)+".type", quote(string(n.Type)), "one of "+list(names.Namespaces()))
		}
		if seen[n.Type] {
			c.bad(at("linux.namespaces", i)+".type", quote(string(n.Type))+" again", "each type once")
		}
		seen[n.Type] = true
		switch {
		case n.Path != "" && !absolute(n.Path):
			c.bad(at("linux.namespaces", i)+".path", quote(n.Path), "an absolute path")
		case n.Path != "" && n.Type == specs.MountNamespace && c.facts.Own[n.Type]:
			// pivot_root(2) there changes the root of every process on the host.
			c.bad(at("linux.namespaces", i)+".path", quote(n.Path)+", the runtime's own mount namespace", "another, or no path")
		}
	}
}

// userNamespace checks the mappings against each other and against the ids of the process. A joined
// namespace has mappings of its own; callers repeat them in the config, and they are not used.
func (c *checker) userNamespace() {
	uids, gids := c.Linux.UIDMappings, c.Linux.GIDMappings
	ns := names.NamespaceIn(c.Linux, specs.UserNamespace)
	if ns == nil {
		if len(uids) > 0 {
			c.bad("linux.uidMappings", "mappings without a user namespace", "one in linux.namespaces")
		}
		if len(gids) > 0 {
			c.bad("linux.gidMappings", "mappings without a user namespace", "one in linux.namespaces")
		}
		return
	}
	c.mappings("linux.uidMappings", uids)
	c.mappings("linux.gidMappings", gids)
	if ns.Path != "" {
		return
	}
	uids, gids = mappingsOf(c.Linux, 0, 0)
	if c.Process == nil {
		return
	}
	u := &c.Process.User
	c.mapped("process.user.uid", u.UID, "linux.uidMappings", uids)
	c.mapped("process.user.gid", u.GID, "linux.gidMappings", gids)
	for i, g := range u.AdditionalGids {
		c.mapped(at("process.user.additionalGids", i), g, "linux.gidMappings", gids)
	}
}

// FillMappings gives a new user namespace without mappings, for which the specification has no word, those that it gets: root of it is the
// caller, whose ids are uid and gid, and there is nobody else. So it is with crun.
func FillMappings(s *specs.Spec, uid, gid int) {
	if ns := names.NamespaceIn(s.Linux, specs.UserNamespace); ns != nil && ns.Path == "" {
		s.Linux.UIDMappings, s.Linux.GIDMappings = mappingsOf(s.Linux, uid, gid)
	}
}

func mappingsOf(l *specs.Linux, uid, gid int) (uids, gids []specs.LinuxIDMapping) {
	uids, gids = l.UIDMappings, l.GIDMappings
	if len(uids) == 0 {
		uids = []specs.LinuxIDMapping{{HostID: uint32(uid), Size: 1}}
	}
	if len(gids) == 0 {
		gids = []specs.LinuxIDMapping{{HostID: uint32(gid), Size: 1}}
	}
	return uids, gids
}

// mapped: the kernel answers EINVAL to an id that the user namespace does not have.
func (c *checker) mapped(path string, id uint32, list string, maps []specs.LinuxIDMapping) {
	if len(maps) > 0 && id != noID && !mapped(maps, id) {
		c.bad(path, strconv.FormatUint(uint64(id), 10), "an id that "+list+" maps")
	}
}

// timeNamespace: time_namespaces(7). Offsets can be set only before the first process is in the namespace.
func (c *checker) timeNamespace() {
	offsets := c.Linux.TimeOffsets
	if len(offsets) == 0 {
		return
	}
	switch ns := names.NamespaceIn(c.Linux, specs.TimeNamespace); {
	case ns == nil:
		c.bad("linux.timeOffsets", "offsets without a time namespace", "one in linux.namespaces")
	case ns.Path != "":
		c.bad("linux.timeOffsets", "offsets for the time namespace "+quote(ns.Path), "a new time namespace")
	}
	for _, clock := range slices.Sorted(maps.Keys(offsets)) {
		if clock != "monotonic" && clock != "boottime" {
			c.bad("linux.timeOffsets", quote(clock), `the clocks "monotonic" and "boottime"`)
		}
		if n := offsets[clock].Nanosecs; n >= 1e9 {
			c.bad("linux.timeOffsets"+member(false, clock)+".nanosecs", strconv.FormatUint(uint64(n), 10),
				"less than 1000000000")
		}
	}
}

// sysctls lets only through what is known to be the namespace's own, as runc does.
func (c *checker) sysctls() {
	for _, key := range slices.Sorted(maps.Keys(c.Linux.Sysctl)) {
		path := "linux.sysctl" + member(false, key)
		file, ok := SysctlFile(key)
		if !ok {
			c.bad(path, quote(key), "a name as net.ipv4.ip_forward")
			continue
		}
		switch t := sysctlNamespace(file); {
		case file == "kernel/hostname":
			c.bad(path, "a sysctl for the hostname", "the field hostname")
		case t == "":
			c.bad(path, "a sysctl of the whole host", "one of a namespace: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, "+
				"kernel.shm*, kernel.domainname, user.*")
		case !c.private(t):
			c.bad(path, "a sysctl of the host's "+string(t)+" namespace", "a "+string(t)+
				" namespace of its own in linux.namespaces")
		}
	}
}

// sysctlNamespace is the type of the namespace that file, a path below /proc/sys, belongs to.
func sysctlNamespace(file string) specs.LinuxNamespaceType {
	switch {
	case strings.HasPrefix(file, "net/"):
		return specs.NetworkNamespace
	case strings.HasPrefix(file, "fs/mqueue/"):
		return specs.IPCNamespace
	case strings.HasPrefix(file, "user/"):
		// Limits of each user namespace (namespaces(7), "The /proc/sys/user directory").
		return specs.UserNamespace
	}
	switch file {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
		"kernel/shmmni", "kernel/shm_rmid_forced":
		return specs.IPCNamespace
	case "kernel/domainname":
		return specs.UTSNamespace
	}
	return ""
}

// SysctlFile turns a key of linux.sysctl into a path below /proc/sys, by the rule of sysctl.d(5): the first
// separator, dot or slash, is the one that separates, and the other stands for a dot in a name. ok is false
// for a key that is no path downwards.
func SysctlFile(key string) (file string, ok bool) {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		key = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, key)
	}
	for _, part := range strings.Split(key, "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	return key, true
}

// maxCgroups is how deep a container's cgroup may be. Each of them is made, in each hierarchy: a path of 4 KiB would be 2000 in each,
// which takes a minute, and the kernel's memory. Callers have some ten.
const maxCgroups = 64

// cgroups checks where the cgroup is to be and the list of devices; the limits are checked where they are
// turned into files.
func (c *checker) cgroups() {
	depth := 0
	for part := range strings.SplitSeq(c.Linux.CgroupsPath, "/") {
		if part == ".." {
			c.bad("linux.cgroupsPath", quote(c.Linux.CgroupsPath), "a path without ..")
			break
		}
		if part != "" && part != "." {
			depth++
		}
	}
	if depth > maxCgroups {
		c.bad("linux.cgroupsPath", strconv.Itoa(depth)+" cgroups, one below the other", "at most "+strconv.Itoa(maxCgroups))
	}
	if c.Linux.Resources == nil {
		return
	}
	if n := len(c.Linux.Resources.Devices); n > devices.MaxEntries {
		c.bad("linux.resources.devices", strconv.Itoa(n)+" entries", "at most "+strconv.Itoa(devices.MaxEntries)+
			": the kernel verifies each, and tries them one after another whenever a device is opened")
		return
	}
	for i := range c.Linux.Resources.Devices {
		d, path := &c.Linux.Resources.Devices[i], at("linux.resources.devices", i)
		if !slices.Contains([]string{"", "a", "b", "c"}, d.Type) {
			c.bad(path+".type", quote(d.Type), `one of "a", "b", "c"`)
		}
		if strings.Trim(d.Access, "rwm") != "" {
			c.bad(path+".access", quote(d.Access), `some of the letters "rwm"`)
		}
		// -1 stands for all, as in what Docker sends.
		if d.Major != nil {
			c.number(path+".major", *d.Major, -1, maxMajor)
		}
		if d.Minor != nil {
			c.number(path+".minor", *d.Minor, -1, maxMinor)
		}
	}
}
