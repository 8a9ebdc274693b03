package podman

import (
	"strings"
	"syscall"
	"time"

	"teu/tests/clients/caller"
)

var liveChecks = checks{
	{Name: "exec", Do: func(p podman) {
		id := p.Up(caller.Sleeper)
		p.Want(0, "in\n0\nsleep", "exec", id, "sh", "-c", "echo in; id -u; grep -o '^sleep' /proc/1/cmdline")
		p.Want(3, "", "exec", id, "sh", "-c", "exit 3")
		p.Want(137, "", "exec", id, "sh", "-c", "kill -KILL $$")
		p.Want(0, "1000\n/tmp\nb", "exec", "-u", "1000", "-w", "/tmp", "-e", "A=b", id, "sh", "-c", "id -u; pwd; echo $A")
		p.Want(0, "uid=1000(user) gid=29(audio)", "exec", "-u", "user:audio", id, "id")
		p.Fails(127, "executable file not found in $PATH", "exec", id, "nothing")
		p.Fails(127, "no such file or directory", "exec", id, "/bin/nothing")
		p.Fails(126, "permission denied", "exec", id, "/etc/passwd")
		if o := p.Do(p.T, strings.NewReader("typed"), "exec", "-i", id, "cat"); o.Out != "typed" {
			p.Errorf("%v: want stdout %q", o, "typed")
		}
	}},
	{Name: "exec, detached", Do: func(p podman) {
		id := p.Up(caller.Sleeper)
		p.OK("exec", "-d", id, "sh", "-c", "echo >/tmp/detached; exec sleep 999")
		caller.Until(p.T, "the detached process has run", func() bool { return p.Try("exec", id, "ls", "/tmp/detached").Code == 0 })
	}},
	{Name: "exec, terminal", Do: func(p podman) {
		id := p.Up(caller.Sleeper)
		term := p.OnTerminal(p.T, "exec", "-it", id, "sh", "-c", "tty; "+caller.Sized+"; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done")
		term.Expect("/dev/pts/0\nsized\nready")
		term.Resize(44, 111)
		if code := term.End(); code != 4 || !strings.Contains(term.Screen(), "44 111") {
			p.Errorf("exec on a resized terminal: got exit code %d and %q, want 4 and 44 111", code, term.Screen())
		}
	}},
	{Name: "exec, privileged", Do: func(p podman) {
		id := p.Up(caller.Sleeper)
		p.Want(0, "more", "exec", "--privileged", id, "sh", "-c", "grep -qE 'CapEff.*00000000(a80425fb|800405fb)' /proc/self/status || echo more")
		p.Want(0, "0000000000000000", "exec", "--user", "1000", id, "sh", "-c", "grep CapEff /proc/self/status | cut -f2")
	}},
	{Name: "logs", Do: func(p podman) {
		id := p.Up("echo out; echo err >&2; printf 'no newline'")
		p.Becomes(id, ".State.Status", "exited")
		if o := p.Try("logs", id); o.Out != "out\nno newline\n" && o.Out != "out\nno newline" || o.Err != "err\n" {
			p.Errorf("%v: want stdout out and no newline, stderr %q", o, "err\n")
		}
	}},
	{Name: "ps, inspect and stats", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--name", "target", "--memory", "64m", "--label", "a=b")
		text := p.OK("ps", "--no-trunc", "--filter", "label=a=b", "--format", "{{.ID}} {{.Names}} {{.Status}}")
		if !strings.HasPrefix(text, id+" target Up ") {
			p.Errorf("ps: got %q, want %q first", text, id+" target Up ")
		}
		if s := p.Inspect(id, ".OCIRuntime"); s != p.Runtime.Path {
			p.Errorf("OCIRuntime: got %s, want %s", s, p.Runtime.Path)
		}
		pid := p.Inspect(id, ".State.Pid")
		if s := p.OK("top", id, "hpid"); !strings.Contains(s+"\n", "\n"+pid+"\n") {
			p.Errorf("top: got %q, want the pid %s in it", s, pid)
		}
		text = p.OK("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", id)
		if !strings.HasSuffix(text, "B / 67.11MB 1") || strings.HasPrefix(text, "0B") {
			p.Errorf("stats: got %q, want some memory of 67.11MB, and 1 process", text)
		}
	}},
	{Name: "top", Do: func(p podman) {
		id := p.Up("sleep 999 & exec sleep 1000")
		caller.Until(p.T, "both are listed", func() bool {
			text := p.OK("top", id)
			return strings.Contains(text, "sleep 999") && strings.Contains(text, "sleep 1000")
		})
		text := p.OK("top", id, "pid", "comm")
		if lines := strings.Split(text, "\n"); len(lines) != 3 || strings.Fields(lines[0])[0] != "PID" {
			p.Errorf("top pid comm: got %q, want 3 lines, PID first", text)
		}
	}},
	{Name: "pause and unpause", Do: func(p podman) {
		id := p.Up("while :; do echo tick; sleep 0.05; done")
		p.Logged(id, "tick")
		p.OK("pause", id)
		if s := p.Inspect(id, ".State.Status"); s != "paused" {
			p.Errorf("status after pause: got %s, want paused", s)
		}
		p.Fails(255, "container state improper", "exec", id, "true")
		before := len(p.OK("logs", id))
		time.Sleep(200 * time.Millisecond) // in which it would have ticked
		if after := len(p.OK("logs", id)); after != before {
			p.Errorf("bytes of output while it is paused: got %d, want %d as before", after, before)
		}
		p.OK("unpause", id)
		caller.Until(p.T, "it goes on", func() bool { return len(p.OK("logs", id)) > before })
		p.OK("pause", id)
		p.OK("rm", "--force", "--time", "0", id)
	}},
	{Name: "healthcheck", Do: func(p podman) {
		id := p.Up(caller.Sleeper, "--health-cmd", "test -e /tmp/healthy", "--health-interval", "disable", "--health-retries", "1")
		p.Want(1, "unhealthy", "healthcheck", "run", id)
		if s := p.Inspect(id, ".State.Health.Status"); s != "unhealthy" {
			p.Errorf("health status: got %s, want unhealthy", s)
		}
		p.OK("exec", id, "touch", "/tmp/healthy")
		p.OK("healthcheck", "run", id)
		if s := p.Inspect(id, ".State.Health.Status"); s != "healthy" {
			p.Errorf("health status: got %s, want healthy", s)
		}
	}},
}

