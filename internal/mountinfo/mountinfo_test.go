package mountinfo

import (
	"slices"
	"strings"
	"testing"
)

const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys ro,relatime shared:7 master:1 - sysfs sysfs rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc  ro
30 27 0:21 /of\011it /a\040dir\134040 rw - proc - rw
31 27 0:22 / / - sysfs short
32 27 0:40 / /x rw - cgroup2x none rw
33 27 0:41 / /run/c\x\777 rw shared:5 - cgroup cgroup rw,cpu,cpuacct
garbage
`

func TestParse(t *testing.T) {
	want := []Mount{
		{"22", "27", "0:21", "/", "/proc", "rw,relatime", "proc", "rw"},
		{"23", "27", "0:22", "/", "/sys", "ro,relatime", "sysfs", "rw"},
		{"27", "1", "254:0", "/", "/", "rw,relatime", "ext4", "rw,discard"},
		{"28", "22", "0:30", "/", "/proc/sys/fs/binfmt_misc", "rw", "binfmt_misc", "ro"},
		{"30", "27", "0:21", "/of\tit", `/a dir\040`, "rw", "proc", "rw"},
		{"32", "27", "0:40", "/", "/x", "rw", "cgroup2x", "rw"},
		{"33", "27", "0:41", "/", `/run/c\x\777`, "rw", "cgroup", "rw,cpu,cpuacct"},
	}
	if got := Parse(text); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, types := range [][]string{{"proc"}, {"proc", "sysfs"}, {"cgroup", "cgroup2"}, {"none"}} {
		some := slices.DeleteFunc(slices.Clone(want), func(m Mount) bool { return !slices.Contains(types, m.Type) })
		if got := Parse(text, types...); !slices.Equal(got, some) {
			t.Errorf("%q: got %q\nwant %q", types, got, some)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add("31 20 0:27 / /mnt/my\\040cpu rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n")
	f.Add("31 20 0:27 / /run/cg2 rw - cgroup2 none rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range Parse(text) {
			if m.ID == "" || m.Point == "" || strings.ContainsAny(m.Type+m.Super, "\n ") {
				t.Errorf("%q: got %+v, want an id, a mountpoint, and no blank in type and options", text, m)
			}
			if got := Parse(text, m.Type); !slices.Contains(got, m) {
				t.Errorf("%q: got %+v of type %q, want %+v among them", text, got, m.Type, m)
			}
		}
	})
}
