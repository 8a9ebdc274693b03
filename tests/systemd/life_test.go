package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestVerbs: every verb works on a container with a unit, and needs no flag for it.
func TestVerbs(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.OK("create", b.ID)
	shows(t, scope(b), "ActiveState active")
	if p := path(t, b.State().Pid); filepath.Base(p) != scope(b) {
		t.Errorf("cgroup after create: got %s, want %s at its end", p, scope(b))
	}
	b.OK("start", b.ID)
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b.OK("exec", "-d", "--pid-file", "exec.pid", b.ID, kit.PayloadPath, "sleep", "forever")
	text, err := os.ReadFile(b.Dir + "/exec.pid")
	check(t, err)
	own, err := os.ReadFile("/proc/" + itoa(b.State().Pid) + "/cgroup")
	check(t, err)
	if got, err := os.ReadFile("/proc/" + string(text) + "/cgroup"); err != nil || string(got) != string(own) {
		t.Errorf("cgroup of exec: got %q, %v; want %q", got, err, own)
	}
	b.OK("pause", b.ID)
	if s := b.State().Status; s != "paused" {
		t.Errorf("status after pause: got %s, want paused", s)
	}
	b.OK("resume", b.ID)
	b.OK("ps", b.ID)
	b.OK("events", "--stats", b.ID)
	c := b.Command("kill", "--all", b.ID, "KILL")
	c.Args = append(c.Args[:1:1], withoutDriver(c.Args[1:])...)
	if res := b.Do(c); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}
	b.Ended()
	c = b.Command("delete", b.ID)
	c.Args = append(c.Args[:1:1], withoutDriver(c.Args[1:])...)
	if res := b.Do(c); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}
	shows(t, scope(b), "LoadState not-found")
}

func withoutDriver(args []string) (out []string) {
	for _, a := range args {
		if a != "--systemd-cgroup" {
			out = append(out, a)
		}
	}
	return out
}

// TestRun leaves nothing, however the process ends.
func TestRun(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.OK("run", b.ID)
	shows(t, scope(b), "LoadState not-found")
	if res := b.Teu("run", b.ID); res.Code != 0 {
		t.Fatalf("the second %v: want exit code 0", res)
	}
	b.Edit(kit.Args("exit", "3"))
	if res := b.Teu("run", b.ID); res.Code != 3 {
		t.Errorf("%v: want exit code 3", res)
	}
	b.Edit(func(s *specs.Spec) { s.Process.Args = []string{"/no/such/file"} })
	b.Fails([]string{"run", b.ID}, "/no/such/file")
	shows(t, scope(b), "LoadState not-found")
	b.Edit(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Source: "/no/such", Type: "bind", Options: []string{"bind"}})
	})
	b.Fails([]string{"create", b.ID}, "/no/such")
	shows(t, scope(b), "LoadState not-found")
}

// TestExisting: a unit of that name is somebody else's, and is left alone.
func TestExisting(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	other := exec.Command("systemd-run", "--scope", "--unit", scope(b), "sleep", "1000")
	check(t, other.Start())
	defer func() {
		systemctl(t, "stop", scope(b))
		other.Wait()
	}()
	b.Until("the unit is there", func() bool { return show(t, scope(b), "ActiveState") == "active" })
	b.Fails([]string{"create", b.ID}, scope(b))
	shows(t, scope(b), "ActiveState active")
	b.OK("delete", "--force", b.ID)
	shows(t, scope(b), "ActiveState active")
	b.Fails([]string{"state", b.ID}, "does not exist")
}

// TestFailed: a unit that has failed makes room for the next of its name, and is gone after delete.
func TestFailed(t *testing.T) {
	t.Parallel()
	// A scope whose time is over fails, as one does of which the kernel has killed a process because it was out of memory.
	b := kit.New(t, kit.Args("sleep", "forever"), annotations("RuntimeMaxSec", "3"))
	fail := func() {
		t.Helper()
		b.Start()
		b.Until("the unit has failed", func() bool { return show(t, scope(b), "ActiveState") == "failed" })
		b.Ended()
	}
	fail()
	b.OK("delete", b.ID)
	shows(t, scope(b), "LoadState not-found", "ActiveState inactive")
	fail()
	check(t, os.RemoveAll(filepath.Join(b.Root, b.ID))) // as after a reboot of --root alone
	shows(t, scope(b), "ActiveState failed")
	b.Edit(annotations())
	b.Start()
	shows(t, scope(b), "ActiveState active")
}

