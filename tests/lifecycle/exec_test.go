package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// running is a container to exec in.
func running(t *testing.T, edits ...edit) *kit.Bundle {
	t.Helper()
	b := kit.New(t, append([]edit{everyNamespace, kit.Args("sleep", "forever")}, edits...)...)
	b.Start()
	return b
}

// inside is `exec FLAGS ID payload all`.
func inside(b *kit.Bundle, flags ...string) *kit.Report {
	b.T.Helper()
	args := append(append([]string{"exec"}, flags...), b.ID, kit.PayloadPath, "all")
	return kit.JSON[*kit.Report](b, b.OK(args...).Stdout)
}

// TestExec: as config.json has it, unless the flags say otherwise.
func TestExec(t *testing.T) {
	t.Parallel()
	b := running(t, process(func(p *specs.Process) {
		p.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7}, Umask: ptr(uint32(0o027))}
		p.Cwd = "/etc"
		p.Rlimits[0].Soft = 99
	}))
	pid := b.State().Pid
	r := inside(b)
	for typ, name := range nsLinks {
		if got, want := r.NS[name], link(t, pid, name); got != want {
			t.Errorf("%s: %s, the container's is %s", typ, got, want)
		}
	}
	if id := r.ID; id.UID != 5 || id.GID != 6 || fmt.Sprint(id.Groups) != "[7]" || id.Umask != "0027" {
		t.Errorf("ids of an exec: got %+v, want 5:6, groups [7], umask 0027", id)
	}
	if r.Cwd != "/etc" || r.Pid == 1 || r.Ppid != 0 || r.Status["NoNewPrivs"] != "1" || r.Rlimits["RLIMIT_NOFILE"].Soft != "99" {
		t.Errorf("process of an exec: got %+v, want cwd /etc, not pid 1, parent 0, NoNewPrivs 1, RLIMIT_NOFILE 99", r)
	}
	if !slices.Contains(r.Env, "TERM=xterm") || !slices.Contains(r.Env, "TEU_TEST="+b.ID) {
		t.Errorf("environment of an exec: got %q, want TERM=xterm and TEU_TEST=%s in it", r.Env, b.ID)
	}
	status := procFile(t, pid, "status")
	for _, set := range []string{"CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"} {
		if want := set + ":\t" + r.Status[set] + "\n"; !strings.Contains(status, want) {
			t.Errorf("status of the first process: got %s, want the %s of the exec", status, want)
		}
	}
	if root := r.Mount("/"); root == nil || !root.Has("ro") {
		t.Errorf("root of an exec: got %+v, want it there and ro", root)
	}
}

