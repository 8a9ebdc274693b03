package netdev

import (
	"errors"

	"teu/internal/sys"
)

// conn is a socket that speaks rtnetlink(7) in one network namespace.
type conn struct {
	fd  int
	seq uint32
}

// dial opens a socket in the network namespace that the open file ns stands for, in this process's own for -1.
func dial(ns int) (*conn, error) {
	fd, err := sys.RouteSocket(ns)
	if err != nil {
		return nil, err
	}
	return &conn{fd: fd}, nil
}

func (c *conn) close() { sys.Close(c.fd) }

// do sends a request and gives each message of the reply to each, nil for a request without one. It reads until the
// kernel says that this was all, so that nothing is left for the next request to find.
func (c *conn) do(r *request, each func(m *message) error) error {
	c.seq++
	b, err := r.bytes(c.seq)
	if err != nil {
		return err
	}
	if err := sys.NetlinkSend(c.fd, b); err != nil {
		return err
	}
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for {
		b, err := sys.NetlinkRecv(c.fd)
		if err != nil {
			return err
		}
		list, err := parse(b)
		if err != nil {
			return err
		}
		for i := range list {
			m := &list[i]
			if m.seq != c.seq {
				continue
			}
			if m.flags&sys.NlmFDumpIntr != 0 {
				note(errInterrupted)
			}
			switch {
			case m.typ == sys.NlmsgError || m.typ == sys.NlmsgDone:
				note(m.result())
				return first
			case each != nil:
				note(each(m))
			}
		}
	}
}

// errInterrupted: what was being listed has changed meanwhile (NLM_F_DUMP_INTR).
var errInterrupted = errors.New("changed each time that it was listed")

// maxTries bounds what is tried again because somebody else was faster.
const maxTries = 8

// dump lists what a request asks for. reset is called before each try.
func (c *conn) dump(ask func() *request, reset func(), each func(m *message) error) (err error) {
	for range maxTries {
		reset()
		if err = c.do(ask(), each); err != errInterrupted {
			return err
		}
	}
	return err
}
