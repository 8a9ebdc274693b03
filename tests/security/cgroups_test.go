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

// cgroupMount puts a mount of cgroups with these options in the place of the list's, if it has one.
func cgroupMount(kind string, options ...string) edit {
	return func(s *specs.Spec) {
		without("/sys/fs/cgroup")(s)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: kind, Source: "cgroup", Options: options})
	}
}

// intoCgroups tries to write to every cgroup that the container can see at the top of a hierarchy, and to make one there.
const intoCgroups = `for d in /sys/fs/cgroup /sys/fs/cgroup/*; do
	[ -e $d/cgroup.procs ] && [ ! -h $d ] || continue
	echo "saw $d"
	(echo 0 >$d/cgroup.procs) 2>/dev/null && echo "wrote $d"
	/bin/busybox mkdir $d/new 2>/dev/null && echo "made $d/new" && /bin/busybox rmdir $d/new
done; exit 0`

// sharedCgroups runs teu, as call has it, on containers that share the cgroup namespace and have each of these mount options.
func sharedCgroups(t *testing.T, list [][]string, edits []edit, call func(*kit.Bundle) kit.Result) {
	for _, kind := range []string{"cgroup", "cgroup2"} {
		for _, options := range list {
			t.Run(fmt.Sprint(kind, options), func(t *testing.T) {
				if kind == "cgroup2" && kit.V2Top() == "" {
					t.Skip("no cgroup v2 tree is mounted")
				}
				b := kit.New(t)
				shell(b, intoCgroups, append([]edit{writable, cgroupMount(kind, options...)}, edits...)...)
				if m := b.Spec.Linux.UIDMappings; len(m) > 0 && m[0].HostID != 0 {
					give(t, b.Rootfs, b.Rootfs+"/tmp")
				}
				res := call(b)
				if res.Code != 0 || !strings.Contains(res.Stdout, "saw") {
					t.Errorf("%v: want exit code 0 and a cgroup seen", res)
				}
				if strings.Contains(res.Stdout, "wrote") || strings.Contains(res.Stdout, "made") {
					t.Errorf("%v: want no cgroup written to, and none made", res)
				}
			})
		}
	}
}

// Class E: without a cgroup namespace of its own a container gets the cgroups read-only where its mount says so, as what the
// callers send by default does.
func TestSharedCgroupsAreReadOnly(t *testing.T) {
	sharedCgroups(t, [][]string{{"ro"}, {"ro", "nosuid", "noexec", "nodev", "relatime"}, {"rro"}}, nil,
		func(b *kit.Bundle) kit.Result { return b.Teu("run", b.ID) })
}

// Class E: where they are writable, since the caller has asked for it, they are still not those of a user namespace, whose root is
// nobody to the host's cgroups.
func TestSharedCgroupsOfAUserNamespace(t *testing.T) {
	sharedCgroups(t, [][]string{{"ro"}, {"rw"}, nil}, []edit{userNamespace}, func(b *kit.Bundle) kit.Result { return b.Teu("run", b.ID) })
}

// Class E: a runtime that is itself in a user namespace gives the cgroups of its own user away read-only alone, however hard it is asked
// otherwise (runc CVE-2023-25809). Here that user is root, to whom nothing else would refuse them.
func TestCgroupsOfARuntimeInAUserNamespace(t *testing.T) {
	kit.Cgroupfs(t, "there is no cgroup to be made")
	remount := func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Options: []string{"remount", "rrw"}})
	}
	for _, edits := range [][]edit{nil, {remount}} {
		sharedCgroups(t, [][]string{{"rw"}, {"rrw"}, {"rw", "rrw", "nosuid"}, nil}, append(edits, without("/sys"), func(s *specs.Spec) {
			s.Linux.Resources = nil
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 65536}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}), func(b *kit.Bundle) kit.Result {
			c := b.Command("--cgroup-manager=disabled", "run", b.ID)
			if c.SysProcAttr == nil {
				c.SysProcAttr = &syscall.SysProcAttr{}
			}
			c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{Size: 65536}}
			c.SysProcAttr.GidMappings = c.SysProcAttr.UidMappings
			c.SysProcAttr.GidMappingsEnableSetgroups = true
			return b.Do(c)
		})
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

// Class E: a first thread that has ended shows as in the root of each v1 hierarchy. When the container's cgroup there is gone, and exec goes to
// where the first process is, that is not it: a payload would have led it out of its limits.
func TestExecIsNotLedToTheTop(t *testing.T) {
	kit.Cgroupfs(t, "systemd would make its cgroups anew")
	const h = kit.CgroupTop + "/pids"
	if _, err := os.Stat(h + "/cgroup.procs"); err != nil || kit.Unified() {
		t.Skip("no cgroup v1 pids hierarchy is mounted")
	}
	b := kit.New(t, process("/bin/attacker", "orphan", "30"))
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	attacker(b)
	parent := h + "/" + b.ID
	check(t, os.MkdirAll(parent+"/moved", 0o755))
	t.Cleanup(func() {
		for _, dir := range []string{parent + "/moved", parent} {
			if err := syscall.Rmdir(dir); err != nil {
				t.Errorf("remove the cgroup %s: %v", dir, err)
			}
		}
	})
	out := b.OK("create", b.ID)
	pid := strconv.Itoa(b.State().Pid)
	check(t, os.WriteFile(parent+"/moved/cgroup.procs", []byte(pid), 0))
	check(t, syscall.Rmdir(parent+"/c"))
	b.OK("start", b.ID)
	out.Output("ready\n")
	b.Until("the first thread shows as in the top", func() bool {
		text, err := os.ReadFile("/proc/" + pid + "/cgroup")
		check(t, err)
		return strings.Contains(string(text), ":pids:/\n")
	})
	res := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/self/cgroup")
	if want := ":pids:/" + b.ID + "/moved\n"; !strings.Contains(res.Stdout, want) {
		t.Errorf("cgroups of exec: got %q, want %q", res.Stdout, want)
	}
	b.OK("delete", "--force", b.ID)
}
