package cgroups

import "testing"

func TestParseOOM(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       OOM
		bad        bool
	}{
		{"v1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", OOM{Kills: 3}, false},
		{"v2", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0", OOM{Kills: 1, Limit: 2}, false},
		{"none of it", "oom_kill_disable 0\n", OOM{}, false},
		{"no number", "oom_kill x\n", OOM{}, true},
	} {
		if n, err := parseOOM(c.text); n != c.want || (err != nil) != c.bad {
			t.Errorf("%s: got %+v, %v, want %+v, an error: %v", c.name, n, err, c.want, c.bad)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]uint64{"max": 0, "9223372036854771712": 0, "9223372036854710272": 0, "4096": 4096, "0": 0, "": 0} {
		if n, ok := memoryLimit(text); ok != (want != 0 || text == "0") || ok && n != want {
			t.Errorf("%q: got %d, %v, want %d", text, n, ok, want)
		}
	}
}

// TestOOMSince: what a unit has counted that is gone is told by its slice.
func TestOOMSince(t *testing.T) {
	above := func(kills uint64) *OOM { return &OOM{Kills: kills} }
	for _, c := range []struct {
		before, now  OOM
		kills, limit bool
	}{
		{OOM{Kills: 1}, OOM{Kills: 1}, false, false},
		{OOM{Kills: 1}, OOM{Kills: 2, Limit: 1}, true, true},
		{OOM{Above: above(5)}, OOM{Kills: 1, Above: above(6)}, true, false},
		{OOM{Above: above(5)}, OOM{Above: above(6)}, false, false}, // another one's
		{OOM{Above: above(5)}, OOM{Gone: true, Above: above(6)}, true, false},
		{OOM{Gone: true, Above: above(5)}, OOM{Gone: true, Above: above(5)}, false, false},
		{OOM{}, OOM{Gone: true, Above: above(6)}, false, false},
		{OOM{Above: above(5)}, OOM{Gone: true}, false, false},
	} {
		if kills, limit := c.now.Since(c.before); kills != c.kills || limit != c.limit {
			t.Errorf("%+v since %+v: got kills %v, limit %v, want %v, %v", c.now, c.before, kills, limit, c.kills, c.limit)
		}
	}
}

// TestRoom: files are counted only when it matters.
func TestRoom(t *testing.T) {
	for name, c := range map[string]struct {
		max, current string
		want         uint64
		ok           bool
	}{
		"none":        {"max", "4096", 0, false},
		"enough":      {"8192", "4096", 4096, true},
		"with files":  {"8192", "5000", 3192 + 30, true},
		"more than":   {"8192", "9000", 30, true},
		"no number":   {"8192", "x", 0, false},
		"no files":    {"8192", "", 0, false},
		"limit of 0":  {"0", "0", 30, true},
		"not a limit": {"", "0", 0, false},
	} {
		root := fakeTree(t, map[string]string{
			"c/cgroup.controllers": "memory\n",
			"c/memory.max":         c.max + "\n",
			"c/memory.current":     c.current + "\n",
			"c/memory.stat":        "anon 4096\nfile 31\ninactive_file 10\nactive_file 20\n",
		})
		m, err := Load(Record{Mode: Unified, Places: []Place{{Mountpoint: root, Path: "/c"}}})
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		if n, ok := m.Room(4096); n != c.want || ok != c.ok {
			t.Errorf("%s: got %d, %v, want %d, %v", name, n, ok, c.want, c.ok)
		}
	}
}
