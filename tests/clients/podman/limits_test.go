package podman

import (
	"os"
	"strings"

	"teu/tests/clients/caller"
)

var limitChecks = checks{
	{Name: "memory limit", Do: func(p podman) {
		p.Run("67108864", caller.CgroupFile("memory/memory.limit_in_bytes", "memory.max"), "--memory", "64m")
		p.Run("33554432", caller.CgroupFile("memory/memory.soft_limit_in_bytes", "memory.low"), "--memory", "64m", "--memory-reservation", "32m")
		p.Run("ran", "echo ran", "--memory", "6m")
	}},
	{Name: "out of memory", Do: func(p podman) {
		id := p.Up("exec tail /dev/zero", "--memory", "16m")
		p.Becomes(id, ".State.Status", "exited")
		if s := p.Inspect(id, ".State.ExitCode"); s != "137" {
			p.Errorf("exit code %s", s)
		}
	}},
	{Name: "out of memory, told", Known: "Debian's conmon does not report it here", Do: func(p podman) {
		id := p.Up("exec tail /dev/zero", "--memory", "16m")
		p.Becomes(id, ".State.Status", "exited")
		if s := p.Inspect(id, ".State.OOMKilled"); s != "true" {
			p.Errorf("OOMKilled: %s", s)
		}
	}},
	{Name: "cpu limits", Do: func(p podman) {
		p.Run("25000", caller.CgroupFile("cpu/cpu.cfs_quota_us", "cpu.max")+" | cut -d' ' -f1", "--cpus", "0.25")
		p.Run("0", caller.CgroupFile("cpuset/cpuset.cpus", "cpuset.cpus"), "--cpuset-cpus", "0")
		p.Run("Cpus_allowed_list:\t0", "grep Cpus_allowed_list /proc/self/status", "--cpuset-cpus", "0")
		p.Run("300", caller.CgroupFile("cpu/cpu.shares", "none"), "--cpu-shares", "300")
	}},
	{Name: "pids limit", Do: func(p podman) {
		p.ends(2, "can't fork: Resource temporarily unavailable", "--pids-limit", "5", "bb", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
		p.Run("max", caller.CgroupFile("pids/pids.max", "pids.max"), "--pids-limit", "-1")
		p.Run("2048", caller.CgroupFile("pids/pids.max", "pids.max"))
	}},
	{Name: "block I/O limits", Do: func(p podman) {
		device := p.BlockDevice()
		p.Run("1", caller.CgroupFile("blkio/blkio.throttle.read_bps_device", "io.max")+" | grep -c 1048576", "--device-read-bps", device+":1mb")
		p.Run("1", caller.CgroupFile("blkio/blkio.throttle.write_iops_device", "io.max")+" | grep -c 100", "--device-write-iops", device+":100")
	}},
	{Name: "devices", Do: func(p podman) {
		p.Run("1, 3", "ls -l /dev/other | grep -o '1, *3'| tr -s ' '", "--device", "/dev/null:/dev/other:r")
		p.Run("no\nread", "(: >>/dev/other) 2>/dev/null || echo no; (: </dev/other) && echo read", "--device", p.BlockDevice()+":/dev/other:r")
		p.Run("no", "mknod /dev/k b 1 0; (: </dev/k) 2>/dev/null || echo no", "--cap-add", "MKNOD") // a block device that nothing allows
	}},
	{Name: "device rules", Do: func(p podman) {
		p.Run("made", "mknod /tmp/k c 42 1 && echo made", "--cap-add", "MKNOD", "--device-cgroup-rule", "c 42:* rwm")
		p.Run("no\nyes", "mknod /tmp/k c 1 11; (: </tmp/k) 2>/dev/null || echo no; mknod /tmp/f c 1 7; (: </tmp/f) && echo yes", "--cap-add", "MKNOD", "--device-cgroup-rule", "c 42:* rwm")
	}},
	{Name: "cgroup namespaces and parents", Do: func(p podman) {
		p.Run("own", "grep -q ':/$' /proc/self/cgroup && echo own", "--cgroupns", "private")
		id := p.Up(caller.Sleeper, "--cgroupns", "host")
		path := p.Inspect(id, ".State.CgroupPath")
		if text := p.OK("exec", id, "cat", "/proc/1/cgroup"); !strings.Contains(text, ":memory:"+path) || !strings.HasPrefix(path, "/"+p.cgroup+"/") {
			p.Errorf("cgroups of a container without a namespace of them: %s, and Podman says %s", text, path)
		}
		p.Run("read-only", "mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x 2>/dev/null || echo read-only")
	}},
	{Name: "cgroups=no-conmon", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--cgroups", "no-conmon")
		p.Want(0, "in", "exec", id, "echo", "in")
	}},
	{Name: "cgroups=disabled", Do: func(p podman) {
		mine, err := os.ReadFile("/proc/self/cgroup")
		p.Check(err)
		disabled := p
		disabled.Flags = nil // no parent, as there is no cgroup
		o := disabled.Try("run", "--rm", "--cgroups", "disabled", "--cgroupns", "host", "bb", "cat", "/proc/self/cgroup")
		if o.Code != 0 || o.Out != string(mine) {
			p.Errorf("%v: want %q", o, mine)
		}
	}},
	{Name: "update", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--memory", "64m", "--cpus", "0.5", "--pids-limit", "77")
		p.OK("update", "--memory", "96m", "--memory-swap", "128m", "--cpus", "0.25", "--cpu-shares", "300", "--cpuset-cpus", "0", id)
		p.Want(0, "100663296\n25000\n77\n300\n0", "exec", id, "sh", "-c", `cd /sys/fs/cgroup
			cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max cpu/cpu.shares cpuset/cpuset.cpus`)
	}},
}
