package host

import (
	"fmt"
	"slices"
	"strings"

	"teu/internal/sys"
)

// Mounts returns where in this process's mount namespace filesystems of the types are mounted, what was mounted last
// first.
func Mounts(types ...string) ([]string, error) {
	const file = "/proc/self/mountinfo"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return mountsOf(string(text), types), nil
}

func mountsOf(text string, types []string) []string {
	var points []string
	for _, m := range ParseMounts(text) {
		if slices.Contains(types, m.Type) {
			points = append(points, m.Point)
		}
	}
	slices.Reverse(points)
	return points
}

// MountInfo is a line of mountinfo (proc_pid_mountinfo(5)).
type MountInfo struct {
	ID, Parent  string
	Root, Point string // what of the filesystem is mounted, and where
	Options     string // of the mount
	Type        string
}

// ParseMounts reads mountinfo: id, parent, device, root, mountpoint, options, optional fields that a lone "-" ends, type.
func ParseMounts(text string) (list []MountInfo) {
	for line := range strings.Lines(text) {
		head, tail, _ := strings.Cut(line, " - ")
		kind, _, _ := strings.Cut(tail, " ")
		if f := strings.Fields(head); len(f) > 5 {
			list = append(list, MountInfo{ID: f[0], Parent: f[1], Root: unescape(f[3]), Point: unescape(f[4]), Options: f[5], Type: kind})
		}
	}
	return list
}

// unescape undoes the octal escapes for space, tab, newline and backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
