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
			p.Errorf("exit code after out of memory: got %s, want 137", s)
		}
	}},
	{Name: "out of memory, told", Known: "Debian's conmon does not report it here", Do: func(p podman) {
		id := p.Up("exec tail /dev/zero", "--memory", "16m")
		p.Becomes(id, ".State.Status", "exited")
		if s := p.Inspect(id, ".State.OOMKilled"); s != "true" {
			p.Errorf("OOMKilled: got %s, want true", s)
		}
	}},
	{Name: "pids limit", Do: func(p podman) {
		p.ends(2, "can't fork: Resource temporarily unavailable", "--pids-limit", "5", "bb", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
		p.Run("max", caller.CgroupFile("pids/pids.max", "pids.max"), "--pids-limit", "-1")
		p.Run("2048", caller.CgroupFile("pids/pids.max", "pids.max"))
	}},
	{Name: "cgroup namespaces and parents", Do: func(p podman) {
		p.Run("own", "grep -q ':/$' /proc/self/cgroup && echo own", "--cgroupns", "private")
		id := p.Up(caller.Sleeper, "--cgroupns", "host")
		path := p.Inspect(id, ".State.CgroupPath")
		if text := p.OK("exec", id, "cat", "/proc/1/cgroup"); !strings.Contains(text, ":memory:"+path) || !strings.HasPrefix(path, "/"+p.cgroup+"/") {
			p.Errorf("cgroups without a namespace of them: got %s, want %s of Podman's, below /%s/, for memory", text, path, p.cgroup)
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
			p.Errorf("%v: want exit code 0 and stdout %q", o, mine)
		}
	}},
	{Name: "update", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--memory", "64m", "--cpus", "0.5", "--pids-limit", "77")
		p.OK("update", "--memory", "96m", "--memory-swap", "128m", "--cpus", "0.25", "--cpu-shares", "300", "--cpuset-cpus", "0", id)
		p.Want(0, "100663296\n25000\n77\n300\n0", "exec", id, "sh", "-c", `cd /sys/fs/cgroup
			cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max cpu/cpu.shares cpuset/cpuset.cpus`)
	}},
}
