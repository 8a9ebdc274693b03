package preflight

import (
	"errors"
	"fmt"
	"syscall"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/rootfs"
)

// idMaps tries, for each bind mount whose ids are to be translated, whether its filesystem can: on a copy of the mount
// that is attached nowhere, with a user namespace that no process is in. Which ids it maps makes no difference to that.
func (c *checker) idMaps() {
	userns := -1
	for i := range c.Mounts {
		m := &c.Mounts[i]
		ids, p := spec.MountIDsOf(m, c.Linux)
		flags, bind := rootfs.BindFlags(m)
		if ids == nil || p != nil || !bind || m.Source == "" || names.HasOption(m, "remount") {
			continue // a new filesystem is not made to try; the rest validation has told of
		}
		if userns < 0 {
			one := []syscall.SysProcIDMap{{Size: 1}}
			fd, err := sys.UserNamespace(one, one)
			if err != nil {
				return // who may not make one may not translate either, and is told so by user namespaces
			}
			userns = fd
			defer sys.Close(fd)
		}
		path := c.abs(m.Source)
		fs, err := tryIdMap(path, flags, userns, ids.Recursive)
		switch {
		case errors.Is(err, syscall.EINVAL) && ids.Recursive:
			c.bad(fmt.Sprintf("mounts[%d]", i), fmt.Sprintf("mappings of ids for %q, of type %s, where it or a mount below it cannot", path, fs),
				"no mappings, idmap instead of ridmap, or filesystems that can")
		case errors.Is(err, syscall.EINVAL):
			c.bad(fmt.Sprintf("mounts[%d]", i), fmt.Sprintf("mappings of ids for %q, of type %s, which cannot", path, fs),
				"no mappings, or a filesystem that can")
		case errors.Is(err, syscall.EPERM):
			c.warn(fmt.Sprintf("mounts[%d]", i), fmt.Sprintf("mappings of ids for %q, of type %s, on which they are translated already, or which is not the runtime's to translate", path, fs),
				"a mount whose ids are not translated, and CAP_SYS_ADMIN over it")
		}
	}
}

// tryIdMap returns the type of the filesystem at path, and what the kernel says to a translation of its ids. That there is
// nothing at path is another check's.
func tryIdMap(path string, flags uint, userns int, recursive bool) (fs string, err error) {
	fd, err := sys.OpenTree(sys.AtFdcwd, path, flags)
	if err != nil {
		return "", nil
	}
	defer sys.Close(fd)
	if magic, err := sys.Magic(fd); err == nil {
		fs = sys.FsName(magic)
	}
	return fs, sys.Idmap(fd, userns, recursive)
}
