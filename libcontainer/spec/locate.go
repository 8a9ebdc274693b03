package spec

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"teu/internal/jsonscan"
)

// Error is a config.json that cannot be read as JSON of the right types.
type Error struct {
	File   string // as it was opened
	Line   int    // from 1
	Column int    // from 1, in characters
	Path   string // the value it is about, as linux.namespaces[2].type; empty for the whole file
	Msg    string
	More   int // how many others there are behind it
}

func (e *Error) Error() string {
	s := e.File + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ": "
	if e.Path != "" {
		s += e.Path + ": "
	}
	s += e.Msg
	if e.More > 0 {
		s += " (and " + strconv.Itoa(e.More) + " more)"
	}
	return s
}

// errors are all that the decoder has found.
func (d *decoder) errors(file string) (list []*Error) {
	for _, n := range d.Notes {
		list = append(list, errorAt(file, d.Text, n.At, n.Msg))
	}
	if d.Failed() {
		list = append(list, errorAt(file, d.Text, d.Stop.At, d.Stop.Msg))
	}
	return list
}

// ignored are the warnings about the names that were skipped.
func (d *decoder) ignored() []Problem {
	var list []Problem
	for _, s := range d.skipped {
		list = append(list, s.ignored(d.Text))
	}
	return list
}

func (s *skippedName) ignored(text string) Problem {
	d := jsonscan.Scanner{Text: text, Pos: s.at}
	name := d.Str()
	object := pathAt(text[:s.at])
	path := object + member(object == "", name)
	if s.known != "" {
		return Problem{path, "a name in another case", quote(s.known) + ": it is ignored"}
	}
	if platform := platformOf(object, name); platform != "" {
		return Problem{path, "what is for " + platform, "nothing: it is without effect on Linux"}
	}
	return Problem{path, "a name that nobody knows", "one of the specification: it is ignored"}
}

// platformOf is the platform that a section or field is for, or "" (config.md, "Platform-specific configuration").
func platformOf(object, name string) string {
	switch object + "." + name {
	case ".windows", "process.commandLine", "process.user.username":
		return "Windows"
	case ".solaris":
		return "Solaris"
	case ".vm":
		return "virtual machines"
	case ".zos":
		return "z/OS"
	case ".freebsd":
		return "FreeBSD"
	}
	return ""
}

// errorAt makes the Error for offset off of text. The decoder keeps no track of where it is; the way there is
// walked a second time, and only when something is wrong.
func errorAt(file, text string, off int, msg string) *Error {
	before := text[:off]
	start := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		File:   file,
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[start:]),
		Path:   pathAt(before),
		Msg:    msg,
	}
}

// step is one level of nesting: an index in an array, or the name of a member, with name false before it.
type step struct {
	array bool
	index int
	named bool
	key   string
}

// maxPath is about how long a path may get: nothing of the spec is nested as deeply.
const maxPath = 200

// pathAt names the value that begins where text, a correct beginning of a JSON text, ends.
func pathAt(text string) string {
	var way []step
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			way = append(way, step{})
		case '[':
			way = append(way, step{array: true})
		case '}', ']':
			way = way[:len(way)-1]
		case ',':
			if top := &way[len(way)-1]; top.array {
				top.index++
			} else {
				top.named = false
			}
		case '"':
			end := stringEnd(text, i)
			if len(way) > 0 {
				if top := &way[len(way)-1]; !top.array && !top.named && end < len(text) {
					*top = step{named: true, key: text[i+1 : end]}
				}
			}
			i = end
		}
	}
	var b strings.Builder
	for _, s := range way {
		if b.Len() > maxPath {
			b.WriteString("…")
			break
		}
		switch {
		case s.array:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.named:
			b.WriteString(member(b.Len() == 0, s.key))
		}
	}
	return b.String()
}

// stringEnd is the index of the quote that ends the string which begins at i, len(text) if it does not end.
func stringEnd(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

// member is one name of a path as it is written after what it is a member of: .name, or ["name"] where the
// name has other characters than letters and digits.
func member(first bool, key string) string {
	plain := key != ""
	for i := 0; i < len(key); i++ {
		c := key[i]
		plain = plain && (c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	switch {
	case !plain:
		return "[" + strconv.Quote(key) + "]"
	case first:
		return key
	}
	return "." + key
}
