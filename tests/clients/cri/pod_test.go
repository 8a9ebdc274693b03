package cri

import (
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

// pod is a pod sandbox.
type pod struct {
	id     string
	config *v1.PodSandboxConfig
}

// ofPod changes what a pod is to be, ofContainer what a container.
type (
	ofPod       = func(*v1.PodSandboxConfig)
	ofContainer = func(*v1.ContainerConfig)
)

// own is what the kubelet asks for unless the pod says something else: the containers share all but the pids.
func own() *v1.NamespaceOption { return &v1.NamespaceOption{Pid: v1.NamespaceMode_CONTAINER} }

// podConfig is that of the next pod, after the edits.
func (c cri) podConfig(edits ...ofPod) *v1.PodSandboxConfig {
	name := fmt.Sprintf("pod-%d", c.count.Add(1))
	config := &v1.PodSandboxConfig{
		Metadata: &v1.PodSandboxMetadata{Name: name, Uid: c.ID + "-" + name, Namespace: "test"},
		Hostname: name, LogDirectory: c.Dir + "/logs/" + name,
		Linux: &v1.LinuxPodSandboxConfig{
			CgroupParent:    "/" + c.ID,
			SecurityContext: &v1.LinuxSandboxSecurityContext{NamespaceOptions: own()},
		},
	}
	for _, edit := range edits {
		edit(config)
	}
	return config
}

// pod starts a pod.
func (c cri) pod(edits ...ofPod) pod { return c.podUnder(c.Runtime.Name, edits...) }

// podUnder starts a pod with a handler.
func (c cri) podUnder(handler string, edits ...ofPod) pod {
	config := c.podConfig(edits...)
	c.Check(os.MkdirAll(config.LogDirectory, 0o755))
	answer := got(c.runtime.RunPodSandbox(bg, &v1.RunPodSandboxRequest{Config: config, RuntimeHandler: handler}))(c.T)
	return pod{answer.PodSandboxId, config}
}

// podStatus is what is said of a pod.
func (c cri) podStatus(p pod) *v1.PodSandboxStatus {
	return got(c.runtime.PodSandboxStatus(bg, &v1.PodSandboxStatusRequest{PodSandboxId: p.id}))(c.T).Status
}

// container is one in a pod.
type container struct {
	id  string
	log string // path of its log
	pod pod
}

// create makes a container of a shell script in a pod, whose namespaces and privileges it has unless the edits say else.
func (c cri) create(p pod, script string, edits ...ofContainer) container {
	name := fmt.Sprintf("c-%d", c.count.Add(1))
	of := p.config.Linux.SecurityContext
	config := &v1.ContainerConfig{
		Metadata: &v1.ContainerMetadata{Name: name}, Image: &v1.ImageSpec{Image: image},
		Command: []string{"sh", "-c", script}, LogPath: name + ".log",
		Linux: &v1.LinuxContainerConfig{
			Resources:       &v1.LinuxContainerResources{},
			SecurityContext: &v1.LinuxContainerSecurityContext{NamespaceOptions: of.NamespaceOptions, Privileged: of.Privileged},
		},
	}
	for _, edit := range edits {
		edit(config)
	}
	answer := got(c.runtime.CreateContainer(bg, &v1.CreateContainerRequest{PodSandboxId: p.id, Config: config, SandboxConfig: p.config}))(c.T)
	return container{answer.ContainerId, p.config.LogDirectory + "/" + config.LogPath, p}
}

// begin starts a container that was made.
func (c cri) begin(ct container) error {
	_, err := c.runtime.StartContainer(bg, &v1.StartContainerRequest{ContainerId: ct.id})
	return err
}

// up makes and starts a container.
func (c cri) up(p pod, script string, edits ...ofContainer) container {
	ct := c.create(p, script, edits...)
	c.Check(c.begin(ct))
	return ct
}

// server is a container that says hello to everybody who comes to port 8000.
func (c cri) server(p pod) container {
	ct := c.up(p, "exec nc -ll -p 8000 -e echo hello")
	caller.Until(c.T, "the server listens", func() bool {
		return c.exec(ct, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 | grep -q ':1F40 .* 0A '").ExitCode == 0
	})
	return ct
}

// run runs a script in a container of the pod to its end, which has to be well, and to write a text, last newline aside.
func (c cri) run(p pod, out, script string, edits ...ofContainer) {
	ct := c.up(p, script, edits...)
	status := c.ended(ct)
	if text, errs := strings.TrimSuffix(c.said(ct, "stdout"), "\n"), c.said(ct, "stderr"); status.ExitCode != 0 || text != out || errs != "" {
		c.Errorf("%s: got exit code %d, output %q, errors %q; want 0, %q and none", script, status.ExitCode, text, errs, out)
	}
}

// status is what is said of a container.
func (c cri) status(ct container) *v1.ContainerStatus {
	return got(c.runtime.ContainerStatus(bg, &v1.ContainerStatusRequest{ContainerId: ct.id}))(c.T).Status
}

// ended waits until a container has ended.
func (c cri) ended(ct container) *v1.ContainerStatus {
	var status *v1.ContainerStatus
	caller.Until(c.T, "the container has ended", func() bool {
		status = c.status(ct)
		return status.State == v1.ContainerState_CONTAINER_EXITED
	})
	return status
}

// stop stops a container, with some seconds of grace, and returns its exit code.
func (c cri) stop(ct container, grace int64) int32 {
	got(c.runtime.StopContainer(bg, &v1.StopContainerRequest{ContainerId: ct.id, Timeout: grace}))(c.T)
	return c.status(ct).ExitCode
}

// exec runs a command in a running container.
func (c cri) exec(ct container, command ...string) *v1.ExecSyncResponse {
	return got(c.runtime.ExecSync(bg, &v1.ExecSyncRequest{ContainerId: ct.id, Cmd: command}))(c.T)
}

// inside runs a script in a running container, which has to end well and to write a text, last newline aside.
func (c cri) inside(ct container, out, script string) {
	o := c.exec(ct, "sh", "-c", script)
	if o.ExitCode != 0 || strings.TrimSuffix(string(o.Stdout), "\n") != out || len(o.Stderr) > 0 {
		c.Errorf("%s: got exit code %d, output %q, errors %q; want 0, %q and none", script, o.ExitCode, o.Stdout, o.Stderr, out)
	}
}

// line is one of a log: TIME STREAM TAG TEXT. A P is said of a part of a line.
type line struct{ time, stream, tag, text string }

// lines are those of a container's log.
func (c cri) lines(ct container) []line {
	text, _ := os.ReadFile(ct.log) // it may not be there yet
	var list []line
	for l := range strings.Lines(string(text)) {
		if f := strings.SplitN(strings.TrimSuffix(l, "\n"), " ", 4); len(f) == 4 {
			list = append(list, line{f[0], f[1], f[2], f[3]})
		}
	}
	return list
}

// said is what a container has written to one of its streams, as its log has it.
func (c cri) said(ct container, stream string) string {
	var b strings.Builder
	for _, l := range c.lines(ct) {
		if l.stream != stream {
			continue
		}
		b.WriteString(l.text)
		if l.tag == "F" {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// logged waits until the log of a container holds a text of its output.
func (c cri) logged(ct container, text string) {
	caller.Until(c.T, "the container's log holds "+text, func() bool { return strings.Contains(c.said(ct, "stdout"), text) })
}
