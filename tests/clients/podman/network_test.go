package podman

import (
	"os/exec"
	"strings"

	"teu/tests/clients/caller"
)

var networkChecks = checks{
	{Name: "bridge network", Do: func(p podman) {
		p.Run("10.211.0.", "ip -4 addr show eth0 | grep -o '10\\.211\\.0\\.' | head -n 1")
		p.Run("reached", "ping -c 1 -W 5 10.211.0.1 >/dev/null && echo reached")
	}},
	{Name: "network none and host", Do: func(p podman) {
		p.Run("lo", "ls /sys/class/net", "--network", "none")
		host := strings.TrimSpace(p.in("readlink", "/proc/self/ns/net"))
		p.Run(host, "readlink /proc/self/ns/net", "--network", "host")
	}},
	{Name: "network by its path", Do: func(p podman) {
		p.Run("lo", "ip -o link | cut -d' ' -f2 | tr -d : | grep -v podman", "--network", "ns:"+p.netns())
	}},
	{Name: "network of one's own", Do: func(p podman) {
		p.OK("network", "create", "--subnet", "10.213.0.0/24", "--disable-dns", "mine")
		id := p.Up(caller.Sleeper, "--network", "mine", "--ip", "10.213.0.77")
		p.Run("reached", "ping -c 1 -W 5 10.213.0.77 >/dev/null && echo reached", "--network", "mine")
		p.OK("network", "connect", "podman", id)
		p.Want(0, "eth0\neth1\nlo", "exec", id, "ls", "/sys/class/net")
		p.OK("network", "disconnect", "podman", id)
		p.Want(0, "eth0\nlo", "exec", id, "ls", "/sys/class/net")
		p.OK("rm", "--force", "--time", "0", id)
	}},
	{Name: "published port", Do: func(p podman) {
		p.Up("while :; do echo hello | nc -l -p 8000; done", "--publish", "127.0.0.1:18000:8000")
		caller.Until(p.T, "the port answers", func() bool {
			o, _ := exec.Command("nsenter", "--net="+p.netns(), "busybox", "sh", "-c", "echo | nc -w 2 127.0.0.1 18000").Output()
			return string(o) == "hello\n"
		})
	}},
}
