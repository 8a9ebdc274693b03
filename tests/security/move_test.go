package security

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// target is what exec is asked to execute, and the attacker covers with itself.
const target = "/bin/target"

// nobody is the user of a first process without any privilege.
func nobody(s *specs.Spec) {
	s.Process.User = specs.User{UID: 1000, GID: 1000}
	s.Process.Capabilities, s.Process.NoNewPrivileges = nil, true
}

// A first process without privileges watches for exec's process to appear and moves to a user and a mount namespace of its own
// then, in which another program is in the place of the one to be executed. It must not run, be it as the user and with the
// capabilities that exec was asked for, or in the attacker's user namespace.
func TestExecRace(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy=%v", busy), func(t *testing.T) {
			for range runtime.NumCPU() {
				if busy {
					defer meanwhile(func() {})()
				}
			}
			b := kit.New(t, nobody, process("/bin/attacker", "race", target))
			attacker(b)
			text, err := os.ReadFile(b.Rootfs + kit.PayloadPath)
			check(t, err)
			b.File(target, string(text), 0o755)
			moved, tries := 0, 0
			for end := time.Now().Add(bounded); tries < 20 && time.Now().Before(end); tries++ {
				if execRace(b) {
					moved++
				}
				b.OK("delete", "--force", b.ID)
			}
			if moved == 0 {
				t.Errorf("first processes that moved in %d tries: got none, want some", tries)
			}
		})
	}
}

// execRace is one try; it tells whether the first process has moved.
func execRace(b *kit.Bundle) bool {
	b.T.Helper()
	out := b.OK("create", b.ID)
	its := fmt.Sprintf("/proc/%d/ns/user", b.State().Pid)
	b.OK("start", b.ID)
	out.Output("ready\n")
	res := b.Teu("exec", "-u", "0", "--cap", "CAP_SYS_ADMIN", b.ID, target, "echo", "the right one")
	refused := res.Code != 0 && strings.Contains(res.Stderr, "its first process has moved to another ")
	if strings.Contains(res.Stdout, "attacker") || !refused && res.Stdout != "the right one\n" {
		b.T.Errorf("exec: %v: want stdout \"the right one\\n\", or that the first process has moved", res)
	}
	host, err := os.Readlink("/proc/self/ns/user")
	check(b.T, err)
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if now, err := os.Readlink(its); err == nil && now != host {
			return true
		}
	}
	return false
}

// A first process that has moved is not followed: whoever is in a user namespace of its making can be looked into.
func TestExecDoesNotFollow(t *testing.T) {
	admin := caps("CAP_SYS_ADMIN")
	for _, c := range []struct {
		kinds, word string
		edits       []edit
	}{
		{"user", "user", []edit{nobody}},
		{"user,mnt", "mount", []edit{nobody}},
		{"user,net", "network", []edit{nobody}},
		{"user,cgroup", "cgroup", []edit{nobody}},
		{"user", "user", []edit{userNamespace, caps("CAP_SETFCAP")}}, // which it takes to map its root
		{"mnt", "mount", []edit{admin}},
		{"net", "network", []edit{admin}},
		{"ipc", "ipc", []edit{admin}},
		{"uts", "uts", []edit{admin}},
		{"cgroup", "cgroup", []edit{admin}},
		{"net", "network", []edit{userNamespace, admin}},
		{"net", "network", []edit{admin, without("/sys"), hostNetwork}},
	} {
		t.Run(fmt.Sprintf("%s-%d", c.kinds, len(c.edits)), func(t *testing.T) {
			b := kit.New(t, append(c.edits, process("/bin/attacker", "move", c.kinds))...)
			attacker(b)
			if len(b.Spec.Linux.UIDMappings) > 0 {
				give(t, b.Rootfs)
			}
			out := b.OK("create", b.ID)
			b.OK("start", b.ID)
			out.Output("moved\n")
			for range 20 {
				b.Fails([]string{"exec", "-u", "0", "-e", "TOKEN=secret", b.ID, kit.PayloadPath, "sleep", "0"},
					"its first process has moved to another "+c.word+" namespace")
			}
			if text := out.Output("moved\n"); strings.Contains(text, "TOKEN") {
				t.Errorf("what the first process has seen: got %q, want no TOKEN", text)
			}
		})
	}
}

// hostNetwork leaves the network namespace out.
func hostNetwork(s *specs.Spec) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
}

// Whoever joins a mount namespace must not have more than the user namespace that it belongs to.
func TestMountNamespaceOfAnother(t *testing.T) {
	a := kit.New(t, userNamespace, kit.Args("sleep", "forever"))
	give(t, a.Rootfs)
	a.Start()
	path := fmt.Sprintf("/proc/%d/ns/mnt", a.State().Pid)
	b := kit.New(t, writable, namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
		if n.Type == specs.MountNamespace {
			n.Path = path
		}
		return n
	}), func(s *specs.Spec) { s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil, nil })
	b.Fails([]string{"run", b.ID}, "linux.namespaces[", "join "+path, "the mount namespace belongs to another user namespace")
}

// The first thread of the first process has ended, and the process lives on: exec joins it by another thread.
func TestExecWithoutAFirstThread(t *testing.T) {
	b := kit.New(t, process("/bin/attacker", "orphan", "4"))
	attacker(b)
	out := b.OK("create", b.ID)
	pid := b.State().Pid
	b.OK("start", b.ID)
	out.Output("ready\n")
	b.Until("the first thread has ended", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		check(t, err)
		return strings.Contains(string(text), "State:\tZ")
	})
	if res := b.OK("exec", b.ID, kit.PayloadPath, "ls", "/"); !strings.HasPrefix(res.Stdout, "bin\n") || strings.Contains(res.Stdout, "root\n") {
		t.Errorf("exec: %v: want the names of the container's root", res)
	}
	b.Until("the process has ended", func() bool { return syscall.Kill(pid, 0) != nil })
}

