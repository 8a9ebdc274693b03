package docker

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"teu/tests/clients/caller"
)

var hostChecks = checks{
	{Name: "bridge network", Do: func(d docker) {
		d.Run("172.17.0.", "ip -4 addr show eth0 | grep -o '172\\.17\\.0\\.'")
		gateway := d.OK("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
		if gateway == "" {
			gateway = "172.17.0.1"
		}
		d.Run("reached", "ping -c 1 -W 5 "+gateway+" >/dev/null && echo reached")
		d.Run("1", "ls /sys/class/net | wc -l", "--network", "none")
	}},
	{Name: "host network", Do: func(d docker) {
		d.Run("docker0", "ls /sys/class/net | grep docker0", "--network", "host")
	}},
	{Name: "host namespaces", Do: func(d docker) {
		uts, err := os.Readlink("/proc/self/ns/uts")
		d.Check(err)
		ipc, err := os.Readlink("/proc/self/ns/ipc")
		d.Check(err)
		d.Run(uts+"\n"+ipc, "readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc", "--uts", "host", "--ipc", "host")
	}},
	{Name: "network of one's own", Do: func(d docker) {
		d.OK("network", "create", "--subnet", "10.99.0.0/24", "mine")
		id := d.Up(caller.Sleeper, "--network", "mine", "--name", "target")
		d.Run("reached", "ping -c 1 -W 5 target >/dev/null && echo reached", "--network", "mine")
		d.OK("network", "connect", "bridge", id)
		d.Want(0, "eth0\neth1\nlo", "exec", id, "ls", "/sys/class/net")
		d.OK("rm", "--force", id)
	}},
	{Name: "published port", Do: func(d docker) {
		d.Up("while :; do echo hello | nc -l -p 8000; done", "--publish", "127.0.0.1:18000:8000", "--name", "port")
		caller.Until(d.T, "the port answers", func() bool {
			return d.Try("run", "--rm", "--network", "host", "bb", "sh", "-c", "echo | nc -w 2 127.0.0.1 18000").Out == "hello\n"
		})
	}},
}

// TestUserNamespaces has a daemon that gives every container a user namespace.
func TestUserNamespaces(t *testing.T) {
	caller.Compare(t, "Docker 20.10, userns-remap", func(t testing.TB, r caller.Runtime) docker {
		caller.Overlay(t, "/etc") // the daemon makes a user for it
		return start(t, r, "--userns-remap=default")
	}, checks{
		{Name: "run", Do: func(d docker) {
			o := d.OK("run", "--rm", "bb", "cat", "/proc/self/uid_map")
			f := strings.Fields(o)
			if len(f) != 3 || f[0] != "0" || f[1] == "0" {
				d.Errorf("uid_map: got %q, want 0 as another than 0 of the host", o)
			}
			d.Run("root", "stat -c %U /bin/busybox")
			d.Run("no", "(: >/proc/sysrq-trigger) 2>/dev/null || echo no")
		}},
		{Name: "volume", Do: func(d docker) {
			d.Run("kept", "echo kept >/data/x && cat /data/x", "-v", "/data")
		}},
		{Name: "exec", Do: func(d docker) {
			id := d.Up(caller.Sleeper)
			d.Want(0, "uid=0(root) gid=0(root) groups=0(root)", "exec", id, "id")
			pid, err := strconv.Atoi(d.Inspect(id, ".State.Pid"))
			d.Check(err)
			st, err := os.Stat("/proc/" + strconv.Itoa(pid))
			d.Check(err)
			if st.Sys().(*syscall.Stat_t).Uid == 0 {
				d.Errorf("uid on the host: got 0, want another")
			}
		}},
		{Name: "the host's user namespace", Do: func(d docker) {
			d.Run("4294967295", "tr -s ' ' </proc/self/uid_map | cut -d' ' -f4", "--userns", "host")
			d.Run("mounted", "mount -t tmpfs t /mnt && echo mounted", "--userns", "host", "--privileged")
		}},
		{Name: "stop and limits", Do: func(d docker) {
			id := d.Up("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", "--memory", "64m")
			d.Logged(id, "ready")
			d.OK("pause", id)
			d.OK("unpause", id)
			d.OK("stop", id)
			if s := d.Inspect(id, ".State.ExitCode"); s != "7" {
				d.Errorf("exit code after stop: got %s, want 7", s)
			}
		}},
	})
}
