// Package gvariant reads values in the text form of GVariant (GLib's "GVariant Text Format"), as far as D-Bus has such values:
// the form in which annotations of a config.json give properties of a systemd unit ("org.systemd.property.CPUWeight":
// "uint64 50").
//
// godbus/dbus has a parser for it, ParseVariant, which runc uses. Its package imports net, which costs 0.1 ms at every start
// and does nothing here but parse; it also knows no tuples, which lists as BindReadOnlyPaths are made of.
package gvariant

import (
	"errors"
	"fmt"
	"strings"
)

// Value is a value of D-Bus.
type Value struct {
	Sig string // its type (D-Bus specification, "Type System")

	// V is bool, uint8, int16, uint16, int32, uint32, int64, uint64, float64, string (of types s, o and g), []Value (of an
	// array or a tuple), []Entry (of a dictionary) or Value (of a variant).
	V any
}

// Entry is an entry of a dictionary.
type Entry struct{ Key, Value Value }

// maxDepth bounds the nesting, as D-Bus does that of arrays and of structures.
const maxDepth = 32

// Parse reads one value. A number without a type before it is an int32, or a double where it has a point or an exponent; in
// an array it takes the type of its neighbours.
func Parse(text string) (Value, error) {
	p := parser{s: text}
	n, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.s != "" {
		return Value{}, fmt.Errorf("%s behind the value", p.here())
	}
	sig, err := infer(n)
	if err != nil {
		return Value{}, err
	}
	if sig = settle(sig); strings.Contains(sig, anything) {
		return Value{}, errors.New("an empty list, and nothing says of what: want its type before it, as @as []")
	}
	return build(n, sig)
}

// kind is what a node is written as.
type kind uint8

const (
	boolean kind = iota
	number
	str
	bytestring
	array
	tuple
	dict
	variant
)

// node is a value before its type is known.
type node struct {
	kind kind
	sig  string  // the type that stands before it, or ""
	text string  // of a number, string, boolean
	kids []*node // of a dictionary: keys and values in turn
}

// parser holds what is not read yet.
type parser struct{ s string }

func (p *parser) space() { p.s = strings.TrimLeft(p.s, " \t\r\n") }

// here shows where the parser is.
func (p *parser) here() string {
	switch {
	case p.s == "":
		return "the end"
	case len(p.s) > 20:
		return fmt.Sprintf("%q…", p.s[:20])
	}
	return fmt.Sprintf("%q", p.s)
}

// take consumes the character c if it is next.
func (p *parser) take(c byte) bool {
	if p.space(); p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

// word consumes the longest run of characters that numbers and names are made of.
func (p *parser) word() string {
	n := 0
	for n < len(p.s) && (alnum(p.s[n]) || strings.IndexByte("+-.", p.s[n]) >= 0) {
		n++
	}
	w := p.s[:n]
	p.s = p.s[n:]
	return w
}

func alnum(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

func (p *parser) value(depth int) (*node, error) {
	if p.space(); depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if p.s == "" {
		return nil, errors.New("nothing where a value should be")
	}
	switch c := p.s[0]; {
	case c == '\'' || c == '"':
		text, err := p.quoted(false)
		return &node{kind: str, text: text}, err
	case strings.HasPrefix(p.s, "b'") || strings.HasPrefix(p.s, `b"`):
		p.s = p.s[1:]
		text, err := p.quoted(true)
		return &node{kind: bytestring, text: text}, err
	case c == '[':
		return p.list(array, ']', depth)
	case c == '(':
		return p.list(tuple, ')', depth)
	case c == '{':
		return p.list(dict, '}', depth)
	case c == '<':
		return p.list(variant, '>', depth)
	case c == '@':
		p.s = p.s[1:]
		sig, rest := complete(p.s, 0)
		if sig == "" {
			return nil, fmt.Errorf("@%s: not a type of D-Bus", p.s)
		}
		p.s = rest
		return p.typed(sig, depth)
	case strings.IndexByte("0123456789+-.", c) >= 0:
		return &node{kind: number, text: p.word()}, nil
	}
	at := p.here()
	w := p.word()
	if w == "true" || w == "false" {
		return &node{kind: boolean, text: w}, nil
	}
	if sig := keyword(w); sig != "" {
		return p.typed(sig, depth)
	}
	return nil, fmt.Errorf("%s is no value: a string is in quotes", at)
}

// typed reads the value behind its type.
func (p *parser) typed(sig string, depth int) (*node, error) {
	n, err := p.value(depth + 1)
	if err != nil {
		return nil, err
	}
	if n.sig != "" && n.sig != sig {
		return nil, fmt.Errorf("a value of type %s and of type %s", sig, n.sig)
	}
	n.sig = sig
	return n, nil
}

func keyword(w string) string {
	switch w {
	case "boolean":
		return "b"
	case "byte":
		return "y"
	case "int16":
		return "n"
	case "uint16":
		return "q"
	case "int32":
		return "i"
	case "uint32":
		return "u"
	case "int64":
		return "x"
	case "uint64":
		return "t"
	case "double":
		return "d"
	case "string":
		return "s"
	case "objectpath":
		return "o"
	case "signature":
		return "g"
	}
	return ""
}

// list reads what stands in brackets, the opening one being next.
func (p *parser) list(k kind, end byte, depth int) (*node, error) {
	n := &node{kind: k}
	open := p.s[0]
	p.s = p.s[1:]
	for !p.take(end) {
		if len(n.kids) > 0 && !p.take(',') {
			return nil, fmt.Errorf("%s in a list, want , or %c", p.here(), end)
		}
		if k == tuple && len(n.kids) == 1 && p.take(end) { // (1,) is a tuple of one
			break
		}
		for i := 0; i == 0 || k == dict && i == 1; i++ {
			if i == 1 && !p.take(':') {
				return nil, fmt.Errorf("%s behind a key, want a colon", p.here())
			}
			kid, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
	}
	if k == variant && len(n.kids) != 1 || k == tuple && len(n.kids) == 0 {
		return nil, fmt.Errorf("%d values in %c%c, want one", len(n.kids), open, end)
	}
	return n, nil
}
