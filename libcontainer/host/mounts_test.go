package host

import (
	"slices"
	"testing"
)

func TestMountsOf(t *testing.T) {
	const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime shared:7 master:1 - sysfs sysfs rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
28 22 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw
30 27 0:21 / /a\040dir\134040 rw - proc - rw
31 27 0:22 / / - sysfs short
garbage
`
	if got, want := mountsOf(text, []string{"proc", "sysfs"}), []string{`/a dir\040`, "/sys", "/proc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := mountsOf(text, nil); got != nil {
		t.Errorf("%q of no type", got)
	}
	points, err := Mounts("proc")
	if err != nil || !slices.Contains(points, "/proc") {
		t.Errorf("%q, %v: /proc is not among them", points, err)
	}
}
