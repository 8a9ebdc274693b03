package podman

import (
	"os/exec"
	"strings"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

type checks = []caller.Check[podman]

func TestPodman(t *testing.T) {
	kit.Rooted(t)
	if _, err := exec.LookPath("podman"); err != nil {
		t.Fatalf("find podman: %v", err)
	}
	all := caller.EngineChecks(func(p podman) caller.Engine { return p.Engine })
	for _, list := range []checks{runChecks, processChecks, liveChecks, endChecks, limitChecks, fileChecks, imageChecks, namespaceChecks, networkChecks, podChecks} {
		all = append(all, list...)
	}
	caller.Compare(t, "Podman 4.3", start, all)
}

// ends runs something in a container that has to end with a code, and Podman to say something.
func (p podman) ends(code int, text string, args ...string) {
	p.Fails(code, text, p.Container(append([]string{"--rm"}, args...)...)...)
}

// other is Podman that has the runtime by another name, to which it gives no log: what the runtime writes is on the container's
// standard error.
func (p podman) other() podman {
	p.Program.Args = append(p.Args[:len(p.Args)-1:len(p.Args)-1], "other")
	return p
}

var runChecks = checks{
	{Name: "run", Do: func(p podman) {
		p.Run("out\n0\n/\nimage\npodman", "echo out; id -u; pwd; echo $FROM; echo $container")
		o := p.Try(p.Container("--rm", "bb", "sh", "-c", "echo out; echo err >&2; exit 3")...)
		if o.Out != "out\n" || o.Err != "err\n" || o.Code != 3 {
			p.Errorf("%v: want exit code 3, stdout %q, stderr %q", o, "out\n", "err\n")
		}
	}},
	{Name: "runtime by its name", Do: func(p podman) {
		named := p.other()
		named.Run("out", "echo out")
		id := named.Up(caller.Sleeper)
		if s := named.Inspect(id, ".OCIRuntime"); s != "other" {
			p.Errorf("OCIRuntime: got %q, want other", s)
		}
		p.Want(0, "in", "exec", id, "echo", "in") // by whatever runtime made it
		if s := p.OK("info", "--format", "{{.Host.OCIRuntime.Path}}"); s != p.Runtime.Path {
			p.Errorf("runtime in info: got %q, want %q", s, p.Runtime.Path)
		}
		if s := p.OK("info", "--format", "{{.Host.OCIRuntime.Version}}"); !strings.HasPrefix(s, p.Runtime.Name+" version") {
			p.Errorf("version in info: got %q, want %q first", s, p.Runtime.Name+" version")
		}
	}},
	{Name: "standard error, without a log", Do: func(p podman) { p.other().Apart() }},
	{Name: "exit codes", Do: func(p podman) {
		p.ends(0, "", "bb", "true")
		p.ends(42, "", "bb", "sh", "-c", "exit 42")
		p.ends(137, "", "bb", "sh", "-c", "sh -c 'kill -KILL $$'; exit $?")
		p.ends(143, "", "--init", "bb", "sh", "-c", "kill -TERM $$")
		p.Fails(125, "unknown flag", "run", "--nothing", "bb")
		p.ends(125, "image not known", "--pull=never", "nothing")
		p.ends(127, `"nothing": executable file not found in $PATH`, "bb", "nothing")
		p.ends(127, "no such file or directory", "bb", "/bin/nothing")
		p.ends(126, "permission denied", "bb", "/etc/passwd")
		p.ends(126, "permission denied", "bb", "/etc")
		p.ends(126, "unable to find user nobodyx", "--user", "nobodyx", "bb", "true")
		p.Fails(127, "attempted to invoke a command that was not found", p.Container("--name", "kept", "bb", "nothing")...)
		if s := p.Inspect("kept", ".State.Status"); s != "created" {
			p.Errorf("status of a container that cannot run: got %s, want created", s)
		}
	}},
	{Name: "attach", Do: func(p podman) {
		id := p.OK(p.Container("--detach", "-it", "bb", "sh")...)
		term := p.OnTerminal(p.T, "attach", "--detach-keys", "ctrl-q", id)
		term.Type("echo a$((40+2))\n")
		term.Expect("a42")
		term.Type("\x11") // away from it, and it stays
		if code := term.End(); code != 0 {
			p.Errorf("exit code of a detached attach: got %d, want 0: %q", code, term.Screen())
		}
		p.Becomes(id, ".State.Status", "running")
	}},
	{Name: "environment and names", Do: func(p podman) {
		p.Run("two words, flag", "echo $A, $FROM", "-e", "A=two words", "-e", "FROM=flag")
		file := p.File("env", "A=of a file\n", 0o644)
		p.Run("of a file", "echo $A", "--env-file", file)
		p.Run("box", "hostname", "--hostname", "box")
		p.Run("1", "grep -c '^1.2.3.4.*name' /etc/hosts", "--add-host", "name:1.2.3.4")
		p.Run("/home", "pwd", "--workdir", "/home")
		p.ends(126, `workdir "/a/new" does not exist`, "--workdir", "/a/new", "bb", "pwd")
		p.Want(0, "entry x", p.Container("--rm", "--entrypoint", "echo", "bb", "entry", "x")...)
	}},
	{Name: "preserved file descriptors", Do: func(p podman) {
		sh := p
		sh.Program.Args = append([]string{"/bin/sh", "-c", `exec "$@" 3</etc/subuid`, "sh"}, p.Args...)
		sh.Run("containers:300000:65536", "cat <&3", "--preserve-fds", "1")
	}},
}
