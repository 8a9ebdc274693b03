package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"teu/tests/kit"
)

/*
What `ctr` of containerd 1.6 does with teu. These are left out, for want of a verb that they call:

	ctr task pause, resume      pause, resume
	ctr task ps                 ps --format json
	ctr task checkpoint, ctr run --checkpoint
	ctr task metrics            nothing of teu's: the shim reads the cgroup itself
	ctr run --no-pivot          forgets --runc-binary and takes runc
*/
func TestCtr(t *testing.T) {
	d := start(t)
	for _, test := range []struct {
		name string
		run  func(*daemon, *testing.T)
	}{
		{"run", (*daemon).runs}, {"privileged", (*daemon).privileged}, {"seccomp", (*daemon).seccomp}, {"user", (*daemon).user},
		{"limits", (*daemon).limits}, {"net-host", (*daemon).hostNetwork}, {"terminal", (*daemon).terminals},
		{"errors", (*daemon).errors}, {"detach", (*daemon).detached}, {"exec", (*daemon).execs}, {"kill", (*daemon).kills},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(d.with(t), t)
		})
	}
}

// run is `ctr run` with teu, of a shell command.
func (d *daemon) run(flags []string, img, id, script string) []string {
	args := append([]string{"run", "--runc-binary", kit.Teu(), "--runc-root", d.dir + "/runtime"}, flags...)
	return append(args, img, id, "/bin/sh", "-c", script)
}

func (d *daemon) runs(t *testing.T) {
	file := filepath.Join(d.dir, "file")
	check(t, os.WriteFile(file, []byte("of the host"), 0o644))
	for _, c := range []struct {
		name, script, want string
		code               int
		flags              []string
	}{
		{name: "plain", script: "echo out; echo err >&2; id -u; pwd; echo $FROM", want: "out\n0\n/\nimage\n"},
		{name: "exit code", script: "exit 42", code: 42},
		{name: "killed", script: "kill -9 $$; exit 3", code: 3}, // a first process does not hear its own SIGKILL
		{name: "null-io", script: "echo out", flags: []string{"--null-io"}},
		{name: "writable", script: "touch /x && echo made", want: "made\n"},
		{name: "read-only", flags: []string{"--read-only"}, script: "touch /x 2>&1; touch /dev/shm/x && echo made", want: "touch: /x: Read-only file system\nmade\n"},
		{name: "env", flags: []string{"--env", "A=two words", "--env", "FROM=flag"}, script: "echo $A, $FROM", want: "two words, flag\n"},
		{name: "cwd", flags: []string{"--cwd", "/a/new/one"}, script: "pwd", want: "/a/new/one\n"},
		{name: "mount", flags: []string{"--mount", "type=bind,src=" + file + ",dst=/data/file,options=rbind:ro"}, script: "cat /data/file; touch /data/file || echo no", want: "of the hostno\n"},
		{name: "mount tmpfs", flags: []string{"--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=64k:noexec"}, script: "grep ' /scratch ' /proc/mounts", want: "tmpfs /scratch tmpfs rw,noexec,relatime,size=64k 0 0\n"},
		{name: "rootfs-propagation", flags: []string{"--rootfs-propagation", "rshared"}, script: "grep -c ' / / .* shared:' /proc/self/mountinfo", want: "1\n"},
		{name: "device", flags: []string{"--device", "/dev/null"}, script: "echo x >/dev/null && echo written", want: "written\n"},
		{name: "cap", flags: []string{"--cap-drop", "CAP_CHOWN", "--cap-add", "CAP_SYS_PTRACE"}, script: "grep CapBnd /proc/self/status", want: "CapBnd:\t00000000a80c25fa\n"},
		{name: "no new privileges", script: "grep NoNewPrivs /proc/self/status", want: "NoNewPrivs:\t1\n"},
		{name: "new privileges", flags: []string{"--allow-new-privs"}, script: "grep NoNewPrivs /proc/self/status", want: "NoNewPrivs:\t0\n"},
		{name: "annotation", flags: []string{"--annotation", "a.b=c"}, script: "true"},
		{name: "own cgroup", flags: []string{"--cgroup", "/" + d.namespace + "/other"}, script: "grep -c ':/" + d.namespace + "/other$' /proc/self/cgroup >/dev/null && echo there", want: "there\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := d.with(t)
			o := d.ctr(d.run(append(c.flags, "--rm"), image, d.id(), c.script)...)
			if o.code != c.code || o.out != c.want {
				t.Errorf("%v: want %d and %q", o, c.code, c.want)
			}
			if !strings.HasPrefix(c.want, "out") == strings.Contains(o.err, "err\n") {
				t.Error(o)
			}
		})
	}
}

