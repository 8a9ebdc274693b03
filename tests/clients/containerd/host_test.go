package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"teu/tests/clients/caller"
)

var hostChecks = checks{
	{Name: "host network", Do: func(c ctr) {
		own, err := os.Readlink("/proc/self/ns/net")
		c.Check(err)
		c.run(own, "readlink /proc/self/ns/net", "--net-host")
		c.run("other", "[ $(readlink /proc/self/ns/net) = '"+own+"' ] || echo other")
	}},
	{Name: "container network", Do: func(c ctr) {
		prefix := strings.TrimSuffix(subnet, "0/24")
		gateway := prefix + "1"
		c.run("eth0\nlo\nreached", "ls /sys/class/net; ping -c 1 -W 20 "+gateway+" >/dev/null && echo reached", "--cni")
		server := c.id()
		// ctr takes the network away at the end of a container that it waits for, not of one that is detached.
		term := c.OnTerminal(c.T, c.args([]string{"--cni", "--rm"}, server, "sh", "-c", "until ip -4 addr show eth0 2>/dev/null | grep inet; do sleep 0.05; done; while :; do echo hello | nc -l -p 8000; done")...)
		term.Expect("inet " + prefix)
		_, rest, _ := strings.Cut(term.Screen(), "inet ")
		address, _, _ := strings.Cut(rest, "/")
		c.run("hello", "until ip route | grep -q default; do sleep 0.05; done; nc -w 20 "+address+" 8000 </dev/null", "--cni")
		c.ok("task", "kill", "--signal", "KILL", server)
		if code := term.End(); code != 137 {
			c.Errorf("exit code of the killed server: got %d, want 137: %s", code, term.Screen())
		}
	}},
	{Name: "shared namespaces", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		pid, _ := c.task(id)
		for kind, file := range map[string]string{"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"} {
			path := "/proc/" + pid + "/ns/" + file
			want, err := os.Readlink(path)
			c.Check(err)
			c.run(want, "readlink /proc/self/ns/"+file, "--with-ns", kind+":"+path)
		}
		c.run("sleep", "grep -o '^sleep' /proc/1/cmdline", "--with-ns", "pid:/proc/"+pid+"/ns/pid")
		c.fails("no such file or directory", c.shell("true", "--with-ns", "network:/nothing")...)
	}},
	{Name: "user namespace", Do: func(c ctr) {
		flags := []string{"--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"}
		c.run("0 100000 65536\n0 200000 65536\nroot\nno", "for m in uid gid; do echo $(cat /proc/self/${m}_map); done; stat -c %U /bin/busybox; (: >/proc/sysrq-trigger) 2>/dev/null || echo no", flags...)
		id := c.up(trapping, flags...)
		c.logged(id, "ready")
		st, err := os.Stat(fmt.Sprintf("/proc/%d", c.pid(id)))
		c.Check(err)
		if s := st.Sys().(*syscall.Stat_t); s.Uid != 100000 || s.Gid != 200000 {
			c.Errorf("user on the host: got %d:%d, want 100000:200000", s.Uid, s.Gid)
		}
		c.inside(id, "uid=0(root) gid=0(root) groups=0(root)\n0 100000 65536", "id; echo $(cat /proc/self/uid_map)")
		c.ok("task", "pause", id)
		c.ok("task", "resume", id)
		c.ok("task", "kill", id)
		if code := c.ended(id); code != "7" {
			c.Errorf("exit code after kill: got %s, want 7", code)
		}
	}},
	{Name: "user namespace, terminal and limits", Do: func(c ctr) {
		flags := []string{"--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "--memory-limit", "33554432"}
		c.terminal(c.args(append(flags, "--rm", "--tty"), c.id(), "sh", "-c", onTerminal))
		c.limit(c.up(caller.Sleeper, flags...), "33554432", "memory/memory.limit_in_bytes", "memory.max")
	}},
	{Name: "the daemon's state is of the runtime", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		root := "/run/containerd/runc/" + c.ID
		entries, err := filepath.Glob(root + "/" + id)
		c.Check(err)
		if len(entries) != 1 {
			c.Errorf("state in %s: got %q, want that of the container", root, entries)
		}
		p := caller.Program{Args: []string{c.Runtime.Path}}
		if o := p.Do(c.T, nil, "--root", root, "state", id); o.Code != 0 || !strings.Contains(o.Out, `"status": "running"`) {
			c.Errorf("%v: want exit code 0 and status running", o)
		}
	}},
}
