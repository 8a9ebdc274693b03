package cgroups

import "testing"

func TestParseOOM(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       OOM
		bad        bool
	}{
		{"v1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", OOM{3, 0}, false},
		{"v2", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0", OOM{1, 2}, false},
		{"none of it", "oom_kill_disable 0\n", OOM{}, false},
		{"no number", "oom_kill x\n", OOM{}, true},
	} {
		if n, err := parseOOM(c.text); n != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %+v, %v", c.name, n, err)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]uint64{"max": 0, "9223372036854771712": 0, "9223372036854710272": 0, "4096": 4096, "0": 0, "": 0} {
		if n, ok := memoryLimit(text); ok != (want != 0 || text == "0") || ok && n != want {
			t.Errorf("%q: %d %v, want %d", text, n, ok, want)
		}
	}
}
