package names

import (
	"iter"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// IsBind reports whether m is a bind mount, which it is by an option or, as callers write it too, by its type (config.md,
// "Mounts"). Beside the option remount it says what kind of mount is changed.
func IsBind(m *specs.Mount) bool { return m.Type == "bind" || HasOption(m, "bind", "rbind") }

// HasOption reports whether one of the names is among the options of m.
func HasOption(m *specs.Mount, names ...string) bool {
	for _, opt := range Options(m) {
		for _, name := range names {
			if opt == name {
				return true
			}
		}
	}
	return false
}

// Options yields the options of m, each with the index of the entry that it is in. An entry may hold several, with commas
// between them, as mount(8) and the filesystems themselves take them.
func Options(m *specs.Mount) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i, list := range m.Options {
			for opt, more := "", true; more; {
				opt, list, more = cutOption(list)
				if !yield(i, opt) {
					return
				}
			}
		}
	}
}

/*
cutOption cuts the first option off list. No end of it is a comma

	behind a backslash                  as overlayfs has it in its directories
	in double quotes around the value   as mount(8) has it for SELinux contexts
	before a digit in mpol              which tmpfs has for lists of nodes (mpol=bind:0,2)
*/
func cutOption(list string) (opt, rest string, more bool) {
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case '"':
			if i > 0 && list[i-1] == '=' {
				i += quoted(list[i:])
			}
		case ',':
			if strings.HasPrefix(list, "mpol=") && i+1 < len(list) && list[i+1] >= '0' && list[i+1] <= '9' {
				continue
			}
			return list[:i], list[i+1:], true
		}
	}
	return list, "", false
}

// quoted is where the value ends that text, a double quote, begins: at the quote before a comma or the end. Without one the quote
// is a part of the value like any other.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '"' && (i+1 == len(text) || text[i+1] == ',') {
			return i
		}
	}
	return 0
}

// PlainOption is opt as a filesystem of that type takes it when options do not come in a list: without the quotes around the value, and
// without the backslash before a comma, but for overlayfs, which reads backslashes itself.
func PlainOption(fstype, opt string) string {
	key, value, ok := strings.Cut(opt, "=")
	if n := len(value); ok && n > 1 && value[0] == '"' && value[n-1] == '"' {
		opt = key + "=" + value[1:n-1]
	}
	if fstype == "overlay" {
		return opt
	}
	return strings.ReplaceAll(opt, `\,`, ",")
}

// Proc is where a container has its procfs.
const Proc = "/proc"

// BelowProc reports whether the clean absolute path is /proc or below it.
func BelowProc(path string) bool { return Within(Proc, path) }

// Within reports whether the clean path is dir, or below it.
func Within(dir, path string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// ProcFiles are the files of /proc that something may be mounted on, sorted: what lxcfs has its own of, and what has to be hidden from
// programs that would choose a way of working by it. With any other, or all of /proc, a container could make its processes believe
// that they had set what they had not (runc CVE-2019-16884).
func ProcFiles() []string {
	return []string{
		"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev", "/proc/slabinfo", "/proc/stat", "/proc/swaps",
		"/proc/sys/crypto/fips_enabled", "/proc/sys/kernel/ns_last_pid", "/proc/uptime",
	}
}
