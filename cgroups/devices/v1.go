package devices

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// List is the state of a v1 devices cgroup: a default, and the exceptions to it.
type List struct {
	// AllowAll makes the exceptions denials; otherwise they are what is allowed.
	AllowAll bool
	// Exceptions have no Kind 'a', and no two of them name the same devices.
	Exceptions []Rule
}

// V1 works out the list that rules amount to. The kernel keeps no order among exceptions and ignores, without an
// error, a line that would take something out of the middle of a wider exception; such rules are refused here
// instead.
func V1(rules []Rule) (List, error) {
	l := v1{at: make(map[span]int, len(rules))}
	for _, r := range rules {
		if r.Kind == 'a' {
			l.AllowAll, l.Exceptions = r.Allow, nil
			clear(l.at)
			continue
		}
		if r.Allow != l.AllowAll {
			l.add(r)
			continue
		}
		if err := l.remove(r); err != nil {
			return List{}, err
		}
	}
	l.Exceptions = slices.DeleteFunc(l.Exceptions, func(e Rule) bool { return e.Access == 0 })
	l.widen()
	return l.List, nil
}

// v1 is a list being worked out: what has been taken out of it has no access left until the end.
type v1 struct {
	List
	at map[span]int // where the exception for exactly these devices is
}

func (l *v1) add(r Rule) {
	i, ok := l.at[r.span()]
	if ok && l.Exceptions[i].Access != 0 {
		l.Exceptions[i].Access |= r.Access
		return
	}
	l.at[r.span()] = len(l.Exceptions)
	l.Exceptions = append(l.Exceptions, r)
}

func (l *v1) remove(r Rule) error {
	if r.Major != Any && r.Minor != Any { // only these can overlap with it
		for _, s := range r.span().covering() {
			if i, ok := l.at[s]; ok {
				if err := l.take(i, r); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i := range l.Exceptions {
		if err := l.take(i, r); err != nil {
			return err
		}
	}
	return nil
}

// take takes r out of exception i.
func (l *v1) take(i int, r Rule) error {
	e := &l.Exceptions[i]
	switch {
	case r.covers(*e):
		e.Access &^= r.Access
	case r.overlaps(*e) && r.Access&e.Access != 0:
		verb, other := "deny", "allowed"
		if r.Allow {
			verb, other = "allow", "denied"
		}
		return fmt.Errorf("%s: cannot %s %q within %q %s before: cgroup v1 has no exceptions to exceptions",
			r.place(), verb, r, *e, other)
	}
	return nil
}

// widen lets exceptions that cover each other work together: the kernel wants all that one open(2) asks for in a
// single exception ("c 1:* r" beside "c 1:3 w" does not allow O_RDWR on 1:3). Making a node is asked for by
// itself.
func (l *List) widen() {
	if l.AllowAll {
		return // denials match when any part of the access does
	}
	const open = Read | Write
	now := l.byDevices()
	for i := range l.Exceptions {
		e := &l.Exceptions[i]
		if e.Access&open == 0 {
			continue
		}
		for _, s := range e.span().covering() {
			e.Access |= now[s] & open
		}
	}
}

// byDevices is the access that the exceptions hold.
func (l *List) byDevices() decided {
	m := make(decided, len(l.Exceptions))
	for _, e := range l.Exceptions {
		m[e.span()] = e.Access
	}
	return m
}

func (r Rule) place() string {
	if r.Entry < 0 {
		return "linux.resources.devices: default rule"
	}
	return "linux.resources.devices[" + strconv.Itoa(r.Entry) + "]"
}

// Change is one line for devices.deny or, with Allow, devices.allow.
type Change struct {
	Allow bool
	Line  string
}

// everything is the line that empties the exceptions and sets the default; the kernel reads no further than the a.
const everything = "a *:* rwm"

// Transition returns the lines that lead from the content of devices.list to l, and disturb as little as they
// can: a list of allowed devices becomes another one without a moment in which what both allow is denied, or what neither
// does is allowed. To or from a list of denied ones the kernel knows no way but through none at all, so that for some
// microseconds everything is allowed, or denied.
func Transition(current string, l List) ([]Change, error) {
	now, err := ParseList(current)
	if err != nil {
		return nil, err
	}
	var out []Change
	// devices.list does not show the denials below "a *:* rwm", so such a list is never taken as it is.
	if l.AllowAll || now.AllowAll {
		out = append(out, Change{l.AllowAll, everything})
		now.Exceptions = nil
	}
	old, next := now.byDevices(), l.byDevices()
	for _, e := range l.Exceptions {
		if e.Access &^= old[e.span()]; e.Access != 0 {
			out = append(out, Change{!l.AllowAll, e.String()})
		}
	}
	for _, e := range now.Exceptions {
		if e.Access &^= next[e.span()]; e.Access != 0 {
			out = append(out, Change{false, e.String()})
		}
	}
	return out, nil
}

// ParseList reads devices.list.
func ParseList(s string) (l List, err error) {
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "a ") {
			return List{AllowAll: true}, nil
		}
		r, ok := parseLine(line)
		if !ok {
			return l, fmt.Errorf("devices.list: %q: not understood", line)
		}
		l.Exceptions = append(l.Exceptions, r)
	}
	return l, nil
}

func parseLine(line string) (r Rule, ok bool) {
	kind, rest, _ := strings.Cut(line, " ")
	dev, access, ok := strings.Cut(rest, " ")
	major, minor, ok2 := strings.Cut(dev, ":")
	if !ok || !ok2 || kind != "c" && kind != "b" {
		return r, false
	}
	r.Kind, r.Entry = kind[0], -1
	if r.Access, ok = parseAccess(access); !ok {
		return r, false
	}
	for _, n := range []struct {
		text string
		to   *int64
	}{{major, &r.Major}, {minor, &r.Minor}} {
		if n.text == "*" {
			*n.to = Any
			continue
		}
		v, err := strconv.ParseUint(n.text, 10, 32)
		if err != nil {
			return r, false
		}
		*n.to = int64(v)
	}
	return r, true
}