// graceful is a script that ends with 7 when it is asked to end.
const graceful = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"

var endChecks = checks{
	{Name: "stop", Do: func(p podman) {
		id := p.Up(graceful)
		p.Logged(id, "ready")
		p.OK("stop", id)
		if s := p.Inspect(id, ".State.ExitCode"); s != "7" || !strings.Contains(p.OK("logs", id), "bye") {
			p.Errorf("after stop: got exit code %s, want 7, and bye in the log", s)
		}
		id = p.Up("trap 'exit 8' USR1; echo ready; while :; do sleep 0.05; done", "--stop-signal", "USR1")
		p.Logged(id, "ready")
		p.OK("stop", id)
		if s := p.Inspect(id, ".State.ExitCode"); s != "8" {
			p.Errorf("exit code after stop by another signal: got %s, want 8", s)
		}
	}},
	{Name: "stop, ignored", Do: func(p podman) {
		id := p.Up("trap '' TERM; echo ready; while :; do sleep 0.05; done")
		p.Logged(id, "ready")
		p.OK("stop", "--time", "1", id)
		if s := p.Inspect(id, ".State.ExitCode"); s != "137" {
			p.Errorf("exit code after stop of one that ignores SIGTERM: got %s, want 137", s)
		}
	}},
	{Name: "kill", Do: func(p podman) {
		id := p.Up("trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done")
		p.Logged(id, "ready")
		p.OK("kill", "--signal", "HUP", id)
		p.Logged(id, "hup")
		p.OK("kill", id)
		p.Becomes(id, ".State.ExitCode", "137")
		p.Becomes(id, ".State.Status", "exited")
		p.Fails(125, "container state improper", "kill", id)
	}},
	{Name: "signals through run", Do: func(p podman) {
		for try := 1; ; try++ {
			c, cancel := p.Command(p.Container("--name", "proxy", "bb", "sh", "-c", graceful)...)
			defer cancel()
			p.Check(c.Start())
			caller.Until(p.T, "it runs", func() bool { return strings.Contains(p.Try("logs", "proxy").Out, "ready") })
			// Podman passes signals on from a moment after the start. By one that comes before it ends itself, with 0.
			time.Sleep(time.Duration(try) * 200 * time.Millisecond)
			p.Check(c.Process.Signal(syscall.SIGTERM))
			c.Wait()
			if try < 6 && p.Inspect("proxy", ".State.Running") == "true" {
				p.OK("rm", "--force", "--time", "0", "proxy")
				continue
			}
			p.Logged("proxy", "bye")
			if code := c.ProcessState.ExitCode(); code != 7 {
				p.Errorf("exit code of run after the signal: got %d, want 7", code)
			}
			return
		}
	}},
	{Name: "wait and events", Do: func(p podman) {
		id := p.Up("sleep 0.2; exit 9")
		if s := p.OK("wait", id); s != "9" {
			p.Errorf("wait: got %s, want 9", s)
		}
		p.OK("wait", "--condition", "exited", id)
		text := p.OK("events", "--stream=false", "--filter", "container="+id, "--format", "{{.Status}}")
		if !strings.HasPrefix(text, "create\ninit\nstart\ndied") {
			p.Errorf("events: got %q, want create, init, start, died first", text)
		}
		text = p.OK("events", "--stream=false", "--filter", "container="+id, "--filter", "event=died", "--format", "{{.ContainerExitCode}}")
		if text != "9" {
			p.Errorf("exit code of the event: got %q, want 9", text)
		}
	}},
	{Name: "removed by force", Do: func(p podman) {
		id := p.Up("trap '' TERM; sleep 999 & while :; do sleep 0.05; done")
		p.Fails(2, "cannot remove", "rm", id)
		p.OK("rm", "--force", "--time", "0", id)
		p.Want(1, "", "container", "exists", id)
		p.OK("rm", "--force", "--ignore", id)
	}},
	{Name: "created, then started", Do: func(p podman) {
		id := p.OK(append([]string{"create"}, append(p.Flags, "bb", "sh", "-c", "echo out; exit 4")...)...)
		if s := p.Inspect(id, ".State.Status"); s != "created" {
			p.Errorf("status after create: got %s, want created", s)
		}
		p.OK("init", id)
		if s := p.Inspect(id, ".State.Status"); s != "initialized" {
			p.Errorf("status after init: got %s, want initialized", s)
		}
		p.Want(4, "out", "start", "--attach", id)
		p.Want(4, "out", "start", "--attach", id)
	}},
}
