package netdev

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

func TestRequestIsPaddedAndCounted(t *testing.T) {
	r := newRequest(sys.RtmSetlink, sys.NlmFAck, linkHeader{index: 7, flags: 1, change: 1})
	r.text(sys.IflaIfname, "eth0")
	r.uint32(sys.IflaNetNsFd, 9)
	b, err := r.bytes(3)
	if err != nil {
		t.Fatalf("make the message: %v", err)
	}
	list, err := parse(b)
	if err != nil || len(list) != 1 {
		t.Fatalf("parse the message: got %v, %v, want one message", list, err)
	}
	m := list[0]
	if m.typ != sys.RtmSetlink || m.flags != sys.NlmFRequest|sys.NlmFAck || m.seq != 3 || len(b)%4 != 0 {
		t.Errorf("header of the message: got type %d, flags %#x, number %d, %d bytes in all, want type %d, flags %#x, number 3, a multiple of 4", m.typ, m.flags, m.seq, len(b), sys.RtmSetlink, sys.NlmFRequest|sys.NlmFAck)
	}
	got := map[uint16][]byte{}
	if err := attributes(m.body[sys.SizeofIfInfomsg:], func(typ uint16, data []byte) error {
		got[typ] = data
		return nil
	}); err != nil {
		t.Fatalf("read the attributes: %v", err)
	}
	if string(got[sys.IflaIfname]) != "eth0\x00" || native.Uint32(got[sys.IflaNetNsFd]) != 9 || len(got) != 2 {
		t.Errorf("attributes: got %x, want two, the name eth0 with a NUL at its end and the descriptor 9", got)
	}
}

// TestLongAttribute: CVE-2021-43784 was a length that wrapped around.
func TestLongAttribute(t *testing.T) {
	for n, want := range map[int]error{65531: nil, 65532: syscall.EMSGSIZE, 65536 + 8: syscall.EMSGSIZE} {
		r := newRequest(sys.RtmSetlink, 0, linkHeader{})
		r.attr(1, make([]byte, n))
		r.attr(2, []byte("more"))
		b, err := r.bytes(1)
		if !errors.Is(err, want) {
			t.Errorf("attribute of %d bytes: got error %v, want %v", n, err, want)
		}
		if err != nil && b != nil {
			t.Errorf("attribute of %d bytes: got a message of %d bytes beside the error, want none", n, len(b))
		}
	}
}

// reply is a message of type NLMSG_ERROR.
func reply(flags uint16, code int32, rest ...byte) *message {
	body := native.AppendUint32(nil, uint32(code))
	body = append(body, make([]byte, sys.SizeofNlMsghdr)...)
	native.PutUint32(body[4:], sys.SizeofNlMsghdr)
	return &message{typ: sys.NlmsgError, flags: flags, body: append(body, rest...)}
}

func ackText(text string) []byte {
	r := &request{}
	r.text(sys.NlmsgerrAttrMsg, text)
	return r.buf
}

