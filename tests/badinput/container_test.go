package badinput

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func pointer[T any](v T) *T { return &v }

// TestRootPath: root.path.
func TestRootPath(t *testing.T) {
	path := func(p string) func(*specs.Spec) { return func(s *specs.Spec) { s.Root.Path = p } }
	for _, r := range []row{
		{name: "no root", spec: func(s *specs.Spec) { s.Root = nil }, want: []string{"root: got nothing"}},
		{name: "no path", spec: path(""), want: []string{"root.path: got nothing"}},
		{name: "missing", spec: path("absent"), want: []string{"root.path", "$BUNDLE/absent", "no such file or directory"}},
		{name: "out of the bundle, and missing", spec: path("../../../absent"), want: []string{"root.path", "/absent", "no such file or directory"}},
		{name: "a file", spec: path("config.json"), want: []string{"root.path", "$BUNDLE/config.json", "not a directory"}},
		{name: "a symlink that leads nowhere", spec: path("link"), set: func(b *kit.Bundle) { os.Symlink("absent", b.Dir+"/link") },
			want: []string{"root.path", "$BUNDLE/link", "$BUNDLE/absent", "no such file or directory"}},
		{name: "a symlink to itself", spec: path("link"), set: func(b *kit.Bundle) { os.Symlink("link", b.Dir+"/link") },
			want: []string{"root.path", "$BUNDLE/link", "too many links"}},
		{name: "a symlink to a file", spec: path("link"), set: func(b *kit.Bundle) { os.Symlink("config.json", b.Dir+"/link") },
			want: []string{"root.path", "$BUNDLE/config.json", "not a directory"}},
		{name: "a symlink to a file, with a user namespace", spec: func(s *specs.Spec) {
			path("link")(s)
			userNamespace(s)
		}, set: func(b *kit.Bundle) { os.Symlink("config.json", b.Dir+"/link") }, want: []string{"root.path", "$BUNDLE/config.json", "not a directory"}},
		{name: "below a magic link", spec: path("/proc/self/cwd/rootfs"), want: []string{"root.path", "/proc/self/cwd/rootfs", "too many levels of symbolic links"}},
	} {
		r.run(t)
	}
}

func userNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 65536}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
}

// TestProcess: process, but for what is run.
func TestProcess(t *testing.T) {
	edit := func(f func(p *specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
	limit := func(l ...specs.POSIXRlimit) func(*specs.Spec) {
		return edit(func(p *specs.Process) { p.Rlimits = l })
	}
	for _, r := range []row{
		{name: "none", spec: func(s *specs.Spec) { s.Process = nil }, want: []string{"process: got nothing"}},
		{name: "no args", spec: edit(func(p *specs.Process) { p.Args = nil }), want: []string{"process.args: got nothing"}},
		{name: "empty args", spec: edit(func(p *specs.Process) { p.Args = []string{} }), want: []string{"process.args: got nothing"}},
		{name: "an empty name", spec: edit(func(p *specs.Process) { p.Args = []string{""} }), want: []string{"process.args[0]: got nothing"}},
		{name: "a relative cwd", spec: edit(func(p *specs.Process) { p.Cwd = "tmp" }), want: []string{`process.cwd: got "tmp", want an absolute path`}},
		{name: "no cwd", spec: edit(func(p *specs.Process) { p.Cwd = "" }), want: []string{"process.cwd: got nothing"}},
		{name: "a cwd that is a file", spec: edit(func(p *specs.Process) { p.Cwd = "/bin/payload" }), want: []string{"process.cwd", "/bin/payload", "not a directory"}},
		{name: "a cwd below a file", spec: edit(func(p *specs.Process) { p.Cwd = "/bin/payload/x" }), want: []string{"process.cwd", "/bin/payload/x", "not a directory"}},
		{name: "the last uid", spec: edit(func(p *specs.Process) { p.User.UID = 1<<32 - 1 }), want: []string{"process.user.uid: got 4294967295"}},
		{name: "the last of other groups", spec: edit(func(p *specs.Process) { p.User.AdditionalGids = []uint32{0, 1<<32 - 1} }),
			want: []string{"process.user.additionalGids[1]: got 4294967295"}},
		{name: "a umask of four digits", spec: edit(func(p *specs.Process) { p.User.Umask = pointer(uint32(0o1000)) }), want: []string{"process.user.umask: got 512"}},
		{name: "an unknown rlimit", spec: limit(specs.POSIXRlimit{Type: "RLIMIT_FOO"}), want: []string{`process.rlimits[0].type: got "RLIMIT_FOO"`}},
		{name: "an rlimit in lower case", spec: limit(specs.POSIXRlimit{Type: "nofile"}), want: []string{`process.rlimits[0].type: got "nofile"`}},
		{name: "an rlimit twice", spec: limit(specs.POSIXRlimit{Type: "RLIMIT_CORE"}, specs.POSIXRlimit{Type: "RLIMIT_CORE"}),
			want: []string{`process.rlimits[1].type: got "RLIMIT_CORE" again`}},
		{name: "a soft limit above the hard", spec: limit(specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 9, Hard: 8}),
			want: []string{"process.rlimits[0].soft: got 9, want at most the hard limit, 8"}},
		{name: "more files than the kernel has", spec: limit(specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 1 << 40, Hard: 1 << 40}),
			want: []string{"process.rlimits[0]", "RLIMIT_NOFILE", "operation not permitted"}},
		{name: "oomScoreAdj", spec: edit(func(p *specs.Process) { p.OOMScoreAdj = pointer(1001) }), want: []string{"process.oomScoreAdj: got 1001"}},
		{name: "consoleSize", spec: edit(func(p *specs.Process) {
			p.Terminal, p.ConsoleSize = true, &specs.Box{Height: 1, Width: 65536}
		}), want: []string{"process.consoleSize", "65536"}},
		{name: "apparmorProfile", spec: edit(func(p *specs.Process) { p.ApparmorProfile = "x" }), want: []string{`process.apparmorProfile: got "x", and no AppArmor in this kernel, want no profile`}},
		{name: "many at once", spec: func(s *specs.Spec) {
			s.Version, s.Process.Cwd, s.Process.Args, s.Root.Path = "", "", nil, ""
		}, want: []string{"$BUNDLE/config.json: 4 problems: ", "ociVersion", "root.path", "process.args", "process.cwd"}},
	} {
		r.run(t)
	}
}

