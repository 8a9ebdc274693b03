package lifecycle

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// outOfReach mounts a v1 hierarchy of the test's own below a directory that only root can go through. All that runs in the suite
// takes part in it: such a test is not parallel.
func outOfReach(t *testing.T, b *kit.Bundle) (dir string) {
	t.Helper()
	if kit.Unified() {
		t.Skip("needs cgroup v1")
	}
	closed := b.Dir + "/closed"
	dir = closed + "/" + b.ID
	check(t, os.MkdirAll(dir, 0o755))
	check(t, os.Chmod(closed, 0o700))
	mountNamed(t, dir, b.ID)
	t.Cleanup(func() {
		time.Sleep(200 * time.Millisecond) // a cgroup that is removed goes a while later, and what it belongs to has to stay mounted
		check(t, syscall.Unmount(dir, 0))
	})
	return dir
}

func mountNamed(t *testing.T, dir, name string) {
	t.Helper()
	check(t, syscall.Mount("cgroup", dir, "cgroup", 0, "none,name="+name))
}

// sharesCgroups has a mount of cgroups and no cgroup namespace.
func sharesCgroups(s *specs.Spec) {
	for i := range s.Mounts {
		if s.Mounts[i].Type == "cgroup" {
			s.Mounts = append(s.Mounts[:i], s.Mounts[i+1:]...)
			break
		}
	}
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
}

// TestHierarchyOutOfReach: a container's root in a user namespace need not be able to reach where the host has mounted a hierarchy of
// cgroup v1.
func TestHierarchyOutOfReach(t *testing.T) {
	b := newUser(t, userNamespace, sharesCgroups)
	outOfReach(t, b)
	if inside := b.Inspect(); inside.Mount("/sys/fs/cgroup/"+b.ID) == nil {
		t.Errorf("mounts inside: got %+v, want one of the hierarchy %s", inside.Mountinfo, b.ID)
	}
}

// TestHierarchyUnmounted: a hierarchy that is active and mounted nowhere cannot be had.
func TestHierarchyUnmounted(t *testing.T) {
	b := newUser(t, userNamespace, sharesCgroups)
	dir := outOfReach(t, b)
	check(t, os.Mkdir(dir+"/keeps-it", 0o755))
	check(t, syscall.Unmount(dir, 0))
	defer func() {
		mountNamed(t, dir, b.ID)
		check(t, os.Remove(dir+"/keeps-it"))
	}()
	log := b.Dir + "/log"
	b.OK("--log", log, "run", b.ID)
	text, err := os.ReadFile(log)
	if want := "cgroup v1 name=" + b.ID + " is mounted nowhere"; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("log: got %q, %v, want a warning with %q", text, err, want)
	}
	inside := b.Inspect()
	if inside.Mount("/sys/fs/cgroup/"+b.ID) != nil || inside.Mount("/sys/fs/cgroup/memory") == nil {
		t.Errorf("mounts inside: got %+v, want none of the hierarchy %s, and one of memory", inside.Mountinfo, b.ID)
	}
}

// TestHierarchyOutOfTheRuntimesReach: what a runtime in a user namespace cannot reach either is left out.
func TestHierarchyOutOfTheRuntimesReach(t *testing.T) {
	kit.Cgroupfs(t, "there is no cgroup to be made")
	b := newUser(t, userNamespace, sharesCgroups, func(s *specs.Spec) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: idCount}}
		s.Linux.GIDMappings, s.Linux.Resources = s.Linux.UIDMappings, nil
	})
	outOfReach(t, b)
	check(t, os.Chown(b.Dir, firstID, firstID))
	log := b.Dir + "/log"
	c := b.Command("--cgroup-manager=disabled", "--log", log, "run", b.ID)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER,
		UidMappings:                []syscall.SysProcIDMap{{HostID: firstID, Size: idCount}},
		GidMappings:                []syscall.SysProcIDMap{{HostID: firstID, Size: idCount}},
		GidMappingsEnableSetgroups: true,
		Credential:                 &syscall.Credential{},
	}
	if res := b.Do(c); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}
	text, err := os.ReadFile(log)
	if want := "cgroup v1 name=" + b.ID + " is mounted nowhere within reach"; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("log: got %q, %v, want a warning with %q", text, err, want)
	}
}
