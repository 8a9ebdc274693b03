package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// statusOf is a field of /proc/PID/status, "" of a process that is gone.
func statusOf(pid int, field string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut("\n"+string(text), "\n"+field+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

// lastCaps are those that the process has once it is ready: chown, dac_override, kill, setgid, setuid, setpcap; not dac_read_search,
// which opens the host's files by their handles.
const lastCaps = 1<<0 | 1<<1 | 1<<5 | 1<<6 | 1<<7 | 1<<8

// Init waits at its gate for as long as the caller likes. It can do no more than becoming the user takes, and can come by no more
// than the workload is to have.
func TestInitAtTheGateHasFewCapabilities(t *testing.T) {
	t.Parallel()
	b := kit.New(t, caps("CAP_NET_RAW"))
	b.OK("create", b.ID)
	pid := b.State().Pid
	for field, want := range map[string]uint64{"CapEff": lastCaps, "CapPrm": lastCaps | 1<<13, "CapInh": 0, "CapAmb": 0} {
		if got, err := strconv.ParseUint(statusOf(pid, field), 16, 64); err != nil || got != want {
			t.Errorf("%s of init at the gate: got %#x, %v; want %#x", field, got, err, want)
		}
	}
	b.OK("start", b.ID)
}

// With fs.suid_dumpable a process that has changed its ids can be looked into again. A startContainer hook runs as the same user, and
// may be the image's.
func TestInitStaysUndumpable(t *testing.T) {
	const sysctl = "/proc/sys/fs/suid_dumpable"
	before, err := os.ReadFile(sysctl)
	check(t, err)
	check(t, os.WriteFile(sysctl, []byte("1"), 0o644))
	t.Cleanup(func() { check(t, os.WriteFile(sysctl, before, 0o644)) })
	b := kit.New(t, caps(dockerCaps...), writable, func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1001}
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{
			Path: "/bin/busybox", Args: []string{"sh", "-c", "/bin/busybox stat -c %u:%g /proc/$PPID/status >/tmp/out"}, Env: []string{"PATH=/bin"},
		}}}
	})
	text, err := os.ReadFile("/bin/busybox")
	check(t, err)
	b.File("bin/busybox", string(text), 0o755)
	check(t, os.MkdirAll(b.Rootfs+"/tmp", 0o777))
	check(t, os.Chmod(b.Rootfs+"/tmp", 0o777))
	b.Edit()
	b.OK("run", b.ID)
	out, err := os.ReadFile(b.Rootfs + "/tmp/out")
	check(t, err)
	if got := strings.TrimSpace(string(out)); got != "0:0" {
		t.Errorf("owner of init's files in /proc: got %s, want 0:0, as of a process that is not dumpable", got)
	}
}

// A caller may have ambient capabilities, which every execve(2) passes on. A hook of the container's has none of them.
func TestHookHasNoAmbientCapabilities(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	out := filepath.Join(b.Dir, "ambient")
	b.Edit(func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{
			Path: "/bin/sh", Args: []string{"sh", "-c", "grep CapAmb /proc/self/status >" + out}, Env: []string{"PATH=/bin:/usr/bin"},
		}}}
	})
	c := b.Command("run", b.ID)
	const capNetRaw = 13
	c.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{capNetRaw}}
	if res := b.Do(c); res.Code != 0 {
		t.Fatalf("%v: want exit code 0", res)
	}
	text, err := os.ReadFile(out)
	check(t, err)
	if got, want := string(text), "CapAmb:\t0000000000000000\n"; got != want {
		t.Errorf("the hook's ambient set: got %q, want %q", got, want)
	}
}

// The root itself is among the read-only paths.
func TestReadonlyRoot(t *testing.T) {
	t.Parallel()
	b := kit.New(t, writable, func(s *specs.Spec) { s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/") })
	b.Edit(process(kit.PayloadPath, "write", "/file", "text"))
	if res := b.Teu("run", b.ID); res.Code == 0 {
		t.Errorf("%v: want a failure", res)
	}
	if _, err := os.Stat(b.Rootfs + "/file"); err == nil {
		t.Errorf("/file was written below a read-only root")
	}
}

// Symlinks of the image make two of the lists' paths one: what is covered by another mask is as good as masked.
func TestMasksByManyNames(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/real/file", "/real/dir", "/alias/file", "/alias/dir/sub", "/alias/dir", "/alias", "/none"}
		s.Linux.ReadonlyPaths = []string{"/alias/dir/sub", "/real/other", "/alias", "/real", "/real/other", "/none"}
	})
	b.File("real/file", "secret", 0o644)
	b.File("real/dir/sub/file", "secret", 0o644)
	b.File("real/other/file", "x", 0o644)
	b.Symlink("real", "alias")
	b.Edit()
	b.OK("run", b.ID)
}

