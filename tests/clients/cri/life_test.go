package cri

import (
	"strings"
	"testing"
	"time"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

type checks = []caller.Check[cri]

func TestCRI(t *testing.T) {
	kit.Rooted(t)
	all := checks{}
	for _, list := range []checks{podChecks, lifeChecks, endChecks, execChecks, logChecks, stderrChecks, limitChecks, securityChecks, namespaceChecks, fileChecks} {
		all = append(all, list...)
	}
	caller.Compare(t, "CRI of containerd 1.6", start, all)
}

// trapping is a script that is ready to end with 7 on SIGTERM.
const trapping = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"

var podChecks = checks{
	{Name: "version and status", Do: func(c cri) {
		v := got(c.runtime.Version(bg, &v1.VersionRequest{}))(c.T)
		c.is("the name", v.RuntimeName, "containerd")
		c.is("the version of the interface", v.RuntimeApiVersion, "v1")
		s := got(c.runtime.Status(bg, &v1.StatusRequest{Verbose: true}))(c.T)
		if !condition(s.Status, v1.RuntimeReady) || !condition(s.Status, v1.NetworkReady) || !strings.Contains(s.Info["config"], c.Runtime.Path) {
			c.Errorf("status: got %v, want runtime and network ready, and %s in the configuration", s, c.Runtime.Path)
		}
	}},
	{Name: "pod", Do: func(c cri) {
		p := c.pod(func(p *v1.PodSandboxConfig) {
			p.Labels, p.Annotations = map[string]string{"l": "1"}, map[string]string{"a.b": "2"}
		})
		s := c.podStatus(p)
		c.is("the state", s.State, v1.PodSandboxState_SANDBOX_READY)
		c.is("the handler", s.RuntimeHandler, c.Runtime.Name)
		c.is("the label", s.Labels["l"], "1")
		c.is("the annotation", s.Annotations["a.b"], "2")
		if !strings.HasPrefix(s.Network.Ip, strings.TrimSuffix(subnet, "0/24")) {
			c.Errorf("address of the pod: got %q, want one of %s", s.Network.Ip, subnet)
		}
		list := got(c.runtime.ListPodSandbox(bg, &v1.ListPodSandboxRequest{Filter: &v1.PodSandboxFilter{LabelSelector: map[string]string{"l": "1"}}}))(c.T).Items
		if len(list) != 1 || list[0].Id != p.id {
			c.Errorf("list of pods: got %v, want %s alone", list, p.id)
		}
		for range 2 { // to stop it again is no error
			got(c.runtime.StopPodSandbox(bg, &v1.StopPodSandboxRequest{PodSandboxId: p.id}))(c.T)
		}
		c.is("the state", c.podStatus(p).State, v1.PodSandboxState_SANDBOX_NOTREADY)
		c.remove(p.id)
		got(c.runtime.RemovePodSandbox(bg, &v1.RemovePodSandboxRequest{PodSandboxId: p.id}))(c.T)
		_, err := c.runtime.PodSandboxStatus(bg, &v1.PodSandboxStatusRequest{PodSandboxId: p.id})
		c.fails(err, "not found")
	}},
	{Name: "handler that there is none of", Do: func(c cri) {
		_, err := c.runtime.RunPodSandbox(bg, &v1.RunPodSandboxRequest{Config: c.podConfig(), RuntimeHandler: "nothing"})
		c.fails(err, `no runtime for "nothing"`)
	}},
	{Name: "pod with running containers goes", Do: func(c cri) {
		p := c.pod()
		c.up(p, caller.Sleeper)
		c.up(p, "trap '' TERM; while :; do sleep 0.05; done")
		c.remove(p.id)
	}},
	{Name: "eight pods in parallel", Do: func(c cri) {
		caller.Parallel(c.T, 8, func(t *caller.T) caller.Outcome {
			c := c.With(t)
			p := c.pod()
			ct := c.up(p, trapping)
			c.logged(ct, "ready")
			c.inside(ct, p.config.Hostname, "hostname")
			c.is("the exit code", c.stop(ct, 30), int32(7))
			c.remove(p.id)
			return caller.Outcome{}
		})
	}},
}

var lifeChecks = checks{
	{Name: "container", Do: func(c cri) {
		ct := c.create(c.pod(), caller.Sleeper, func(config *v1.ContainerConfig) { config.Labels = map[string]string{"l": "1"} })
		c.is("the state", c.status(ct).State, v1.ContainerState_CONTAINER_CREATED)
		c.Check(c.begin(ct))
		s := c.status(ct)
		c.is("the state", s.State, v1.ContainerState_CONTAINER_RUNNING)
		c.is("the label", s.Labels["l"], "1")
		c.is("the log", s.LogPath, ct.log)
		if s.CreatedAt > s.StartedAt || s.StartedAt > time.Now().UnixNano() {
			c.Errorf("times: got created %d, started %d; want them in that order, and not ahead of now", s.CreatedAt, s.StartedAt)
		}
		c.fails(c.begin(ct), "container is in CONTAINER_RUNNING state")
		c.is("the exit code", c.stop(ct, 0), int32(137))
		c.is("the state", c.status(ct).State, v1.ContainerState_CONTAINER_EXITED)
		got(c.runtime.RemoveContainer(bg, &v1.RemoveContainerRequest{ContainerId: ct.id}))(c.T)
		_, err := c.runtime.ContainerStatus(bg, &v1.ContainerStatusRequest{ContainerId: ct.id})
		c.fails(err, "not found")
		if left := kit.Left(ct.id); len(left) > 0 {
			c.Errorf("left: %q, want nothing", left)
		}
	}},
	{Name: "container that never ran goes", Do: func(c cri) {
		ct := c.create(c.pod(), caller.Sleeper)
		got(c.runtime.RemoveContainer(bg, &v1.RemoveContainerRequest{ContainerId: ct.id}))(c.T)
	}},
	{Name: "running container is removed", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		got(c.runtime.RemoveContainer(bg, &v1.RemoveContainerRequest{ContainerId: ct.id}))(c.T)
		if left := kit.Left(ct.id); len(left) > 0 {
			c.Errorf("left: %q, want nothing", left)
		}
	}},
	{Name: "command, arguments, environment, directory", Do: func(c cri) {
		p := c.pod()
		c.run(p, "image / two words", "echo $FROM $(pwd) $A", func(config *v1.ContainerConfig) {
			config.Envs = []*v1.KeyValue{{Key: "A", Value: "two words"}}
		})
		c.run(p, "one|two", "", func(config *v1.ContainerConfig) {
			config.Command, config.Args = []string{"echo"}, []string{"one|two"}
		})
		c.run(p, "/a/new/one", "pwd", func(config *v1.ContainerConfig) { config.WorkingDir = "/a/new/one" })
		c.run(p, p.config.Hostname, "hostname")
	}},
	{Name: "several containers of a pod", Do: func(c cri) {
		p := c.pod()
		one, two := c.server(p), c.up(p, caller.Sleeper)
		c.inside(two, "hello", "nc -w 20 127.0.0.1 8000 </dev/null")
		c.inside(two, "1", "grep -q ^sleep /proc/1/cmdline; ps | grep -c '[s]leep 1000'")
		c.inside(one, p.config.Hostname, "hostname")
	}},
	{Name: "container starts anew", Do: func(c cri) {
		p := c.pod()
		for attempt := range uint32(3) {
			ct := c.up(p, "echo up; exit 3", func(config *v1.ContainerConfig) {
				config.Metadata = &v1.ContainerMetadata{Name: "again", Attempt: attempt}
			})
			s := c.ended(ct)
			c.is("the attempt", s.Metadata.Attempt, attempt)
			c.is("the exit code", s.ExitCode, int32(3))
		}
	}},
}

