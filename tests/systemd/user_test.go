package systemd

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestUserManager: with --rootless true the unit is one of the user's service manager. Here that is root's own, which takes
// an ordinary user's rights out of the picture.
func TestUserManager(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(40))}
	}))
	const runtime = kit.UserRuntime
	if !exists(runtime + "/bus") { // what is mounted there later the suite would not see
		t.Skip("root has no service manager with a bus: start user@0.service before the suite")
	}
	teu := func(args ...string) kit.Result {
		t.Helper()
		c := b.Command(append([]string{"--rootless", "true"}, args...)...)
		c.Env = append(c.Env, "XDG_RUNTIME_DIR="+runtime)
		res := b.Do(c)
		if res.Code != 0 {
			t.Fatalf("%v: want exit code 0", res)
		}
		return res
	}
	shown := func(property string) string {
		t.Helper()
		c := exec.Command("systemctl", "--user", "show", "--value", "-p", property, scope(b))
		c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", c.Args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	teu("create", b.ID)
	teu("start", b.ID)
	own := path(t, b.State().Pid)
	if !strings.HasSuffix(own, "/user@0.service/user.slice/"+scope(b)) {
		t.Errorf("cgroup: got %s, want user.slice/%s of the user's manager at its end", own, scope(b))
	}
	if kit.Unified() {
		holds(t, b, "memory.max 67108864", "pids.max 40")
		if got := shown("MemoryMax"); got != "67108864" {
			t.Errorf("MemoryMax: got %s, want 67108864", got)
		}
	}
	teu("exec", b.ID, kit.PayloadPath, "true")
	teu("update", "--pids-limit", "30", b.ID)
	if got := shown("TasksMax"); got != "30" {
		t.Errorf("TasksMax after update: got %s, want 30", got)
	}
	shows(t, scope(b), "LoadState not-found") // of the system's
	b.OK("delete", "--force", b.ID)           // by the record, without the flags
	if got := shown("LoadState"); got != "not-found" {
		t.Errorf("LoadState after delete --force: got %s, want not-found", got)
	}
	if exists(top + own) {
		t.Errorf("%s is left after delete --force, want it removed", own)
	}
}
