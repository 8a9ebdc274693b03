// Package host asks the kernel what it is and what this process may do: read-only probes, each a system call or two.
package host

import (
	"bytes"
	"fmt"

	"teu/internal/sys"
)

// LastCap is the highest capability the kernel knows (capabilities(7)); guess is where to start looking.
func LastCap(guess int) int {
	last := guess
	for {
		if _, known := sys.CapBounded(last + 1); !known || last >= 63 {
			break
		}
		last++
	}
	for last > 0 {
		if _, known := sys.CapBounded(last); known {
			break
		}
		last--
	}
	return last
}

// Grantable is the mask of capabilities this process can give to one it starts: those it is permitted itself and
// that its bounding set holds, up to number last. In a new user namespace that is all of them (user_namespaces(7)).
func Grantable(last int, newUserNS bool) (uint64, error) {
	all := ^uint64(0) >> (63 - last)
	if newUserNS {
		return all, nil
	}
	_, permitted, _, err := sys.CapGet()
	if err != nil {
		return 0, err
	}
	for c := range last + 1 {
		if in, _ := sys.CapBounded(c); !in {
			permitted &^= 1 << c
		}
	}
	return permitted & all, nil
}

// SameNamespace reports whether path refers to the namespace of type kind ("net", "pid"…) that this process is in.
func SameNamespace(path, kind string) (bool, error) {
	own, err := sys.Statat(sys.AtFdcwd, "/proc/self/ns/"+kind)
	if err != nil {
		return false, fmt.Errorf("stat /proc/self/ns/%s: %w", kind, err)
	}
	other, err := sys.Statat(sys.AtFdcwd, path)
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", path, err)
	}
	return own.Dev == other.Dev && own.Ino == other.Ino, nil
}

// SetgroupsDenied reports whether the user namespace of the process whose directory of /proc is dir denies setgroups(2)
// (user_namespaces(7)).
func SetgroupsDenied(dir int) (bool, error) {
	data, err := sys.ReadFileAt(dir, "setgroups")
	if err != nil {
		return false, fmt.Errorf("read setgroups of the process: %w", err)
	}
	return bytes.HasPrefix(data, []byte("deny")), nil
}

// Administers reports whether this process, and one that it starts, has CAP_SYS_ADMIN in its user namespace: execve(2) lets root
// keep it.
func Administers() (bool, error) {
	effective, _, _, err := sys.CapGet()
	return sys.IsRoot() && effective>>sys.CapSysAdmin&1 != 0, err
}
