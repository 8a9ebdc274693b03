package containerd

import (
	"os"
	"strings"
	"time"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

// ticker is the script of a container that says something all the time.
const ticker = "while :; do echo tick; sleep 0.05; done"

// trapping is a script that is ready to end with 7 on SIGTERM.
const trapping = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"

var liveChecks = checks{
	{Name: "detach, kill, delete", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		if _, status := c.task(id); status != "RUNNING" {
			c.Errorf("status after run: got %s, want RUNNING", status)
		}
		if o := c.ok("container", "info", id); !strings.Contains(o, `"ID": "`+id+`"`) {
			c.Errorf("info: got %s, want the ID %s in it", o, id)
		}
		c.ok("task", "kill", "--signal", "SIGKILL", id)
		if code := c.ended(id); code != "137" {
			c.Errorf("exit code after SIGKILL: got %s, want 137", code)
		}
		if _, status := c.task(id); status != "none" {
			c.Errorf("status at the end: got %s, want none", status)
		}
		c.ok("container", "delete", id)
		if left := kit.Left(id + " "); len(left) > 0 {
			c.Errorf("left: %q, want nothing", left)
		}
	}},
	{Name: "pid file", Do: func(c ctr) {
		file := c.Dir + "/pid"
		id := c.up(caller.Sleeper, "--pid-file", file)
		text, err := os.ReadFile(file)
		c.Check(err)
		pid, _ := c.task(id)
		if args, err := os.ReadFile("/proc/" + pid + "/cmdline"); string(text) != pid || err != nil || !strings.Contains(string(args), "sleep") {
			c.Errorf("pid file: got %q, want %s of the task, whose command line is %q, %v", text, pid, args, err)
		}
	}},
	{Name: "kill", Do: func(c ctr) {
		id := c.up("trap 'echo hup' HUP; " + trapping)
		c.logged(id, "ready")
		c.ok("task", "kill", "--signal", "HUP", id)
		c.logged(id, "hup")
		c.ok("task", "kill", id) // SIGTERM
		if code := c.ended(id); code != "7" || !strings.HasSuffix(c.output(id), "bye\n") {
			c.Errorf("after SIGTERM: got exit code %s, output %q; want 7, bye last", code, c.output(id))
		}
		c.fails("not found", "task", "kill", id)
		// Nothing is done by default for the first process of a pid namespace.
		id = c.up(caller.Sleeper)
		c.ok("task", "kill", "--signal", "USR1", id)
		c.ok("task", "kill", id)
		c.inside(id, "sleep", "grep -o '^sleep' /proc/1/cmdline")
	}},
	{Name: "kill --all", Do: func(c ctr) {
		id := c.up("(trap 'echo one' USR2; while :; do sleep 0.05; done) & (trap 'echo two' USR2; while :; do sleep 0.05; done) & trap 'echo three' USR2; sleep 0.5; echo ready; while :; do sleep 0.05; done")
		c.logged(id, "ready")
		c.ok("task", "kill", "--all", "--signal", "USR2", id)
		for _, who := range []string{"one", "two", "three"} {
			c.logged(id, who)
		}
		c.ok("task", "kill", "--all", "--signal", "KILL", id)
		if code := c.ended(id); code != "137" {
			c.Errorf("exit code after kill --all: got %s, want 137", code)
		}
	}},
	{Name: "processes end with the first", Do: func(c ctr) {
		id := c.up("setsid sleep 999 & echo ready; sleep 0.1; exit 4")
		if code := c.ended(id); code != "4" {
			c.Errorf("exit code: got %s, want 4", code)
		}
		for _, l := range kit.Left(id) {
			if strings.HasPrefix(l, "process") && strings.Contains(l, "sleep") {
				c.Errorf("left: %s, want it ended with the first", l)
			}
		}
	}},
	{Name: "pause and resume", Do: func(c ctr) {
		id := c.up(ticker)
		c.logged(id, "tick")
		c.ok("task", "pause", id)
		if _, status := c.task(id); status != "PAUSED" {
			c.Errorf("status after pause: got %s, want PAUSED", status)
		}
		time.Sleep(200 * time.Millisecond) // what it had written arrives
		before := len(c.output(id))
		c.fails("paused", c.exec(id, nil, "true")...)
		time.Sleep(200 * time.Millisecond) // in which it would have ticked
		if after := len(c.output(id)); after != before {
			c.Errorf("bytes of output while it is paused: got %d, want %d as before", after, before)
		}
		c.ok("task", "resume", id)
		caller.Until(c.T, "it goes on", func() bool { return len(c.output(id)) > before })
		if _, status := c.task(id); status != "RUNNING" {
			c.Errorf("status after resume: got %s, want RUNNING", status)
		}
	}},
	{Name: "attach", Do: func(c ctr) {
		id := c.id()
		c.ok(c.args([]string{"--detach"}, id, "sh", "-c", "trap 'exit 8' TERM; "+ticker)...)
		term := c.OnTerminal(c.T, "task", "attach", id)
		term.Expect("tick")
		c.ok("task", "kill", id)
		if code := term.End(); code != 8 {
			c.Errorf("exit code of attach: got %d, want 8: %q", code, term.Screen())
		}
	}},
	{Name: "attach to a terminal", Do: func(c ctr) {
		id := c.id()
		term := c.OnTerminal(c.T, c.args([]string{"--detach", "--tty"}, id, "sh")...)
		if code := term.End(); code != 0 {
			c.Fatalf("exit code of run --detach: got %d, want 0: %q", code, term.Screen())
		}
		term = c.OnTerminal(c.T, "task", "attach", id)
		term.Type("stty size; echo a$((40+2))\n")
		term.Expect("a42")
		term.Resize(44, 111)
		term.Type("until stty size | grep 44; do sleep 0.05; done; exit 6\n")
		term.Expect("44 111")
		if code := term.End(); code != 6 {
			c.Errorf("exit code of attach to a terminal: got %d, want 6: %q", code, term.Screen())
		}
	}},
	{Name: "processes", Do: func(c ctr) {
		id := c.up("sleep 998 & exec sleep 1000")
		c.ok("task", "exec", "--detach", "--exec-id", "another", id, "sleep", "999")
		caller.Until(c.T, "three are listed", func() bool { return strings.Count(c.ok("task", "ps", id), "\n") == 3 })
		pid, _ := c.task(id)
		text := c.ok("task", "ps", id)
		if !strings.Contains(text, "\n"+pid+" ") || !strings.Contains(text, "another") {
			c.Errorf("task ps: got %q, want the task's %s and another", text, pid)
		}
	}},
}
