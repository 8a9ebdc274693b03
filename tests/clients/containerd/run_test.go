package containerd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

type checks = []caller.Check[ctr]

// all are the checks of every area.
func all() checks {
	return slices.Concat(runChecks, processChecks, fileChecks, liveChecks, execChecks, limitChecks, hostChecks)
}

func compare(t *testing.T, list checks) {
	kit.Rooted(t)
	caller.Compare(t, "containerd 1.6", func(t testing.TB, r caller.Runtime) ctr { return start(t, r) }, list)
}

func TestContainerd(t *testing.T) { compare(t, all()) }

// TestSmoke makes a few of the checks: those that call each verb once.
func TestSmoke(t *testing.T) {
	names := []string{"run", "standard error", "exit codes", "terminal", "detach, kill, delete", "pause and resume", "exec", "metrics", "container network"}
	list := slices.DeleteFunc(all(), func(c caller.Check[ctr]) bool { return !slices.Contains(names, c.Name) })
	if len(list) != len(names) {
		t.Fatalf("checks: got %d, want %q", len(list), names)
	}
	compare(t, list)
}

var runChecks = checks{
	{Name: "run", Do: func(c ctr) {
		o := c.do(c.shell("echo out; echo err >&2; id -u; pwd; echo $FROM")...)
		if o.Code != 0 || o.Out != "out\n0\n/\nimage\n" || o.Err != "err\n" {
			c.Errorf("%v: want exit code 0, stdout %q, stderr %q", o, "out\n0\n/\nimage\n", "err\n")
		}
		c.want(0, "", c.args([]string{"--rm", "--null-io"}, c.id(), "echo", "out")...)
		c.run("out", "echo out", "--annotation", "a.b=c", "--label", "x=y")
	}},
	{Name: "standard error", Do: func(c ctr) {
		const script = "echo out; echo err >&2"
		profile := c.Dir + "/twice.json"
		c.Check(os.WriteFile(profile, []byte(caller.Twice), 0o644))
		flags := []string{"--seccomp", "--seccomp-profile", profile}
		id := c.up(caller.Sleeper, flags...)
		for _, args := range [][]string{c.shell(script, flags...), c.exec(id, nil, "sh", "-c", script)} {
			if o := c.do(args...); o.Code != 0 || o.Out != "out\n" || o.Err != "err\n" {
				c.Errorf("%v: want exit code 0, stdout %q and stderr %q", o, "out\n", "err\n")
			}
		}
	}},
	{Name: "run --rm leaves nothing", Do: func(c ctr) {
		id := c.id()
		c.want(3, "", c.args([]string{"--rm"}, id, "sh", "-c", "exit 3")...)
		for _, kind := range []string{"task", "container", "snapshot"} {
			if out := c.ok(kind, "list"); strings.Contains(out, id) {
				c.Errorf("%s list: got %s, want it without %s", kind, out, id)
			}
		}
		if left := kit.Left(id); len(left) > 0 {
			c.Errorf("left: %q, want nothing", left)
		}
	}},
	{Name: "exit codes", Do: func(c ctr) {
		c.want(0, "", c.shell("true")...)
		c.want(42, "", c.shell("exit 42")...)
		c.want(3, "", c.shell("kill -9 $$; exit 3")...) // a first process does not hear its own SIGKILL
		c.want(143, "", c.shell("exec 2>/dev/null; sh -c 'kill -TERM $$'; exit $?")...)
	}},
	{Name: "commands that cannot run", Do: func(c ctr) {
		for _, cannot := range []struct{ command, text string }{
			{"nothing", `"nothing": executable file not found in $PATH`},
			{"/bin/nothing", "no such file or directory"},
			{"/etc/passwd", "permission denied"},
			{"/etc", "permission denied"},
		} {
			id := c.id()
			c.fails(cannot.text, c.args([]string{"--rm"}, id, cannot.command)...)
			if left := kit.Left(id); len(left) > 0 {
				c.Errorf("left of %s: %q, want nothing", cannot.command, left)
			}
		}
		c.fails("no such file or directory", c.shell("true", "--mount", "type=bind,src=/nothing,dst=/x,options=rbind")...)
	}},
	{Name: "stdin", Do: func(c ctr) {
		data := make([]byte, 3<<20)
		rng := rand.NewChaCha8([32]byte{1})
		rng.Read(data)
		sum := sha256.Sum256(data)
		o := c.Do(c.T, bytes.NewReader(data), c.args([]string{"--rm"}, c.id(), "sha256sum")...)
		if o.Code != 0 || !strings.HasPrefix(o.Out, hex.EncodeToString(sum[:])) {
			c.Errorf("%v: want exit code 0 and stdout that begins with %x", o, sum)
		}
	}},
	{Name: "output, whole", Do: func(c ctr) {
		const script = "dd if=/dev/zero bs=1024 count=4096 2>/dev/null | tr '\\0' x; dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\\0' y >&2"
		o := c.do(c.shell(script)...)
		if len(o.Out) != 4<<20 || len(o.Err) != 64<<10 || o.Code != 0 {
			c.Errorf("whole output: got exit code %d, %d bytes of output and %d of errors; want 0, %d and %d", o.Code, len(o.Out), len(o.Err), 4<<20, 64<<10)
		}
		id := c.up("dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x")
		if code := c.ended(id); code != "0" || c.output(id) != strings.Repeat("x", 1<<20) {
			c.Errorf("output in a file: got exit code %s, %d bytes; want 0, %d, all of them x", code, len(c.output(id)), 1<<20)
		}
	}},
	{Name: "terminal", Do: func(c ctr) {
		c.terminal(c.args([]string{"--rm", "--tty"}, c.id(), "sh", "-c", onTerminal))
		term := c.OnTerminal(c.T, c.args([]string{"--rm", "--tty"}, c.id(), "sh")...)
		term.Expect("/ # ")
		term.Type("echo a$((40+2))\n")
		term.Expect("a42")
		term.Type("sh -c 'trap \"exit 9\" INT; echo r\"\"eady; while :; do sleep 0.05; done'; echo code$?\n")
		term.Expect("\nready")
		term.Type("\x03") // reaches what runs in front, not the shell
		term.Expect("code9")
		term.Type("exit 3\n")
		if code := term.End(); code != 3 {
			c.Errorf("exit code of a shell on a terminal: got %d, want 3: %q", code, term.Screen())
		}
	}},
	{Name: "no terminal", Do: func(c ctr) {
		c.run("not a tty\nnone", "tty; [ -t 0 ] || [ -t 1 ] || [ -t 2 ] || echo none; exit 0")
	}},
	{Name: "eight in parallel", Do: func(c ctr) {
		for _, o := range caller.Parallel(c.T, 8, func(t *caller.T) caller.Outcome {
			own := c.With(t)
			return own.do(own.shell("echo out; exit 6")...)
		}) {
			if o.Code != 6 || o.Out != "out\n" {
				c.Errorf("%v: want exit code 6, stdout %q", o, "out\n")
			}
		}
	}},
}

