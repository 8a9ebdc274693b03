package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestLifecycle follows a container through its states.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) { s.Annotations = map[string]string{"org.example.key": "value"} })
	begin := time.Now().Add(-time.Second)
	b.Fails([]string{"state", b.ID}, "does not exist")
	pidFile := b.Dir + "/pid"
	res := b.OK("create", "--pid-file", pidFile, b.ID)
	if res.Stdout+res.Stderr != "" && !strings.Contains(res.Stderr, "waiting for systemd") {
		t.Errorf("got %v, want no output", res)
	}
	created := b.State()
	text, err := os.ReadFile(pidFile)
	check(t, err)
	if created.Status != specs.StateCreated || string(text) != fmt.Sprint(created.Pid) || created.Bundle != b.Dir ||
		created.ID != b.ID || created.Version != b.Spec.Version || created.Annotations["org.example.key"] != "value" {
		t.Errorf("state after create: got %+v and pid file %q; want created, its pid in the file, bundle %s, version %s and the annotation", created, text, b.Dir, b.Spec.Version)
	}
	more := kit.JSON[struct {
		Rootfs, Owner string
		Created       time.Time
	}](b, b.OK("state", b.ID).Stdout)
	if more.Rootfs != b.Rootfs || more.Created.Before(begin) || more.Created.After(time.Now()) {
		t.Errorf("state after create: got %+v, want rootfs %s, created at or after %v", more, b.Rootfs, begin)
	}
	if comm := procFile(t, created.Pid, "comm"); comm == "payload" {
		t.Error("comm of the process before start: got payload, want init's")
	}
	b.Fails([]string{"delete", b.ID}, "created")
	if res := b.OK("start", b.ID); res.Stdout+res.Stderr != "" {
		t.Errorf("got %v, want no output", res)
	}
	if running := b.State(); running.Status != specs.StateRunning || running.Pid != created.Pid {
		t.Errorf("state after start: got %+v, want running with pid %d", running, created.Pid)
	}
	if args := procFile(t, created.Pid, "cmdline"); !strings.HasPrefix(args, "/bin/payload\x00sleep") {
		t.Errorf("cmdline after start: got %q, want that of %q", args, "/bin/payload sleep")
	}
	b.Fails([]string{"delete", b.ID}, "running")
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	if stopped := b.State(); stopped.Pid != 0 {
		t.Errorf("state of a stopped container: got %+v, want pid 0", stopped)
	}
	b.Fails([]string{"kill", b.ID}, "stopped")
	b.OK("delete", b.ID)
	b.Fails([]string{"state", b.ID}, "does not exist")
	b.Fails([]string{"delete", b.ID}, "does not exist")
}

func TestIDs(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for _, id := range []string{"a", "A_b+c-d.e", "0", strings.Repeat("x", 60), "help", "-x"} {
		b.OK("run", "--", b.ID+id)
	}
	for _, id := range []string{"", ".", "..", "a/b", "../a", "a b", "ä", "a:b", strings.Repeat("x", 300)} {
		b.Fails([]string{"create", "--", id}, "invalid container id")
		b.Fails([]string{"delete", "--force", "--", id}, "invalid container id")
	}
	entries, err := os.ReadDir(b.Root)
	if err != nil || len(entries) > 0 {
		t.Errorf("state directory after invalid ids: got %v, %v, want it empty", entries, err)
	}
}

func TestDuplicateID(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	pid := b.State().Pid
	for _, verb := range []string{"create", "run"} {
		b.Fails([]string{verb, b.ID}, b.ID, "already exists")
	}
	if st := b.State(); st.Status != specs.StateRunning || st.Pid != pid {
		t.Errorf("state after a second create and run: got %+v, want running with pid %d", st, pid)
	}
}

// TestParallelCreate: of many creates of one id one wins, and the others say why they have not.
func TestParallelCreate(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	const n = 8
	results := make([]kit.Result, n)
	var wg sync.WaitGroup
	for i := range n {
		cmd := b.Command("create", b.ID)
		wg.Go(func() { results[i] = b.Do(cmd) })
	}
	wg.Wait()
	won := 0
	for _, res := range results {
		if res.Code == 0 {
			won++
		} else if !strings.Contains(res.Stderr, "already exists") {
			t.Errorf("%v, want success or already exists", res)
		}
	}
	if won != 1 {
		t.Errorf("creates at once that succeeded: got %d, want 1", won)
	}
	b.OK("start", b.ID)
}

// TestParallelStartDelete: the verbs on one id come one after the other, whatever the order.
func TestParallelVerbs(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	for range 5 {
		b.OK("create", b.ID)
		var wg sync.WaitGroup
		results := make([]kit.Result, 6)
		for i, args := range [][]string{{"start", b.ID}, {"delete", "--force", b.ID}, {"state", b.ID}, {"list"}, {"start", b.ID}, {"delete", "--force", b.ID}} {
			cmd := b.Command(args...)
			wg.Go(func() { results[i] = b.Do(cmd) })
		}
		wg.Wait()
		for _, i := range []int{1, 3, 5} {
			if results[i].Code != 0 {
				t.Errorf("%v, want exit code 0", results[i])
			}
		}
		b.Fails([]string{"state", b.ID}, "does not exist")
	}
}

