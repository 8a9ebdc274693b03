package libcontainer

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestPickLines(t *testing.T) {
	const ef = "UID          PID    PPID  C STIME TTY          TIME CMD\n" +
		"root           1       0  0 08:00 ?        00:00:01 init PID 12\n" +
		"root          12       1  0 08:00 ?        00:00:01 sleep 1\n" +
		"root         121      12  0 08:00 ?        00:00:01 sleep 12\n"
	for _, c := range []struct {
		table string
		pids  []int
		lines int // beside the head
		err   string
	}{
		{ef, []int{12, 121, 99}, 2, ""},
		{ef, []int{1}, 1, ""},
		{ef, nil, 0, ""},
		{"  PID\n   12\n\n  121\n", []int{121}, 1, ""},
		{"CMD PID\nx 12", []int{12}, 1, ""},
		{"CMD\nx\n", []int{12}, 0, "couldn't find PID field in ps output"},
		{"", []int{12}, 0, "couldn't find PID field in ps output"},
		{"CMD PID\nx y 12\n", []int{12}, 0, `unable to parse pid: strconv.Atoi: parsing "y": invalid syntax`},
		{"CMD PID\nx\n", []int{12}, 0, `no column 2 in "x"`},
	} {
		out, err := pickLines(c.table, c.pids)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("lines of %q: got error %v, want %s", c.table, err, c.err)
			}
			continue
		}
		head, _, _ := strings.Cut(c.table, "\n")
		if got := len(strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })) - 1; err != nil || got != c.lines || !strings.HasPrefix(out, head+"\n") {
			t.Errorf("lines of %v in %q: got %q, %v, want the first line and %d more", c.pids, c.table, out, err, c.lines)
		}
	}
}

func TestFindPs(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/ps": 0o644, "b/ps": 0o755} {
		if err := errors.Join(os.Mkdir(dir+"/"+name[:1], 0o755), os.WriteFile(dir+"/"+name, nil, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir+"/c/ps", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir + "/b")
	for path, want := range map[string]string{
		"": "", ".": "", ":": "", dir: "", dir + "/a:" + dir + "/c::.:" + dir + "/b:" + dir: dir + "/b/ps",
	} {
		got, err := findPs(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("find ps in %q: got %q, %v, want %q", path, got, err, want)
		}
	}
}
