package docker

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

type checks = []caller.Check[docker]

func TestDocker(t *testing.T) {
	kit.Rooted(t)
	webTB = t
	web() // the daemons would wait for it
	all := checks{}
	for _, list := range []checks{runChecks, processChecks, liveChecks, limitChecks, fileChecks, imageChecks, hostChecks} {
		all = append(all, list...)
	}
	caller.Compare(t, "Docker 20.10", func(t testing.TB, r caller.Runtime) docker { return start(t, r, "--experimental") }, all)
}

var runChecks = checks{
	{Name: "run", Do: func(d docker) {
		d.Run("out\n0\n/\nimage", "echo out; echo err >&2; id -u; pwd; echo $FROM")
		d.Run("out", "echo out", "--runtime", "other")
	}},
	{Name: "exit codes", Do: func(d docker) {
		d.Want(0, "", "run", "--rm", "bb", "true")
		d.Want(42, "", "run", "--rm", "bb", "sh", "-c", "exit 42")
		d.Want(143, "", "run", "--rm", "--init", "bb", "sh", "-c", "kill -TERM $$")
		d.Fails(125, "unknown flag", "run", "--nothing", "bb")
		d.Fails(127, `"nothing": executable file not found in $PATH`, "run", "--rm", "bb", "nothing")
		d.Fails(127, "no such file or directory", "run", "--rm", "bb", "/bin/nothing")
		d.Fails(126, "permission denied", "run", "--rm", "bb", "/etc/passwd")
		d.Fails(126, "permission denied", "run", "--rm", "bb", "/etc")
		d.Fails(127, "executable file not found in $PATH", "run", "--name", "kept", "bb", "nothing")
		if code := d.Inspect("kept", ".State.ExitCode"); code != "127" {
			d.Errorf("the exit code of the container is %s", code)
		}
	}},
	{Name: "stdin", Do: func(d docker) {
		data := make([]byte, 3<<20)
		rng := rand.NewChaCha8([32]byte{1})
		rng.Read(data)
		sum := sha256.Sum256(data)
		o := d.Do(d.T, bytes.NewReader(data), "run", "--rm", "--interactive", "bb", "sha256sum")
		if o.Code != 0 || !strings.HasPrefix(o.Out, hex.EncodeToString(sum[:])) {
			d.Errorf("%v: want %x", o, sum)
		}
		if o := d.Do(d.T, strings.NewReader("one\ntwo\n"), "run", "--rm", "-i", "bb", "cat"); o.Out != "one\ntwo\n" {
			d.Errorf("%v", o)
		}
		if o := d.Do(d.T, strings.NewReader("lost"), "run", "--rm", "bb", "cat"); o.Out != "" || o.Code != 0 {
			d.Errorf("%v", o)
		}
	}},
	{Name: "output, whole", Do: func(d docker) {
		const script = "dd if=/dev/zero bs=1024 count=4096 2>/dev/null | tr '\\0' x; dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\\0' y >&2"
		o := d.Try("run", "--rm", "bb", "sh", "-c", script)
		if len(o.Out) != 4<<20 || len(o.Err) != 64<<10 || o.Code != 0 {
			d.Errorf("exit code %d, %d bytes of output and %d of errors", o.Code, len(o.Out), len(o.Err))
		}
		id := d.Up("dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x")
		d.Becomes(id, ".State.Status", "exited")
		if text := d.OK("logs", id); len(text) != 1<<20 {
			d.Errorf("%d bytes in the log", len(text))
		}
	}},
	{Name: "terminal", Do: func(d docker) {
		term := d.OnTerminal(d.T, "run", "--rm", "-it", "bb", "sh", "-c", "tty; "+caller.Sized+"; "+caller.Resized)
		term.Expect("/dev/pts/0\nsized\nready")
		term.Resize(44, 111)
		if code := term.End(); code != 5 || !strings.Contains(term.Screen(), "44 111") {
			d.Errorf("exit code %d: %q", code, term.Screen())
		}
		term = d.OnTerminal(d.T, "run", "--rm", "-it", "bb")
		term.Expect("/ # ")
		term.Type("echo a$((40+2))\n")
		term.Expect("a42")
		term.Type("sh -c 'trap \"exit 9\" INT; echo r\"\"eady; while :; do sleep 0.05; done'; echo code$?\n")
		term.Expect("\nready")
		term.Type("\x03") // reaches what runs in front, not the shell
		term.Expect("code9")
		term.Type("exit 3\n")
		if code := term.End(); code != 3 {
			d.Errorf("exit code %d: %q", code, term.Screen())
		}
	}},
	{Name: "environment and names", Do: func(d docker) {
		d.Run("two words, flag", "echo $A, $FROM", "-e", "A=two words", "-e", "FROM=flag")
		d.Run("box\nexample.org", "hostname; cat /proc/sys/kernel/domainname", "--hostname", "box", "--domainname", "example.org")
		d.Run("1.2.3.4\tname", "grep name /etc/hosts", "--add-host", "name:1.2.3.4")
		d.Run("/a/new/one", "pwd", "--workdir", "/a/new/one")
		d.Want(0, "entry x", "run", "--rm", "--entrypoint", "echo", "bb", "entry", "x")
	}},
	{Name: "eight in parallel", Do: func(d docker) {
		for _, o := range d.Parallel(8, d.Container("--rm", "bb", "sh", "-c", "echo out; exit 6")...) {
			if o.Code != 6 || o.Out != "out\n" {
				d.Errorf("%v", o)
			}
		}
	}},
}

