package cgroups

import "testing"

func TestOOMKills(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       uint64
		bad        bool
	}{
		{"v1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3, false},
		{"v2", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0", 1, false},
		{"none of it", "oom_kill_disable 0\n", 0, false},
		{"no number", "oom_kill x\n", 0, true},
	} {
		if n, err := oomKills(c.text); n != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %d, %v", c.name, n, err)
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
