package docker

import (
	"strings"

	"teu/tests/clients/caller"
)

var limitChecks = checks{
	{Name: "memory limit", Do: func(d docker) {
		d.Run("67108864", caller.CgroupFile("memory/memory.limit_in_bytes", "memory.max"), "--memory", "64m")
		d.Run("33554432", caller.CgroupFile("memory/memory.soft_limit_in_bytes", "memory.low"), "--memory", "64m", "--memory-reservation", "32m")
		d.Fails(125, "Minimum memory limit", "run", "--rm", "--memory", "1m", "bb", "true")
		d.Run("ran", "echo ran", "--memory", "6m")
	}},
	{Name: "out of memory", Do: func(d docker) {
		id := d.Up("exec tail /dev/zero", "--memory", "16m")
		d.Becomes(id, ".State.Status", "exited")
		if s := d.Inspect(id, ".State.ExitCode") + " " + d.Inspect(id, ".State.OOMKilled"); s != "137 true" {
			d.Errorf("exit code and OOMKilled: %s", s)
		}
	}},
	{Name: "cpu limits", Do: func(d docker) {
		d.Run("25000", caller.CgroupFile("cpu/cpu.cfs_quota_us", "cpu.max")+" | cut -d' ' -f1", "--cpus", "0.25")
		d.Run("0", caller.CgroupFile("cpuset/cpuset.cpus", "cpuset.cpus"), "--cpuset-cpus", "0")
		d.Run("Cpus_allowed_list:\t0", "grep Cpus_allowed_list /proc/self/status", "--cpuset-cpus", "0")
	}},
	{Name: "pids limit", Do: func(d docker) {
		d.Fails(2, "can't fork: Resource temporarily unavailable", "run", "--rm", "--pids-limit", "5", "bb", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
		d.Run("max", caller.CgroupFile("pids/pids.max", "pids.max"), "--pids-limit", "-1")
	}},
	{Name: "block I/O limits", Do: func(d docker) {
		device := d.BlockDevice()
		d.Run("1", caller.CgroupFile("blkio/blkio.throttle.read_bps_device", "io.max")+" | grep -c 1048576", "--device-read-bps", device+":1mb")
		d.Run("1", caller.CgroupFile("blkio/blkio.throttle.write_iops_device", "io.max")+" | grep -c 100", "--device-write-iops", device+":100")
	}},
	{Name: "devices", Do: func(d docker) {
		d.Run("1, 3", "ls -l /dev/other | grep -o '1, *3'| tr -s ' '", "--device", "/dev/null:/dev/other:r")
		d.Run("no\nread", "(: >>/dev/other) 2>/dev/null || echo no; (: </dev/other) && echo read", "--device", d.BlockDevice()+":/dev/other:r")
		d.Run("no", "mknod /dev/k b 1 0; (: </dev/k) 2>/dev/null || echo no") // a block device that nothing allows
	}},
	{Name: "device rules", Do: func(d docker) {
		d.Run("made", "mknod /tmp/k c 42 1 && echo made", "--device-cgroup-rule", "c 42:* rwm")
		d.Run("no\nyes", "mknod /tmp/k c 1 11; (: </tmp/k) 2>/dev/null || echo no; mknod /tmp/f c 1 7; (: </tmp/f) && echo yes", "--device-cgroup-rule", "c 42:* rwm")
	}},
	{Name: "cgroup namespaces and parents", Do: func(d docker) {
		d.Run("own", "grep -q ':/$' /proc/self/cgroup && echo own", "--cgroupns", "private")
		id := d.Up(caller.Sleeper, "--cgroupns", "host")
		if text := d.OK("exec", id, "cat", "/proc/1/cgroup"); !strings.Contains(text, id) {
			d.Errorf("cgroups of a container without a namespace of them: %s", text)
		}
		d.Run("read-only", "mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x 2>/dev/null || echo read-only")
	}},
}
