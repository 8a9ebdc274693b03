package spec

import (
	"strconv"
	"strings"
)

// Pointer is the place of a problem as a JSON pointer (RFC 6901): "/linux/namespaces/2/type". The whole file is "".
func (p Problem) Pointer() string { return pointer(p.Path) }

// Pointer is Path as a JSON pointer.
func (e *Error) Pointer() string { return pointer(e.Path) }

// pointer turns the paths that member and at make into JSON pointers.
func pointer(path string) string {
	var b strings.Builder
	for path != "" {
		var name string
		name, path = segment(path)
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

// segment splits the first name or index off a path.
func segment(path string) (name, rest string) {
	path = strings.TrimPrefix(path, ".")
	if quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(path, "[")); err == nil && path[0] == '[' {
		name, _ = strconv.Unquote(quoted) // it is one
		return name, strings.TrimPrefix(path[1+len(quoted):], "]")
	}
	if path[0] == '[' {
		name, rest, _ = strings.Cut(path[1:], "]")
		return name, rest
	}
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
