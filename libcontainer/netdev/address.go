package netdev

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// address is an address of a device, as the kernel told it: its attributes are given back as they are.
type address struct {
	family, prefix, scope uint8
	flags                 uint32
	label                 string // IPv4 only
	attrs                 []attribute
}

type attribute struct {
	typ  uint16
	data []byte
}

// addressHeader is struct ifaddrmsg. Flags go into an attribute, which has room for all of them.
type addressHeader struct {
	family, prefix, scope uint8
	index                 int32
}

func (h addressHeader) append(b []byte) []byte {
	return native.AppendUint32(append(b, h.family, h.prefix, 0, h.scope), uint32(h.index))
}

func parseAddress(m *message) (index int32, a address, err error) {
	if m.typ != sys.RtmNewaddr || len(m.body) < sys.SizeofIfAddrmsg {
		return 0, a, errMessage
	}
	a.family, a.prefix, a.flags, a.scope = m.body[0], m.body[1], uint32(m.body[2]), m.body[3]
	index = int32(native.Uint32(m.body[4:]))
	err = attributes(m.body[sys.SizeofIfAddrmsg:], func(typ uint16, data []byte) error {
		switch typ {
		case sys.IfaFlags:
			if len(data) != 4 {
				return errMessage
			}
			a.flags = native.Uint32(data)
		case sys.IfaLabel:
			a.label = cString(data)
		case sys.IfaAddress, sys.IfaLocal, sys.IfaBroadcast, sys.IfaCacheinfo, sys.IfaRtPriority, sys.IfaProto:
			a.attrs = append(a.attrs, attribute{typ, data})
		}
		return nil
	})
	return index, a, err
}

// lasting: config-linux.md, "Network Devices": IFA_F_PERMANENT and RT_SCOPE_UNIVERSE.
func (a *address) lasting() bool {
	return a.flags&sys.IfaFPermanent != 0 && a.scope == sys.RtScopeUniverse
}

// addresses lists the addresses of a device in the order in which they make the same list again: the kernel puts those of
// IPv6 in front of others of their scope, those of IPv4 behind the primary ones.
func (c *conn) addresses(index int32) (list []address, err error) {
	err = c.dump(func() *request {
		return newRequest(sys.RtmGetaddr, sys.NlmFDump, addressHeader{index: index})
	}, func() { list = nil }, func(m *message) error {
		at, a, err := parseAddress(m)
		switch {
		case err != nil || at != index:
		case a.family == sys.AfInet6:
			list = slices.Insert(list, 0, a)
		default:
			list = append(list, a)
		}
		return err
	})
	return list, err
}

// add gives device index, now called name and formerly old, an address.
func (c *conn) add(index int32, a *address, old, name string) error {
	r := newRequest(sys.RtmNewaddr, sys.NlmFCreate|sys.NlmFExcl|sys.NlmFAck, addressHeader{a.family, a.prefix, a.scope, index})
	for _, t := range a.attrs {
		r.attr(t.typ, t.data)
	}
	// The kernel takes of them what can be set.
	r.uint32(sys.IfaFlags, a.flags)
	if a.label != "" {
		r.text(sys.IfaLabel, relabel(a.label, old, name))
	}
	return c.do(r, nil)
}

// relabel is what becomes of a label when a device is renamed, as the kernel does it (inetdev_changename): "eth0:1"
// follows the name, which is cut if there is no room for it.
func relabel(label, old, name string) string {
	suffix, ok := strings.CutPrefix(label, old)
	if !ok || suffix != "" && suffix[0] != ':' {
		return label
	}
	const room = sys.Ifnamsiz - 1
	if len(suffix) >= room {
		return label
	}
	return name[:min(len(name), room-len(suffix))] + suffix
}

// restore is add for what may be there already: a link-local address that the kernel has made anew.
func (c *conn) restore(index int32, a *address, old, name string) error {
	err := c.add(index, a, old, name)
	if errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

// String is the address with its prefix length, as in "10.1.0.2/24".
func (a *address) String() string {
	var local []byte
	for _, t := range a.attrs {
		// IPv6 has IFA_LOCAL only when there is a peer, whose address IFA_ADDRESS is then.
		if t.typ == sys.IfaLocal || t.typ == sys.IfaAddress && local == nil {
			local = t.data
		}
	}
	if ip, ok := netip.AddrFromSlice(local); ok {
		return ip.String() + "/" + strconv.Itoa(int(a.prefix))
	}
	return "of family " + strconv.Itoa(int(a.family))
}
