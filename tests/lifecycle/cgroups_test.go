package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

const cgroupTop = kit.CgroupTop

// cgroupDirs maps each hierarchy that is mounted to the directory of pid's cgroup: by controller, "systemd" or, for v2, "".
func cgroupDirs(t *testing.T, pid int) map[string]string {
	t.Helper()
	dirs := map[string]string{}
	for line := range strings.SplitSeq(procFile(t, pid, "cgroup"), "\n") {
		f := strings.SplitN(line, ":", 3)
		names := strings.Split(strings.TrimPrefix(f[1], "name="), ",")
		for _, name := range names {
			top := filepath.Join(cgroupTop, name)
			if name == "" && !kit.Unified() {
				top = cgroupTop + "/unified"
			}
			if exists(top + "/cgroup.procs") {
				dirs[name] = top + strings.TrimSuffix(f[2], "/")
			}
		}
	}
	return dirs
}

// control reads a control file of pid's cgroup, by its name on v1 or v2; a host of v1 without the controller skips the test.
func control(t *testing.T, pid int, controller, v1, v2 string) string {
	t.Helper()
	dirs, name := cgroupDirs(t, pid), v1
	if kit.Unified() {
		controller, name = "", v2
	} else if dirs[controller] == "" {
		t.Skipf("no cgroup v1 %s hierarchy is mounted", controller)
	}
	text, err := os.ReadFile(filepath.Join(dirs[controller], name))
	check(t, err)
	return strings.TrimSpace(string(text))
}

func TestCgroupsPath(t *testing.T) {
	t.Parallel()
	kit.Cgroupfs(t, "see tests/systemd")
	for _, c := range []struct{ name, path, want string }{ // ID is the container's, OWN the test's own cgroup
		{"empty", "", "OWN/ID"},
		{"absolute", "/ID/a/b", "/ID/a/b"},
		{"absolute, not clean", "//ID/./a//b/", "/ID/a/b"},
		{"relative", "ID/a", "OWN/ID/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("sleep", "forever"))
			b.Edit(kit.CgroupsPath(strings.ReplaceAll(c.path, "ID", b.ID)))
			b.Start()
			own := cgroupDirs(t, os.Getpid())
			dirs := cgroupDirs(t, b.State().Pid)
			if len(dirs) < 2 && !kit.Unified() {
				t.Fatalf("cgroups of the container: got %v, want one in each hierarchy", dirs)
			}
			for name, dir := range dirs {
				top := filepath.Join(cgroupTop, name)
				if name == "" && !kit.Unified() {
					top = cgroupTop + "/unified"
				}
				inside := strings.TrimPrefix(own[name], top)
				if kit.Unified() {
					inside = strings.TrimSuffix(filepath.Dir("/"+inside), "/")
				}
				want := top + strings.NewReplacer("ID", b.ID, "OWN", inside).Replace(c.want)
				if dir != want {
					t.Errorf("cgroup of %q: got %s, want %s", name, dir, want)
				}
				if procs, err := os.ReadFile(dir + "/cgroup.procs"); err != nil || len(strings.Fields(string(procs))) != 1 {
					t.Errorf("%s/cgroup.procs: got %q, %v, want one process", dir, procs, err)
				}
			}
			b.OK("exec", "-d", b.ID, kit.PayloadPath, "sleep", "forever")
			for _, dir := range dirs {
				if procs, err := os.ReadFile(dir + "/cgroup.procs"); err != nil || len(strings.Fields(string(procs))) != 2 {
					t.Errorf("%s/cgroup.procs after an exec: got %q, %v, want two processes", dir, procs, err)
				}
			}
			b.OK("delete", "--force", b.ID)
			for _, dir := range dirs {
				if exists(dir) {
					t.Errorf("after delete: got cgroup %s left, want none", dir)
				}
			}
		})
	}
}

func TestCgroupsPathErrors(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for path, want := range map[string]string{
		"/": "linux.cgroupsPath", "..": "linux.cgroupsPath", "/a/../../b": "linux.cgroupsPath", "a\nb": "linux.cgroupsPath",
	} {
		b.Edit(kit.CgroupsPath(path))
		b.Fails([]string{"create", b.ID}, want)
	}
}

