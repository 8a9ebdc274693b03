package security

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Class E: what no rule allows is denied, a node that the container makes itself included (GO-2022-0396). That holds for
// exec too.
func TestDevicesAreDenied(t *testing.T) {
	major, minor := blockDevice(t)
	b := kit.New(t, caps(dockerCaps...), writable)
	b.Start("sleep", "forever")
	try := func(name string, args ...string) string {
		t.Helper()
		return strings.TrimSpace(b.Teu(append([]string{"exec", b.ID, kit.PayloadPath}, args...)...).Stdout)
	}
	for _, node := range []struct{ name, kind, major, minor string }{
		{"disk", "b", major, minor}, {"mem", "c", "1", "1"}, {"kmsg", "c", "1", "11"}, {"fuse", "c", "10", "229"}, {"tty1", "c", "4", "1"},
	} {
		path := "/tmp/" + node.name
		if got := try(node.name, "mknod", path, node.kind, node.major, node.minor); got != "" && got != "ok" {
			t.Errorf("mknod %s: got %q, want ok or no answer", node.name, got)
			continue
		}
		for _, mode := range []string{"r", "w", "rw"} {
			if got := try(node.name, "open", path, mode); got != "EPERM" {
				t.Errorf("open %s %s: %q, want EPERM", node.name, mode, got)
			}
		}
	}
	if got := try("null", "open", "/dev/null", "rw"); got != "ok" {
		t.Errorf("open /dev/null rw: got %q, want ok", got)
	}
}

// blockDevice is one of the host's disks, for certain there.
func blockDevice(t *testing.T) (major, minor string) {
	t.Helper()
	var st syscall.Stat_t
	check(t, syscall.Stat("/", &st))
	major, minor = strconv.FormatUint(st.Dev>>8&0xfff, 10), strconv.FormatUint(st.Dev&0xff, 10)
	if _, err := os.Stat("/sys/dev/block/" + major + ":" + minor); err != nil {
		return "7", "0" // loop0
	}
	return major, minor
}

// Class E: with the host's cgroup namespace the container gets its cgroup read-only, however hard it is asked otherwise
// (runc CVE-2023-25809).
func TestSharedCgroupsAreReadOnly(t *testing.T) {
	for _, kind := range []string{"cgroup", "cgroup2"} {
		for _, options := range [][]string{{"rw"}, {"rrw"}, {"rw", "rrw", "nosuid"}, nil} {
			for _, user := range []bool{false, true} {
				t.Run(fmt.Sprint(kind, options, user), func(t *testing.T) {
					b := kit.New(t)
					edits := []edit{writable, func(s *specs.Spec) {
						var list []specs.Mount
						for _, m := range s.Mounts {
							if m.Type != "cgroup" {
								list = append(list, m)
							}
						}
						s.Mounts = append(list, specs.Mount{Destination: "/sys/fs/cgroup", Type: kind, Source: "cgroup", Options: options})
						if options == nil {
							s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys", Options: []string{"remount", "rrw"}})
						}
					}}
					if user {
						edits = append(edits, userNamespace)
						give(t, b.Rootfs, b.Rootfs+"/tmp")
					}
					shell(b, `for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
						[ -e $f ] && { (echo 0 >$f) 2>/dev/null && echo "wrote $f"; echo "saw $f"; }
					done
					for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do /bin/busybox mkdir $d/new 2>/dev/null && echo "made $d/new"; done; exit 0`, edits...)
					res := b.Teu("run", b.ID)
					if res.Code != 0 && !oneLine(res) || strings.Contains(res.Stdout, "wrote") {
						t.Errorf("%v: want exit code 0 or an error in one line, and nothing written", res)
					}
					for line := range strings.Lines(res.Stdout) { // the tmpfs above v1 hierarchies is the container's
						if strings.HasPrefix(line, "made") && !strings.HasPrefix(line, "made /sys/fs/cgroup/new") {
							t.Errorf("the container: %q, want directories made below /sys/fs/cgroup/new alone", line)
						}
					}
					if res.Code == 0 && !strings.Contains(res.Stdout, "saw") {
						t.Errorf("%v: want a cgroup seen", res)
					}
				})
			}
		}
	}
}

// Class E: in a user namespace with a cgroup namespace of its own the container's root may have its own cgroup, and nothing
// above it.
func TestOwnCgroupIsTheTop(t *testing.T) {
	b := kit.New(t)
	give(t, b.Rootfs, b.Rootfs+"/tmp")
	shell(b, `cat=/bin/busybox; $cat cat /proc/self/cgroup; for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
		[ -e $f ] || continue; d=${f%/*}
		$cat ls $d | $cat grep -q "^`+b.ID+`$" && echo "below: $f"
		[ -e $d/../cgroup.procs ] && (echo 1 >$d/../cgroup.procs) 2>/dev/null && echo "wrote above $d"
	done; exit 0`, userNamespace, writable, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"rw"}})
	})
	res := b.OK("run", b.ID)
	for line := range strings.Lines(res.Stdout) {
		if _, path, ok := strings.Cut(strings.TrimSpace(line), ":"); !ok || !strings.HasSuffix(path, ":/") {
			t.Errorf("the container's own cgroup: got %q, want it to end in :/, in %v", line, res)
		}
	}
}
