package devices

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func num(n int64) *int64 { return &n }

// entry reads "allow c 1:3 rwm", with * for any number and - for one that is not given.
func entry(t testing.TB, s string) specs.LinuxDeviceCgroup {
	t.Helper()
	f := strings.Fields(s)
	major, minor, ok := strings.Cut(f[2], ":")
	if len(f) != 4 || !ok {
		t.Fatalf("fixture %q: got %d fields, want 4, with a colon in the third", s, len(f))
	}
	d := specs.LinuxDeviceCgroup{Allow: f[0] == "allow", Type: f[1], Access: f[3]}
	for _, n := range []struct {
		text string
		to   **int64
	}{{major, &d.Major}, {minor, &d.Minor}} {
		switch n.text {
		case "-":
		case "*":
			*n.to = num(-1)
		default:
			var v int64
			if _, err := fmt.Sscan(n.text, &v); err != nil {
				t.Fatalf("number %q in a fixture: %v", n.text, err)
			}
			*n.to = &v
		}
	}
	return d
}

func entries(t testing.TB, lines ...string) []specs.LinuxDeviceCgroup {
	t.Helper()
	out := make([]specs.LinuxDeviceCgroup, 0, len(lines))
	for _, l := range lines {
		out = append(out, entry(t, l))
	}
	return out
}

func text(rules []Rule) []string {
	out := make([]string, 0, len(rules))
	for _, r := range rules {
		verb := "deny "
		if r.Allow {
			verb = "allow "
		}
		out = append(out, verb+r.String())
	}
	return out
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"everything denied", "deny a -:- rwm", []string{"deny a *:* rwm"}},
		{"everything denied, numbers -1", "deny a *:* rwm", []string{"deny a *:* rwm"}},
		{"privileged", "allow a -:- rwm", []string{"allow a *:* rwm"}},
		{"one device", "allow c 10:229 rw", []string{"allow c 10:229 rw"}},
		{"a major", "allow b 8:* r", []string{"allow b 8:* r"}},
		{"access in any order and twice", "allow b 8:1 mwwr", []string{"allow b 8:1 rwm"}},
		{"type a with numbers means both types", "allow a 1:3 rw", []string{"allow c 1:3 rw", "allow b 1:3 rw"}},
		{"type a with less access means both types", "deny a *:* m", []string{"deny c *:* m", "deny b *:* m"}},
		{"largest number", "allow c 4294967295:4294967295 r", []string{"allow c 4294967295:4294967295 r"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(entries(t, c.in))
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			want := append(c.want, text(defaults())...)
			if g := strings.Join(text(got), "\n"); g != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", g, strings.Join(want, "\n"))
			}
			if got[0].Entry != 0 || got[len(got)-1].Entry != -1 {
				t.Errorf("entries: got %+v, want numbers from 0, and -1 for the last", got)
			}
		})
	}
	if d := entries(t, "deny a -:- rwm"); true {
		d[0].Type = ""
		got, err := Parse(d)
		if err != nil || got[0].String() != "a *:* rwm" {
			t.Errorf("no type: got %v, %v, want %s", got, err, "a *:* rwm")
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"allow u 1:3 rwm", `linux.resources.devices[1].type: "u": must be a, b or c`},
		{"allow p 1:3 rwm", `linux.resources.devices[1].type: "p": must be a, b or c`},
		{"allow c -2:3 rwm", "linux.resources.devices[1].major: -2: out of range"},
		{"allow c 1:4294967296 rwm", "linux.resources.devices[1].minor: 4294967296: out of range"},
		{"allow c 1:3 rx", `linux.resources.devices[1].access: "rx": must be made of r, w and m`},
	} {
		_, err := Parse(entries(t, "deny a *:* rwm", c.in))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.in, err, c.want)
		}
	}
	if r, err := Parse(make([]specs.LinuxDeviceCgroup, MaxEntries+1)); !errors.Is(err, syscall.E2BIG) ||
		err.Error() != "linux.resources.devices: 1025 entries, at most 1024: argument list too long" {
		t.Errorf("%d entries: got %d rules, %v, want an error of their number", MaxEntries+1, len(r), err)
	}
	_, err := Parse([]specs.LinuxDeviceCgroup{{Allow: true, Type: "c"}})
	if err == nil || err.Error() != "linux.resources.devices[0].access: is empty" {
		t.Errorf("no access: got %v, want %s", err, "linux.resources.devices[0].access: is empty")
	}
}

// reference is the meaning of a rule list, straight from the spec: for each kind of access the last rule that
// speaks of it decides, and nothing is allowed to begin with.
func reference(rules []Rule, kind byte, major, minor int64, want Access) bool {
	for _, bit := range []Access{Mknod, Read, Write} {
		if want&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range rules {
			if (r.Kind == 'a' || r.Kind == kind) && (r.Major == Any || r.Major == major) &&
				(r.Minor == Any || r.Minor == minor) && r.Access&bit != 0 {
				allowed = r.Allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

// everyAccess visits a space of devices that has some in and some out of every fixture.
func everyAccess(visit func(kind byte, major, minor int64, want Access)) {
	for _, kind := range []byte{'b', 'c'} {
		for _, major := range []int64{0, 1, 2, 5, 8, 10, 136, 1<<32 - 1} {
			for _, minor := range []int64{0, 1, 2, 3, 200, 229, 1<<32 - 1} {
				for _, want := range []Access{Mknod, Read, Write, Read | Write} {
					visit(kind, major, minor, want)
				}
			}
		}
	}
}

// lists are rule lists as callers send them, and ones that try the order.
var lists = map[string][]string{
	"none":                                {},
	"runc spec":                           {"deny a -:- rwm"},
	"Docker":                              {"deny a -:- rwm", "allow c 1:5 rwm", "allow c 1:3 rwm", "allow c 1:9 rwm", "allow c 1:8 rwm", "allow c 5:0 rwm", "allow c 5:1 rwm", "deny c 10:229 rwm"},
	"privileged":                          {"deny a -:- rwm", "allow a -:- rwm"},
	"privileged, then a device denied":    {"allow a -:- rwm", "deny b 8:0 rw"},
	"privileged, then two parts denied":   {"allow a -:- rwm", "deny b 8:0 r", "deny b 8:0 w", "deny b 8:1 w"},
	"denied and allowed again":            {"allow a -:- rwm", "deny b 8:0 rw", "allow b 8:0 r"},
	"example of the spec":                 {"deny a -:- rwm", "allow c 10:229 rw", "allow b 8:0 r"},
	"a major and one of its devices":      {"allow b 8:* r", "allow b 8:1 w"},
	"allowed, then the major denied":      {"allow b 8:1 rw", "allow b 8:2 rw", "deny b 8:* w"},
	"type a with numbers":                 {"allow a 8:1 rw"},
	"everything readable":                 {"allow a *:* r"},
	"denied at the end":                   {"allow b 8:1 rwm", "deny a -:- rwm"},
	"largest numbers":                     {"allow c 4294967295:4294967295 rw"},
	"minors of every major":               {"allow b *:3 rw"},
	"everything readable, one not at all": {"allow a -:- rwm", "deny c 10:229 rwm"},
}

func parsed(t testing.TB, lines []string) []Rule {
	t.Helper()
	rules, err := Parse(entries(t, lines...))
	if err != nil {
		t.Fatalf("parse %q: %v", lines, err)
	}
	return rules
}