func TestErrorsSayWhatTheKernelSays(t *testing.T) {
	const tlvs, capped = sys.NlmFAckTlvs, sys.NlmFCapped
	echo := reply(tlvs, -22, append([]byte("12345678"), ackText("no")...)...)
	native.PutUint32(echo.body[4:], sys.SizeofNlMsghdr+8)
	for name, c := range map[string]struct {
		m     *message
		errno error
		text  string
	}{
		"success":                 {reply(capped, 0), nil, ""},
		"a number":                {reply(capped, -19), syscall.ENODEV, "no such device"},
		"words":                   {reply(tlvs|capped, -17, ackText("it exists")...), syscall.EEXIST, "file exists: it exists"},
		"words after the request": {echo, syscall.EINVAL, "invalid argument: no"},
		"a positive number":       {reply(0, 5), errMessage, ""},
		"not an errno":            {reply(0, -5000), errMessage, ""},
		"short":                   {&message{typ: sys.NlmsgError, body: []byte{1, 2}}, errMessage, ""},
		"words cut off":           {reply(tlvs|capped, -17, 200, 0, 1, 0), errMessage, ""},
		"done":                    {&message{typ: sys.NlmsgDone, body: native.AppendUint32(nil, 0)}, nil, ""},
		"done without words":      {&message{typ: sys.NlmsgDone}, nil, ""},
		"done with an error":      {&message{typ: sys.NlmsgDone, flags: tlvs, body: append([]byte{0xff, 0xff, 0xff, 0xff}, ackText("x")...)}, syscall.EPERM, "operation not permitted: x"},
	} {
		err := c.m.result()
		if !errors.Is(err, c.errno) || (err == nil) != (c.errno == nil) || c.text != "" && err.Error() != c.text {
			t.Errorf("%s: got error %v, want %v %q", name, err, c.errno, c.text)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := newRequest(sys.RtmGetlink, 0, linkHeader{}).bytes(1)
	if err != nil {
		t.Fatalf("make the message: %v", err)
	}
	for name, edit := range map[string]func(b []byte) []byte{
		"a short header":                func(b []byte) []byte { return b[:15] },
		"a length below its own header": func(b []byte) []byte { native.PutUint32(b, 15); return b },
		"no length":                     func(b []byte) []byte { native.PutUint32(b, 0); return b },
		"more than there is":            func(b []byte) []byte { native.PutUint32(b, uint32(len(b))+1); return b },
		"a huge length":                 func(b []byte) []byte { native.PutUint32(b, 1<<32-1); return b },
	} {
		if list, err := parse(edit(bytes.Clone(good))); err == nil {
			t.Errorf("parse %s: got %v, want an error", name, list)
		}
	}
	for name, b := range map[string][]byte{
		"a short header": {4, 0, 1}, "a length of 3": {3, 0, 1, 0}, "more than there is": {9, 0, 1, 0, 1, 2, 3, 4},
	} {
		if err := attributes(b, func(uint16, []byte) error { return nil }); err == nil {
			t.Errorf("read an attribute with %s: got no error, want one", name)
		}
	}
}

func TestRelabel(t *testing.T) {
	for _, c := range [][4]string{
		{"eth0", "eth0", "net0", "net0"},
		{"eth0:1", "eth0", "net0", "net0:1"},
		{"eth0", "eth0", "eth0", "eth0"},
		{"eth01", "eth0", "net0", "eth01"},
		{"mine", "eth0", "net0", "mine"},
		{"eth0:123456789", "eth0", "container_eth0", "conta:123456789"},
		{"eth0:abcdefghijklmn", "eth0", "net0", "eth0:abcdefghijklmn"},
	} {
		if got := relabel(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s of %s, now %s: got %s, want %s", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestLastingAddresses(t *testing.T) {
	for want, list := range map[bool][]address{
		true:  {{flags: sys.IfaFPermanent}, {flags: sys.IfaFPermanent | 1<<9}},
		false: {{}, {flags: sys.IfaFPermanent, scope: 253}, {flags: sys.IfaFPermanent, scope: 254}, {scope: 253}},
	} {
		for _, a := range list {
			if a.lasting() != want {
				t.Errorf("%+v is lasting: got %v, want %v", a, !want, want)
			}
		}
	}
}

// FuzzReplies takes any datagram through all that reads what the kernel sends. What it makes of an address can be sent.
func FuzzReplies(f *testing.F) {
	r := newRequest(sys.RtmNewlink, 0, linkHeader{index: 2})
	r.text(sys.IflaIfname, "eth0")
	b, _ := r.bytes(1)
	f.Add(b)
	a := newRequest(sys.RtmNewaddr, 0, addressHeader{family: syscall.AF_INET, prefix: 24, index: 2})
	a.attr(sys.IfaLocal, []byte{10, 0, 0, 1})
	a.uint32(sys.IfaFlags, sys.IfaFPermanent)
	a.text(sys.IfaLabel, "eth0:1")
	b, _ = a.bytes(2)
	f.Add(b)
	e := reply(sys.NlmFAckTlvs|sys.NlmFCapped, -17, ackText("it exists")...)
	b = native.AppendUint32(nil, uint32(sys.SizeofNlMsghdr+len(e.body)))
	b = native.AppendUint16(native.AppendUint16(b, e.typ), e.flags)
	f.Add(append(append(b, make([]byte, 8)...), e.body...))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parse(data)
		if err != nil {
			return
		}
		for i := range list {
			m := &list[i]
			if err := m.result(); err != nil && err.Error() == "" {
				t.Errorf("text of the error that message %d reports: got none, want some", i)
			}
			if l, err := parseLink(m); err == nil && strings.Contains(l.name, "\x00") {
				t.Errorf("name of the link %+v: got a NUL in it, want none", l)
			}
			index, a, err := parseAddress(m)
			if err != nil {
				continue
			}
			r := newRequest(sys.RtmNewaddr, 0, addressHeader{a.family, a.prefix, a.scope, index})
			for _, x := range a.attrs {
				r.attr(x.typ, x.data)
			}
			b, err := r.bytes(1)
			if err != nil {
				t.Fatalf("make a message of the address: %v", err)
			}
			if again, err := parse(b); err != nil || len(again) != 1 {
				t.Errorf("parse the message %x made of an address: got %d messages, %v, want one", b, len(again), err)
			}
			_ = a.String()
		}
	})
}

// TestAnotherDevice: a device is known by the address of its hardware, if it has one, and not by its index or its name.
func TestAnotherDevice(t *testing.T) {
	told := func(perm []byte) link {
		r := newRequest(sys.RtmNewlink, 0, linkHeader{index: 7})
		r.text(sys.IflaIfname, "eth0")
		if perm != nil {
			r.attr(sys.IflaPermAddr, perm)
		}
		b, err := r.bytes(1)
		if err != nil {
			t.Fatalf("make the message: %v", err)
		}
		list, err := parse(b)
		if err != nil {
			t.Fatalf("parse the message: %v", err)
		}
		l, err := parseLink(&list[0])
		if err != nil || l.index != 7 || l.name != "eth0" {
			t.Fatalf("parse the link: got %+v, %v, want eth0 of index 7", l, err)
		}
		return l
	}
	card, other, virtual := told([]byte{2, 0, 0, 0, 0, 1}), told([]byte{2, 0, 0, 0, 0, 2}), told(nil)
	for _, c := range []struct {
		now, before link
		same        bool
	}{{card, card, true}, {virtual, virtual, true}, {other, card, false}, {virtual, card, false}, {card, virtual, false}} {
		if err := c.now.is(&c.before); (err == nil) != c.same {
			t.Errorf("device %q, before %q: got error %v, want one: %v", c.now.perm, c.before.perm, err, !c.same)
		}
	}
}