// TestPidFile: its directory has to be there; it is written last, and whole.
func TestPidFile(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Fails([]string{"create", "--pid-file", "/nowhere/pid", b.ID}, "pid file", "/nowhere", "no such file or directory")
	b.Fails([]string{"state", b.ID}, "does not exist")
	check(t, os.WriteFile(b.Dir+"/pid", []byte("something that was there before"), 0o644))
	b.OK("create", "--pid-file", "pid", b.ID) // relative to the working directory
	text, err := os.ReadFile(b.Dir + "/pid")
	check(t, err)
	if string(text) != fmt.Sprint(b.State().Pid) {
		t.Errorf("pid file: got %q, want %d", text, b.State().Pid)
	}
	if left, _ := filepath.Glob(b.Dir + "/.pid*"); len(left) > 0 {
		t.Errorf("temporary files of the pid file: got %q, want none", left)
	}
}

// TestPidFileReplacesNothing: what has the name and is no plain file stays, and nothing is started.
func TestPidFileReplacesNothing(t *testing.T) {
	t.Parallel()
	b, running := kit.New(t), kit.Running(t)
	device, fifo, dir, link, dangling := b.Dir+"/device", b.Dir+"/fifo", b.Dir+"/directory", b.Dir+"/link", b.Dir+"/dangling"
	check(t, syscall.Mknod(device, syscall.S_IFCHR|0o666, 1<<8|3))
	check(t, syscall.Mkfifo(fifo, 0o600))
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.Symlink(b.Dir+"/config.json", link))
	check(t, os.Symlink(b.Dir+"/nothing", dangling))
	socket := receiver(t, b, "socket")
	config, err := os.ReadFile(b.Dir + "/config.json")
	check(t, err)
	for _, path := range []string{device, fifo, dir, link, dangling, socket.path} {
		before, err := os.Lstat(path)
		check(t, err)
		want := "pid file " + path + ": file exists, and is no plain file"
		if path == dir {
			want = "pid file " + path + ": is a directory"
		}
		b.Fails([]string{"create", "--pid-file", path, b.ID}, want)
		b.Fails([]string{"run", "--pid-file", path, b.ID}, want)
		b.Fails([]string{"state", b.ID}, "does not exist")
		running.Fails([]string{"exec", "--pid-file", path, running.ID, kit.PayloadPath, "true"}, want)
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
			t.Errorf("%s afterwards: got %v, %v, want it as it was, %v", path, after, err, before)
		}
	}
	if after, err := os.ReadFile(b.Dir + "/config.json"); err != nil || string(after) != string(config) {
		t.Errorf("target of the symlink afterwards: got %q, %v, want it as it was", after, err)
	}
}

func TestPidfdSocket(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	socket := receiver(t, b, "pidfd")
	b.OK("create", "--pidfd-socket", socket.path, b.ID)
	f, _ := socket.received()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	check(t, err)
	if want := fmt.Sprintf("Pid:\t%d\n", b.State().Pid); !strings.Contains(string(info), want) {
		t.Errorf("fdinfo of the pidfd: got %s, want %s", info, want)
	}
	b.OK("start", b.ID)
	second := receiver(t, b, "pidfd-exec")
	b.OK("exec", "--detach", "--pid-file", "pid", "--pidfd-socket", second.path, b.ID, kit.PayloadPath, "sleep", "forever")
	f, _ = second.received()
	info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	check(t, err)
	pid, err := os.ReadFile(b.Dir + "/pid")
	check(t, err)
	if !strings.Contains(string(info), "Pid:\t"+string(pid)+"\n") {
		t.Errorf("fdinfo of the exec's pidfd: got %s, want %s", info, pid)
	}
}

// TestStdio: create hands its standard streams to the process, and holds none of them.
func TestStdio(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("cat"))
	r, w, err := os.Pipe()
	check(t, err)
	cmd := b.Command("create", b.ID)
	cmd.Stdin = r
	res := b.Do(cmd)
	r.Close()
	if res.Code != 0 {
		t.Fatalf("%v, want exit code 0", res)
	}
	b.OK("start", b.ID)
	_, err = w.WriteString("from outside")
	check(t, err)
	check(t, w.Close())
	res.Output("from outside")
	b.Ended() // it has seen the end of its input
}

// TestStateDirectory: it is made when it is not there, and may be given relative to the working directory.
func TestStateDirectory(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	cmd := b.Command("run", b.ID)
	cmd.Args = []string{"teu", "--root", "deep/down/state", "run", b.ID}
	if res := b.Do(cmd); res.Code != 0 {
		t.Errorf("%v, want exit code 0", res)
	}
	if entries, err := os.ReadDir(b.Dir + "/deep/down/state"); err != nil || len(entries) > 0 {
		t.Errorf("state directory after run: got %v, %v, want it empty", entries, err)
	}
	// A full or read-only file system is one clear error.
	ro := b.Dir + "/ro"
	check(t, os.Mkdir(ro, 0o755))
	mountAt(t, "tmpfs", ro, "tmpfs", 1 /* MS_RDONLY */)
	cmd = b.Command("run", b.ID)
	cmd.Args = []string{"teu", "--root", ro + "/state", "run", b.ID}
	if res := b.Do(cmd); res.Code != 1 || !strings.Contains(res.Stderr, "read-only file system") || strings.Count(res.Stderr, "\n") != 1 {
		t.Errorf("%v, want exit code 1 and one line with %q", res, "read-only file system")
	}
}