// TestTerminal: process.terminal and where it goes.
func TestTerminal(t *testing.T) {
	terminal := func(s *specs.Spec) { s.Process.Terminal = true }
	create := []string{"create", "--console-socket", "$BUNDLE/sock", "$ID"}
	for _, r := range []row{
		{name: "no console socket", spec: terminal, want: []string{"process.terminal", "--console-socket"}},
		{name: "no console socket, detached", spec: terminal, args: []string{"run", "-d", "$ID"}, want: []string{"process.terminal", "--console-socket"}},
		{name: "a socket that is absent", spec: terminal, args: create, want: []string{"--console-socket", "$BUNDLE/sock", "no such file or directory"}},
		{name: "a socket that is a file", spec: terminal, args: create, set: func(b *kit.Bundle) { os.WriteFile(b.Dir+"/sock", nil, 0o644) },
			want: []string{"--console-socket", "$BUNDLE/sock", "connection refused"}},
		{name: "a socket that nobody listens at", spec: terminal, args: create, set: func(b *kit.Bundle) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: b.Dir + "/sock"})
			if err != nil {
				b.T.Fatalf("listen at the console socket: %v", err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
		}, want: []string{"--console-socket", "$BUNDLE/sock", "connection refused"}},
		{name: "a socket for no terminal", args: create, want: []string{"--console-socket", "process.terminal"}},
		{name: "no devpts", spec: func(s *specs.Spec) {
			terminal(s)
			s.Mounts = s.Mounts[:2]
		}, args: []string{"run", "$ID"}, want: []string{"process.terminal", "open a pseudo-terminal", "no such file or directory"}},
	} {
		r.run(t)
	}
}

