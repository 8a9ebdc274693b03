package cgroups

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/needs"
)

// The rooted tests run on the host as it is and, where that is hybrid, in mount namespaces made to look like
// other hosts. Each world is a shell script for the set-up.
var worlds = []struct{ name, setup string }{
	{"unified", "mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup"},
	{"legacy", "umount /sys/fs/cgroup/unified"},
	{"readonly", "mount -o remount,bind,ro /sys/fs/cgroup/unified"},
	{"moved", "mkdir $DIR/m $DIR/p && mount --move /sys/fs/cgroup/memory $DIR/m && mount --move /sys/fs/cgroup/pids $DIR/p"},
}

const worldVar = "TEU_CGROUPS_TEST_WORLD"

func TestRooted(t *testing.T) {
	needs.Root(t, "makes cgroups")
	if world := os.Getenv(worldVar); world != "" {
		suite(t, world)
		return
	}
	t.Run("host", func(t *testing.T) { suite(t, "host") })
	l, err := Probe()
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	if l.Mode != Hybrid || l.V2.Mountpoint != "/sys/fs/cgroup/unified" {
		t.Logf("the host is %s: the other worlds are skipped", l.Mode)
		return
	}
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) { otherWorld(t, w.name, w.setup) })
	}
}

// otherWorld runs the suite in a second copy of the test binary, in a mount namespace of its own (Go makes it
// private).
func otherWorld(t *testing.T, name, setup string) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := setup + ` && exec "$0" -test.run '^TestRooted$' -test.v -test.timeout 120s`
	cmd := exec.Command("sh", "-c", script, self)
	cmd.Env = append(os.Environ(), worldVar+"="+name, "DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if testing.Verbose() || err != nil {
			t.Log(strings.TrimSuffix(line, "\n"))
		}
	}
	if err != nil {
		t.Errorf("run the suite in %s: %v", name, err)
	}
	if !bytes.Contains(out, []byte("--- PASS: TestRooted/lifecycle")) {
		t.Errorf("output of the suite in %s: got no PASS of TestRooted/lifecycle, want one", name)
	}
}

func suite(t *testing.T, world string) {
	want := map[string]Mode{"unified": Unified, "legacy": Legacy, "readonly": Hybrid, "moved": Hybrid}[world]
	if l := layout(t); want != "" && l.Mode != want {
		t.Fatalf("mode: got %s, want %s", l.Mode, want)
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"lifecycle", testLifecycle},
		{"cut short", testCutShort},
		{"occupied", testOccupied},
		{"frozen", testFrozen},
		{"freeze", testFreeze},
		{"kill frozen", testKillFrozen},
		{"kill a moving target", testKillMoving},
		{"kill without a first thread", testKillHeadless},
		{"kill a moving target without first threads", testKillHeadlessMoving},
		{"kill what is in v1 only", testKillV1Only},
		{"kill what is half joined", testKillHalfJoined},
		{"used again after kill", testUsedAgain},
		{"signal", testSignal},
		{"nested", testNested},
		{"threaded", testThreaded},
		{"exec below", testExecBelow},
		{"busy", testBusy},
		{"relative", testRelative},
		{"devices", testDevices},
		{"device filter replaced", testFilterReplaced},
		{"devices within devices", testDevicesNested},
		{"limits", testLimits},
		{"limits at work", testLimitsAtWork},
		{"no controller", testNoController},
		{"busy cgroup", testBusyCgroup},
		{"delegate", testDelegate},
		{"hybrid without v2", testWithoutV2},
	} {
		t.Run(c.name, c.run)
	}
	l := layout(t)
	for _, h := range append(l.V1, l.V2) {
		left, err := filepath.Glob(h.Mountpoint + "/teu-test-" + strconv.Itoa(os.Getpid()) + "-*")
		if err != nil || len(left) != 0 {
			t.Errorf("cgroups left behind: got %q, %v, want none", left, err)
		}
	}
}

func layout(t *testing.T) *Layout {
	t.Helper()
	l, err := Probe()
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return l
}

// box is a container's cgroups in a test, with its processes.
type box struct {
	*Manager
	t *testing.T
}

var boxes int

// parent names a cgroup of the test's own, new with each call.
func parent() string {
	boxes++
	return fmt.Sprintf("/teu-test-%d-%d", os.Getpid(), boxes)
}

// record plans a container at path.
func record(t *testing.T, path string) Record {
	t.Helper()
	rec, err := Plan(layout(t), "id", withPath(path))
	if err != nil {
		t.Fatalf("plan %s: %v", path, err)
	}
	return rec
}

