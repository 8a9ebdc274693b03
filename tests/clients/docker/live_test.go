package docker

import (
	"strings"
	"time"

	"teu/tests/clients/caller"
)

// noCheckpoint: runc passes where criu does. teu has no checkpoint yet.
const noCheckpoint = "Debian 12 has no criu that works on this kernel"

// refuses runs an exec that has to end with a code, as its command cannot run. The daemon says why where the process would write:
// to stdout.
func (d docker) refuses(code int, text, id, command string) {
	if o := d.Try("exec", id, command); o.Code != code || !strings.Contains(o.Out, text) || o.Err != "" {
		d.Errorf("%v: want exit code %d, %q on stdout and nothing on stderr", o, code, text)
	}
}

var liveChecks = checks{
	{Name: "exec", Do: func(d docker) {
		id := d.Up(caller.Sleeper)
		d.Want(0, "in\n0\nsleep", "exec", id, "sh", "-c", "echo in; id -u; grep -o '^sleep' /proc/1/cmdline")
		d.Want(3, "", "exec", id, "sh", "-c", "exit 3")
		d.Want(137, "", "exec", id, "sh", "-c", "kill -KILL $$")
		d.Want(0, "1000\n/tmp\nb", "exec", "-u", "1000", "-w", "/tmp", "-e", "A=b", id, "sh", "-c", "id -u; pwd; echo $A")
		d.Want(0, "uid=1000(user) gid=29(audio) groups=29(audio)", "exec", "-u", "user:audio", id, "id")
		d.refuses(126, "executable file not found in $PATH", id, "nothing")
		d.refuses(126, "no such file or directory", id, "/bin/nothing")
		d.refuses(126, "permission denied", id, "/etc/passwd")
		if o := d.Do(d.T, strings.NewReader("typed"), "exec", "-i", id, "cat"); o.Out != "typed" {
			d.Errorf("%v: want stdout %q", o, "typed")
		}
		d.Want(0, "", "exec", "-d", id, "sh", "-c", "echo >/tmp/detached; exec sleep 999")
		caller.Until(d.T, "the detached process has run", func() bool { return d.Try("exec", id, "ls", "/tmp/detached").Code == 0 })
		term := d.OnTerminal(d.T, "exec", "-it", id, "sh", "-c", "tty; "+caller.Sized+"; exit 4")
		if code := term.End(); code != 4 || !strings.Contains(term.Screen(), "/dev/pts/0\nsized\n") {
			d.Errorf("exec on a terminal: got exit code %d and %q, want 4 and %q", code, term.Screen(), "/dev/pts/0\nsized\n")
		}
	}},
	{Name: "exec, privileged", Do: func(d docker) {
		id := d.Up(caller.Sleeper)
		d.Want(0, "more", "exec", "--privileged", id, "sh", "-c", "grep -q 'CapEff.*a80425fb' /proc/self/status || echo more")
	}},
	{Name: "logs", Do: func(d docker) {
		id := d.Up("echo out; echo err >&2; printf 'no newline'")
		d.Becomes(id, ".State.Status", "exited")
		if o := d.Try("logs", id); o.Out != "out\nno newline" || o.Err != "err\n" {
			d.Errorf("%v: want stdout %q and stderr %q", o, "out\nno newline", "err\n")
		}
	}},
	{Name: "stats", Do: func(d docker) {
		id := d.Up(caller.Sleeper, "--memory", "64m")
		text := d.OK("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", id)
		if !strings.Contains(text, "iB / 64MiB 1") {
			d.Errorf("stats: got %q, want some memory of 64MiB, and 1 process", text)
		}
	}},
	{Name: "top", Do: func(d docker) {
		id := d.Up("sleep 999 & exec sleep 1000")
		caller.Until(d.T, "both are listed", func() bool {
			text := d.OK("top", id)
			return strings.Contains(text, "sleep 999") && strings.Contains(text, "sleep 1000")
		})
		text := d.OK("top", id, "-o", "pid,comm")
		if lines := strings.Split(text, "\n"); len(lines) != 3 || strings.Fields(lines[0])[0] != "PID" {
			d.Errorf("top -o pid,comm: got %q, want 3 lines, PID first", text)
		}
	}},
	{Name: "pause and unpause", Do: func(d docker) {
		id := d.Up("while :; do echo tick; sleep 0.05; done")
		d.Logged(id, "tick")
		d.OK("pause", id)
		if s := d.Inspect(id, ".State.Status"); s != "paused" {
			d.Errorf("status after pause: got %s, want paused", s)
		}
		before := len(d.OK("logs", id))
		d.Fails(1, "is paused", "exec", id, "true")
		time.Sleep(200 * time.Millisecond) // in which it would have ticked
		if after := len(d.OK("logs", id)); after != before {
			d.Errorf("bytes of output while it is paused: got %d, want %d as before", after, before)
		}
		d.OK("unpause", id)
		caller.Until(d.T, "it goes on", func() bool { return len(d.OK("logs", id)) > before })
		d.OK("pause", id)
		d.OK("rm", "--force", id)
	}},
	{Name: "update", Do: func(d docker) {
		id := d.Up(caller.Sleeper, "--memory", "64m", "--cpus", "0.5")
		d.OK("update", "--memory", "96m", "--memory-swap", "128m", "--cpus", "0.25", "--pids-limit", "50", "--cpu-shares", "300", "--cpuset-cpus", "0", id)
		d.Want(0, "100663296\n25000\n50\n300\n0", "exec", id, "sh", "-c", `cd /sys/fs/cgroup
			cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max cpu/cpu.shares cpuset/cpuset.cpus`)
		d.OK("update", "--memory", "32m", id)
		d.Want(0, "33554432\n25000", "exec", id, "sh", "-c", "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us")
	}},
	{Name: "checkpoint", Known: noCheckpoint, Do: func(d docker) {
		id := d.Up(caller.Sleeper)
		d.OK("checkpoint", "create", id, "one")
		d.Becomes(id, ".State.Status", "exited")
		d.OK("start", "--checkpoint", "one", id)
		d.Becomes(id, ".State.Status", "running")
	}},
	{Name: "stop", Do: func(d docker) {
		id := d.Up("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
		d.Logged(id, "ready")
		d.OK("stop", id)
		if s := d.Inspect(id, ".State.ExitCode"); s != "7" || !strings.Contains(d.OK("logs", id), "bye") {
			d.Errorf("after stop: got exit code %s, want 7, and bye in the log", s)
		}
		id = d.Up("trap '' TERM; echo ready; while :; do sleep 0.05; done")
		d.Logged(id, "ready")
		d.OK("stop", "--time", "1", id)
		if s := d.Inspect(id, ".State.ExitCode"); s != "137" {
			d.Errorf("exit code after stop of one that ignores SIGTERM: got %s, want 137", s)
		}
	}},
	{Name: "kill", Do: func(d docker) {
		id := d.Up("trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done")
		d.Logged(id, "ready")
		d.OK("kill", "--signal", "HUP", id)
		d.Logged(id, "hup")
		d.OK("kill", id)
		d.Becomes(id, ".State.ExitCode", "137")
	}},
	{Name: "healthcheck", Do: func(d docker) {
		id := d.Up(caller.Sleeper, "--health-cmd", "test -e /tmp/healthy", "--health-interval", "200ms", "--health-retries", "1")
		d.Becomes(id, ".State.Health.Status", "unhealthy")
		d.OK("exec", id, "touch", "/tmp/healthy")
		d.Becomes(id, ".State.Health.Status", "healthy")
	}},
	{Name: "wait and events", Do: func(d docker) {
		id := d.Up("sleep 0.2; exit 9")
		if s := d.OK("wait", id); s != "9" {
			d.Errorf("wait: got %s, want 9", s)
		}
		text := d.OK("events", "--since", "1m", "--until", "-1s", "--filter", "container="+id, "--format", "{{.Action}}")
		if text != "create\nattach\nstart\ndie" && !strings.HasSuffix(text, "start\ndie") {
			d.Errorf("events: got %q, want start and die last", text)
		}
	}},
	{Name: "shared namespaces", Do: func(d docker) {
		id := d.Up(caller.Sleeper, "--ipc", "shareable", "--hostname", "holder")
		kinds := []string{"pid", "ipc", "net"}
		for _, k := range kinds {
			want := d.OK("exec", id, "readlink", "/proc/1/ns/"+k)
			flag := map[string]string{"pid": "--pid", "ipc": "--ipc", "net": "--network"}[k]
			d.Run(want, "readlink /proc/self/ns/"+k, flag, "container:"+id)
		}
		d.Run("sleep", "grep -o '^sleep' /proc/1/cmdline", "--pid", "container:"+id)
		d.Run("the host's", `[ $(ls -d /proc/[0-9]* | wc -l) -gt 3 ] && echo "the host's"`, "--pid", "host")
	}},
}