// TestCgroupOccupied: a cgroup that holds processes is somebody else's; an empty one can be used, and is not removed with its
// parents.
func TestCgroupOccupied(t *testing.T) {
	t.Parallel()
	first := kit.New(t, kit.Args("sleep", "forever"))
	first.Edit(kit.CgroupsPath("/" + first.ID))
	first.Start()
	second := kit.New(t, kit.CgroupsPath("/"+first.ID))
	second.Fails([]string{"create", second.ID}, first.ID)
	if st := first.State(); st.Status != specs.StateRunning {
		t.Errorf("status of the first container: got %s, want running", st.Status)
	}
	first.OK("delete", "--force", first.ID)

	third := kit.New(t)
	dirs := cgroupDirs(t, os.Getpid())
	for name := range dirs {
		top := filepath.Join(cgroupTop, name)
		if name == "" && !kit.Unified() {
			top = cgroupTop + "/unified"
		}
		parent := filepath.Join(top, third.ID+"-parent")
		check(t, os.Mkdir(parent, 0o755))
		t.Cleanup(func() {
			if err := os.Remove(parent); err != nil {
				t.Errorf("remove the cgroup above the container's: got %v, want it there and empty, as it was made", err)
			}
		})
	}
	third.Edit(kit.CgroupsPath("/" + third.ID + "-parent/child"))
	third.Run()
}

// TestCgroupsNested: delete removes what the container has made below its own cgroup, and ends what is in it.
func TestCgroupsNested(t *testing.T) {
	t.Parallel()
	b := kit.New(t, privileged, kit.Args("sleep", "forever"))
	b.Start()
	pid := b.State().Pid
	b.OK("exec", "-d", b.ID, kit.PayloadPath, "spawn", "2")
	var procs []string
	for _, dir := range cgroupDirs(t, pid) {
		check(t, os.MkdirAll(dir+"/nested/deeper", 0o755))
		b.Until("the children are there", func() bool {
			text, err := os.ReadFile(dir + "/cgroup.procs")
			check(t, err)
			procs = strings.Fields(string(text))
			return len(procs) == 4
		})
		if name := filepath.Base(filepath.Dir(dir)); name == "cpuset" || strings.HasPrefix(dir, cgroupTop+"/cpuset") {
			continue // its files have to be filled in first
		}
		check(t, os.WriteFile(dir+"/nested/deeper/cgroup.procs", []byte(procs[len(procs)-1]), 0o644))
	}
	b.OK("delete", "--force", b.ID)
	for _, p := range procs {
		if exists("/proc/" + p) {
			t.Errorf("after delete: got process %s left, want none", p)
		}
	}
}

// TestCgroupMount: what a mount of type cgroup shows inside, with a cgroup namespace and without, and that it is as writable as its
// options say: privileged containers of callers have "rw".
func TestCgroupMount(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"cgroup", "cgroup2"} {
		if kind == "cgroup2" && kit.V2Top() == "" {
			continue
		}
		for _, own := range []bool{true, false} {
			for _, option := range []string{"rw", "ro"} {
				t.Run(fmt.Sprintf("%s, namespace %v, %s", kind, own, option), func(t *testing.T) {
					t.Parallel()
					cgroupMount(t, kind, own, option)
				})
			}
		}
	}
}

func cgroupMount(t *testing.T, kind string, own bool, option string) {
	v1 := kind == "cgroup" && !kit.Unified()
	b := kit.New(t, privileged, func(s *specs.Spec) {
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "cgroup" })
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: kind, Source: "cgroup", Options: []string{"nosuid", option}})
	})
	at := "/sys/fs/cgroup" // of the mount
	dir := at              // of the container's cgroup
	switch {
	case v1:
		at += "/pids"
		dir = at
	case !own: // the whole tree, where /proc/PID/cgroup says
		b.Edit(kit.CgroupsPath("/" + b.ID))
		dir += "/" + b.ID
	}
	if own {
		b.Edit(namespace(specs.CgroupNamespace, ""))
	}
	inside := b.Inspect()
	m := inside.Mount(at)
	if m == nil {
		t.Fatalf("mounts inside: got %+v, want one on %s", inside.Mountinfo, at)
	}
	if !slices.Contains(m.Options, option) {
		t.Errorf("mount on %s: got %+v, want %s", at, m, option)
	}
	if out := b.Run(kit.Args("cat", dir+"/cgroup.procs")).Stdout; out != "1\n" {
		t.Errorf("%s/cgroup.procs inside: got %q, want %q", dir, out, "1\n")
	}
	b.Edit(kit.Args("syscall", "mkdirat", "-100", "s:"+dir+"/mine", "0755"))
	if res := b.Teu("run", b.ID); (res.Code == 0) != (option == "rw") {
		t.Errorf("mkdir in %s: got %v, want it to succeed: %v", dir, res, option == "rw")
	}
	if !v1 {
		return
	}
	for _, name := range []string{"memory", "devices", "cpu", "systemd"} {
		if m := inside.Mount("/sys/fs/cgroup/" + name); exists(cgroupTop+"/"+name) && (m == nil || !slices.Contains(m.Options, option)) {
			t.Errorf("mounts inside: got %+v, want one of the controller %s, %s", inside.Mountinfo, name, option)
		}
	}
}
