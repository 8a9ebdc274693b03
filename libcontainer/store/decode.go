package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"teu/internal/jsonscan"
)

// decode reads a record. Keys it does not know are skipped, so that an older
// teu can end what a newer one made.
func decode(data []byte) (*State, error) {
	st := new(State)
	s := newScanner(data, maxDepth+1)
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
		case "boot":
			st.Boot = s.str()
		case "annotationsAt":
			st.AnnotationsAt = s.span()
		case "hooksAt":
			st.HooksAt = s.span()
		case "annotations":
			st.Annotations = s.strings()
		case "namespaces":
			st.Namespaces = s.str()
		case "cgroup":
			st.Cgroup = s.str()
		case "cgroupIDs":
			st.CgroupIDs = s.str()
		case "intelRdt":
			st.IntelRdt = s.str()
		case "keyring":
			st.Keyring = s.str()
		case "hooks":
			st.oldHooks = s.skip()
		default:
			s.skip()
		}
	})
	if !s.end() {
		return nil, fmt.Errorf("offset %d: %w", s.Stop.At, s.failure())
	}
	return st, st.plausible()
}

func (st *State) plausible() error {
	if st.ID == "" {
		return errors.New("no id")
	}
	switch st.Phase {
	case Creating, Created, Running:
		return nil
	}
	return fmt.Errorf("phase %.16q is none of creating, created, running", st.Phase)
}

var (
	errSyntax = errors.New("not the JSON of a record")
	errNumber = errors.New("number out of range")
	errTime   = errors.New("not an RFC 3339 time")
)

// maxDepth bounds the nesting of a value in a record.
const maxDepth = 64

// scanner reads a record. After the first error its methods return zero values. Bytes that are not UTF-8 stay as they are,
// since paths may hold them.
type scanner struct {
	jsonscan.Scanner
	err error // a value that is not what it should be
}

func newScanner(data []byte, depth int) scanner {
	return scanner{Scanner: jsonscan.Scanner{Text: string(data), KeepBytes: true, MaxDepth: depth}}
}

func (s *scanner) fail(err error) {
	if !s.Failed() {
		s.err = err
	}
	s.Fail(s.Pos, err.Error())
}

func (s *scanner) failure() error {
	if s.err == nil {
		return errSyntax
	}
	return s.err
}

// end reports whether all was read without an error.
func (s *scanner) end() bool {
	if s.Peek(); s.Pos < len(s.Text) {
		s.fail(errSyntax)
	}
	return !s.Failed()
}

// object calls member for each key; member has to read the value.
func (s *scanner) object(member func(key string)) {
	if s.Peek() != '{' {
		s.fail(errSyntax)
		return
	}
	for open := false; ; {
		key, _, ok := s.Name(&open)
		if !ok {
			return
		}
		member(key)
	}
}

// strings reads an object of strings; null is the empty one, as for the reader of config.json.
func (s *scanner) strings() map[string]string {
	m := make(map[string]string)
	s.object(func(key string) {
		m[key] = ""
		if !s.Null() {
			m[key] = s.str()
		}
	})
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

func (s *scanner) span() (p Span) {
	s.object(func(key string) {
		switch key {
		case "from":
			p.From = int(s.uint(31))
		case "to":
			p.To = int(s.uint(31))
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
	n, err := strconv.ParseUint(s.Number("a number"), 10, bits)
	if err != nil {
		s.fail(errNumber)
	}
	return n
}

func (s *scanner) str() string {
	if s.Peek() != '"' {
		s.fail(errSyntax)
		return ""
	}
	return s.Str()
}

// skip passes over one value and gives its text.
func (s *scanner) skip() []byte {
	s.Peek()
	start := s.Pos
	s.Skip()
	if s.Failed() {
		return nil
	}
	return []byte(s.Text[start:s.Pos])
}