func TestExecFlags(t *testing.T) {
	t.Parallel()
	b := running(t)
	t.Run("user", func(t *testing.T) {
		if id := inside(b, "--user", "1000").ID; id.UID != 1000 || id.GID != 0 {
			t.Errorf("--user 1000: got %+v, want 1000:0", id)
		}
		if id := inside(b, "-u", "1000:1001").ID; id.UID != 1000 || id.GID != 1001 {
			t.Errorf("-u 1000:1001: got %+v, want 1000:1001", id)
		}
	})
	t.Run("additional gids", func(t *testing.T) {
		if id := inside(b, "-g", "5", "--additional-gids", "6").ID; fmt.Sprint(id.Groups) != "[5 6]" {
			t.Errorf("additional groups: got %+v, want [5 6]", id)
		}
	})
	t.Run("env", func(t *testing.T) {
		env := inside(b, "-e", "A=1,2", "--env", "TERM=dumb", "-e", "B=").Env
		if !slices.Contains(env, "A=1,2") || !slices.Contains(env, "B=") || !slices.Contains(env, "TERM=dumb") || slices.Contains(env, "TERM=xterm") {
			t.Errorf("environment: got %q, want A=1,2, B= and TERM=dumb in it, and no TERM=xterm", env)
		}
	})
	t.Run("home", func(t *testing.T) {
		b.File("/etc/passwd", "user:x:1000:1000::/home/user:\n", 0o644)
		for want, env := range map[string][]string{"HOME=/home/user": {"-e", "HOME=/x", "-e", "HOME="}, "HOME=/x": {"-e", "HOME=", "-e", "HOME=/x"}} {
			if got := inside(b, append(env, "--user", "1000")...).Env; !slices.Contains(got, want) {
				t.Errorf("environment of exec %q: got %q, want %s in it", env, got, want)
			}
		}
	})
	t.Run("cwd", func(t *testing.T) {
		if r := inside(b, "--cwd", "/dev/shm"); r.Cwd != "/dev/shm" {
			t.Errorf("cwd: got %s, want /dev/shm", r.Cwd)
		}
		b.Fails([]string{"exec", "--cwd", "/nowhere", b.ID, kit.PayloadPath, "true"}, "/nowhere", "no such file or directory")
		b.Fails([]string{"exec", "--cwd", "relative", b.ID, kit.PayloadPath, "true"}, "process.cwd")
	})
	t.Run("cap", func(t *testing.T) {
		before := inside(b).Status
		after := inside(b, "--cap", "CAP_CHOWN").Status
		if before["CapBnd"] == after["CapBnd"] || !strings.HasSuffix(after["CapBnd"], "1") || !strings.HasSuffix(after["CapEff"], "1") {
			t.Errorf("capabilities with CAP_CHOWN: got %v, want bit 0 in CapBnd and CapEff, and another CapBnd than in %v", after, before)
		}
		if res, log := b.Logged("exec", "--cap", "CAP_WONDER", b.ID, kit.PayloadPath, "true"); res.Code != 0 || !strings.Contains(log, "CAP_WONDER") {
			t.Errorf("%v: logged %q, want exit code 0 and a warning of CAP_WONDER", res, log)
		}
	})
	// As runc has it: what is inheritable becomes ambient, and so stays with another user.
	t.Run("cap of another user", func(t *testing.T) {
		chown := []string{"CAP_CHOWN"}
		other := running(t, process(func(p *specs.Process) {
			p.Capabilities = &specs.LinuxCapabilities{Bounding: chown, Permitted: chown, Inheritable: chown}
		}))
		const with, without = "0000000000000001", "0000000000000000"
		if s := inside(other, "--user", "1000", "--cap", "CAP_CHOWN").Status; s["CapAmb"] != with || s["CapEff"] != with || s["CapPrm"] != with {
			t.Errorf("an inheritable capability: got %v, want bit 0 in CapAmb, CapEff and CapPrm", s)
		}
		if s := inside(other, "--user", "1000", "--cap", "CAP_KILL").Status; s["CapAmb"] != without || s["CapEff"] != without || s["CapBnd"] != "0000000000000021" {
			t.Errorf("another capability: got %v, want it in CapBnd alone", s)
		}
	})
	t.Run("no-new-privs", func(t *testing.T) {
		other := running(t, process(func(p *specs.Process) { p.NoNewPrivileges = false }))
		if got := inside(other).Status["NoNewPrivs"]; got != "0" {
			t.Errorf("NoNewPrivs: got %s, want 0", got)
		}
		if got := inside(other, "--no-new-privs").Status["NoNewPrivs"]; got != "1" {
			t.Errorf("NoNewPrivs with the flag: got %s, want 1", got)
		}
	})
	t.Run("cgroup", func(t *testing.T) {
		dirs := cgroupDirs(t, b.State().Pid)
		for _, dir := range dirs {
			check(t, os.Mkdir(dir+"/sub", 0o755))
			if strings.HasPrefix(dir, cgroupTop+"/cpuset") {
				for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
					text, err := os.ReadFile(dir + "/" + f)
					check(t, err)
					check(t, os.WriteFile(dir+"/sub/"+f, text, 0o644))
				}
			}
		}
		for line := range strings.SplitSeq(inside(b, "--cgroup", "sub").Cgroup, "\n") {
			path := line[strings.LastIndexByte(line, ':')+1:]
			if mounted := dirs[strings.TrimPrefix(strings.Split(line, ":")[1], "name=")] != ""; mounted && path != "/sub" {
				t.Errorf("cgroup of an exec with --cgroup sub: got %s, want /sub", line)
			}
		}
		b.Fails([]string{"exec", "--cgroup", "nowhere", b.ID, kit.PayloadPath, "true"}, "nowhere", "no such file or directory")
		b.Fails([]string{"exec", "--cgroup", "../..", b.ID, kit.PayloadPath, "true"}, "--cgroup")
	})
}

func TestExecExitCode(t *testing.T) {
	t.Parallel()
	b := running(t)
	for _, code := range []int{0, 1, 3, 126, 127} {
		if res := b.Teu("exec", b.ID, kit.PayloadPath, "exit", fmt.Sprint(code)); res.Code != code || res.Stderr != "" {
			t.Errorf("%v, want %d", res, code)
		}
	}
	cmd := b.Command("exec", "--pid-file", "pid", b.ID, kit.PayloadPath, "sleep", "forever")
	check(t, cmd.Start())
	b.Until("the pid file is there", func() bool { return exists(b.Dir + "/pid") })
	pid, err := os.ReadFile(b.Dir + "/pid")
	check(t, err)
	b.Until("it executes", func() bool {
		comm, err := os.ReadFile("/proc/" + string(pid) + "/comm")
		check(t, err)
		return string(comm) == "payload\n"
	})
	if out, err := exec.Command("kill", "-KILL", string(pid)).CombinedOutput(); err != nil {
		t.Errorf("kill %s: %v: %s", pid, err, out)
	}
	if res := b.Wait(cmd); res.Code != 137 {
		t.Errorf("%v, want exit code 137", res)
	}
}