// A read-only path that is the destination of a mount covers that mount: what is masked below it is masked there.
func TestMasksBelowReadonlyMounts(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Linux.ReadonlyPaths = []string{"/vol/sub/dir", "/vol/sub", "/proc", "/vol", "/dev"}
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/vol/file", "/vol/sub/file", "/vol/sub/dir/file", "/dev/full")
	})
	vol := b.Dir + "/vol"
	for _, dir := range []string{vol, vol + "/sub", vol + "/dir", vol + "/sub/dir"} {
		check(t, os.Mkdir(dir, 0o755))
		check(t, os.WriteFile(dir+"/file", []byte("secret"), 0o644))
	}
	b.Edit(mounts(bind(vol, "/vol"), bind(vol, "/vol/sub")),
		kit.Args("stat", "/vol/file", "/vol/sub/file", "/vol/sub/dir/file", "/dev/full", "/proc/kcore"))
	res := b.OK("run", b.ID)
	for _, f := range kit.JSON[[]kit.File](b, res.Stdout) {
		if f.Rdev != "1:3" && f.Error != "ENOENT" {
			t.Errorf("stat of a masked file: got %+v, want device 1:3", f)
		}
	}
}

// inPod changes the namespaces so that a container joins the pid namespace of process pid.
func inPod(pid int) edit {
	return namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
		if n.Type == specs.PIDNamespace {
			n.Path = fmt.Sprintf("/proc/%d/ns/pid", pid)
		}
		return n
	})
}

// watch looks, until stop is closed, at the processes that are in the pid namespace of process pid, and returns how many times it
// has seen the interpreter there, and how many times with CAP_SYS_ADMIN.
func watch(pid int, stop <-chan struct{}) (seen, mighty int) {
	mine, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	for {
		select {
		case <-stop:
			return seen, mighty
		default:
		}
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for i := len(dirs) - 1; i >= 0; i-- {
			ns, _ := os.Readlink(dirs[i] + "/ns/pid")
			if ns != mine {
				continue
			}
			args, _ := os.ReadFile(dirs[i] + "/cmdline")
			p, _ := strconv.Atoi(filepath.Base(dirs[i]))
			eff, err := strconv.ParseUint(statusOf(p, "CapEff"), 16, 64)
			if err != nil || !strings.HasPrefix(string(args), "teu\x00init\x00") {
				continue
			}
			seen++
			if eff>>sys.CapSysAdmin&1 != 0 {
				mighty++
			}
		}
	}
}

// Whoever is in a shared pid namespace sees neither the init of another container nor the process of an exec before it has given
// away what the workload has not.
func TestPodMateSeesNoPrivileges(t *testing.T) {
	mate := kit.Running(t)
	pid := mate.State().Pid
	ns, err := sys.Openat(sys.AtFdcwd, fmt.Sprintf("/proc/%d/ns/pid", pid), sys.ORdonly, 0)
	check(t, err)
	defer sys.Close(ns)
	stop, done := make(chan struct{}), make(chan [2]int)
	go func() { seen, mighty := watch(pid, stop); done <- [2]int{seen, mighty} }()
	for range 20 {
		mate.OK("exec", mate.ID, kit.PayloadPath, "status")
	}
	if sys.NamesPids(ns) { // else it has to be there when it mounts its procfs
		b := kit.New(t, inPod(pid))
		for range 20 {
			b.OK("create", b.ID)
			b.OK("delete", "--force", b.ID)
		}
	}
	close(stop)
	if got := <-done; got[1] != 0 || got[0] == 0 {
		t.Errorf("the interpreter was seen %d times in the pid namespace, %d times with CAP_SYS_ADMIN; want some, and none", got[0], got[1])
	}
}

// The procfs of a container that joins a pid namespace is of that one, whenever it enters it.
func TestProcOfAPod(t *testing.T) {
	t.Parallel()
	mate := kit.Running(t)
	for name, do := range map[string]edit{
		"late": func(*specs.Spec) {},
		"early": func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/true", Args: []string{"true"}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := kit.New(t, inPod(mate.State().Pid), do, kit.Args("sleep", "forever"))
			b.Start()
			pid := b.State().Pid
			dirs, err := filepath.Glob(fmt.Sprintf("/proc/%d/root/proc/[0-9]*", pid))
			check(t, err)
			if len(dirs) != 2 {
				t.Errorf("processes in the container's /proc: got %d, want the 2 of the pod", len(dirs))
			}
		})
	}
}