// TestStopped: systemd, or an administrator, has stopped the unit.
func TestStopped(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	systemctl(t, "stop", scope(b))
	b.Ended()
	b.OK("delete", b.ID)
	b.Start()
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Until("the unit is gone", func() bool { return show(t, scope(b), "ActiveState") != "active" })
	b.OK("delete", b.ID)
	b.OK("delete", "--force", b.ID)
}

// TestGoneBeforeStart: a container was killed before start, and its unit took along what it had counted. With next to no
// memory that is a likely cause.
func TestGoneBeforeStart(t *testing.T) {
	t.Parallel()
	needsV2(t)
	const hint = ": its unit is gone: it may have been killed: out of memory: linux.resources.memory.limit is 524288 bytes"
	for _, limit := range []int64{512 << 10, 64 << 20} {
		b := kit.New(t, kit.Resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: &limit} }))
		b.OK("create", b.ID)
		b.OK("kill", b.ID, "KILL")
		b.Ended()
		b.Until("the unit is gone", func() bool { return show(t, scope(b), "ActiveState") != "active" })
		res := b.Fails([]string{"start", b.ID}, "it is stopped, want created")
		if strings.Contains(res.Stderr, hint) != (limit < 1<<20) {
			t.Errorf("%d bytes: %v: with %q: want %v", limit, res, hint, limit < 1<<20)
		}
		b.OK("delete", b.ID)
	}
}

// TestNested: what the payload makes below its cgroup goes with the unit.
func TestNested(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	pid := b.State().Pid
	d := dir(t, pid)
	check(t, os.MkdirAll(d+"/a/b/c", 0o755))
	check(t, os.WriteFile(d+"/a/b/c/cgroup.procs", []byte(itoa(pid)), 0))
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b.OK("delete", "--force", b.ID)
	if exists(d) {
		t.Errorf("%s is left after delete --force, want it removed", d)
	}
	shows(t, scope(b), "LoadState not-found")
}

// TestKilled: teu is killed at many points of create and delete. What is left, delete --force clears.
func TestKilled(t *testing.T) {
	b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(limited))
	begun := time.Now()
	b.Start()
	whole := time.Since(begun)
	b.OK("delete", "--force", b.ID)
	const points = 30
	reached := map[string]int{}
	for i := range points {
		c := b.Command("create", b.ID)
		check(t, c.Start())
		timer := time.AfterFunc(whole*time.Duration(i)/points, func() { c.Process.Kill() })
		b.Wait(c)
		timer.Stop()
		reached[show(t, scope(b), "ActiveState")]++
		b.OK("list")
		if i%3 == 0 && b.Teu("state", b.ID).Code != 0 {
			// Whoever creates it next finishes what was begun.
			if res := b.Teu("create", b.ID); res.Code != 0 && !strings.Contains(res.Stderr, "exist") {
				t.Fatalf("killed at %d of %d: %v: want exit code 0, or that it exists", i, points, res)
			}
		}
		if i%3 == 1 {
			d := b.Command("delete", "--force", b.ID)
			check(t, d.Start())
			timer := time.AfterFunc(whole*time.Duration(i)/points/4, func() { d.Process.Kill() })
			b.Wait(d)
			timer.Stop()
		}
		b.OK("delete", "--force", b.ID)
		shows(t, scope(b), "LoadState not-found", "ActiveState inactive")
		if left := kit.Left(b.ID); len(left) > 0 {
			t.Fatalf("killed at %d of %d: left %q, want nothing", i, points, left)
		}
	}
	if reached["active"] == 0 || reached["inactive"] == 0 {
		t.Errorf("states of the unit when it was killed: got %v, want active and inactive among them", reached)
	}
	t.Logf("states of the unit when create was killed: %v", reached)
}

// TestOtherPidNamespace: systemd would take the pid of the container for that of a process of the host.
func TestOtherPidNamespace(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	c := b.Command("create", b.ID)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if res := b.Do(c); res.Code == 0 || !strings.Contains(res.Stderr, "systemd is in another pid namespace") {
		t.Errorf("%v: want an error that systemd is in another pid namespace", res)
	}
	shows(t, scope(b), "LoadState not-found")
}
