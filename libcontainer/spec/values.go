package spec

import (
	"strconv"
	"strings"
)

// signed reads an integer into p; null leaves it alone. kind names the type in errors.
func signed[T ~int | ~int8 | ~int16 | ~int32 | ~int64](d *decoder, p *T, kind string) {
	if d.Null() {
		return
	}
	tok := d.Number(kind)
	if tok == "" || d.Failed() {
		return
	}
	n, err := strconv.ParseInt(tok, 10, 64)
	if err != nil || int64(T(n)) != n {
		d.Note(d.Pos-len(tok), "want "+kind+", got "+brief(tok))
		return
	}
	*p = T(n)
}

// unsigned is signed for the other integers.
func unsigned[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](d *decoder, p *T, kind string) {
	if d.Null() {
		return
	}
	tok := d.Number(kind)
	if tok == "" || d.Failed() {
		return
	}
	n, err := strconv.ParseUint(tok, 10, 64)
	if err != nil || uint64(T(n)) != n {
		d.Note(d.Pos-len(tok), "want "+kind+", got "+brief(tok))
		return
	}
	*p = T(n)
}

// boolean reads true or false into p; null leaves it alone.
func (d *decoder) boolean(p *bool) {
	switch d.Peek() {
	case 't':
		*p = d.Literal("true")
	case 'f':
		if d.Literal("false") {
			*p = false
		}
	case 'n':
		d.Literal("null")
	default:
		d.Mistyped("boolean")
	}
}

// str reads a string into p; null leaves it alone.
func str[T ~string](d *decoder, p *T) {
	switch d.Peek() {
	case '"':
		*p = T(d.Str())
	case 'n':
		d.Literal("null")
	default:
		d.Mistyped("string")
	}
}

// ptr makes *p point to a zero value for the caller to fill; null makes it nil and gives nil.
func ptr[T any](d *decoder, p **T) *T {
	if d.Null() {
		*p = nil
		return nil
	}
	*p = new(T)
	return *p
}

// strs reads an array of strings into p; null makes it nil.
func strs[T ~string](d *decoder, p *[]T) {
	if d.Null() {
		*p = nil
		return
	}
	v := make([]T, 0, d.guess())
	for open := false; d.Element(&open, "array of strings"); {
		var s T
		str(d, &s)
		v = append(v, s)
	}
	*p = v
}

// guess counts the elements of the array of strings that comes next, roughly: a bracket or a comma in a string
// misleads it, and it looks at most at the first 16 KiB.
func (d *decoder) guess() int {
	ahead := d.Text[d.Pos:min(len(d.Text), d.Pos+16<<10)]
	if end := strings.IndexByte(ahead, ']'); end >= 0 {
		ahead = ahead[:end]
	}
	return strings.Count(ahead, ",") + 1
}

// slice reads an array into p; null makes it nil. elem reads one element; of names its type in errors.
func slice[T any](d *decoder, p *[]T, of string, elem func(*decoder, *T)) {
	if d.Null() {
		*p = nil
		return
	}
	v := []T{}
	for open := false; d.Element(&open, of); {
		v = append(v, *new(T))
		elem(d, &v[len(v)-1])
	}
	*p = v
}

// dict reads an object with free names into p; null makes it nil. elem reads one value.
func dict[T any](d *decoder, p *map[string]T, elem func(*decoder, *T)) {
	if d.Null() {
		*p = nil
		return
	}
	m := map[string]T{}
	for open := false; ; {
		name, at, ok := d.Name(&open)
		if !ok {
			break
		}
		if _, dup := m[name]; dup {
			d.Note(at, strconv.Quote(name)+" given twice")
			d.Skip()
			continue
		}
		var v T
		elem(d, &v)
		m[name] = v
	}
	*p = m
}

// brief cuts a token short for an error message.
func brief(tok string) string {
	if len(tok) > 40 {
		return tok[:40] + "…"
	}
	return tok
}
