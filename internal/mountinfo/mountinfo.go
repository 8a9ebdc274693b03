// Package mountinfo reads the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
package mountinfo

import (
	"slices"
	"strings"
)

// Mount is a line of mountinfo.
type Mount struct {
	ID, Parent  string
	Dev         string // of the filesystem, "8:1"
	Root, Point string // what of the filesystem is mounted, and where
	Options     string // of the mount
	Type        string
	Super       string // options of the superblock
}

// HasOption reports whether option is in a list such as Options and Super.
func HasOption(list, option string) bool { return slices.Contains(strings.Split(list, ","), option) }

// Parse returns the mounts of the types, all mounts when no type is given, in the order of the text: what covers another mount
// comes after it. Lines of another form are passed over.
func Parse(text string, types ...string) (list []Mount) {
	for line := range strings.Lines(text) {
		// id, parent, device, root, mountpoint, options, optional fields that a lone "-" ends, type, source, superblock options.
		// A path holds no space that is not escaped.
		head, tail, _ := strings.Cut(line, " - ")
		kind, rest, _ := strings.Cut(strings.TrimSuffix(tail, "\n"), " ")
		if len(types) > 0 && !slices.Contains(types, kind) {
			continue
		}
		f := strings.Fields(head)
		if len(f) < 6 {
			continue
		}
		// The source may be empty.
		super := rest[strings.LastIndexByte(rest, ' ')+1:]
		list = append(list, Mount{ID: f[0], Parent: f[1], Dev: f[2], Root: unescape(f[3]), Point: unescape(f[4]), Options: f[5], Type: kind, Super: super})
	}
	return list
}

// unescape undoes the octal escapes, as of space, tab, newline and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := octal(s[i:]); ok {
			b.WriteByte(c)
			i += len(`\040`) - 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// octal reads the escape that s begins with.
func octal(s string) (c byte, ok bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] > '3' {
		return 0, false
	}
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '7' {
			return 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, true
}
