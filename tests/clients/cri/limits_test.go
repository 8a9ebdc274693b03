package cri

import (
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

var limitChecks = checks{
	{Name: "limits", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper, limited64)
		c.limit(ct, "67108864", "memory/memory.limit_in_bytes", "memory.max")
		c.limit(ct, "50000", "cpu/cpu.cfs_quota_us", "cpu.max")
		c.limit(ct, "0", "cpuset/cpuset.cpus", "cpuset.cpus")
		c.limit(ct, "300", "cpu/cpu.shares", "")
		c.inside(ct, "67108864", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max")
	}},
	{Name: "update", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper, limited64)
		got(c.runtime.UpdateContainerResources(bg, &v1.UpdateContainerResourcesRequest{ContainerId: ct.id, Linux: &v1.LinuxContainerResources{
			MemoryLimitInBytes: 96 << 20, CpuQuota: 25000, CpuPeriod: 100000, CpuShares: 400, CpusetCpus: "0-1",
		}}))(c.T)
		c.limit(ct, "100663296", "memory/memory.limit_in_bytes", "memory.max")
		c.limit(ct, "25000", "cpu/cpu.cfs_quota_us", "cpu.max")
		c.limit(ct, "0-1", "cpuset/cpuset.cpus", "cpuset.cpus")
		c.limit(ct, "400", "cpu/cpu.shares", "")
		// What is not said stays.
		got(c.runtime.UpdateContainerResources(bg, &v1.UpdateContainerResourcesRequest{ContainerId: ct.id, Linux: &v1.LinuxContainerResources{MemoryLimitInBytes: 32 << 20}}))(c.T)
		c.limit(ct, "33554432", "memory/memory.limit_in_bytes", "memory.max")
		c.limit(ct, "25000", "cpu/cpu.cfs_quota_us", "cpu.max")
	}},
	{Name: "update of one that is not started", Do: func(c cri) {
		ct := c.create(c.pod(), caller.Sleeper, limited64)
		got(c.runtime.UpdateContainerResources(bg, &v1.UpdateContainerResourcesRequest{ContainerId: ct.id, Linux: &v1.LinuxContainerResources{MemoryLimitInBytes: 96 << 20}}))(c.T)
		c.Check(c.begin(ct))
		c.limit(ct, "100663296", "memory/memory.limit_in_bytes", "memory.max")
	}},
	{Name: "stats", Do: func(c cri) {
		ct := c.up(c.pod(), "while :; do :; done", func(config *v1.ContainerConfig) { config.Labels = map[string]string{"stats": "1"} })
		caller.Until(c.T, "there is some use", func() bool {
			s := got(c.runtime.ContainerStats(bg, &v1.ContainerStatsRequest{ContainerId: ct.id}))(c.T).Stats
			return s.Attributes.Id == ct.id && s.Cpu.UsageCoreNanoSeconds.GetValue() > 0 && s.Memory.WorkingSetBytes.GetValue() > 0
		})
		list := got(c.runtime.ListContainerStats(bg, &v1.ListContainerStatsRequest{Filter: &v1.ContainerStatsFilter{LabelSelector: map[string]string{"stats": "1"}}}))(c.T).Stats
		if len(list) != 1 || list[0].Attributes.Id != ct.id || list[0].Memory.WorkingSetBytes.GetValue() == 0 {
			c.Errorf("list of stats: got %v, want %s alone, with some memory", list, ct.id)
		}
	}},
	{Name: "stats of a pod", Do: func(c cri) {
		p := c.pod()
		ct := c.up(p, caller.Sleeper)
		s := got(c.runtime.PodSandboxStats(bg, &v1.PodSandboxStatsRequest{PodSandboxId: p.id}))(c.T).Stats
		if s.Attributes.Id != p.id || len(s.Linux.Containers) != 1 || s.Linux.Containers[0].Attributes.Id != ct.id || s.Linux.Memory.UsageBytes.GetValue() == 0 {
			c.Errorf("stats of a pod: got %v, want %s with the container %s and some memory", s, p.id, ct.id)
		}
	}},
	{Name: "cgroups", Do: func(c cri) {
		p := c.pod()
		ct := c.up(p, caller.Sleeper)
		for _, id := range []string{p.id, ct.id} {
			files, err := filepath.Glob("/sys/fs/cgroup/*/" + c.ID + "/" + id + "/cgroup.procs")
			c.Check(err)
			if unified := "/sys/fs/cgroup/" + c.ID + "/" + id + "/cgroup.procs"; len(files) == 0 {
				files = []string{unified}
			}
			for _, file := range files {
				if text, err := os.ReadFile(file); err != nil || len(text) == 0 {
					c.Errorf("%s: got %q, %v; want some process", file, text, err)
				}
			}
		}
	}},
	{Name: "oom_score_adj", Do: func(c cri) {
		c.run(c.pod(), "500", "cat /proc/self/oom_score_adj", func(config *v1.ContainerConfig) { config.Linux.Resources.OomScoreAdj = 500 })
	}},
}

// limited64 is a container with limits.
func limited64(config *v1.ContainerConfig) {
	config.Linux.Resources = &v1.LinuxContainerResources{MemoryLimitInBytes: 64 << 20, CpuQuota: 50000, CpuPeriod: 100000, CpuShares: 300, CpusetCpus: "0"}
}

// limit asks for a file of the container's cgroup: that of v1, or the first word of that of v2.
func (c cri) limit(ct container, want, v1, v2 string) {
	controller, name, _ := strings.Cut(v1, "/")
	if _, err := os.Stat("/sys/fs/cgroup/" + controller); v2 == "" && err != nil {
		return // v2 has it on another scale
	}
	path := "/" + c.ID + "/" + ct.id + "/"
	text, err := os.ReadFile("/sys/fs/cgroup/" + controller + path + name)
	if err != nil {
		text, err = os.ReadFile("/sys/fs/cgroup" + path + v2)
	}
	if got, _, _ := strings.Cut(strings.TrimSpace(string(text)), " "); err != nil || got != want {
		c.Errorf("%s or %s: got %q, %v; want %s", v1, v2, got, err, want)
	}
}
