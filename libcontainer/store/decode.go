package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// decode reads a record. Keys it does not know are skipped, so that an older
// teu can remove what a newer one made.
func decode(data []byte) (*State, error) {
	st := new(State)
	s := scanner{data: data}
	s.object(func(key string) {
		switch key {
		case "ociVersion":
			st.Version = s.str()
		case "id":
			st.ID = s.str()
		case "phase":
			st.Phase = Phase(s.str())
		case "init":
			st.Init = s.process()
		case "runtime":
			st.Runtime = s.process()
		case "created":
			st.Created = s.time()
		case "bundle":
			st.Bundle = s.str()
		case "rootfs":
			st.Rootfs = s.str()
		case "config":
			st.Config = s.str()
		case "uid":
			st.UID = uint32(s.uint(32))
		case "annotations":
			st.Annotations = s.strings()
		case "cgroup":
			st.Cgroup = s.str()
		case "intelRdt":
			st.IntelRdt = s.str()
		case "keyring":
			st.Keyring = s.str()
		case "hooks":
			st.Hooks = s.skip()
		default:
			s.skip()
		}
	})
	if !s.end() {
		return nil, fmt.Errorf("offset %d: %w", s.pos, s.failure())
	}
	if st.ID == "" {
		return nil, errors.New("no id")
	}
	switch st.Phase {
	case Creating, Created, Running:
		return st, nil
	}
	return nil, fmt.Errorf("phase %.16q is none of creating, created, running", st.Phase)
}

var (
	errSyntax = errors.New("not the JSON of a record")
	errNumber = errors.New("number out of range")
	errTime   = errors.New("not an RFC 3339 time")
)

// maxDepth bounds the nesting of what skip passes over.
const maxDepth = 64

// scanner reads JSON (RFC 8259). After the first error, which it keeps,
// its methods do nothing and return zero values.
type scanner struct {
	data []byte
	pos  int
	err  error
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *scanner) failure() error {
	if s.err == nil {
		return errSyntax
	}
	return s.err
}

// end reports whether all was read without an error.
func (s *scanner) end() bool {
	return s.peek() == 0 && s.err == nil && s.pos == len(s.data)
}

// peek passes over white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// accept takes c if it comes next.
func (s *scanner) accept(c byte) bool {
	if s.err != nil || s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) expect(c byte) {
	if !s.accept(c) {
		s.fail(errSyntax)
	}
}

// object calls member for each key; member has to read the value.
func (s *scanner) object(member func(key string)) {
	s.expect('{')
	if s.accept('}') {
		return
	}
	for s.err == nil {
		key := s.str()
		s.expect(':')
		if s.err != nil {
			return
		}
		member(key)
		if s.accept('}') {
			return
		}
		s.expect(',')
	}
}

func (s *scanner) strings() map[string]string {
	m := make(map[string]string)
	s.object(func(key string) { m[key] = s.str() })
	if len(m) == 0 {
		return nil
	}
	return m
}

func (s *scanner) process() (p Process) {
	s.object(func(key string) {
		switch key {
		case "pid":
			p.Pid = int(s.uint(31))
		case "start":
			p.Start = s.uint(64)
		default:
			s.skip()
		}
	})
	return p
}

func (s *scanner) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, s.str())
	if err != nil {
		s.fail(errTime)
	}
	return t
}

// uint reads a whole number of at most the given bits.
func (s *scanner) uint(bits int) uint64 {
	s.peek()
	start := s.pos
	s.digits()
	if s.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(string(s.data[start:s.pos]), 10, bits)
	if err != nil {
		s.fail(errNumber)
	}
	return n
}

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.fail(errSyntax)
	}
}

func (s *scanner) str() string {
	s.expect('"')
	if s.err != nil {
		return ""
	}
	start := s.pos
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return string(s.data[start : s.pos-1])
		case c == '\\':
			return s.escaped(append([]byte(nil), s.data[start:s.pos]...))
		case c < 0x20:
			s.fail(errSyntax)
			return ""
		}
	}
	s.fail(errSyntax)
	return ""
}

// escaped reads the rest of a string from its first backslash on.
func (s *scanner) escaped(b []byte) string {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return string(b)
		case c < 0x20:
			s.fail(errSyntax)
			return ""
		case c != '\\':
			b = append(b, c)
		case s.pos < len(s.data):
			c = s.data[s.pos]
			s.pos++
			b = s.escape(b, c)
		}
		if s.err != nil {
			return ""
		}
	}
	s.fail(errSyntax)
	return ""
}

// escape appends what backslash and c stand for.
func (s *scanner) escape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\', '/':
		return append(b, c)
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case 'n':
		return append(b, '\n')
	case 'r':
		return append(b, '\r')
	case 't':
		return append(b, '\t')
	case 'u':
		r := s.hex4()
		if utf16.IsSurrogate(r) && s.pos+1 < len(s.data) && s.data[s.pos] == '\\' && s.data[s.pos+1] == 'u' {
			s.pos += 2
			r = utf16.DecodeRune(r, s.hex4())
		}
		return utf8.AppendRune(b, r)
	}
	s.fail(errSyntax)
	return b
}

func (s *scanner) hex4() rune {
	if len(s.data)-s.pos < 4 {
		s.fail(errSyntax)
		return 0
	}
	n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
	if err != nil {
		s.fail(errSyntax)
	}
	s.pos += 4
	return rune(n)
}

// skip passes over one value and gives its text.
func (s *scanner) skip() []byte {
	s.peek()
	start := s.pos
	s.value(0)
	if s.err != nil {
		return nil
	}
	return s.data[start:s.pos]
}

func (s *scanner) value(depth int) {
	if depth > maxDepth {
		s.fail(errSyntax)
	}
	if s.err != nil {
		return
	}
	switch s.peek() {
	case '{':
		s.object(func(string) { s.value(depth + 1) })
	case '[':
		s.pos++
		if s.accept(']') {
			return
		}
		for s.err == nil {
			s.value(depth + 1)
			if s.accept(']') {
				return
			}
			s.expect(',')
		}
	case '"':
		s.str()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) word(w string) {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		s.fail(errSyntax)
		return
	}
	s.pos += len(w)
}

func (s *scanner) number() {
	s.next("-")
	s.digits()
	if s.next(".") {
		s.digits()
	}
	if s.next("eE") {
		s.next("+-")
		s.digits()
	}
}

// next takes the next byte, white space not being passed over, if it is in set.
func (s *scanner) next(set string) bool {
	if s.pos < len(s.data) && strings.IndexByte(set, s.data[s.pos]) >= 0 {
		s.pos++
		return true
	}
	return false
}
