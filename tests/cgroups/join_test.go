package cgroups

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// hierarchies are the places where one is mounted.
func hierarchies() []string {
	if kit.Unified() {
		return []string{top}
	}
	list, _ := filepath.Glob(top + "/*/cgroup.procs") // the pattern is well-formed
	for i := range list {
		list[i] = filepath.Dir(list[i])
	}
	return list
}

// write writes to a control file.
func write(t testing.TB, file, text string) {
	t.Helper()
	check(t, os.WriteFile(file, []byte(text), 0))
}

// made is a cgroup that was there before the container: with its parents, it goes when the test ends.
func made(t testing.TB, dir string) string {
	t.Helper()
	if !exists(filepath.Dir(dir)) {
		made(t, filepath.Dir(dir))
	}
	check(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
			t.Errorf("remove the cgroup %s: %v", dir, err)
		}
	})
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // on v1 nothing can be in it without them
		if text, err := os.ReadFile(filepath.Dir(dir) + "/" + file); err == nil && exists(dir+"/cgroup.clone_children") {
			write(t, dir+"/"+file, strings.TrimSpace(string(text)))
		}
	}
	return dir
}

// occupy puts a process into a cgroup until the function returned is called, or the test ends.
func occupy(t testing.TB, b *kit.Bundle, dir string) (leave func()) {
	t.Helper()
	p := exec.Command(kit.Payload(), "sleep", "forever")
	p.Env = []string{"TEU_TEST=" + b.ID}
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, p.Start())
	done := false
	leave = func() {
		if !done {
			done = true
			p.Process.Kill()
			p.Wait()
		}
	}
	t.Cleanup(leave)
	write(t, dir+"/cgroup.procs", strconv.Itoa(p.Process.Pid))
	return leave
}

// TestOccupied: a cgroup that holds a process, or has one below it, is not a container's to be, in whatever hierarchy that
// is; an empty one is.
func TestOccupied(t *testing.T) {
	t.Parallel()
	for _, h := range hierarchies() {
		for _, below := range []string{"", "/sub/x"} {
			t.Run(filepath.Base(h)+below, func(t *testing.T) {
				t.Parallel()
				b := kit.New(t)
				b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
				dir := made(t, h+"/"+b.ID+"/c")
				held := dir
				if below != "" {
					held = made(t, dir+below)
				}
				leave := occupy(t, b, held)
				b.Fails([]string{"create", b.ID}, "linux.cgroupsPath: "+dir+": container's cgroup is not empty: 1 process(es) found")
				b.Fails([]string{"run", b.ID}, "not empty")
				if !exists(held) {
					t.Errorf("cgroup %s of another: got it removed, want it left", held)
				}
				leave()
				if filepath.Base(h) == "devices" && below != "" {
					return // the kernel begins no list of devices while there are cgroups below
				}
				b.OK("run", b.ID)
			})
		}
	}
}

// freezers are the places with files that freeze a cgroup, and what is to be written to them.
func freezers() map[string][2]string {
	list := map[string][2]string{}
	if kit.V2Top() != "" {
		list[kit.V2Top()] = [2]string{"/cgroup.freeze", "1"}
	}
	if v1 := top + "/freezer"; !kit.Unified() && exists(v1+"/cgroup.procs") {
		list[v1] = [2]string{"/freezer.state", "FROZEN"}
	}
	return list
}

// TestFrozenBefore: create refuses a cgroup that is frozen, or is below one, where it would wait for ever.
func TestFrozenBefore(t *testing.T) {
	t.Parallel()
	for h, f := range freezers() {
		for _, level := range []string{"", "/c"} {
			t.Run(filepath.Base(h)+level, func(t *testing.T) {
				t.Parallel()
				b := kit.New(t)
				b.Edit(kit.CgroupsPath("/" + b.ID + "/c/d"))
				made(t, h+"/"+b.ID+"/c")
				frozen := h + "/" + b.ID + level
				write(t, frozen+f[0], f[1])
				b.Fails([]string{"create", b.ID}, "linux.cgroupsPath: "+h+"/"+b.ID+"/c: container's cgroup unexpectedly frozen")
				write(t, frozen+f[0], map[string]string{"1": "0", "FROZEN": "THAWED"}[f[1]])
				b.OK("run", b.ID)
			})
		}
	}
}

// TestThreaded: below a threaded cgroup the container's is one too. What cannot tell threads apart cannot be limited there.
func TestThreaded(t *testing.T) {
	t.Parallel()
	if kit.V2Top() == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	b := kit.New(t)
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	parent := made(t, kit.V2Top()+"/"+b.ID)
	write(t, made(t, parent+"/threads")+"/cgroup.type", "threaded")
	b.Start("sleep", "forever")
	if kind := read(t, parent+"/c", "cgroup.type"); kind != "threaded" {
		t.Errorf("cgroup.type: got %q, want threaded", kind)
	}
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b.OK("exec", "-d", b.ID, kit.PayloadPath, "sleep", "forever")
	b.OK("delete", "--force", b.ID)

	if !kit.Unified() {
		return
	}
	limit := int64(64 << 20)
	b.Edit(kit.Resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: &limit} }))
	b.Fails([]string{"create", b.ID}, "linux.resources.memory.limit", parent+"/c is a threaded cgroup")
}

// gives takes the cgroup dir to have given a controller to those below it, so that it can hold no process.
func gives(t testing.TB, dir string) {
	t.Helper()
	have := strings.Fields(read(t, dir, "cgroup.controllers"))
	for _, c := range have {
		if c == "memory" || c == "io" || c == "hugetlb" { // not those that a threaded cgroup may have
			write(t, dir+"/cgroup.subtree_control", "+"+c)
			return
		}
	}
	t.Skipf("the v2 tree has no domain controller (%s)", have)
}