func TestExecDetach(t *testing.T) {
	t.Parallel()
	b := running(t)
	b.OK("exec", "--detach", "--pid-file", "pid", b.ID, kit.PayloadPath, "sleep", "forever")
	text, err := os.ReadFile(b.Dir + "/pid")
	check(t, err)
	var pid int
	fmt.Sscan(string(text), &pid)
	if got, want := link(t, pid, "mnt"), link(t, b.State().Pid, "mnt"); got != want || procFile(t, pid, "comm") != "payload" {
		t.Errorf("process %d of a detached exec: got mnt %s and comm %q; want %s and payload", pid, got, procFile(t, pid, "comm"), want)
	}
	if parent := strings.Fields(procFile(t, pid, "stat"))[3]; parent != kit.Reaper() {
		t.Errorf("parent of a detached exec: got %s, want %s", parent, kit.Reaper())
	}
}

// TestExecProcess: process.json, as containerd and conmon send it.
func TestExecProcess(t *testing.T) {
	t.Parallel()
	b := running(t)
	p := specs.Process{
		Args: []string{kit.PayloadPath, "all"}, Env: []string{"A=1", "PATH=/bin"}, Cwd: "/tmp",
		User:            specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{1002}},
		Capabilities:    &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
		Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 50, Hard: 60}},
		NoNewPrivileges: true, OOMScoreAdj: ptr(100),
	}
	text, err := json.Marshal(p)
	check(t, err)
	check(t, os.WriteFile(b.Dir+"/process.json", text, 0o644))
	r := kit.JSON[*kit.Report](b, b.OK("exec", "--process", "process.json", b.ID).Stdout)
	if r.ID.UID != 1000 || r.ID.GID != 1001 || fmt.Sprint(r.ID.Groups) != "[1002]" || r.Cwd != "/tmp" || strings.Join(r.Env, " ") != "A=1 PATH=/bin HOME=/" ||
		r.Status["CapBnd"] != fmt.Sprintf("%016x", capKill) || r.Rlimits["RLIMIT_NOFILE"].Soft != "50" || r.OOMScoreAdj != "100" {
		t.Errorf("exec --process: got %+v, want what process.json has: 1000:1001, groups [1002], cwd /tmp, CAP_KILL, RLIMIT_NOFILE 50, oom_score_adj 100, HOME=/", r)
	}
	for content, want := range map[string]string{"{": "process.json", `{"args":[]}`: "process.args", `{"args":["x"],"cwd":"x"}`: "process.cwd"} {
		check(t, os.WriteFile(b.Dir+"/process.json", []byte(content), 0o644))
		b.Fails([]string{"exec", "--process", "process.json", b.ID}, want)
	}
	b.Fails([]string{"exec", "--process", "/nowhere", b.ID}, "/nowhere", "no such file or directory")
}

func TestExecWrongState(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	try := []string{"exec", b.ID, kit.PayloadPath, "true"}
	if res := b.Fails(try, "does not exist"); res.Code != 255 {
		t.Errorf("%v, want exit code 255", res)
	}
	b.OK("create", b.ID)
	b.OK(try...) // runc and the spec allow it in a created container
	b.OK("start", b.ID)
	b.OK(try...)
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Fails(try, "stopped")
}

// TestExecStdin: the streams are the caller's.
func TestExecStdin(t *testing.T) {
	t.Parallel()
	b := running(t)
	cmd := b.Command("exec", b.ID, kit.PayloadPath, "cat")
	cmd.Stdin = strings.NewReader("text")
	if res := b.Do(cmd); res.Code != 0 || res.Stdout != "text" {
		t.Errorf("%v, want exit code 0 and stdout %q", res, "text")
	}
}

// TestExecEndsWithContainer: the end of the first process is the end of all, and exec says so.
func TestExecEndsWithContainer(t *testing.T) {
	t.Parallel()
	b := running(t)
	cmd := b.Command("exec", b.ID, kit.PayloadPath, "trap")
	out := cmd.Stdout.(*os.File).Name()
	check(t, cmd.Start())
	b.Until("it is ready", func() bool {
		text, err := os.ReadFile(out)
		check(t, err)
		return strings.Contains(string(text), "ready")
	})
	b.OK("kill", b.ID, "KILL")
	if res := b.Wait(cmd); res.Code != 137 {
		t.Errorf("%v, want exit code 137", res)
	}
}

// TestExecOfAChangedBundle: what config.json says after create is no matter of the container (runtime.md, "Lifecycle", 2).
func TestExecOfAChangedBundle(t *testing.T) {
	t.Parallel()
	b := running(t, process(func(p *specs.Process) { p.Cwd, p.User.UID = "/etc", 5 }))
	b.Edit(process(func(p *specs.Process) { p.Cwd, p.User.UID = "/", 0 }), func(s *specs.Spec) {
		s.Linux.Personality = &specs.LinuxPersonality{Domain: "none"}
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess}
	})
	if r := inside(b); r.Cwd != "/etc" || r.ID.UID != 5 {
		t.Errorf("exec after config.json was changed: got cwd %s, uid %d; want /etc, 5", r.Cwd, r.ID.UID)
	}
	if err := os.Remove(b.Dir + "/config.json"); err != nil {
		t.Fatalf("remove config.json: %v", err)
	}
	if r := inside(b); r.Cwd != "/etc" {
		t.Errorf("exec without config.json: got cwd %s, want /etc", r.Cwd)
	}
}
