package spec

import (
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of arrays and objects; encoding/json has the same bound.
const maxDepth = 10000

// decoder reads one JSON text (RFC 8259) into Go values. What breaks the text stops it: fail moves the cursor to
// the end, so that every loop ends without a check of its own. A value of the wrong type is noted, skipped, and
// leaves its Go value at zero. Strings without escapes share the text's memory.
type decoder struct {
	s     string
	i     int // next byte
	depth int
	at    int    // offset of what stopped it
	msg   string // what is wrong there; empty while it reads on
	notes []note // values of the wrong type

	keepSkipped bool
	skipped     []int // with keepSkipped: offsets of the names that the types do not know
}

// note is a value that is not as its type wants it.
type note struct {
	at  int
	msg string
}

// maxNotes bounds what is told of one file.
const maxNotes = 100

// fail records what is wrong at offset at and stops the decoder.
func (d *decoder) fail(at int, msg string) {
	if d.msg == "" {
		d.at, d.msg = at, msg
	}
	d.i = len(d.s)
}

// note records a value that is wrong at offset at; the decoder goes on.
func (d *decoder) note(at int, msg string) {
	if len(d.notes) == maxNotes {
		d.fail(at, msg+"; there may be more")
		return
	}
	d.notes = append(d.notes, note{at, msg})
}

// unexpected fails at the cursor, where want should have stood.
func (d *decoder) unexpected(want string) {
	if d.i >= len(d.s) {
		d.fail(len(d.s), "unexpected end of file, want "+want)
		return
	}
	d.fail(d.i, "want "+want+", got "+strconv.QuoteRune(firstRune(d.s[d.i:])))
}

// mistyped notes the value at the cursor, which is of another type, and skips it; where there is no value it fails.
func (d *decoder) mistyped(want string) {
	got := "null"
	switch c := d.peek(); {
	case c == '{':
		got = "object"
	case c == '[':
		got = "array"
	case c == '"':
		got = "string"
	case c == 't' || c == 'f':
		got = "boolean"
	case c == '-' || c >= '0' && c <= '9':
		got = "number"
	case c != 'n':
		d.unexpected(want)
		return
	}
	d.note(d.i, "want "+want+", got "+got)
	if d.msg == "" {
		d.skip()
	}
}

// peek skips white space and returns the byte under the cursor, 0 at the end.
func (d *decoder) peek() byte {
	for ; d.i < len(d.s); d.i++ {
		switch c := d.s[d.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// null consumes the literal null if it is next.
func (d *decoder) null() bool {
	return d.peek() == 'n' && d.literal("null")
}

// literal consumes word, whose first letter is under the cursor.
func (d *decoder) literal(word string) bool {
	if !strings.HasPrefix(d.s[d.i:], word) {
		d.unexpected("a JSON value")
		return false
	}
	d.i += len(word)
	return true
}

// fields is the state of a walk over one object: next gives the index in names of each known name in turn.
type fields struct {
	names []string
	at    int    // index of the current name
	hint  int    // where the search for the next name starts: writers keep the order of the Go type
	seen  uint64 // names met so far; no type has more than 64
	open  bool
}

// next moves to the next name of the object that the type knows, skipping what it does not know (config.md,
// "Extensibility": unknown properties must be ignored), and stops before its value. A null object is an
// empty one, as for encoding/json.
func (d *decoder) next(f *fields) bool {
	for {
		name, at, ok := d.name(&f.open)
		if !ok {
			return false
		}
		if f.find(name) {
			if f.seen&(1<<f.at) != 0 {
				// Which of the two counts differs between parsers, so what was checked might not be
				// what runs.
				d.note(at, strconv.Quote(name)+" given twice")
				d.skip()
				continue
			}
			f.seen |= 1 << f.at
			return true
		}
		if d.keepSkipped && d.peek() != 'n' && len(d.skipped) < maxNotes { // null is nothing
			d.skipped = append(d.skipped, at)
		}
		d.skip()
	}
}

// name reads the next name of an object and its colon. The first call, open false, reads the brace as well;
// the end of the object, or null in its place, gives ok false.
func (d *decoder) name(open *bool) (name string, at int, ok bool) {
	c := d.peek()
	if !*open {
		if c != '{' {
			if c != 'n' || !d.null() {
				d.mistyped("object")
			}
			return "", 0, false
		}
		*open = true
		d.enter()
		if d.peek() == '}' {
			d.leave()
			return "", 0, false
		}
	} else {
		if c == '}' {
			d.leave()
			return "", 0, false
		}
		if c != ',' {
			d.unexpected(`"," or "}"`)
			return "", 0, false
		}
		d.i++
	}
	if d.peek() != '"' {
		d.unexpected("a name in double quotes")
		return "", 0, false
	}
	at = d.i
	name = d.text()
	if d.peek() != ':' {
		d.unexpected(`":"`)
		return "", 0, false
	}
	d.i++
	return name, at, true
}

// find looks name up, as written first, then in any case, as encoding/json does.
func (f *fields) find(name string) bool {
	for n, i := 0, f.hint; n < len(f.names); n, i = n+1, i+1 {
		if i >= len(f.names) {
			i = 0
		}
		if f.names[i] == name {
			f.at, f.hint = i, i+1
			return true
		}
	}
	for i, s := range f.names {
		if strings.EqualFold(s, name) {
			f.at, f.hint = i, i+1
			return true
		}
	}
	return false
}

// element moves to the next element of an array; *open is false on the first call. Another type is noted, with
// want, and there are no elements.
func (d *decoder) element(open *bool, want string) bool {
	c := d.peek()
	if !*open {
		if c != '[' {
			d.mistyped(want)
			return false
		}
		*open = true
		d.enter()
		if d.peek() == ']' {
			d.leave()
			return false
		}
		return d.msg == ""
	}
	switch c {
	case ']':
		d.leave()
		return false
	case ',':
		d.i++
		return true
	}
	d.unexpected(`"," or "]"`)
	return false
}

// enter consumes an opening bracket and counts it.
func (d *decoder) enter() {
	d.i++
	if d.depth++; d.depth > maxDepth {
		d.fail(d.i-1, "nested deeper than "+strconv.Itoa(maxDepth))
	}
}

func (d *decoder) leave() {
	d.i++
	d.depth--
}

// skip consumes one value of any type and checks its syntax.
func (d *decoder) skip() {
	switch c := d.peek(); c {
	case '{':
		for open := false; ; {
			if _, _, ok := d.name(&open); !ok {
				return
			}
			d.skip()
		}
	case '[':
		for open := false; d.element(&open, "array"); {
			d.skip()
		}
	case '"':
		d.text()
	case 't':
		d.literal("true")
	case 'f':
		d.literal("false")
	case 'n':
		d.literal("null")
	default:
		d.number("a JSON value")
	}
}

// number consumes a number and returns it as written; "" when there is none.
func (d *decoder) number(want string) string {
	c := d.peek()
	if c != '-' && (c < '0' || c > '9') {
		d.mistyped(want)
		return ""
	}
	start := d.i
	if c == '-' {
		d.i++
	}
	if d.i < len(d.s) && d.s[d.i] == '0' {
		d.i++
	} else if !d.digits() {
		return ""
	}
	if d.i < len(d.s) && d.s[d.i] == '.' {
		d.i++
		if !d.digits() {
			return ""
		}
	}
	if d.i < len(d.s) && d.s[d.i]|0x20 == 'e' {
		d.i++
		if d.i < len(d.s) && (d.s[d.i] == '+' || d.s[d.i] == '-') {
			d.i++
		}
		if !d.digits() {
			return ""
		}
	}
	return d.s[start:d.i]
}

// digits consumes one digit or more.
func (d *decoder) digits() bool {
	start := d.i
	for d.i < len(d.s) && d.s[d.i] >= '0' && d.s[d.i] <= '9' {
		d.i++
	}
	if d.i == start {
		d.unexpected("a digit")
		return false
	}
	return true
}
