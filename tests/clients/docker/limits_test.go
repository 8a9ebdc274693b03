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
			d.Errorf("exit code and OOMKilled: got %s, want 137 true", s)
		}
	}},
	{Name: "pids limit", Do: func(d docker) {
		d.Fails(2, "can't fork: Resource temporarily unavailable", "run", "--rm", "--pids-limit", "5", "bb", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
		d.Run("max", caller.CgroupFile("pids/pids.max", "pids.max"), "--pids-limit", "-1")
	}},
	{Name: "cgroup namespaces and parents", Do: func(d docker) {
		d.Run("own", "grep -q ':/$' /proc/self/cgroup && echo own", "--cgroupns", "private")
		id := d.Up(caller.Sleeper, "--cgroupns", "host")
		if text := d.OK("exec", id, "cat", "/proc/1/cgroup"); !strings.Contains(text, id) {
			d.Errorf("cgroups without a namespace of them: got %s, want %s in them", text, id)
		}
		d.Run("read-only", "mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x 2>/dev/null || echo read-only")
	}},
}