// TestWorkload: what is to be run is found out about when it is.
func TestWorkload(t *testing.T) {
	run := []string{"run", "$ID"}
	args := func(args ...string) func(*specs.Spec) { return func(s *specs.Spec) { s.Process.Args = args } }
	file := func(text string, mode os.FileMode) func(*kit.Bundle) {
		return func(b *kit.Bundle) { b.File("/bin/x", text, mode) }
	}
	for _, r := range []row{
		{name: "absent", args: run, spec: args("/bin/x"), want: []string{`process.args: exec "/bin/x": no such file or directory`}},
		{name: "absent from PATH", args: run, spec: args("x"), want: []string{`process.args: exec "x": executable file not found in $PATH`}},
		{name: "a directory", args: run, spec: args("/tmp"), want: []string{"permission denied", "/tmp is a directory"}},
		{name: "below a file", args: run, spec: args("/bin/payload/x"), want: []string{`exec "/bin/payload/x": not a directory`}},
		{name: "not executable", args: run, spec: args("/bin/x"), set: file("", 0o644), want: []string{"permission denied", "not executable (mode 0644)"}},
		{name: "empty", args: run, spec: args("/bin/x"), set: file("", 0o755), want: []string{"exec format error", "is empty"}},
		{name: "text", args: run, spec: args("/bin/x"), set: file("hello\n", 0o755), want: []string{"exec format error", "#!"}},
		{name: "a script without its interpreter", args: run, spec: args("/bin/x"), set: file("#!/bin/absent -e\n", 0o755),
			want: []string{"no such file or directory", "wants the interpreter /bin/absent"}},
		{name: "a symlink to nowhere", args: run, spec: args("/bin/x"), set: func(b *kit.Bundle) { b.Symlink("absent", "/bin/x") },
			want: []string{`exec "/bin/x": no such file or directory`}},
		{name: "absent, found out by create", args: []string{"create", "$ID"}, spec: args("/bin/x"), want: []string{`process.args: exec "/bin/x": no such file or directory`}},
		{name: "a directory, found out by create", args: []string{"create", "$ID"}, spec: args("/tmp"),
			want: []string{`process.args: exec "/tmp": permission denied: /tmp is a directory`}},
		{name: "empty, found out by start", args: []string{"start", "$ID"}, spec: args("/bin/x"), set: file("", 0o755),
			want: []string{`start container "$ID": process.args: exec "/bin/x": exec format error: /bin/x is empty`}},
	} {
		if set := r.set; r.args[0] == "start" {
			r.set = func(b *kit.Bundle) {
				set(b)
				b.OK("create", b.ID)
			}
		}
		r.leaves = r.args[0] == "start"
		r.run(t)
	}
}