// privileged: CAP_SYS_RESOURCE or another capability may be missing here, which has to be a warning and no more.
func (d *daemon) privileged(t *testing.T) {
	o := d.ctr(d.run([]string{"--rm", "--privileged"}, image, d.id(),
		"mount -t tmpfs tmpfs /tmp && echo mounted; ls -l /dev/ptmx | grep -o 'pts/ptmx$'; cat /proc/self/status | grep Seccomp: ; grep ' /sys ' /proc/mounts | grep -o ' rw,'")...)
	if o.code != 0 || o.out != "mounted\npts/ptmx\nSeccomp:\t0\n rw,\n" {
		t.Error(o)
	}
}

func (d *daemon) seccomp(t *testing.T) {
	const script = "grep Seccomp: /proc/self/status; mount -t proc proc /proc 2>&1 | grep -o 'permission denied'"
	for range 2 { // compiled, and out of the cache
		o := d.ctr(d.run([]string{"--rm", "--seccomp"}, image, d.id(), script)...)
		if o.code != 0 || o.out != "Seccomp:\t2\npermission denied\n" {
			t.Error(o)
		}
	}
	profile := d.dir + "/profile.json"
	check(t, os.WriteFile(profile, []byte(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getcwd"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`), 0o644))
	o := d.ctr(d.run([]string{"--rm", "--seccomp", "--seccomp-profile", profile}, image, d.id(), "cd /; exec pwd")...)
	if o.code == 0 || !strings.Contains(o.err, "not supported") {
		t.Error(o)
	}
}

func (d *daemon) user(t *testing.T) {
	o := d.ctr(d.run([]string{"--rm"}, userImage, d.id(), "id; echo $HOME; touch /etc/x 2>&1")...)
	if o.out != "uid=1000(user) gid=100(users) groups=100(users)\n/home/user\ntouch: /etc/x: Permission denied\n" || o.code != 1 {
		t.Error(o)
	}
}

func (d *daemon) limits(t *testing.T) {
	id, pidFile := d.id(), d.dir+"/pid"
	d.ok(d.run([]string{"--detach", "--memory-limit", "33554432", "--cpu-quota", "50000", "--cpu-period", "200000", "--cpu-shares", "300", "--pid-file", pidFile},
		image, id, "exec sleep 1000")...)
	defer d.remove(id)
	text, err := os.ReadFile(pidFile)
	check(t, err)
	pid := string(text)
	if args, err := os.ReadFile("/proc/" + pid + "/cmdline"); err != nil || !strings.Contains(string(args), "sleep") { // the shell or what it becomes
		t.Errorf("pid file %q: %q, %v", pid, args, err)
	}
	groups, err := os.ReadFile("/proc/" + pid + "/cgroup")
	check(t, err)
	if n := strings.Count(string(groups), "/"+d.namespace+"/"+id+"\n"); n < 2 {
		t.Errorf("cgroups:\n%s", groups)
	}
	for _, want := range [][3]string{ // v1 file, v2 file, value
		{"memory/%s/memory.limit_in_bytes", "%s/memory.max", "33554432"},
		{"cpu/%s/cpu.cfs_quota_us", "", "50000"},
		{"cpu/%s/cpu.cfs_period_us", "%s/cpu.max", "200000"},
	} {
		found := false
		for _, f := range want[:2] {
			text, err := os.ReadFile("/sys/fs/cgroup/" + strings.ReplaceAll(f, "%s", d.namespace+"/"+id))
			found = found || err == nil && strings.HasSuffix(strings.TrimSpace(string(text)), want[2])
		}
		if !found {
			t.Errorf("%s is not %s", want[0], want[2])
		}
	}
}

func (d *daemon) hostNetwork(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	check(t, err)
	for _, c := range []struct {
		flags []string
		same  bool
	}{{[]string{"--rm", "--net-host"}, true}, {[]string{"--rm"}, false}} {
		o := d.ctr(d.run(c.flags, image, d.id(), "ls -l /proc/self/ns/net")...)
		if o.code != 0 || strings.Contains(o.out, own) != c.same {
			t.Errorf("%v: the host's is %s", o, own)
		}
	}
}

func (d *daemon) terminals(t *testing.T) {
	const script = "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; exit 5"
	screen, code := d.onTerminal(d.run([]string{"--rm", "--tty"}, image, d.id(), script)...)
	if code != 5 || !strings.Contains(withoutResize(screen), "/dev/pts/0\nterminal\n") {
		t.Errorf("run: exit code %d: %q", code, screen)
	}
	id := d.id()
	d.ok(d.run([]string{"--detach"}, image, id, "exec sleep 1000")...)
	defer d.remove(id)
	screen, code = d.onTerminal("task", "exec", "--tty", "--exec-id", "one", id, "/bin/sh", "-c", script)
	if code != 5 || !strings.Contains(withoutResize(screen), "/dev/pts/0\nterminal\n") {
		t.Errorf("exec: exit code %d: %q", code, screen)
	}
}

// withoutResize leaves out what ctr says when the process has ended before it came to give the terminal its size.
func withoutResize(screen string) string {
	var b strings.Builder
	for line := range strings.Lines(screen) {
		if !strings.Contains(line, "resize pty") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// errors reach the user through the daemon in teu's words.
func (d *daemon) errors(t *testing.T) {
	for _, c := range []struct {
		flags, args []string
		want        string
	}{
		{nil, []string{"nothing"}, `exec "nothing": executable file not found in $PATH`},
		{nil, []string{"/bin/nothing"}, `exec "/bin/nothing": no such file or directory`},
		{nil, []string{"/etc/passwd"}, `exec "/etc/passwd": permission denied`},
		{[]string{"--mount", "type=bind,src=/nothing,dst=/x,options=rbind"}, []string{"true"}, "no such file or directory"},
	} {
		id := d.id()
		args := append([]string{"run", "--rm", "--runc-binary", kit.Teu(), "--runc-root", d.dir + "/runtime"}, c.flags...)
		o := d.ctr(append(append(args, image, id), c.args...)...)
		if o.code == 0 || !strings.Contains(o.err, c.want) {
			t.Errorf("%v: want %q", o, c.want)
		}
		d.ctr("container", "delete", id) // ctr leaves it when the task could not be made
	}
}

// status is what `ctr task list` says of a container.
func (d *daemon) status(id string) string {
	d.t.Helper()
	for line := range strings.Lines(d.ok("task", "list")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			return f[2]
		}
	}
	return "none"
}

// remove ends what is left of a container.
func (d *daemon) remove(id string) {
	d.t.Helper()
	if d.status(id) != "none" {
		// The code of ctr is the container's.
		if o := d.ctr("task", "delete", "--force", id); strings.Contains(o.err, "ctr:") {
			d.t.Error(o)
		}
	}
	d.ok("container", "delete", id)
}

func (d *daemon) detached(t *testing.T) {
	id := d.id()
	d.ok(d.run([]string{"--detach"}, image, id, "exec sleep 1000")...)
	if s := d.status(id); s != "RUNNING" {
		t.Errorf("status %s", s)
	}
	var info struct{ ID, Image string }
	o := d.ok("container", "info", id)
	if !strings.Contains(o, `"ID": "`+id+`"`) {
		t.Errorf("%+v: %s", info, o)
	}
	d.ok("task", "kill", "--signal", "SIGKILL", id)
	d.until("the task is stopped", func() bool { return d.status(id) == "STOPPED" })
	if o := d.ctr("task", "delete", id); !strings.Contains(o.err, "exit code 137") {
		t.Error(o)
	}
	if s := d.status(id); s != "none" {
		t.Errorf("status %s", s)
	}
	d.ok("container", "delete", id)
	if left := kit.Left(id); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func (d *daemon) execs(t *testing.T) {
	id := d.id()
	d.ok(d.run([]string{"--detach", "--memory-limit", "33554432"}, image, id, "exec sleep 1000")...)
	defer d.remove(id)
	n := 0
	exec := func(flags []string, args ...string) outcome {
		t.Helper()
		n++
		all := append([]string{"task", "exec", "--exec-id", fmt.Sprint("e", n)}, flags...)
		return d.ctr(append(append(all, id), args...)...)
	}
	for _, c := range []struct {
		flags  []string
		script string
		code   int
		want   string
	}{
		{nil, "echo in; cat /proc/1/cmdline | grep -o sleep; echo err >&2", 0, "in\nsleep\n"},
		{nil, "exit 7", 7, ""},
		{nil, "kill -KILL $$", 137, ""},
		{[]string{"--cwd", "/tmp"}, "pwd", 0, "/tmp\n"},
		{[]string{"--user", "1000:100"}, "id -u; id -g; grep CapEff /proc/self/status", 0, "1000\n100\nCapEff:\t0000000000000000\n"},
		{nil, "grep -c '/" + id + "$' /proc/self/cgroup | grep -v '^0$' >/dev/null && echo there", 0, "there\n"},
	} {
		if o := exec(c.flags, "/bin/sh", "-c", c.script); o.code != c.code || o.out != c.want {
			t.Errorf("%v: want %d and %q", o, c.code, c.want)
		}
	}
	if o := exec(nil, "/bin/nothing"); o.code == 0 || !strings.Contains(o.err, "no such file or directory") {
		t.Error(o)
	}
	if o := exec([]string{"--detach"}, "sleep", "999"); o.code != 0 {
		t.Error(o)
	}
	if got := strings.Join(kit.Left(id), "\n"); !strings.Contains(got, "sleep 999") { // what runs
		t.Errorf("the detached process is not among %q", got)
	}
}

// kills: a signal to the first process, to all, and to one of exec's.
func (d *daemon) kills(t *testing.T) {
	ended := regexp.MustCompile(`exit code (\d+)`)
	for _, c := range []struct {
		name, script string
		kill         []string
		code         string
	}{
		{"TERM", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done", []string{"--signal", "SIGTERM"}, "3"},
		{"KILL", "sleep 1000", []string{"--signal", "9"}, "137"},
		{"all", "sleep 1000 & sleep 1000 & wait", []string{"--all", "--signal", "SIGKILL"}, "137"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := d.with(t)
			id := d.id()
			log := filepath.Join(d.dir, "log-"+id)
			d.ok(d.run([]string{"--detach", "--log-uri", "file://" + log}, image, id, c.script)...)
			if strings.Contains(c.script, "ready") {
				d.until("the container is ready", func() bool {
					text, _ := os.ReadFile(log) // it may not be there yet
					return string(text) == "ready\n"
				})
			}
			d.ok(slices.Concat([]string{"task", "kill"}, c.kill, []string{id})...)
			d.until("the task is stopped", func() bool { return d.status(id) == "STOPPED" })
			o := d.ctr("task", "delete", id)
			if m := ended.FindStringSubmatch(o.err); m == nil || m[1] != c.code {
				t.Errorf("%v: want %s", o, c.code)
			}
			d.ok("container", "delete", id)
			if left := kit.Left(id); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}
