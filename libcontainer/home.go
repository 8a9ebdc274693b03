package libcontainer

import (
	"path/filepath"
	"slices"
	"strings"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/rootfs"
)

// home is the home directory of the process's user, for when the environment has none: what /etc/passwd of the
// container says, or "/". The file is the image's, or a bind mount's that covers it.
func (c *creation) home() (string, error) {
	if hasHome(c.spec.Process.Env) {
		return "", nil
	}
	root, path := c.facts.root, "etc/passwd"
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		if _, bind := rootfs.BindFlags(m); !bind {
			continue
		}
		source := rootfs.Source(c.facts.bundle, m)
		switch filepath.Clean("/" + m.Destination) {
		case "/etc":
			root, path = source, "passwd"
		case "/etc/passwd":
			root, path = filepath.Dir(source), filepath.Base(source)
		}
	}
	dir, err := sys.Openat(sys.AtFdcwd, root, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return "/", nil // what is wrong with the root, or the mount, is said where it is mounted
	}
	defer sys.Close(dir)
	return host.Home(dir, path, c.spec.Process.User.UID)
}

// hasHome reports whether the process gets a HOME by its environment, in which the last of two counts.
func hasHome(env []string) bool {
	for _, e := range slices.Backward(env) {
		if name, value, _ := strings.Cut(e, "="); name == "HOME" {
			return value != ""
		}
	}
	return false
}
