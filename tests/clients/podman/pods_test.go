package podman

import (
	"strings"

	"teu/tests/clients/caller"
)

const podFile = `apiVersion: v1
kind: Pod
metadata: {name: kube, labels: {app: kube}}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, image: localhost/bb, command: [sh, -c, "echo first >/shared/x"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - name: one
    image: localhost/bb
    command: [sh, -c, "cat /shared/x; echo $WHO; trap 'exit 7' TERM; while :; do sleep 0.05; done"]
    env: [{name: WHO, value: me}]
    resources: {limits: {memory: 64Mi, cpu: 250m}}
    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: two
    image: localhost/bb
    command: [sleep, "1000"]
  volumes:
  - {name: shared, emptyDir: {}}
`

var podChecks = checks{
	{Name: "pod", Do: func(p podman) {
		p.pod("--name", "pod", "--hostname", "box")
		one := p.inPod("pod", "echo up; exec sleep 1000")
		two := p.inPod("pod", caller.Sleeper)
		for _, k := range []string{"net", "ipc", "uts"} {
			p.Want(0, p.OK("exec", one, "readlink", "/proc/self/ns/"+k), "exec", two, "readlink", "/proc/self/ns/"+k)
		}
		if p.OK("exec", one, "readlink", "/proc/self/ns/pid") == p.OK("exec", two, "readlink", "/proc/self/ns/pid") {
			p.Errorf("pid namespaces of two containers: got the same, want two")
		}
		p.Want(0, "box", "exec", two, "hostname")
		p.Want(0, "out", "run", "--rm", "--pod", "pod", "bb", "echo", "out")
		if s := p.OK("pod", "inspect", "--format", "{{.State}} {{.NumContainers}}", "pod"); s != "Running 3" {
			p.Errorf("pod: got %s, want %s", s, "Running 3")
		}
		if s := p.OK("pod", "top", "pod", "args"); !strings.Contains(s, "sleep 1000") || !strings.Contains(s, "/catatonit -P") {
			p.Errorf("pod top: got %q, want sleep 1000 and catatonit in it", s)
		}
		p.OK("pod", "rm", "--force", "--time", "0", "pod")
	}},
	{Name: "pod with a pid namespace", Do: func(p podman) {
		p.pod("--name", "pod", "--share", "pid,net,ipc,uts")
		p.Want(0, "catatonit", "run", "--rm", "--pod", "pod", "bb", "sh", "-c", "cat /proc/1/comm")
		id := p.inPod("pod", "sleep 999 & "+graceful)
		p.Logged(id, "ready")
		p.OK("stop", id) // and what it has started goes too
		if s := p.Inspect(id, ".State.ExitCode"); s != "7" {
			p.Errorf("exit code after stop: got %s, want 7", s)
		}
		if s := p.OK("run", "--rm", "--pod", "pod", "bb", "ps"); strings.Contains(s, "sleep 999") {
			p.Errorf("processes of the pod: got %q, want no sleep 999", s)
		}
	}},
	{Name: "pod without an infra container", Do: func(p podman) {
		p.pod("--name", "pod", "--infra=false")
		id := p.inPod("pod", caller.Sleeper)
		p.Want(0, "in", "exec", id, "echo", "in")
	}},
	{Name: "pod, user namespace", Do: func(p podman) {
		p.pod("--name", "pod", "--userns", "auto")
		want := p.OK("exec", p.inPod("pod", caller.Sleeper), "readlink", "/proc/self/ns/user")
		p.Want(0, want, "run", "--rm", "--pod", "pod", "bb", "readlink", "/proc/self/ns/user")
	}},
	{Name: "pod, stopped and started", Do: func(p podman) {
		p.pod("--name", "pod")
		id := p.inPod("pod", graceful)
		p.Logged(id, "ready")
		p.OK("pod", "stop", "pod")
		if s := p.Inspect(id, ".State.ExitCode"); s != "7" {
			p.Errorf("exit code after pod stop: got %s, want 7", s)
		}
		p.OK("pod", "start", "pod")
		p.Becomes(id, ".State.Status", "running")
		p.OK("pod", "pause", "pod")
		p.Becomes(id, ".State.Status", "paused")
		p.OK("pod", "unpause", "pod")
		p.OK("pod", "restart", "pod")
		p.Becomes(id, ".State.Status", "running")
		p.OK("pod", "kill", "pod")
		p.Becomes(id, ".State.Status", "exited")
	}},
	{Name: "kube play and down", Do: func(p podman) {
		file := p.File("kube.yaml", podFile, 0o644)
		p.OK("kube", "play", file)
		p.Cleanup(func() { p.Try("kube", "down", file) })
		p.Logged("kube-one", "first\nme")
		p.Want(0, "67108864\n25000\n1000\nno", "exec", "kube-one", "sh", "-c", `cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us
			id -u; touch /x 2>/dev/null || echo no`)
		p.Want(0, p.OK("exec", "kube-one", "readlink", "/proc/self/ns/net"), "exec", "kube-two", "readlink", "/proc/self/ns/net")
		p.Says("kind: Pod", "kube", "generate", "kube")
		p.OK("kube", "down", file)
		if s := p.OK("pod", "ps", "--quiet"); s != "" {
			p.Errorf("pods after kube down: got %s, want none", s)
		}
	}},
}

// pod makes a pod.
func (p podman) pod(flags ...string) {
	p.OK(append([]string{"pod", "create", "--cgroup-parent=/" + p.cgroup}, flags...)...)
}

// inPod starts a container in a pod and returns its id.
func (p podman) inPod(pod, script string) string {
	return p.OK("run", "--detach", "--pod", pod, caller.Image, "sh", "-c", script)
}
