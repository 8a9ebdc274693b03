package containerd

import (
	"strings"

	"teu/tests/clients/caller"
)

var execChecks = checks{
	{Name: "exec", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		o := c.do(c.exec(id, nil, "sh", "-c", "echo in; grep -o ^sleep /proc/1/cmdline; echo $FROM; echo err >&2")...)
		if o.Code != 0 || o.Out != "in\nsleep\nimage\n" || o.Err != "err\n" {
			c.Errorf("%v: want exit code 0, stdout %q, stderr %q", o, "in\nsleep\nimage\n", "err\n")
		}
		c.inside(id, "/tmp", "pwd", "--cwd", "/tmp")
		c.inside(id, "in the container's", "grep -q '/"+id+"$' /proc/self/cgroup && echo \"in the container's\"")
		o = c.Do(c.T, strings.NewReader("one\ntwo\n"), c.exec(id, nil, "cat")...)
		if o.Code != 0 || o.Out != "one\ntwo\n" {
			c.Errorf("%v: want exit code 0, stdout %q", o, "one\ntwo\n")
		}
	}},
	{Name: "exec, user", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		const script = "id -u; id -g; grep CapEff /proc/self/status"
		c.inside(id, "1000\n100\nCapEff:\t0000000000000000", script, "--user", "1000:100")
		c.inside(id, "1000\n100\nCapEff:\t0000000000000000", script, "--user", "user")
		c.fails("no users found", c.exec(id, []string{"--user", "nobodyx"}, "true")...)
	}},
	{Name: "exec, exit codes", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		c.want(7, "", c.exec(id, nil, "sh", "-c", "exit 7")...)
		c.want(137, "", c.exec(id, nil, "sh", "-c", "kill -KILL $$")...)
		c.fails(`"nothing": executable file not found in $PATH`, c.exec(id, nil, "nothing")...)
		c.fails("no such file or directory", c.exec(id, nil, "/bin/nothing")...)
		c.fails("permission denied", c.exec(id, nil, "/etc/passwd")...)
		c.inside(id, "still there", "echo still there")
	}},
	{Name: "exec, terminal", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		c.terminal(c.exec(id, []string{"--tty"}, "sh", "-c", onTerminal))
	}},
	{Name: "exec, detached and killed", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		c.ok("task", "exec", "--detach", "--exec-id", "one", id, "sleep", "999")
		caller.Until(c.T, "it runs", func() bool { return strings.Contains(c.ok(c.exec(id, nil, "ps")...), "sleep 999") })
		c.ok("task", "kill", "--exec-id", "one", "--signal", "KILL", id)
		caller.Until(c.T, "it has ended", func() bool { return !strings.Contains(c.ok(c.exec(id, nil, "ps")...), "sleep 999") })
		if o := c.do("task", "delete", "--exec-id", "one", id); o.Code != 137 && !strings.Contains(o.Err, "137") {
			c.Errorf("%v: want exit code 137, or that in stderr", o)
		}
	}},
	{Name: "exec, output whole", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		o := c.do(c.exec(id, nil, "sh", "-c", "dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x")...)
		if o.Code != 0 || len(o.Out) != 1<<20 {
			c.Errorf("whole output: got exit code %d, %d bytes; want 0, %d", o.Code, len(o.Out), 1<<20)
		}
	}},
	{Name: "exec, eight in parallel", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		for _, o := range caller.Parallel(c.T, 8, func(t *caller.T) caller.Outcome {
			own := c.With(t)
			return own.do(own.exec(id, nil, "sh", "-c", "echo out; exit 6")...)
		}) {
			if o.Code != 6 || o.Out != "out\n" {
				c.Errorf("%v: want exit code 6, stdout %q", o, "out\n")
			}
		}
	}},
}
