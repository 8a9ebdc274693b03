// Package jsonscan reads JSON (RFC 8259) without reflection, which costs a fresh process more than all of the text does.
package jsonscan

import (
	"strconv"
	"strings"
)

// Scanner reads one JSON text, value by value: the caller knows what is to come next. What breaks the text stops it: Fail moves
// the position to the end, so that every loop ends without a check of its own. A value of the wrong type is noted and skipped.
// Strings without escapes share the text's memory.
type Scanner struct {
	Text string
	Pos  int // of the next byte
	// MaxNotes is how many values of the wrong type are noted; the next one stops the scanner.
	MaxNotes int
	// MaxDepth bounds the nesting of arrays and objects.
	MaxDepth int
	// KeepBytes leaves strings as they are. Otherwise the first thing in a string that would make another of it is noted: a
	// NUL, by which what ends as a C string would be cut short; bytes that are not UTF-8, and half a surrogate pair, which
	// become U+FFFD.
	KeepBytes bool

	Notes []Note // values of the wrong type
	Stop  Note   // what has stopped it

	depth int
}

// Note is something wrong at an offset of the text.
type Note struct {
	At  int
	Msg string
}

// Failed reports whether the text is broken.
func (s *Scanner) Failed() bool { return s.Stop.Msg != "" }

// Fail records what is wrong at offset at and stops the scanner.
func (s *Scanner) Fail(at int, msg string) {
	if !s.Failed() {
		s.Stop = Note{at, msg}
	}
	s.Pos = len(s.Text)
}

// Note records a value that is wrong at offset at; the scanner goes on.
func (s *Scanner) Note(at int, msg string) {
	if len(s.Notes) == s.MaxNotes {
		s.Fail(at, msg+"; there may be more")
		return
	}
	s.Notes = append(s.Notes, Note{at, msg})
}

// unexpected fails at the cursor, where want should have stood.
func (s *Scanner) unexpected(want string) {
	if s.Pos >= len(s.Text) {
		s.Fail(len(s.Text), "unexpected end of file, want "+want)
		return
	}
	s.Fail(s.Pos, "want "+want+", got "+strconv.QuoteRune(firstRune(s.Text[s.Pos:])))
}

// Mistyped notes the value at the cursor, which is of another type, and skips it; where there is no value it fails.
func (s *Scanner) Mistyped(want string) {
	got := "null"
	switch c := s.Peek(); {
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
		s.unexpected(want)
		return
	}
	s.Note(s.Pos, "want "+want+", got "+got)
	if !s.Failed() {
		s.Skip()
	}
}

// Peek skips white space and returns the byte under the cursor, 0 at the end.
func (s *Scanner) Peek() byte {
	for ; s.Pos < len(s.Text); s.Pos++ {
		switch c := s.Text[s.Pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// Null consumes the literal null if it is next.
func (s *Scanner) Null() bool {
	return s.Peek() == 'n' && s.Literal("null")
}

// Literal consumes word, whose first letter is under the cursor.
func (s *Scanner) Literal(word string) bool {
	if !strings.HasPrefix(s.Text[s.Pos:], word) {
		s.unexpected("a JSON value")
		return false
	}
	s.Pos += len(word)
	return true
}

// Name reads the next name of an object and its colon. The first call, open false, reads the brace as well;
// the end of the object, or null in its place, gives ok false.
func (s *Scanner) Name(open *bool) (name string, at int, ok bool) {
	c := s.Peek()
	if !*open {
		if c != '{' {
			if c != 'n' || !s.Null() {
				s.Mistyped("object")
			}
			return "", 0, false
		}
		*open = true
		s.enter()
		if s.Peek() == '}' {
			s.leave()
			return "", 0, false
		}
	} else {
		if c == '}' {
			s.leave()
			return "", 0, false
		}
		if c != ',' {
			s.unexpected(`"," or "}"`)
			return "", 0, false
		}
		s.Pos++
	}
	if s.Peek() != '"' {
		s.unexpected("a name in double quotes")
		return "", 0, false
	}
	at = s.Pos
	name = s.Str()
	if s.Peek() != ':' {
		s.unexpected(`":"`)
		return "", 0, false
	}
	s.Pos++
	return name, at, true
}

// Element moves to the next element of an array; *open is false on the first call. Another type is noted, with
// want, and there are no elements.
func (s *Scanner) Element(open *bool, want string) bool {
	c := s.Peek()
	if !*open {
		if c != '[' {
			s.Mistyped(want)
			return false
		}
		*open = true
		s.enter()
		if s.Peek() == ']' {
			s.leave()
			return false
		}
		return !s.Failed()
	}
	switch c {
	case ']':
		s.leave()
		return false
	case ',':
		s.Pos++
		return true
	}
	s.unexpected(`"," or "]"`)
	return false
}

// enter consumes an opening bracket and counts it.
func (s *Scanner) enter() {
	s.Pos++
	if s.depth++; s.depth > s.MaxDepth {
		s.Fail(s.Pos-1, "nested deeper than "+strconv.Itoa(s.MaxDepth))
	}
}

func (s *Scanner) leave() {
	s.Pos++
	s.depth--
}

// Skip consumes one value of any type and checks its syntax.
func (s *Scanner) Skip() {
	switch c := s.Peek(); c {
	case '{':
		for open := false; ; {
			if _, _, ok := s.Name(&open); !ok {
				return
			}
			s.Skip()
		}
	case '[':
		for open := false; s.Element(&open, "array"); {
			s.Skip()
		}
	case '"':
		s.Str()
	case 't':
		s.Literal("true")
	case 'f':
		s.Literal("false")
	case 'n':
		s.Literal("null")
	default:
		s.Number("a JSON value")
	}
}

// Number consumes a number and returns it as written; "" when there is none.
func (s *Scanner) Number(want string) string {
	c := s.Peek()
	if c != '-' && (c < '0' || c > '9') {
		s.Mistyped(want)
		return ""
	}
	start := s.Pos
	if c == '-' {
		s.Pos++
	}
	if s.Pos < len(s.Text) && s.Text[s.Pos] == '0' {
		s.Pos++
	} else if !s.digits() {
		return ""
	}
	if s.Pos < len(s.Text) && s.Text[s.Pos] == '.' {
		s.Pos++
		if !s.digits() {
			return ""
		}
	}
	if s.Pos < len(s.Text) && s.Text[s.Pos]|0x20 == 'e' {
		s.Pos++
		if s.Pos < len(s.Text) && (s.Text[s.Pos] == '+' || s.Text[s.Pos] == '-') {
			s.Pos++
		}
		if !s.digits() {
			return ""
		}
	}
	return s.Text[start:s.Pos]
}

// digits consumes one digit or more.
func (s *Scanner) digits() bool {
	start := s.Pos
	for s.Pos < len(s.Text) && s.Text[s.Pos] >= '0' && s.Text[s.Pos] <= '9' {
		s.Pos++
	}
	if s.Pos == start {
		s.unexpected("a digit")
		return false
	}
	return true
}