// load takes a record through its text, as a later teu would, and sees to it that nothing of it is left in the end.
func load(t *testing.T, rec Record) *box {
	t.Helper()
	back, err := ParseRecord(rec.String())
	if err != nil {
		t.Fatalf("parse the record's text: %v", err)
	}
	m, err := Load(back)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	b := &box{m, t}
	t.Cleanup(func() {
		b.end()
		b.gone(rec)
	})
	return b
}

// end is delete --force.
func (b *box) end() {
	b.t.Helper()
	b.ok(b.Kill())
	b.ok(b.Destroy(5 * time.Second))
	b.ok(b.Close())
}

// gone fails when a directory of the record exists.
func (b *box) gone(rec Record) {
	b.t.Helper()
	for _, p := range rec.Places {
		if _, err := os.Lstat(p.Dir()); !os.IsNotExist(err) {
			b.t.Errorf("lstat %s after delete: got %v, want that it is gone", p.Dir(), err)
		}
	}
}

func (b *box) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

// newBox makes the cgroups of a container at path.
func newBox(t *testing.T, path string) *box {
	t.Helper()
	rec := record(t, path)
	if err := rec.Survey(); err != nil {
		t.Fatalf("survey %s: %v", path, err)
	}
	b := load(t, rec)
	b.ok(b.Create())
	return b
}

// payload is a process in the box; it runs a shell script whose first words wait for the joining to be over.
type payload struct {
	*exec.Cmd
	in   io.WriteCloser
	out  *bytes.Buffer
	done chan error
}

// start runs a script, cloned into the v2 cgroup when there is one.
func (b *box) start(script string) *payload {
	b.t.Helper()
	fd, cloned := b.Dir()
	return b.startIn(script, fd, cloned)
}

// startIn runs a script, cloned into the cgroup fd or joined to it later.
func (b *box) startIn(script string, fd int, cloned bool) *payload {
	b.t.Helper()
	p := &payload{Cmd: exec.Command("sh", "-c", "read go; "+script), out: new(bytes.Buffer), done: make(chan error, 1)}
	p.Stdout, p.Stderr = p.out, p.out
	var err error
	p.in, err = p.StdinPipe()
	b.ok(err)
	p.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: cloned, CgroupFD: max(fd, 0)}
	b.ok(p.Start())
	b.t.Cleanup(func() { p.Process.Kill() })
	b.ok(b.Join(p.Process.Pid, cloned))
	b.ok(b.CheckJoined(p.Process.Pid))
	_, err = io.WriteString(p.in, "go\n")
	b.ok(err)
	go func() { p.done <- p.Wait() }()
	return p
}

// wait returns what the script said.
func (p *payload) wait(t *testing.T) string {
	t.Helper()
	select {
	case <-p.done:
		return p.out.String()
	case <-time.After(20 * time.Second):
		t.Fatal("wait for the payload: it did not end, want its end within 20s")
		return ""
	}
}

// killed fails unless the payload has died by SIGKILL.
func (p *payload) killed(t *testing.T) {
	t.Helper()
	p.wait(t)
	if ws := p.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		t.Errorf("end of the payload: got %v, want SIGKILL", p.ProcessState)
	}
}

// value reads a control file of the box, "" when no hierarchy has the controller.
func (b *box) value(controller, file string) string {
	b.t.Helper()
	p := b.place(controller)
	text, err := os.ReadFile(filepath.Join(p.Dir(), file))
	b.ok(err)
	return strings.TrimSpace(string(text))
}

// main is the directory by which the box's processes are tracked first.
func (b *box) main() string {
	if p := b.unified(); p != nil {
		return p.Dir()
	}
	return b.tracker().Dir()
}

func (b *box) put(dir string, pid int) {
	b.t.Helper()
	b.ok(os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0))
}

func (b *box) mkdir(dir string) string {
	b.t.Helper()
	b.ok(os.Mkdir(dir, 0o755))
	return dir
}

func (b *box) set(r *specs.LinuxResources) {
	b.t.Helper()
	warnings, err := b.Set(r)
	b.ok(err)
	if len(warnings) != 0 {
		b.t.Errorf("warnings: got %q, want none", warnings)
	}
}

func count(t *testing.T, m *box, all bool) int {
	t.Helper()
	pids, err := m.Pids(all)
	if err != nil {
		t.Fatalf("pids: %v", err)
	}
	return len(pids)
}
