package spec

import (
	"strconv"
	"strings"

	"teu/internal/jsonscan"
)

// decoder reads one JSON text into Go values. A value of the wrong type leaves its Go value at zero.
type decoder struct {
	jsonscan.Scanner

	keepSkipped bool
	skipped     []skippedName // names that the types do not know: all with keepSkipped, else those that are known in another case
}

// skippedName is a name that the types do not know.
type skippedName struct {
	at    int    // its offset
	known string // the name that it would be in another case, "" for none
}

// maxNotes bounds what is told of one file.
const maxNotes = 100

// maxDepth bounds the nesting of arrays and objects; encoding/json has the same bound.
const maxDepth = 10000

func newDecoder(text string) decoder {
	return decoder{Scanner: jsonscan.Scanner{Text: text, MaxNotes: maxNotes, MaxDepth: maxDepth}}
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
		name, at, ok := d.Name(&f.open)
		if !ok {
			return false
		}
		if f.find(name) {
			if f.seen&(1<<f.at) != 0 {
				// Which of the two counts differs between parsers, so what was checked might not be
				// what runs.
				d.Note(at, strconv.Quote(name)+" given twice")
				d.Skip()
				continue
			}
			f.seen |= 1 << f.at
			return true
		}
		known := f.inAnotherCase(name)
		if (d.keepSkipped || known != "") && d.Peek() != 'n' && len(d.skipped) < maxNotes { // null is nothing
			d.skipped = append(d.skipped, skippedName{at, known})
		}
		d.Skip()
	}
}

// find looks name up. Case counts (RFC 8259, 8.3), unlike with encoding/json: beside "cpu" "CPU" is an unknown property.
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
	return false
}

// inAnotherCase is the known name that differs from name in case only, "" for none.
func (f *fields) inAnotherCase(name string) string {
	for _, s := range f.names {
		if strings.EqualFold(s, name) {
			return s
		}
	}
	return ""
}
