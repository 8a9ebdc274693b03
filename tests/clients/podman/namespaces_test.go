package podman

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"teu/tests/clients/caller"
)

// maps is a script that prints the first line of both maps, single spaced.
const maps = "for m in uid gid; do head -n 1 /proc/self/${m}_map | tr -s ' '; done"

var namespaceChecks = checks{
	{Name: "shared namespaces", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--ipc", "shareable", "--hostname", "holder")
		for flag, k := range map[string]string{"--pid": "pid", "--ipc": "ipc", "--network": "net", "--uts": "uts"} {
			want := p.OK("exec", id, "readlink", "/proc/1/ns/"+k)
			p.Run(want, "readlink /proc/self/ns/"+k, flag, "container:"+id)
		}
		p.Run("sleep", "grep -o '^sleep' /proc/1/cmdline", "--pid", "container:"+id)
	}},
	{Name: "host namespaces", Do: func(p podman) {
		for flag, k := range map[string]string{"--uts": "uts", "--ipc": "ipc", "--pid": "pid", "--cgroupns": "cgroup"} {
			want, err := os.Readlink("/proc/self/ns/" + k)
			p.Check(err)
			p.Run(want, "readlink /proc/self/ns/"+k, flag, "host")
		}
		p.Run("the host's", `[ $(ls -d /proc/[0-9]* | wc -l) -gt 3 ] && echo "the host's"`, "--pid", "host")
	}},
	{Name: "stop in the host's pid namespace", Do: func(p podman) {
		id := p.Up("sleep 999 & "+graceful, "--pid", "host")
		p.Logged(id, "ready")
		p.OK("stop", id)
		if s := p.Inspect(id, ".State.ExitCode"); s != "7" {
			p.Errorf("exit code after stop: got %s, want 7", s)
		}
	}},
	{Name: "userns=auto", Do: func(p podman) {
		o := p.OK(p.Container("--rm", "--userns", "auto", "bb", "sh", "-c", maps+"; stat -c %U /bin/busybox; (: >/proc/sysrq-trigger) 2>/dev/null || echo no")...)
		var uid, gid, size int
		if _, err := fmt.Sscanf(o, " 0 %d %d\n 0 %d", &uid, &size, &gid); err != nil || uid < 300000 || gid < 400000 || !strings.HasSuffix(o, "\nroot\nno") {
			p.Errorf("mappings: got %q, %v; want ids from 300000 and 400000 on, root as the owner, and no sysrq", o, err)
		}
		p.Run("2000", "head -n 1 /proc/self/uid_map | tr -s ' ' | cut -d' ' -f4", "--userns", "auto:size=2000")
		id := p.Up(graceful, "--userns", "auto", "--memory", "64m", "-v", "named:/data")
		p.Logged(id, "ready")
		p.Want(0, "uid=0(root) gid=0(root)", "exec", id, "sh", "-c", "touch /data/x; id | sed 's/ groups.*//'")
		p.OK("pause", id)
		p.OK("unpause", id)
		p.OK("stop", id)
		if s := p.Inspect(id, ".State.ExitCode"); s != "7" {
			p.Errorf("exit code after stop: got %s, want 7", s)
		}
	}},
	{Name: "userns=host and container", Do: func(p podman) {
		p.Run("4294967295", "tr -s ' ' </proc/self/uid_map | cut -d' ' -f4", "--userns", "host")
		id := p.Up(caller.Sleeper, "--userns", "auto")
		want := p.OK("exec", id, "readlink", "/proc/self/ns/user")
		p.Run(want, "readlink /proc/self/ns/user", "--userns", "container:"+id)
	}},
	{Name: "userns=keep-id", Do: func(p podman) {
		p.ends(125, "keep-id is only supported in rootless mode", "--userns", "keep-id", "bb", "true")
	}},
	{Name: "uidmap and gidmap", Do: func(p podman) {
		p.Run(" 0 500000 1000\n 0 600000 2000\n7", maps+"; id -u", "--uidmap", "0:500000:1000", "--gidmap", "0:600000:2000", "--user", "7")
		id := p.Up(caller.Sleeper, "--uidmap", "0:500000:1000", "--gidmap", "0:500000:1000")
		p.Want(0, "0", "exec", id, "id", "-u")
		if o, err := exec.Command("stat", "-c", "%u", "/proc/"+p.Inspect(id, ".State.Pid")).Output(); string(o) != "500000\n" {
			p.Errorf("uid on the host: got %q, %v; want 500000", o, err)
		}
	}},
	{Name: "sdnotify=container", Do: func(p podman) {
		socket := p.top + "/notify"
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		p.Check(err)
		defer l.Close()
		notified := p
		notified.Program.Env = append(p.Env[:len(p.Env):len(p.Env)], "NOTIFY_SOCKET="+socket)
		c, cancel := notified.Command(p.Container("--detach", "--sdnotify", "container", "--name", "ready", "bb", "sleep", "777")...)
		defer cancel()
		p.Check(c.Start())
		var pid string
		caller.Until(p.T, "it runs", func() bool { pid = p.pid("sleep 777"); return pid != "" })
		p.say(pid, "READY=1")
		p.Check(l.SetDeadline(time.Now().Add(caller.Limit)))
		for text := ""; !strings.Contains(text, "READY=1"); {
			buf := make([]byte, 4096)
			n, err := l.Read(buf)
			p.Check(err)
			text += string(buf[:n])
		}
		p.Check(c.Wait())
	}},
}

// pid is that of the process with a command line: Podman cannot be asked while it waits for that to be ready.
func (p podman) pid(args string) string {
	text := caller.Program{Args: []string{"ps"}, Env: p.Env}.Do(p.T, nil, "-eo", "pid=,args=").Out
	for line := range strings.Lines(text) {
		if pid, all, _ := strings.Cut(strings.TrimSpace(line), " "); all == args {
			return pid
		}
	}
	return ""
}

// say sends a message to the service manager as the container's process does (sd_notify(3)).
func (p podman) say(pid, message string) {
	text, err := os.ReadFile("/proc/" + pid + "/environ")
	p.Check(err)
	for v := range strings.SplitSeq(string(text), "\x00") {
		if socket, found := strings.CutPrefix(v, "NOTIFY_SOCKET="); found {
			conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: "/proc/" + pid + "/root" + socket, Net: "unixgram"})
			p.Check(err)
			defer conn.Close()
			_, err = conn.Write([]byte(message))
			p.Check(err)
			return
		}
	}
	p.Fatalf("environment of the container: got %q, want NOTIFY_SOCKET in it", text)
}
