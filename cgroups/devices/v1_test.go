package devices

import (
	"slices"
	"strings"
	"testing"
)

// kernelList answers as the kernel does for a v1 list (security/device_cgroup.c): one exception must hold all
// that is asked, or, where everything is allowed, any part of it.
func kernelList(l List, kind byte, major, minor int64, want Access) bool {
	for _, e := range l.Exceptions {
		if e.Kind != kind || e.Major != Any && e.Major != major || e.Minor != Any && e.Minor != minor {
			continue
		}
		if l.AllowAll && e.Access&want != 0 {
			return false
		}
		if !l.AllowAll && want&^e.Access == 0 {
			return true
		}
	}
	return l.AllowAll
}

func TestV1MeansWhatTheRulesSay(t *testing.T) {
	for name, lines := range lists {
		t.Run(name, func(t *testing.T) {
			rules := parsed(t, lines)
			l, err := V1(rules)
			if err != nil {
				t.Fatalf("list for v1: %v", err)
			}
			everyAccess(func(kind byte, major, minor int64, want Access) {
				if got, ref := kernelList(l, kind, major, minor, want), reference(rules, kind, major, minor, want); got != ref {
					t.Errorf("%c %d:%d %s: the list says %v, the rules %v\n%+v", kind, major, minor, want, got, ref, l)
				}
			})
		})
	}
}

func TestV1RefusesHoles(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{
			[]string{"deny a -:- rwm", "allow c 10:* rw", "deny c 10:229 w"},
			`linux.resources.devices[2]: cannot deny "c 10:229 w" within "c 10:* rw" allowed before: cgroup v1 has no exceptions to exceptions`,
		},
		{
			[]string{"allow b 8:* r", "deny b *:1 r"},
			`linux.resources.devices[1]: cannot deny "b *:1 r" within "b 8:* r" allowed before: cgroup v1 has no exceptions to exceptions`,
		},
		{
			[]string{"allow a -:- rwm", "deny b 8:* rw", "allow b 8:1 r"},
			`linux.resources.devices[2]: cannot allow "b 8:1 r" within "b 8:* rw" denied before: cgroup v1 has no exceptions to exceptions`,
		},
		{
			[]string{"allow a -:- rwm", "deny c 1:* rw"},
			`linux.resources.devices: default rule: cannot allow "c 1:3 rwm" within "c 1:* rw" denied before: cgroup v1 has no exceptions to exceptions`,
		},
	} {
		_, err := V1(parsed(t, c.lines))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: got  %v\nwant %s", c.lines, err, c.want)
		}
	}
	// Kinds of access that the wider rule does not hold are no hole.
	if _, err := V1(parsed(t, []string{"allow c 10:* r", "deny c 10:229 w"})); err != nil {
		t.Errorf("rules with access that does not overlap: %v", err)
	}
}

const fresh = "a *:* rwm\n"

func TestTransition(t *testing.T) {
	list := func(lines ...string) List {
		var rules []Rule
		for _, e := range entries(t, lines...) {
			r, err := parseEntry(&e)
			if err != nil {
				t.Fatalf("parse entry %+v: %v", e, err)
			}
			rules = append(rules, r)
		}
		l, err := V1(rules)
		if err != nil {
			t.Fatalf("list for v1: %v", err)
		}
		return l
	}
	for _, c := range []struct {
		name, now string
		to        List
		want      []string
	}{
		{"new cgroup to nothing", fresh, list(), []string{"deny a *:* rwm"}},
		{"new cgroup to two devices", fresh, list("allow c 1:3 rwm", "allow b 8:* r"),
			[]string{"deny a *:* rwm", "allow c 1:3 rwm", "allow b 8:* r"}},
		{"new cgroup to everything", fresh, list("allow a *:* rwm"), []string{"allow a *:* rwm"}},
		{"new cgroup to all but one", fresh, list("allow a *:* rwm", "deny b 8:0 w"),
			[]string{"allow a *:* rwm", "deny b 8:0 w"}},
		{"same list again", "c 1:3 rwm\nb 8:* r\n", list("allow c 1:3 rwm", "allow b 8:* r"), nil},
		{"one more, one less, one with other access", "c 1:3 rwm\nb 8:0 r\nb 8:1 rw\n", list("allow c 1:3 rwm", "allow b 8:1 rm", "allow b 8:2 w"),
			[]string{"allow b 8:1 m", "allow b 8:2 w", "deny b 8:0 r", "deny b 8:1 w"}},
		{"wider", "c 1:3 rw\n", list("allow c 1:* rw"), []string{"allow c 1:* rw", "deny c 1:3 rw"}},
		{"list to everything", "c 1:3 rwm\n", list("allow a *:* rwm"), []string{"allow a *:* rwm"}},
		{"empty list", "", list("allow c 1:3 r"), []string{"allow c 1:3 r"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes, err := Transition(c.now, c.to)
			if err != nil {
				t.Fatalf("transition: %v", err)
			}
			var got []string
			for _, ch := range changes {
				verb := "deny "
				if ch.Allow {
					verb = "allow "
				}
				got = append(got, verb+ch.Line)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	for _, bad := range []string{"x 1:3 rwm\n", "c 1 rwm\n", "c 1:3\n", "c 1:z r\n", "c 1:3 q\n", "\n"} {
		if _, err := Transition(bad, List{}); err == nil || !strings.Contains(err.Error(), "not understood") {
			t.Errorf("%q: got %v, want not understood", bad, err)
		}
	}
}

// FuzzParseList feeds the reader of devices.list; what it accepts must come back out as it went in.
func FuzzParseList(f *testing.F) {
	f.Add("c 1:3 rwm\nb *:* m\n")
	f.Add(fresh)
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseList(s)
		if err != nil || l.AllowAll {
			return
		}
		for _, e := range l.Exceptions {
			if r, ok := parseLine(e.String()); !ok || r != e {
				t.Errorf("%q: got %+v, %v, want %+v", s, r, ok, e)
			}
		}
	})
}
