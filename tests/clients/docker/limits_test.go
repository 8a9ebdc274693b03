package docker

import "strings"

var limitChecks = checks{
	{Name: "memory limit", Do: func(d docker) {
		d.run("67108864", limit("memory/memory.limit_in_bytes", "memory.max"), "--memory", "64m")
		d.run("33554432", limit("memory/memory.soft_limit_in_bytes", "memory.low"), "--memory", "64m", "--memory-reservation", "32m")
		d.fails(125, "Minimum memory limit", "run", "--rm", "--memory", "1m", "bb", "true")
		d.run("ran", "echo ran", "--memory", "6m")
	}},
	{Name: "out of memory", Do: func(d docker) {
		id := d.up("exec tail /dev/zero", "--memory", "16m")
		d.until(id, ".State.Status", "exited")
		if s := d.inspect(id, ".State.ExitCode") + " " + d.inspect(id, ".State.OOMKilled"); s != "137 true" {
			d.Errorf("exit code and OOMKilled: %s", s)
		}
	}},
	{Name: "cpu limits", Do: func(d docker) {
		d.run("25000", limit("cpu/cpu.cfs_quota_us", "cpu.max")+" | cut -d' ' -f1", "--cpus", "0.25")
		d.run("0", limit("cpuset/cpuset.cpus", "cpuset.cpus"), "--cpuset-cpus", "0")
		d.run("Cpus_allowed_list:\t0", "grep Cpus_allowed_list /proc/self/status", "--cpuset-cpus", "0")
	}},
	{Name: "pids limit", Do: func(d docker) {
		d.fails(2, "can't fork: Resource temporarily unavailable", "run", "--rm", "--pids-limit", "5", "bb", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
		d.run("max", limit("pids/pids.max", "pids.max"), "--pids-limit", "-1")
	}},
	{Name: "block I/O limits", Do: func(d docker) {
		device := d.blockDevice()
		d.run("1", limit("blkio/blkio.throttle.read_bps_device", "io.max")+" | grep -c 1048576", "--device-read-bps", device+":1mb")
		d.run("1", limit("blkio/blkio.throttle.write_iops_device", "io.max")+" | grep -c 100", "--device-write-iops", device+":100")
	}},
	{Name: "devices", Do: func(d docker) {
		d.run("1, 3", "ls -l /dev/other | grep -o '1, *3'| tr -s ' '", "--device", "/dev/null:/dev/other:r")
		d.run("no\nread", "(: >>/dev/other) 2>/dev/null || echo no; (: </dev/other) && echo read", "--device", d.blockDevice()+":/dev/other:r")
		d.run("no", "mknod /dev/k b 1 0; (: </dev/k) 2>/dev/null || echo no") // a block device that nothing allows
	}},
	{Name: "device rules", Do: func(d docker) {
		d.run("made", "mknod /tmp/k c 42 1 && echo made", "--device-cgroup-rule", "c 42:* rwm")
		d.run("no\nyes", "mknod /tmp/k c 1 11; (: </tmp/k) 2>/dev/null || echo no; mknod /tmp/f c 1 7; (: </tmp/f) && echo yes", "--device-cgroup-rule", "c 42:* rwm")
	}},
	{Name: "cgroup namespaces and parents", Do: func(d docker) {
		d.run("own", "grep -q ':/$' /proc/self/cgroup && echo own", "--cgroupns", "private")
		id := d.up(sleeper, "--cgroupns", "host")
		if text := d.ok("exec", id, "cat", "/proc/1/cgroup"); !strings.Contains(text, id) {
			d.Errorf("cgroups of a container without a namespace of them: %s", text)
		}
		d.run("read-only", "mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x 2>/dev/null || echo read-only")
	}},
}

// limit prints a file of the container's cgroup: that of v1, or that of v2.
func limit(v1, v2 string) string {
	return "{ cat /sys/fs/cgroup/" + v1 + " 2>/dev/null || cat /sys/fs/cgroup/" + v2 + "; }"
}
