package libcontainer

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
	"teu/rootfs"
)

// maxPasswd bounds what is read of a container's /etc/passwd, which is somebody else's file.
const maxPasswd = 1 << 20

// home is the home directory of the process's user, for when the environment has none: what /etc/passwd of the
// container says, or "/". The file is the image's, or a bind mount's that covers it.
func (c *creation) home() (string, error) {
	if hasHome(c.spec.Process.Env) {
		return "", nil
	}
	root, path := rootfsPath(c.spec, c.facts.bundle), "etc/passwd"
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
	return homeIn(dir, path, c.spec.Process.User.UID)
}

func hasHome(env []string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, "HOME=") && len(e) > len("HOME=") {
			return true
		}
	}
	return false
}

// homeIn looks uid up in the passwd file at path inside the directory root.
func homeIn(root int, path string, uid uint32) (string, error) {
	fd, st, err := sys.OpenRegular(root, path)
	for _, none := range [...]error{syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.EINVAL} {
		if errors.Is(err, none) {
			return "/", nil
		}
	}
	if err != nil {
		return "", err
	}
	defer sys.Close(fd)
	data := make([]byte, min(st.Size, maxPasswd))
	n, err := sys.Pread(fd, data, 0)
	if err != nil {
		return "", err
	}
	return lookupHome(data[:n], uid), nil
}

func lookupHome(passwd []byte, uid uint32) string {
	for line := range bytes.Lines(passwd) {
		f := strings.Split(strings.TrimRight(string(line), "\n"), ":")
		if len(f) < 6 {
			continue
		}
		if n, err := strconv.ParseUint(f[2], 10, 32); err == nil && uint32(n) == uid && strings.HasPrefix(f[5], "/") {
			return f[5]
		}
	}
	return "/"
}
