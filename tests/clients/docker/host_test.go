package docker

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"teu/tests/clients/caller"
)

var hostChecks = checks{
	{Name: "bridge network", Do: func(d docker) {
		d.run("172.17.0.", "ip -4 addr show eth0 | grep -o '172\\.17\\.0\\.'")
		gateway := d.ok("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
		if gateway == "" {
			gateway = "172.17.0.1"
		}
		d.run("reached", "ping -c 1 -W 5 "+gateway+" >/dev/null && echo reached")
		d.run("1", "ls /sys/class/net | wc -l", "--network", "none")
	}},
	{Name: "host network", Do: func(d docker) {
		d.run("docker0", "ls /sys/class/net | grep docker0", "--network", "host")
	}},
	{Name: "host namespaces", Do: func(d docker) {
		uts, err := os.Readlink("/proc/self/ns/uts")
		d.Check(err)
		ipc, err := os.Readlink("/proc/self/ns/ipc")
		d.Check(err)
		d.run(uts+"\n"+ipc, "readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc", "--uts", "host", "--ipc", "host")
	}},
	{Name: "network of one's own", Do: func(d docker) {
		d.ok("network", "create", "--subnet", "10.99.0.0/24", "mine")
		id := d.up(sleeper, "--network", "mine", "--name", "target")
		d.run("reached", "ping -c 1 -W 5 target >/dev/null && echo reached", "--network", "mine")
		d.ok("network", "connect", "bridge", id)
		d.want(0, "eth0\neth1\nlo", "exec", id, "ls", "/sys/class/net")
		d.ok("rm", "--force", id)
	}},
	{Name: "published port", Do: func(d docker) {
		d.up("while :; do echo hello | nc -l -p 8000; done", "--publish", "127.0.0.1:18000:8000", "--name", "port")
		caller.Until(d.T, "the port answers", func() bool {
			return d.do("run", "--rm", "--network", "host", "bb", "sh", "-c", "echo | nc -w 2 127.0.0.1 18000").Out == "hello\n"
		})
	}},
}

// blockDevice is the path of a block device of this host.
func (d docker) blockDevice() string {
	names, err := filepath.Glob("/sys/block/*/dev")
	d.Check(err)
	for _, name := range names {
		path := "/dev/" + filepath.Base(filepath.Dir(name))
		if st, err := os.Stat(path); err == nil && st.Mode()&os.ModeDevice != 0 {
			return path
		}
	}
	d.Fatalf("no block device")
	return ""
}

// TestUserNamespaces has a daemon that gives every container a user namespace.
func TestUserNamespaces(t *testing.T) {
	caller.Compare(t, "Docker 20.10, userns-remap", func(t testing.TB, r caller.Runtime) docker {
		// The daemon makes a user for it.
		dir := t.TempDir()
		for _, sub := range []string{"/upper", "/work"} {
			if err := os.Mkdir(dir+sub, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+dir+"/upper,workdir="+dir+"/work"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount("/etc", syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		return start(t, r, "--userns-remap=default")
	}, checks{
		{Name: "run", Do: func(d docker) {
			o := d.ok("run", "--rm", "bb", "cat", "/proc/self/uid_map")
			f := strings.Fields(o)
			if len(f) != 3 || f[0] != "0" || f[1] == "0" {
				d.Errorf("uid_map: %q", o)
			}
			d.run("root", "stat -c %U /bin/busybox")
			d.run("no", "(: >/proc/sysrq-trigger) 2>/dev/null || echo no")
		}},
		{Name: "volume", Do: func(d docker) {
			d.run("kept", "echo kept >/data/x && cat /data/x", "-v", "/data")
		}},
		{Name: "exec", Do: func(d docker) {
			id := d.up(sleeper)
			d.want(0, "uid=0(root) gid=0(root) groups=0(root)", "exec", id, "id")
			pid, err := strconv.Atoi(d.inspect(id, ".State.Pid"))
			d.Check(err)
			st, err := os.Stat("/proc/" + strconv.Itoa(pid))
			d.Check(err)
			if st.Sys().(*syscall.Stat_t).Uid == 0 {
				d.Errorf("runs as root of the host")
			}
		}},
		{Name: "the host's user namespace", Do: func(d docker) {
			d.run("4294967295", "tr -s ' ' </proc/self/uid_map | cut -d' ' -f4", "--userns", "host")
			d.run("mounted", "mount -t tmpfs t /mnt && echo mounted", "--userns", "host", "--privileged")
		}},
		{Name: "stop and limits", Do: func(d docker) {
			id := d.up("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", "--memory", "64m")
			d.logged(id, "ready")
			d.ok("pause", id)
			d.ok("unpause", id)
			d.ok("stop", id)
			if s := d.inspect(id, ".State.ExitCode"); s != "7" {
				d.Errorf("exit code %s", s)
			}
		}},
	})
}