// TestHooks: what is wrong with a hook, or with what it does.
func TestHooks(t *testing.T) {
	run := []string{"run", "$ID"}
	hook := func(h specs.Hook) []specs.Hook { return []specs.Hook{h} }
	script := func(text string) func(*kit.Bundle) {
		return func(b *kit.Bundle) {
			if err := os.WriteFile(b.Dir+"/hook", []byte(text), 0o755); err != nil {
				b.T.Fatalf("write the hook: %v", err)
			}
		}
	}
	type edit = func(h *specs.Hooks)
	hooks := func(e edit) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Hooks = new(specs.Hooks)
			e(s.Hooks)
		}
	}
	payload := func(args ...string) specs.Hook {
		return specs.Hook{Path: kit.Payload(), Args: append([]string{"payload"}, args...)}
	}
	inside := func(args ...string) specs.Hook {
		h := payload(args...)
		h.Path = kit.PayloadPath
		return h
	}
	slow := payload("sleep", "forever")
	slow.Timeout = pointer(1)
	for _, r := range []row{
		{name: "a relative path", spec: hooks(func(h *specs.Hooks) { h.Poststop = hook(specs.Hook{Path: "hook"}) }),
			want: []string{`hooks.poststop[0].path: got "hook", want an absolute path`}},
		{name: "no timeout at all", spec: hooks(func(h *specs.Hooks) { h.Poststart = hook(specs.Hook{Path: "/x", Timeout: pointer(0)}) }),
			want: []string{"hooks.poststart[0].timeout: got 0"}},
		{name: "createRuntime absent", spec: hooks(func(h *specs.Hooks) { h.CreateRuntime = hook(specs.Hook{Path: "/absent"}) }),
			want: []string{"hooks.createRuntime[0]: /absent: no such file or directory"}},
		{name: "createRuntime not executable", spec: hooks(func(h *specs.Hooks) { h.CreateRuntime = hook(specs.Hook{Path: "/etc/passwd"}) }),
			want: []string{"hooks.createRuntime[0]: /etc/passwd: permission denied"}},
		{name: "createRuntime a directory", spec: hooks(func(h *specs.Hooks) { h.CreateRuntime = hook(specs.Hook{Path: "/etc"}) }),
			want: []string{"hooks.createRuntime[0]: /etc: permission denied"}},
		{name: "createRuntime fails", spec: hooks(func(h *specs.Hooks) { h.CreateRuntime = hook(payload("exit", "3")) }),
			want: []string{"hooks.createRuntime[0]", "exit status 3"}},
		{name: "the second prestart fails, and says why", set: func(b *kit.Bundle) {
			script("#!/bin/sh\necho no such widget >&2; echo 'a \"second\" line'; exit 1\n")(b)
			b.Edit(hooks(func(h *specs.Hooks) { //nolint:staticcheck // prestart is deprecated, and in use
				h.Prestart = append(hook(payload("true")), specs.Hook{Path: b.Dir + "/hook"}) //nolint:staticcheck // as above
			}))
		}, want: []string{"hooks.prestart[1]: $BUNDLE/hook: exit status 1", `no such widget`, `a "second" line`}},
		{name: "createRuntime out of time", spec: hooks(func(h *specs.Hooks) { h.CreateRuntime = hook(slow) }),
			want: []string{"hooks.createRuntime[0]", "timeout of 1 s", "connection timed out"}},
		{name: "createContainer absent", spec: hooks(func(h *specs.Hooks) { h.CreateContainer = hook(specs.Hook{Path: "/absent"}) }),
			want: []string{"hooks.createContainer[0]: /absent", "no such file or directory"}},
		{name: "createContainer not executable", spec: hooks(func(h *specs.Hooks) { h.CreateContainer = hook(specs.Hook{Path: "/etc/passwd"}) }),
			want: []string{"hooks.createContainer[0]: /etc/passwd", "permission denied"}},
		{name: "createContainer fails, and says why", set: func(b *kit.Bundle) {
			script("#!/bin/sh\necho no such widget >&2; echo again; exit 1\n")(b)
			b.Edit(hooks(func(h *specs.Hooks) { h.CreateContainer = hook(specs.Hook{Path: b.Dir + "/hook"}) }))
		}, want: []string{"hooks.createContainer[0]: $BUNDLE/hook: exit status 1: no such widget; again"}},
		{name: "createContainer fails, and leaves a process that holds its output", set: func(b *kit.Bundle) {
			script("#!/bin/sh\n" + kit.Payload() + " sleep forever &\necho no such widget; exit 1\n")(b)
			b.Edit(hooks(func(h *specs.Hooks) { h.CreateContainer = hook(specs.Hook{Path: b.Dir + "/hook"}) }), without(specs.PIDNamespace))
		}, want: []string{"hooks.createContainer[0]: $BUNDLE/hook: exit status 1: no such widget"}},
		{name: "createContainer out of time", spec: hooks(func(h *specs.Hooks) { h.CreateContainer = hook(slow) }),
			want: []string{"hooks.createContainer[0]", "timeout"}},
		{name: "startContainer absent", args: run, spec: hooks(func(h *specs.Hooks) { h.StartContainer = hook(specs.Hook{Path: "/absent"}) }),
			want: []string{"hooks.startContainer[0]: /absent", "no such file or directory"}},
		{name: "startContainer fails", args: run, spec: hooks(func(h *specs.Hooks) { h.StartContainer = hook(inside("exit", "4")) }),
			want: []string{"hooks.startContainer[0]: /bin/payload: exit status 4"}},
		{name: "startContainer fails, found out by start", args: []string{"start", "$ID"}, leaves: true,
			set: func(b *kit.Bundle) {
				b.Edit(hooks(func(h *specs.Hooks) { h.StartContainer = hook(inside("exit", "4")) }))
				b.OK("create", b.ID)
			}, want: []string{"hooks.startContainer[0]: /bin/payload: exit status 4"}},
		{name: "poststart fails", args: run, spec: hooks(func(h *specs.Hooks) { h.Poststart = hook(payload("exit", "5")) }),
			want: []string{"hooks.poststart[0]", "exit status 5"}},
	} {
		r.run(t)
	}
}

func without(t specs.LinuxNamespaceType) func(*specs.Spec) {
	return linux(func(l *specs.Linux) {
		l.Namespaces = slices.DeleteFunc(l.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == t })
	})
}

// TestNames: hostname and domainname.
func TestNames(t *testing.T) {
	for _, r := range []row{
		{name: "a hostname of 65 bytes", spec: func(s *specs.Spec) { s.Hostname = strings.Repeat("h", 65) }, want: []string{"hostname: got 65 bytes, want at most 64"}},
		{name: "a domainname of 65 bytes", spec: func(s *specs.Spec) { s.Domainname = strings.Repeat("d", 65) }, want: []string{"domainname: got 65 bytes, want at most 64"}},
		{name: "a hostname for the host", spec: without(specs.UTSNamespace), want: []string{"hostname", "without a uts namespace"}},
		{name: "mounts for the host", spec: without(specs.MountNamespace), want: []string{"mounts", "without a mount namespace"}},
	} {
		r.run(t)
	}
}
