package libcontainer

import (
	"testing"

	"teu/internal/mountinfo"
)

// What is to stay is found wherever it is below, by what its mount is made of, and nothing else is taken for it.
func TestCoverBelow(t *testing.T) {
	const text = `1 1 0:1 / / rw - rootfs rootfs rw
10 1 8:1 /b/rootfs / rw - ext4 /dev/sda rw
11 10 0:40 / /tmp/dir ro,relatime - tmpfs tmpfs rw,size=4k,nr_inodes=1
12 10 0:6 /null /tmp/file rw - devtmpfs devtmpfs rw
13 10 8:1 /b/rootfs/tmp/kept /tmp/moved/kept ro - ext4 /dev/sda rw
14 10 8:1 /srv/data /data ro - ext4 /dev/sda rw
15 10 0:41 / /cache ro - tmpfs tmpfs rw,size=4k
16 10 0:41 /null/x /x rw - tmpfs tmpfs rw
17 10 8:1 /b/rootfs/tmp/kept /copy ro - ext4 /dev/sda rw
18 10 8:1 /b/rootfs/home /home rw - ext4 /dev/sda rw
20 10 8:1 /srv/vol /vol rw - ext4 /dev/sda rw
21 20 0:42 / /vol/a rw - tmpfs tmpfs rw
22 21 0:42 /ro /vol/a/ro ro - tmpfs tmpfs rw
30 10 0:21 / /proc rw - proc proc rw
31 30 0:21 /sys /proc/sys ro - proc proc rw
32 10 0:43 / /sys rw - sysfs sysfs rw
33 32 0:43 / /sys ro - sysfs sysfs rw
`
	mounts := mountinfo.Parse(text)
	for id, want := range map[string]string{
		"11": "/tmp/dir", "12": "/tmp/file", "13": "/tmp/moved/kept", "14": "", "15": "", "16": "", "17": "", "18": "",
		"20": "/vol/a/ro", "21": "/vol/a/ro", "22": "/vol/a/ro", "30": "/proc/sys", "32": "/sys", "33": "/sys", "10": "/tmp/dir", "99": "",
	} {
		if got, found := coverBelow(mounts, id); got != want || found != (want != "") {
			t.Errorf("mount %s: got %q, %v, want %q", id, got, found, want)
		}
	}
}
