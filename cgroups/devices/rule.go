// Package devices turns linux.resources.devices into what the kernel enforces: lines for devices.allow and
// devices.deny on cgroup v1, a BPF program on v2.
//
// The meaning is that of the runtime-spec (config-linux.md, "Allowed Device list"): entries apply in the listed
// order, so for each kind of access (read, write, mknod) to a device the last entry that names both decides. It
// starts from "nothing is allowed" and ends with the devices that every container must have, as runc and crun do.
package devices

import (
	"fmt"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// Access is a set of kinds of access, in the bits that BPF programs see.
type Access uint8

// The kinds of access.
const (
	Mknod Access = sys.DevcgMknod
	Read  Access = sys.DevcgRead
	Write Access = sys.DevcgWrite
	All          = Mknod | Read | Write
)

// Any stands for every major or minor number.
const Any int64 = -1

// Rule is one entry that allows or denies. Kind is 'c' or 'b', or 'a' for every access to every device (then the
// other fields are Any and All: an entry of type a that is narrower becomes a rule for c and one for b).
type Rule struct {
	Allow        bool
	Kind         byte
	Major, Minor int64
	Access       Access
	// Entry is the index in linux.resources.devices; -1 for a default.
	Entry int
}

// String is the form that devices.allow takes (Documentation/admin-guide/cgroup-v1/devices.rst).
func (r Rule) String() string {
	return string(r.Kind) + " " + number(r.Major) + ":" + number(r.Minor) + " " + r.Access.String()
}

// String is the access in the kernel's order, "rwm".
func (a Access) String() string {
	b := make([]byte, 0, 3)
	if a&Read != 0 {
		b = append(b, 'r')
	}
	if a&Write != 0 {
		b = append(b, 'w')
	}
	if a&Mknod != 0 {
		b = append(b, 'm')
	}
	return string(b)
}

func number(n int64) string {
	if n == Any {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// span is the devices that a rule is about.
type span struct {
	kind         byte
	major, minor int64
}

func (r Rule) span() span { return span{r.Kind, r.Major, r.Minor} }

// covering are the spans of one kind that s is within, s itself first. Some are named twice where s has an Any.
func (s span) covering() [4]span {
	return [4]span{s, {s.kind, Any, s.minor}, {s.kind, s.major, Any}, {s.kind, Any, Any}}
}

// covers reports whether every device that o matches is matched by r.
func (r Rule) covers(o Rule) bool {
	return (r.Kind == 'a' || r.Kind == o.Kind) &&
		(r.Major == Any || r.Major == o.Major) && (r.Minor == Any || r.Minor == o.Minor)
}

// overlaps reports whether some device is matched by both.
func (r Rule) overlaps(o Rule) bool {
	meet := func(a, b int64) bool { return a == Any || b == Any || a == b }
	return (r.Kind == o.Kind || r.Kind == 'a' || o.Kind == 'a') && meet(r.Major, o.Major) && meet(r.Minor, o.Minor)
}

// defaults are allowed in every container, after the bundle's own entries: making any node (harmless without the
// right to open it, and image builders do it), the devices that the spec says a runtime must supply ("Default
// Devices"), and /dev/net/tun, which is not among them but which VPN containers came to expect from runc
// (opencontainers/runc#3468).
func defaults() []Rule {
	allow := func(kind byte, major, minor int64, a Access) Rule { return Rule{true, kind, major, minor, a, -1} }
	return []Rule{
		allow('c', Any, Any, Mknod),
		allow('b', Any, Any, Mknod),
		allow('c', 1, 3, All),     // null
		allow('c', 1, 5, All),     // zero
		allow('c', 1, 7, All),     // full
		allow('c', 1, 8, All),     // random
		allow('c', 1, 9, All),     // urandom
		allow('c', 5, 0, All),     // tty
		allow('c', 5, 2, All),     // ptmx
		allow('c', 136, Any, All), // pts, and so console
		allow('c', 10, 200, All),  // net/tun
	}
}

// MaxEntries is the most entries that linux.resources.devices may have; callers send tens. Each is up to eleven instructions of a
// filter, which the kernel verifies in about 0.1 ms and runs at each open(2) of a device, or a line that it searches in v1.
const MaxEntries = 1024

// Parse reads linux.resources.devices and appends the defaults. Errors name the entry.
func Parse(entries []specs.LinuxDeviceCgroup) ([]Rule, error) {
	if len(entries) > MaxEntries {
		return nil, fmt.Errorf("linux.resources.devices: %d entries, at most %d: %w", len(entries), MaxEntries, syscall.E2BIG)
	}
	rules := make([]Rule, 0, len(entries)+16)
	for i := range entries {
		r, err := parseEntry(&entries[i])
		if err != nil {
			return nil, fmt.Errorf("linux.resources.devices[%d].%w", i, err)
		}
		r.Entry = i
		if r.Kind != 'a' || r.Major == Any && r.Minor == Any && r.Access == All {
			rules = append(rules, r)
			continue
		}
		r.Kind = 'c'
		rules = append(rules, r)
		r.Kind = 'b'
		rules = append(rules, r)
	}
	return append(rules, defaults()...), nil
}

func parseEntry(d *specs.LinuxDeviceCgroup) (r Rule, err error) {
	r.Allow = d.Allow
	switch d.Type {
	case "", "a":
		r.Kind = 'a'
	case "c", "b":
		r.Kind = d.Type[0]
	default:
		return r, fmt.Errorf("type: %q: must be a, b or c", d.Type)
	}
	if r.Major, err = parseNumber(d.Major); err != nil {
		return r, fmt.Errorf("major: %w", err)
	}
	if r.Minor, err = parseNumber(d.Minor); err != nil {
		return r, fmt.Errorf("minor: %w", err)
	}
	// The spec calls access optional but gives an entry without it no meaning; runc refuses it too.
	if d.Access == "" {
		return r, fmt.Errorf("access: is empty")
	}
	var ok bool
	if r.Access, ok = parseAccess(d.Access); !ok {
		return r, fmt.Errorf("access: %q: must be made of r, w and m", d.Access)
	}
	return r, nil
}

// parseAccess reads an access of the letters r, w and m; ok is false for one with another letter.
func parseAccess(text string) (a Access, ok bool) {
	for _, c := range []byte(text) {
		switch c {
		case 'r':
			a |= Read
		case 'w':
			a |= Write
		case 'm':
			a |= Mknod
		default:
			return 0, false
		}
	}
	return a, true
}

func parseNumber(n *int64) (int64, error) {
	switch {
	case n == nil || *n == Any:
		return Any, nil
	case *n < 0 || *n > 1<<32-1:
		return 0, fmt.Errorf("%d: out of range", *n)
	}
	return *n, nil
}