// TestGiven: a cgroup that has given its controllers away cannot hold a container.
func TestGiven(t *testing.T) {
	t.Parallel()
	if kit.V2Top() == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	b := kit.New(t)
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	parent := made(t, kit.V2Top()+"/"+b.ID)
	gives(t, kit.V2Top())
	gives(t, parent)
	gives(t, made(t, parent+"/c"))
	b.Fails([]string{"create", b.ID}, "linux.cgroupsPath", syscall.EBUSY.Error(), "cgroup.subtree_control")
}

// TestExecInGiven: a payload has moved down and given the container's controllers to those below; exec goes where the first
// process is, and not where it was told to go in vain.
func TestExecInGiven(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	pid := b.State().Pid
	dir := placesOf(t, pid).v2
	if dir == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	check(t, os.MkdirAll(dir+"/init/scope", 0o755)) // delete removes them
	write(t, dir+"/init/scope/cgroup.procs", strconv.Itoa(pid))
	gives(t, dir)
	gives(t, dir+"/init")
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b.OK("exec", "-d", "--pid-file", "exec.pid", b.ID, kit.PayloadPath, "sleep", "forever")
	text, err := os.ReadFile(b.Dir + "/exec.pid")
	check(t, err)
	second, err := strconv.Atoi(string(text))
	check(t, err)
	if got := placesOf(t, second).v2; got != dir+"/init/scope" {
		t.Errorf("cgroup of exec: got %s, want %s", got, dir+"/init/scope")
	}
	if kit.Unified() { // elsewhere the payload would have to have made those cgroups in every hierarchy
		b.Fails([]string{"exec", "--cgroup", "init", b.ID, kit.PayloadPath, "true"}, "--cgroup", "cgroup.subtree_control")
		b.OK("exec", "--cgroup", "init/scope", b.ID, kit.PayloadPath, "true")
	}
	b.OK("delete", "--force", b.ID)
	if exists(dir) {
		t.Errorf("%s is left after delete, want it removed", dir)
	}
}

// TestMoved: somebody takes the process out of the container's cgroup while it is being made.
func TestMoved(t *testing.T) {
	t.Parallel()
	if kit.V2Top() == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	b := kit.New(t)
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	away := made(t, kit.V2Top()+"/"+b.ID+"/away")
	for try := range 20 { // whoever is first has won
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
				}
				// Nothing of this is sure to be there.
				pids, _ := os.ReadFile(kit.V2Top() + "/" + b.ID + "/c/cgroup.procs")
				for pid := range strings.FieldsSeq(string(pids)) {
					os.WriteFile(away+"/cgroup.procs", []byte(pid), 0)
				}
			}
		}()
		res := b.Teu("create", b.ID)
		close(stop)
		<-done
		if res.Code != 0 {
			want := fmt.Sprintf("join cgroup %s/%s/c: ", kit.V2Top(), b.ID)
			if !strings.Contains(res.Stderr, want) || !strings.Contains(res.Stderr, "somebody has moved the process") {
				t.Errorf("%v: want %q and that somebody has moved the process", res, want)
			}
			return
		}
		t.Logf("try %d: create was first", try)
		b.OK("delete", "--force", b.ID)
	}
	t.Error("create while its process is moved: got exit code 0 in every try, want one error at least")
}

// TestKilledBefore: Linux 6.18 kills what is cloned into a cgroup that was not written to cgroup.kill as often as the caller's
// own. It is moved there instead, however late its death comes.
func TestKilledBefore(t *testing.T) {
	t.Parallel()
	if kit.V2Top() == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	kit.Cgroupfs(t, "the caller is taken out of its unit")
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Edit(kit.CgroupsPath("/" + b.ID + "/c"))
	caller := made(t, kit.V2Top()+"/"+b.ID+"/caller")
	write(t, caller+"/cgroup.kill", "1")
	for _, args := range slices.Concat(
		[][]string{{"create", b.ID}, {"start", b.ID}},
		slices.Repeat([][]string{{"exec", b.ID, kit.PayloadPath, "true"}}, 10),
		[][]string{{"delete", "--force", b.ID}},
	) {
		if res := b.Do(from(t, caller, b.Command(args...))); res.Code != 0 || res.Stderr != "" {
			t.Errorf("%v: want exit code 0 and nothing on stderr", res)
		}
	}
}

// from has a command run in a v2 cgroup.
func from(t testing.TB, cgroup string, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	return scripted(t, c, "sh", "-c", "echo $$ > "+cgroup+`/cgroup.procs && exec "$@"`, "sh")
}

// scripted has a command run by another, which gets it as its last arguments.
func scripted(t testing.TB, c *exec.Cmd, by ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(by[0])
	check(t, err)
	c.Path, c.Args = path, append(by, c.Args...)
	return c
}

// TestReadOnlyV2: a hybrid host on which the v2 tree cannot be written does without, and every verb knows.
func TestReadOnlyV2(t *testing.T) {
	t.Parallel()
	if kit.Unified() || kit.V2Top() == "" {
		t.Skip("needs a v2 tree beside v1")
	}
	b := kit.New(t, kit.Args("sleep", "forever"))
	for _, args := range [][]string{
		{"create", b.ID},
		{"start", b.ID},
		{"exec", b.ID, kit.PayloadPath, "true"},
		{"pause", b.ID},
		{"resume", b.ID},
		{"delete", "--force", b.ID},
	} {
		script := `mount -o remount,bind,ro ` + kit.V2Top() + ` && exec "$@"`
		if res := b.Do(scripted(t, b.Command(args...), "unshare", "-m", "sh", "-c", script, "sh")); res.Code != 0 || res.Stderr != "" {
			t.Errorf("%v: want exit code 0 and nothing on stderr", res)
		}
	}
}