var endChecks = checks{
	{Name: "exit codes and reasons", Do: func(c cri) {
		p := c.pod()
		s := c.ended(c.up(p, "true"))
		c.is("the reason", s.Reason, "Completed")
		// The shim tells when it has ended, the daemon when it has heard that it was started: that may be later.
		if s.FinishedAt < s.CreatedAt || s.FinishedAt > time.Now().UnixNano() {
			c.Errorf("times: got created %d, finished %d; want them in that order, and not ahead of now", s.CreatedAt, s.FinishedAt)
		}
		s = c.ended(c.up(p, "exit 42"))
		c.is("the exit code", s.ExitCode, int32(42))
		c.is("the reason", s.Reason, "Error")
		c.is("the exit code", c.ended(c.up(p, "sh -c 'kill -TERM $$'; exit $?")).ExitCode, int32(143))
	}},
	{Name: "commands that cannot run", Do: func(c cri) {
		p := c.pod()
		for command, text := range map[string]string{
			"nothing": `"nothing": executable file not found in $PATH`, "/bin/nothing": "no such file or directory",
			"/etc/passwd": "permission denied", "/etc": "permission denied",
		} {
			ct := c.create(p, "", func(config *v1.ContainerConfig) { config.Command = []string{command} })
			c.fails(c.begin(ct), text)
			s := c.ended(ct)
			c.is("the exit code", s.ExitCode, int32(128))
			c.is("the reason", s.Reason, "StartError")
			if !strings.Contains(s.Message, text) {
				c.Errorf("message: got %q, want %q in it", s.Message, text)
			}
		}
	}},
	{Name: "stop", Do: func(c cri) {
		p := c.pod()
		ct := c.up(p, trapping)
		c.logged(ct, "ready")
		c.is("the exit code", c.stop(ct, 60), int32(7))
		c.is("the output", c.said(ct, "stdout"), "ready\nbye\n")
		c.is("the exit code", c.stop(ct, 60), int32(7)) // is stopped already
	}},
	{Name: "stop of one that ignores SIGTERM", Do: func(c cri) {
		ct := c.up(c.pod(), "trap '' TERM; echo ready; while :; do sleep 0.05; done")
		c.logged(ct, "ready")
		before := time.Now()
		c.is("the exit code", c.stop(ct, 2), int32(137))
		if took := time.Since(before); took < 2*time.Second {
			c.Errorf("time until it was killed: got %v, want at least 2s", took)
		}
	}},
	{Name: "processes end with the first", Do: func(c cri) {
		ct := c.up(c.pod(), "setsid sleep 999 & sleep 0.1; exit 4")
		c.is("the exit code", c.ended(ct).ExitCode, int32(4))
		for _, l := range kit.Left(ct.id) {
			if strings.HasPrefix(l, "process") && strings.Contains(l, "sleep") {
				c.Errorf("left: %s, want it ended with the first", l)
			}
		}
	}},
	{Name: "out of memory", Do: func(c cri) {
		// containerd 1.6 begins to watch a cgroup of v1 when start has returned, and does not report what ran out of memory before.
		ct := c.up(c.pod(), "sleep 1; exec tail /dev/zero", func(config *v1.ContainerConfig) { config.Linux.Resources.MemoryLimitInBytes = 16 << 20 })
		s := c.ended(ct)
		c.is("the exit code", s.ExitCode, int32(137))
		caller.Until(c.T, "the reason is OOMKilled", func() bool { return c.status(ct).Reason == "OOMKilled" })
	}},
}
