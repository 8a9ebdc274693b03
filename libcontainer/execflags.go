package libcontainer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// addCaps adds names to the sets that let a process use them. The inheritable set stays as it is: what is executed later is
// not to inherit them (CVE-2022-29162). What is in it already is made ambient, as with runc, so that another user than root
// has it too.
func addCaps(c *specs.LinuxCapabilities, names []string) *specs.LinuxCapabilities {
	var out specs.LinuxCapabilities
	if c != nil {
		out = *c
	}
	add := func(list []string) []string { return append(append([]string(nil), list...), names...) }
	out.Bounding, out.Effective, out.Permitted = add(out.Bounding), add(out.Effective), add(out.Permitted)
	out.Ambient = slices.Clone(out.Ambient)
	for _, name := range names {
		if slices.Contains(out.Inheritable, name) {
			out.Ambient = append(out.Ambient, name)
		}
	}
	return &out
}

// parseUser reads "UID[:GID]" into u: decimal digits and nothing else, so that no name can pass for a number
// (CVE-2016-3697, crun CVE-2026-30892). Groups that are not given stay as they are, as with runc; group 0 would be one that
// nobody asked for.
func parseUser(u *specs.User, s string) error {
	uid, gid, hasGid := strings.Cut(s, ":")
	id := func(text string, to *uint32) bool {
		n, err := strconv.ParseUint(text, 10, 32)
		*to = uint32(n)
		return err == nil && n != 1<<32-1
	}
	u.Username = ""
	if !id(uid, &u.UID) || hasGid && !id(gid, &u.GID) {
		return fmt.Errorf("--user %s: want UID[:GID]: %w", s, syscall.EINVAL)
	}
	return nil
}
