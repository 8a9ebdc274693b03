package kit

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// TestLeft shows that each kind of thing that can be left behind is found.
func TestLeft(t *testing.T) {
	Rooted(t)
	mark := Prefix() + "left"
	before := Snapshot()
	if left := append(before.Left(), Left(mark)...); len(left) > 0 {
		t.Fatalf("left before anything was made: %q", left)
	}
	undo := []func() error{}
	do := func(err error, f func() error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		undo = append(undo, f)
	}
	dir := "/tmp/" + mark
	do(os.Mkdir(dir, 0o755), func() error { return os.Remove(dir) })
	do(syscall.Mount("tmpfs", dir, "tmpfs", 0, ""), func() error { return syscall.Unmount(dir, 0) })
	group := "/sys/fs/cgroup/pids/" + mark
	do(os.Mkdir(group, 0o755), func() error { return os.Remove(group) })
	sleeper := exec.Command(Payload(), "sleep", "forever")
	sleeper.Env = []string{"TEU_TEST=" + mark}
	sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	do(sleeper.Start(), func() error { sleeper.Process.Kill(); sleeper.Wait(); return nil })

	for name, look := range map[string]func() []string{
		"exact": before.Left, "by mark": func() []string { return Left(mark) },
	} {
		all := strings.Join(look(), "\n")
		want := []string{"mount " + dir, "cgroup " + group, "file " + dir, "payload sleep forever"}
		if name == "exact" {
			want = append(want, "network namespace net:[")
		}
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is not among what is left: %s", name, w, all)
			}
		}
	}
	for i := len(undo) - 1; i >= 0; i-- {
		if err := undo[i](); err != nil {
			t.Error(err)
		}
	}
	if left := append(before.Left(), Left(mark)...); len(left) > 0 {
		t.Errorf("left after all was undone: %q", left)
	}
}

func TestBundle(t *testing.T) {
	b := New(t, Args("exit", "7"))
	if res := b.Teu("run", b.ID); res.Code != 7 {
		t.Error(res)
	}
	b.Start("sleep", "forever")
	if st := b.State(); st.ID != b.ID || st.Pid == 0 {
		t.Errorf("%+v", st)
	}
	if r := New(t).Inspect(); r.Pid != 1 || r.Mount("/proc") == nil || !r.Mount("/proc").Has("rw", "!ro") {
		t.Errorf("%+v", r)
	}
}