// The record of an older teu has no namespaces. exec joins what it finds.
func TestExecWithoutRecord(t *testing.T) {
	b := kit.Running(t)
	forget(t, b)
	if res := b.OK("exec", b.ID, kit.PayloadPath, "ls", "/"); !strings.HasPrefix(res.Stdout, "bin\n") || strings.Contains(res.Stdout, "root\n") {
		t.Errorf("exec without a record of namespaces: %v: want the names of the container's root", res)
	}
}

func forget(t *testing.T, b *kit.Bundle) {
	t.Helper()
	path := b.Root + "/" + b.ID + "/state.json"
	text, err := os.ReadFile(path)
	check(t, err)
	var record map[string]any
	check(t, json.Unmarshal(text, &record))
	if record["namespaces"] == nil {
		t.Fatalf("record: got %s, want namespaces in it", text)
	}
	delete(record, "namespaces")
	text, err = json.Marshal(record)
	check(t, err)
	check(t, os.WriteFile(path, text, 0o600))
}

// In a chroot pivot_root moves the processes only: the root of the mount namespace stays that of the host.
func TestExecOfATeuInAChroot(t *testing.T) {
	for _, c := range []struct {
		name   string
		forget bool
		edits  []edit
		args   []string
		want   string // in the error
	}{
		{name: "plain"},
		{name: "without-record", forget: true},
		{name: "elsewhere", edits: []edit{caps("CAP_SYS_CHROOT"), writable}, args: []string{"/bin/busybox", "chroot", "/jail", "/busybox", "sleep", "1000"},
			want: "the root of the mount namespace is not the container's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t, append(c.edits, kit.Args("sleep", "forever"))...)
			if c.args != nil {
				jail(b, c.args)
			}
			in := chrooted(t, b)
			for _, verb := range []string{"create", "start"} {
				if res := in(verb, b.ID); res.Code != 0 {
					t.Fatalf("in a chroot: %v", res)
				}
			}
			if c.args != nil {
				b.Until("the first process has changed its root", func() bool {
					_, err := os.Stat(fmt.Sprintf("/proc/%d/root/bin", b.State().Pid))
					return err != nil
				})
			}
			if c.forget {
				forget(t, b)
			}
			for name, teu := range map[string]func(...string) kit.Result{"in the chroot": in, "outside": b.Teu} {
				for range 3 {
					res := teu("exec", b.ID, kit.PayloadPath, "ls", "/")
					if strings.Contains(res.Stdout, "root\n") || c.want == "" && !strings.HasPrefix(res.Stdout, "bin\n") ||
						c.want != "" && !strings.Contains(res.Stderr, c.want) {
						t.Errorf("exec %s: %v: want the names of the container's root, or an error with %q", name, res, c.want)
					}
				}
			}
		})
	}
}

// jail makes the first process one that goes to a root below its own.
func jail(b *kit.Bundle, args []string) {
	b.T.Helper()
	text, err := os.ReadFile("/bin/busybox")
	check(b.T, err)
	b.File("bin/busybox", string(text), 0o755)
	b.File("jail/busybox", string(text), 0o755)
	b.Edit(process(args...))
}

// chrooted returns a teu in a chroot that shows all of the host.
func chrooted(t *testing.T, b *kit.Bundle) func(args ...string) kit.Result {
	t.Helper()
	outer := b.Dir + "/host"
	dir := outer + "/root"
	check(t, os.Mkdir(outer, 0o755))
	// pivot_root(2) wants the mount that the root is mounted on private.
	check(t, syscall.Mount("tmpfs", outer, "tmpfs", 0, ""))
	t.Cleanup(func() { check(t, syscall.Unmount(outer, syscall.MNT_DETACH)) })
	check(t, syscall.Mount("", outer, "", syscall.MS_PRIVATE, ""))
	check(t, os.Mkdir(dir, 0o755))
	check(t, syscall.Mount("/", dir, "", syscall.MS_BIND|syscall.MS_REC, ""))
	check(t, syscall.Mount("", dir, "", syscall.MS_PRIVATE|syscall.MS_REC, ""))
	return func(args ...string) kit.Result {
		t.Helper()
		c := b.Command(args...)
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
		return b.Do(c)
	}
}

// exec does not follow a first process to another root: a container without a mount namespace has nothing but its root between
// it and the host.
func TestExecDoesNotFollowToAnotherRoot(t *testing.T) {
	args := []string{"/bin/busybox", "chroot", "/jail", "/busybox", "sleep", "1000"}
	t.Run("mount namespace", func(t *testing.T) {
		b := kit.New(t, caps("CAP_SYS_CHROOT"))
		jail(b, args)
		b.Start()
		if res := b.OK("exec", b.ID, kit.PayloadPath, "ls", "/"); !strings.HasPrefix(res.Stdout, "bin\n") {
			t.Errorf("exec: %v: want the names of the container's root", res)
		}
	})
	t.Run("none", func(t *testing.T) {
		b := kit.New(t, writable, caps("CAP_SYS_CHROOT"), func(s *specs.Spec) { *s.Linux = specs.Linux{}; s.Mounts, s.Hostname = nil, "" })
		jail(b, args)
		b.Start()
		b.Until("the first process has changed its root", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d/root/bin", b.State().Pid))
			return err != nil
		})
		b.Fails([]string{"exec", b.ID, kit.PayloadPath, "ls", "/"}, "its first process has moved to another root directory")
	})
}