var processChecks = checks{
	{Name: "users", Do: func(d docker) {
		d.Run("uid=1000(user) gid=100(users) groups=100(users)", "id", "--user", "1000")
		d.Run("uid=1000(user) gid=100(users) groups=29(audio),100(users),5000", "id", "--user", "user", "--group-add", "audio", "--group-add", "5000")
		d.Run("uid=7 gid=8 groups=8", "id", "--user", "7:8")
		d.Fails(125, "unable to find user nobodyx", "run", "--rm", "--user", "nobodyx", "bb", "true")
		d.Run("/home/user", "echo $HOME", "--user", "user")
	}},
	{Name: "capabilities", Do: func(d docker) {
		d.Run("CapEff:\t00000000a80425fb", "grep CapEff /proc/self/status")
		d.Run("CapEff:\t0000000000000000", "grep CapEff /proc/self/status", "--cap-drop", "ALL")
		d.Run("CapEff:\t0000000000000400", "grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE")
		d.Run("CapEff:\t00000000a80c25fa", "grep CapEff /proc/self/status", "--cap-drop", "CHOWN", "--cap-add", "SYS_PTRACE")
		d.Run("CapPrm:\t0000000000000000\nCapBnd:\t00000000a80425fb", "grep -E 'CapPrm|CapBnd' /proc/self/status", "--user", "1000")
	}},
	{Name: "privileged", Do: func(d docker) {
		d.Run("mounted\nrw", "mount -t tmpfs t /mnt && echo mounted; grep ' /sys ' /proc/mounts | grep -o 'rw'", "--privileged")
		d.Run("0", "ls /dev/mem >/dev/null 2>&1; echo 0; true", "--privileged")
	}},
	{Name: "seccomp", Do: func(d docker) {
		d.Run("Seccomp:\t2", "grep Seccomp: /proc/self/status")
		d.Run("Seccomp:\t0", "grep Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined")
		profile := d.File("profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`, 0o644)
		d.Run("mkdir: can't create directory '/x': Operation not supported", "mkdir /x 2>&1; true", "--security-opt", "seccomp="+profile)
		d.Run("unshare: unshare(0x10000000): Operation not permitted", "unshare -U true 2>&1; true")
	}},
	{Name: "no new privileges", Do: func(d docker) {
		d.Run("NoNewPrivs:\t1", "grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges")
		d.Run("NoNewPrivs:\t0", "grep NoNewPrivs /proc/self/status")
	}},
	{Name: "init", Do: func(d docker) {
		d.Run("/sbin/docker-init", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1", "--init")
		d.Run("sh", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1")
	}},
	{Name: "ulimits", Do: func(d docker) {
		d.Run("100\n200\n0", "ulimit -Sn; ulimit -Hn; ulimit -c", "--ulimit", "nofile=100:200", "--ulimit", "core=0")
	}},
	{Name: "ulimit above the hard one", Known: "CAP_SYS_RESOURCE is missing here", Do: func(d docker) {
		d.Run("99999999", "ulimit -Hn", "--ulimit", "nofile=99999999:99999999")
	}},
	{Name: "sysctls", Do: func(d docker) {
		d.Run("1\n77", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmni", "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmni=77")
		d.Fails(125, "kernel.pid_max", "run", "--rm", "--sysctl", "kernel.pid_max=1000", "bb", "true")
	}},
	{Name: "oom_score_adj", Do: func(d docker) {
		d.Run("500", "cat /proc/self/oom_score_adj", "--oom-score-adj", "500")
	}},
}
