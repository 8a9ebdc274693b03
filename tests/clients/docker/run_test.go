package docker

import (
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

type checks = []caller.Check[docker]

func TestDocker(t *testing.T) {
	kit.Rooted(t)
	webTB = t
	web() // the daemons would wait for it
	all := caller.EngineChecks(func(d docker) caller.Engine { return d.Engine })
	for _, list := range []checks{runChecks, processChecks, liveChecks, limitChecks, fileChecks, imageChecks, hostChecks} {
		all = append(all, list...)
	}
	caller.Compare(t, "Docker 20.10", func(t testing.TB, r caller.Runtime) docker { return start(t, r, "--experimental") }, all)
}

var runChecks = checks{
	{Name: "run", Do: func(d docker) {
		d.Run("out\n0\n/\nimage", "echo out; id -u; pwd; echo $FROM")
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
			d.Errorf("exit code of a container that cannot run: got %s, want 127", code)
		}
	}},
	{Name: "environment and names", Do: func(d docker) {
		d.Run("two words, flag", "echo $A, $FROM", "-e", "A=two words", "-e", "FROM=flag")
		d.Run("box\nexample.org", "hostname; cat /proc/sys/kernel/domainname", "--hostname", "box", "--domainname", "example.org")
		d.Run("1.2.3.4\tname", "grep name /etc/hosts", "--add-host", "name:1.2.3.4")
		d.Run("/a/new/one", "pwd", "--workdir", "/a/new/one")
		d.Want(0, "entry x", "run", "--rm", "--entrypoint", "echo", "bb", "entry", "x")
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
	{Name: "init", Do: func(d docker) {
		d.Run("/sbin/docker-init", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1", "--init")
		d.Run("sh", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1")
	}},
	{Name: "ulimits", Do: func(d docker) {
		d.Run("100\n200\n0", "ulimit -Sn; ulimit -Hn; ulimit -c", "--ulimit", "nofile=100:200", "--ulimit", "core=0")
	}},
	{Name: "sysctls", Do: func(d docker) {
		d.Run("1\n77", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmni", "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmni=77")
		d.Fails(125, "kernel.pid_max", "run", "--rm", "--sysctl", "kernel.pid_max=1000", "bb", "true")
	}},
	{Name: "oom_score_adj", Do: func(d docker) {
		d.Run("500", "cat /proc/self/oom_score_adj", "--oom-score-adj", "500")
	}},
}
