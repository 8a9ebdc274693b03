package cgroups

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/headless"
)

// testKillFrozen kills a paused payload; on v1 one in a cgroup below that was frozen by itself, too.
func testKillFrozen(t *testing.T) {
	b := newBox(t, parent()+"/c")
	p, q := b.start("exec sleep 1000"), b.start("exec sleep 1000")
	if f := b.v1("freezer"); f != nil {
		sub := b.mkdir(f.Dir() + "/sub")
		b.put(sub, q.Process.Pid)
		b.ok(os.WriteFile(sub+"/freezer.state", []byte("FROZEN"), 0))
		b.ok(os.WriteFile(f.Dir()+"/freezer.state", []byte("FROZEN"), 0))
	}
	b.ok(b.Freeze(true))
	b.ok(b.Kill())
	p.killed(t)
	q.killed(t)
}

// testKillMoving kills processes that fork and exit without end: their numbers are never the same twice.
func testKillMoving(t *testing.T) {
	b := newBox(t, parent()+"/c")
	file := t.TempDir() + "/hops"
	// They end by themselves after a while, should Kill fail.
	b.start(`hop() { echo x >>` + file + `; [ $1 -gt 0 ] && hop $(($1 - 1)) & } ; hop 20000; hop 20000; exec sleep 1000`)
	for hops := int64(0); hops < 100; { // the test's own timeout is the bound
		if st, err := os.Stat(file); err == nil {
			hops = st.Size() / 2
		}
	}
	b.ok(b.Kill())
	b.ok(b.Destroy(5 * time.Second))
	if n := count(t, b, true); n != 0 {
		t.Errorf("processes after kill and destroy: got %d, want 0", n)
	}
}

// headlessVar makes the test binary a payload whose first thread ends; "more" makes it one that starts such payloads without end.
const headlessVar = "TEU_CGROUPS_TEST_HEADLESS"

func init() {
	switch os.Getenv(headlessVar) {
	case "one":
		headless.Become(func() { select {} })
	case "more":
		headless.Become(func() {
			for {
				c := exec.Command("/proc/self/exe")
				if c.Start() == nil {
					go c.Wait()
				}
			}
		})
	}
}

// testKillHeadless kills a process that cgroup.kill has no effect on.
func testKillHeadless(t *testing.T) {
	b := newBox(t, parent()+"/c")
	p := b.start("exec env " + headlessVar + "=one /proc/" + strconv.Itoa(os.Getpid()) + "/exe")
	for !strings.HasPrefix(status(t, p.Process.Pid, "State"), "Z") { // the test's own timeout is the bound
		time.Sleep(time.Millisecond)
	}
	if n := count(t, b, true); n != 1 {
		t.Errorf("processes: got %d, want the one whose first thread has ended", n)
	}
	b.ok(b.Kill())
	p.killed(t)
}

// testKillHeadlessMoving kills such processes while each makes more of them as fast as it can.
func testKillHeadlessMoving(t *testing.T) {
	b := newBox(t, parent()+"/c")
	most := int64(200)
	if _, err := os.Stat(b.place("pids").Dir() + "/pids.max"); err != nil {
		t.Skip("needs a limit for what never ends forking: no pids cgroup controller")
	}
	b.set(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &most}})
	p := b.start("exec env " + headlessVar + "=more /proc/" + strconv.Itoa(os.Getpid()) + "/exe")
	for count(t, b, true) < 20 { // the test's own timeout is the bound
		time.Sleep(time.Millisecond)
	}
	b.ok(b.Kill())
	p.wait(t) // killed, or ended by its own runtime, which cannot go on when it may make no more threads
	b.ok(b.Destroy(5 * time.Second))
	if n := count(t, b, true); n != 0 {
		t.Errorf("processes after kill and destroy: got %d, want 0", n)
	}
}

// testKillV1Only has a process that is not in the v2 cgroup, as after a create that was killed between two joins.
func testKillV1Only(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if b.tracker() == nil || b.unified() == nil {
		t.Skip("needs v1 and v2")
	}
	p, q := b.start("exec sleep 1000"), b.start("exec sleep 1000")
	b.put(b.unified().Mountpoint, p.Process.Pid)
	if n := count(t, b, true); n != 1 {
		t.Errorf("processes: got %d, want the one in the v2 cgroup", n)
	}
	b.ok(b.Kill())
	p.killed(t)
	q.killed(t)
}

// testKillHalfJoined has a process that was joined to the last of the v1 hierarchies only.
func testKillHalfJoined(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if b.rec.Mode != Legacy {
		t.Skip("only where there is no v2: there the process is in that first")
	}
	p := b.start("exec sleep 1000")
	for i := range b.rec.Places[:len(b.rec.Places)-1] {
		b.put(b.rec.Places[i].Mountpoint, p.Process.Pid)
	}
	if n := count(t, b, true); n != 0 {
		t.Errorf("processes in %s: got %d, want 0", b.main(), n)
	}
	b.ok(b.Kill())
	p.killed(t)
}

// testUsedAgain starts a process in a cgroup that was killed before, in the way that works (see Dir).
func testUsedAgain(t *testing.T) {
	b := newBox(t, parent()+"/c")
	p := b.start("exec sleep 1000")
	b.ok(b.Kill())
	p.killed(t)
	if out := b.startIn("echo alive", -1, false).wait(t); out != "alive\n" {
		t.Errorf("output of a payload started after a kill: got %q, want %q", out, "alive\n")
	}
}

// testThreaded has a payload that made a cgroup threaded: it has neither a process list nor cgroup.kill.
func testThreaded(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if b.unified() == nil {
		t.Skip("needs v2")
	}
	p := b.start("exec sleep 1000")
	sub := b.mkdir(b.unified().Dir() + "/sub")
	b.ok(os.WriteFile(sub+"/cgroup.type", []byte("threaded"), 0))
	b.put(sub, p.Process.Pid)
	if pids, err := b.Pids(true); err != nil || len(pids) != 1 || pids[0] != p.Process.Pid {
		t.Errorf("pids: got %v, %v, want %d", pids, err, p.Process.Pid)
	}
	// As if the container's own cgroup were the threaded one.
	rec := b.Record()
	rec.Places = []Place{{Mountpoint: rec.Places[0].Mountpoint, Path: rec.Places[0].Path + "/sub"}}
	m, err := Load(rec)
	b.ok(err)
	b.ok(m.Kill())
	p.killed(t)
}

func testSignal(t *testing.T) {
	b := newBox(t, parent()+"/c")
	p := b.start(`trap 'echo usr1; exit' USR1; while :; do sleep 0.01; done`)
	for caught := uint64(0); caught&(1<<(syscall.SIGUSR1-1)) == 0; { // until the trap is set; the test's own timeout is the bound
		var err error
		caught, err = strconv.ParseUint(status(t, p.Process.Pid, "SigCgt"), 16, 64)
		b.ok(err)
	}
	b.ok(b.Signal(syscall.SIGUSR1, true))
	if out := p.wait(t); !strings.Contains(out, "usr1") {
		t.Errorf("output after SIGUSR1: got %q, want usr1 in it", out)
	}
	b.ok(b.Signal(syscall.SIGUSR1, true)) // to nobody
}