// onTerminal is a script that tells its terminal, is given the terminal's size, then another, and ends with 5.
const onTerminal = "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; " + caller.Sized + "; " + caller.Resized

// terminal runs a ctr command that runs the script.
func (c ctr) terminal(args []string) {
	term := c.OnTerminal(c.T, args...)
	term.Expect("terminal\nsized\nready")
	term.Resize(44, 111)
	if code := term.End(); code != 5 || !strings.Contains(term.Screen(), "44 111") || !strings.Contains(term.Screen(), "/dev/pts/0\n") {
		c.Errorf("resized terminal: got exit code %d and %q, want 5, 44 111 and /dev/pts/0", code, term.Screen())
	}
}

var processChecks = checks{
	{Name: "environment and directory", Do: func(c ctr) {
		c.run("two words, flag", "echo $A, $FROM", "--env", "A=two words", "--env", "FROM=flag")
		c.run("filed", "echo $B", "--env-file", c.file("env", "B=filed\n"))
		c.run("/a/new/one", "pwd", "--cwd", "/a/new/one")
	}},
	{Name: "user", Do: func(c ctr) {
		args := []string{"run", "--runc-binary", c.Runtime.Path, "--rm", userImage, c.id(), "sh", "-c", "id; echo $HOME; touch /etc/x 2>&1; true"}
		c.want(0, "uid=1000(user) gid=100(users) groups=100(users)\n/home/user\ntouch: /etc/x: Permission denied", args...)
	}},
	{Name: "capabilities", Do: func(c ctr) {
		c.run("CapEff:\t00000000a80425fb", "grep CapEff /proc/self/status")
		c.run("CapBnd:\t00000000a80c25fa", "grep CapBnd /proc/self/status", "--cap-drop", "CAP_CHOWN", "--cap-add", "CAP_SYS_PTRACE")
		c.run("no", "chown 7 /tmp 2>/dev/null || echo no", "--cap-drop", "CAP_CHOWN")
	}},
	{Name: "privileged", Do: func(c ctr) {
		// CAP_SYS_RESOURCE or another capability may be missing here, which has to be a warning and no more.
		c.run("mounted\npts/ptmx\nSeccomp:\t0\n rw,", "mount -t tmpfs t /mnt && echo mounted; ls -l /dev/ptmx | grep -o 'pts/ptmx$'; grep Seccomp: /proc/self/status; grep ' /sys ' /proc/mounts | grep -o ' rw,'", "--privileged")
	}},
	{Name: "seccomp", Do: func(c ctr) {
		for range 2 { // compiled, and out of the cache
			c.run("Seccomp:\t2\nunshare: unshare(0x10000000): Operation not permitted", "grep Seccomp: /proc/self/status; unshare -U true 2>&1; true", "--seccomp")
		}
		c.run("Seccomp:\t0", "grep Seccomp: /proc/self/status")
		profile := c.file("profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`)
		c.run("mkdir: can't create directory '/x': Operation not supported", "mkdir /x 2>&1; true", "--seccomp", "--seccomp-profile", profile)
	}},
	{Name: "no new privileges", Do: func(c ctr) {
		c.run("NoNewPrivs:\t1", "grep NoNewPrivs /proc/self/status")
		c.run("NoNewPrivs:\t0", "grep NoNewPrivs /proc/self/status", "--allow-new-privs")
	}},
}
