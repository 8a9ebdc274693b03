package netdev

import (
	"errors"
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// link is a network device.
type link struct {
	index int32
	flags uint32 // IFF_UP and others
	name  string
	perm  string // the address that the hardware has of its own, which nobody can change or give to another device
}

func (l *link) up() bool { return l.flags&sys.IffUp != 0 }

// linkHeader is struct ifinfomsg: change are the flags that are to become those in flags.
type linkHeader struct {
	index         int32
	flags, change uint32
}

func (h linkHeader) append(b []byte) []byte {
	b = append(b, 0, 0, 0, 0) // family, padding, type
	b = native.AppendUint32(b, uint32(h.index))
	b = native.AppendUint32(b, h.flags)
	return native.AppendUint32(b, h.change)
}

func parseLink(m *message) (l link, err error) {
	if m.typ != sys.RtmNewlink || len(m.body) < sys.SizeofIfInfomsg {
		return l, errMessage
	}
	l.index, l.flags = int32(native.Uint32(m.body[4:])), native.Uint32(m.body[8:])
	err = attributes(m.body[sys.SizeofIfInfomsg:], func(typ uint16, data []byte) error {
		switch typ {
		case sys.IflaIfname:
			l.name = cString(data)
		case sys.IflaPermAddr:
			l.perm = string(data)
		}
		return nil
	})
	return l, err
}

// is reports an error when l, which has the index of the device before, is not that device: in a network namespace that was joined
// somebody may have put one of his own in its place, which the host would take for its network.
func (l *link) is(before *link) error {
	if l.perm != before.perm {
		return fmt.Errorf("%s is another device by now: %w", l.name, syscall.ENODEV)
	}
	return nil
}

// get asks for one device. It is ENODEV when there is none.
func (c *conn) get(index int32, name string) (l link, err error) {
	r := newRequest(sys.RtmGetlink, sys.NlmFAck, linkHeader{index: index})
	if name != "" {
		r.text(sys.IflaIfname, name)
	}
	r.uint32(sys.IflaExtMask, sys.RtextFilterSkipStats)
	err = c.do(r, func(m *message) (err error) {
		l, err = parseLink(m)
		return err
	})
	return l, err
}

// named is the device of that name. An alternative name of a device is not its name.
func (c *conn) named(name string) (link, error) {
	l, err := c.get(0, name)
	if err == nil && l.name != name {
		err = fmt.Errorf("an alternative name of %s: %w", l.name, syscall.ENODEV)
	}
	return l, err
}

// taken reports whether name is the name, or an alternative one, of a device.
func (c *conn) taken(name string) (bool, error) {
	_, err := c.get(0, name)
	if errors.Is(err, syscall.ENODEV) {
		return false, nil
	}
	return err == nil, err
}

// highest is the highest index of a device.
func (c *conn) highest() (most int32, err error) {
	err = c.dump(func() *request {
		r := newRequest(sys.RtmGetlink, sys.NlmFDump, linkHeader{})
		r.uint32(sys.IflaExtMask, sys.RtextFilterSkipStats)
		return r
	}, func() { most = 0 }, func(m *message) error {
		l, err := parseLink(m)
		most = max(most, l.index)
		return err
	})
	return most, err
}

// move moves device index of c's namespace to another, where peer is and which the open file ns stands for, under name,
// which may be a template. It keeps the index if that is free there; it is always told to the kernel, as nothing else
// says which device has come out of a template (IFLA_NEW_IFINDEX, Linux 5.13).
func (c *conn) move(index int32, peer *conn, ns int, name string) (int32, error) {
	next := index
	for try := 1; ; try++ {
		r := newRequest(sys.RtmSetlink, sys.NlmFAck, linkHeader{index: index})
		r.uint32(sys.IflaNetNsFd, uint32(ns))
		r.uint32(sys.IflaNewIfindex, uint32(next))
		r.text(sys.IflaIfname, name)
		err := c.do(r, nil)
		if err == nil || !errors.Is(err, syscall.EBUSY) || try == maxTries {
			return next, err
		}
		most, lerr := peer.highest()
		if lerr != nil {
			return next, errors.Join(err, lerr)
		}
		next = max(most, index) + 1
	}
}

func (c *conn) setUp(index int32) error {
	return c.do(newRequest(sys.RtmSetlink, sys.NlmFAck, linkHeader{index: index, flags: sys.IffUp, change: sys.IffUp}), nil)
}
