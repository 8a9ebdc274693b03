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

// mountsOf reads mountinfo (proc_pid_mountinfo(5)): id, parent, device, root, mountpoint, options, optional fields that a
// lone "-" ends, type.
func mountsOf(text string, types []string) []string {
	var points []string
	for line := range strings.Lines(text) {
		head, tail, _ := strings.Cut(line, " - ")
		kind, _, _ := strings.Cut(tail, " ")
		if f := strings.Fields(head); len(f) > 5 && slices.Contains(types, kind) {
			points = append(points, unescape(f[4]))
		}
	}
	slices.Reverse(points)
	return points
}

// unescape undoes the octal escapes for space, tab, newline and backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
