package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"syscall"

	"teu/internal/sys"
)

var native = binary.NativeEndian

var errMessage = errors.New("malformed netlink message")

// align rounds up to what headers and attributes are aligned to (NLMSG_ALIGN, RTA_ALIGN).
func align(n int) int { return (n + 3) &^ 3 }

// request is a message to the kernel: struct nlmsghdr, the header of its family, attributes (netlink(7), rtnetlink(7)).
type request struct {
	buf []byte
	err error // the first thing that did not fit
}

// header is the fixed part that follows struct nlmsghdr.
type header interface{ append(b []byte) []byte }

func newRequest(typ, flags uint16, h header) *request {
	b := make([]byte, sys.SizeofNlMsghdr, 256)
	native.PutUint16(b[4:], typ)
	native.PutUint16(b[6:], flags|sys.NlmFRequest)
	return &request{buf: h.append(b)}
}

// attr appends an attribute. CVE-2021-43784 was a length that did not fit into its 16 bits, and wrapped.
func (r *request) attr(typ uint16, data []byte) {
	n := sys.SizeofRtAttr + len(data)
	if n > math.MaxUint16 {
		if r.err == nil {
			r.err = fmt.Errorf("netlink attribute %d of %d bytes: %w", typ, len(data), syscall.EMSGSIZE)
		}
		return
	}
	r.buf = native.AppendUint16(r.buf, uint16(n))
	r.buf = native.AppendUint16(r.buf, typ)
	r.buf = append(r.buf, data...)
	r.buf = append(r.buf, make([]byte, align(n)-n)...)
}

func (r *request) uint32(typ uint16, v uint32) { r.attr(typ, native.AppendUint32(nil, v)) }

// text appends a string with its NUL.
func (r *request) text(typ uint16, s string) { r.attr(typ, append([]byte(s), 0)) }

// bytes is the whole message with its length and sequence number.
func (r *request) bytes(seq uint32) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	if uint64(len(r.buf)) > math.MaxUint32 {
		return nil, fmt.Errorf("netlink message of %d bytes: %w", len(r.buf), syscall.EMSGSIZE)
	}
	native.PutUint32(r.buf, uint32(len(r.buf)))
	native.PutUint32(r.buf[8:], seq)
	return r.buf, nil
}

// message is one message from the kernel.
type message struct {
	typ, flags uint16
	seq        uint32
	body       []byte
}

// parse splits a datagram into its messages.
func parse(b []byte) (list []message, err error) {
	for len(b) > 0 {
		if len(b) < sys.SizeofNlMsghdr {
			return nil, errMessage
		}
		n := native.Uint32(b)
		if n < sys.SizeofNlMsghdr || uint64(n) > uint64(len(b)) {
			return nil, errMessage
		}
		list = append(list, message{
			typ: native.Uint16(b[4:]), flags: native.Uint16(b[6:]), seq: native.Uint32(b[8:]), body: b[sys.SizeofNlMsghdr:n],
		})
		b = b[min(align(int(n)), len(b)):]
	}
	return list, nil
}

// attributes calls f for each attribute in b.
func attributes(b []byte, f func(typ uint16, data []byte) error) error {
	for len(b) > 0 {
		if len(b) < sys.SizeofRtAttr {
			return errMessage
		}
		n := int(native.Uint16(b))
		if n < sys.SizeofRtAttr || n > len(b) {
			return errMessage
		}
		if err := f(native.Uint16(b[2:])&sys.NlaTypeMask, b[sys.SizeofRtAttr:n]); err != nil {
			return err
		}
		b = b[min(align(n), len(b)):]
	}
	return nil
}

// result is the error that a message of type NLMSG_ERROR or NLMSG_DONE tells, nil for success.
func (m *message) result() error {
	if m.typ == sys.NlmsgDone && len(m.body) == 0 {
		return nil
	}
	if len(m.body) < 4 {
		return errMessage
	}
	code := int32(native.Uint32(m.body))
	if code == 0 {
		return nil
	}
	if code > 0 || code < -4095 { // MAX_ERRNO of the kernel
		return errMessage
	}
	text, err := m.extAck()
	if err != nil {
		return err
	}
	if text == "" {
		return syscall.Errno(-code)
	}
	return fmt.Errorf("%w: %s", syscall.Errno(-code), text)
}

// extAck is what the kernel has to say about an error beside its number (NLMSGERR_ATTR_MSG). Before it comes the header of
// the request and, unless that is cut off (NLM_F_CAPPED), the rest of the request.
func (m *message) extAck() (text string, err error) {
	if m.flags&sys.NlmFAckTlvs == 0 {
		return "", nil
	}
	b := m.body[4:]
	if m.typ == sys.NlmsgError {
		if len(b) < sys.SizeofNlMsghdr {
			return "", errMessage
		}
		n := uint32(sys.SizeofNlMsghdr)
		if m.flags&sys.NlmFCapped == 0 {
			n = native.Uint32(b)
		}
		if n < sys.SizeofNlMsghdr || uint64(n) > uint64(len(b)) {
			return "", errMessage
		}
		b = b[min(align(int(n)), len(b)):]
	}
	err = attributes(b, func(typ uint16, data []byte) error {
		if typ == sys.NlmsgerrAttrMsg {
			text = cString(data)
		}
		return nil
	})
	return text, err
}

// cString is data up to its NUL.
func cString(data []byte) string {
	for i, c := range data {
		if c == 0 {
			return string(data[:i])
		}
	}
	return string(data)
}
