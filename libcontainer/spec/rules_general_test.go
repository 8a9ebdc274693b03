package spec

import (
	"math"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func generalRules() []rule {
	return []rule{
		{
			name: "no version",
			bad:  version(""),
			want: []string{`ociVersion: got nothing, want a version as "1.3.0"`},
			good: version("1.0.0"),
		},
		{
			name: "version of two parts",
			bad:  version("1.0"),
			want: []string{`ociVersion: got "1.0", want a version as "1.3.0"`},
			good: version("1.0.2-dev"),
		},
		{
			name: "leading zero",
			bad:  version("1.00.0"),
			want: []string{`ociVersion: got "1.00.0", want a version as "1.3.0"`},
			good: version("1.1.0+dev.0a-b"),
		},
		{
			name: "pre-release with a zero",
			bad:  version("1.0.0-rc.01"),
			want: []string{`ociVersion: got "1.0.0-rc.01", want a version as "1.3.0"`},
			good: version("1.0.0-rc.0.1a"),
		},
		{
			name: "empty build",
			bad:  version("1.0.0+"),
			want: []string{`ociVersion: got "1.0.0+", want a version as "1.3.0"`},
			good: version("1.0.0+00-1"),
		},
		{
			name: "v in front",
			bad:  version("v1.0.0"),
			want: []string{`ociVersion: got "v1.0.0", want a version as "1.3.0"`},
			good: version("1.2.1"),
		},
		{
			name: "odd letter",
			bad:  version("1.0.0-a_b"),
			want: []string{`ociVersion: got "1.0.0-a_b", want a version as "1.3.0"`},
			good: none,
		},
		{
			name: "unknown major",
			bad:  version("2.0.0"),
			want: []string{`ociVersion: got "2.0.0", want a 1.x version`},
			good: version("1.3.9"),
		},
		{
			name: "later minor",
			bad:  version("1.4.0"),
			warn: []string{`ociVersion: got "1.4.0", want at most 1.3.0: what later versions add is ignored`},
			good: version("1.3.0"),
		},
		{
			name: "much later minor",
			bad:  version("1.10.0"),
			warn: []string{`ociVersion: got "1.10.0", want at most 1.3.0: what later versions add is ignored`},
			good: none,
		},
		{
			name: "no root",
			bad:  func(s *specs.Spec) { s.Root = nil },
			want: []string{"root: got nothing, want an object with the path of the root filesystem"},
			good: none,
		},
		{
			name: "root without path",
			bad:  func(s *specs.Spec) { s.Root.Path = "" },
			want: []string{"root.path: got nothing, want the path of the root filesystem"},
			good: func(s *specs.Spec) { s.Root.Path = "/srv/r" },
		},
		{
			name: "hostname of the host",
			bad:  drop("uts"),
			want: []string{`hostname: got "runc" without a uts namespace of its own, want one in linux.namespaces`},
			good: all(drop("uts"), func(s *specs.Spec) { s.Hostname = "" }),
		},
		{
			name: "hostname without linux",
			bad: func(s *specs.Spec) {
				*s = specs.Spec{Version: "1.0.0", Root: s.Root, Process: s.Process, Hostname: "a"}
				s.Root.Readonly, s.Process.Terminal = false, false
			},
			want: []string{`hostname: got "a" without a uts namespace of its own, want one in linux.namespaces`},
			good: func(s *specs.Spec) {
				*s = specs.Spec{Version: "1.0.0", Root: s.Root, Process: s.Process}
				s.Root.Readonly, s.Process.Terminal = false, false
			},
		},
		{
			name: "domainname of the host",
			bad:  all(drop("uts"), func(s *specs.Spec) { s.Hostname, s.Domainname = "", "d" }),
			want: []string{`domainname: got "d" without a uts namespace of its own, want one in linux.namespaces`},
			good: func(s *specs.Spec) { s.Domainname = "d" },
		},
		{
			name: "long hostname",
			bad:  func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 65) },
			want: []string{"hostname: got 65 bytes, want at most 64"},
			good: func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 64) },
		},
		{
			name: "empty annotation",
			bad:  func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} },
			want: []string{"annotations: got an empty key, want names in reverse domain notation"},
			good: func(s *specs.Spec) { s.Annotations = map[string]string{"x": ""} },
		},
		{
			name: "hook with a relative path",
			bad: func(s *specs.Spec) {
				h := []specs.Hook{{Path: "/ok"}, {Path: "sh"}}
				s.Hooks = &specs.Hooks{
					Prestart:        h,
					CreateRuntime:   h,
					CreateContainer: h,
					StartContainer:  h,
					Poststart:       h,
					Poststop:        h,
				}
			},
			want: []string{
				`hooks.prestart[1].path: got "sh", want an absolute path`,
				`hooks.createRuntime[1].path: got "sh", want an absolute path`,
				`hooks.createContainer[1].path: got "sh", want an absolute path`,
				`hooks.startContainer[1].path: got "sh", want an absolute path`,
				`hooks.poststart[1].path: got "sh", want an absolute path`,
				`hooks.poststop[1].path: got "sh", want an absolute path`,
			},
			good: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh"}}} },
		},
		{
			name: "hook without time",
			bad:  func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/a", Timeout: p(0)}}} },
			want: []string{"hooks.poststop[0].timeout: got 0, want a number of seconds greater than 0"},
			good: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/a", Timeout: p(1)}}} },
		},
	}
}

func processRules() []rule {
	proc := func(f func(*specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
	limits := func(l ...specs.POSIXRlimit) func(*specs.Spec) {
		return proc(func(p *specs.Process) { p.Rlimits = l })
	}
	return []rule{
		{
			name: "no process",
			bad:  func(s *specs.Spec) { s.Process = nil },
			want: []string{"process: got nothing, want an object with args, cwd and user"},
			good: none,
		},
		{
			name: "no args",
			bad:  proc(func(p *specs.Process) { p.Args = []string{} }),
			want: []string{"process.args: got nothing, want at least the program to run"},
			good: none,
		},
		{
			name: "an empty name of the program",
			bad:  proc(func(p *specs.Process) { p.Args = []string{"", "a"} }),
			want: []string{"process.args[0]: got nothing, want the program to run"},
			good: proc(func(p *specs.Process) { p.Args = []string{"a", ""} }),
		},
		{
			name: "no cwd",
			bad:  proc(func(p *specs.Process) { p.Cwd = "" }),
			want: []string{"process.cwd: got nothing, want an absolute path"},
			good: none,
		},
		{
			name: "relative cwd",
			bad:  proc(func(p *specs.Process) { p.Cwd = "tmp" }),
			want: []string{`process.cwd: got "tmp", want an absolute path`},
			good: proc(func(p *specs.Process) { p.Cwd = "/tmp/.." }),
		},
		{
			name: "env without =",
			bad:  proc(func(p *specs.Process) { p.Env = []string{"A=", "B"} }),
			warn: []string{`process.env[1]: got "B", want NAME=value`},
			good: proc(func(p *specs.Process) { p.Env = []string{"A="} }),
		},
		{
			name: "size without terminal",
			bad: proc(func(p *specs.Process) {
				p.Terminal, p.ConsoleSize = false, &specs.Box{
					Height: 1 << 20,
					Width:  1,
				}
			}),
			warn: []string{"process.consoleSize: got a size without process.terminal, want both or neither: it is ignored"},
			good: proc(func(p *specs.Process) { p.Terminal, p.ConsoleSize = false, &specs.Box{} }),
		},
		{
			name: "huge terminal",
			bad:  proc(func(p *specs.Process) { p.ConsoleSize = &specs.Box{Height: 65536, Width: 80} }),
			want: []string{"process.consoleSize: got 80×65536, want at most 65535×65535"},
			good: proc(func(p *specs.Process) { p.ConsoleSize = &specs.Box{Height: 65535, Width: 65535} }),
		},
		{
			name: "ids of -1",
			bad: proc(func(p *specs.Process) {
				p.User = specs.User{
					UID:            math.MaxUint32,
					GID:            math.MaxUint32,
					AdditionalGids: []uint32{0, math.MaxUint32},
				}
			}),
			want: []string{
				"process.user.uid: got 4294967295, want 0 to 4294967294",
				"process.user.gid: got 4294967295, want 0 to 4294967294",
				"process.user.additionalGids[1]: got 4294967295, want 0 to 4294967294",
			},
			good: proc(func(p *specs.Process) {
				p.User = specs.User{
					UID:            math.MaxUint32 - 1,
					GID:            math.MaxUint32 - 1,
					AdditionalGids: []uint32{math.MaxUint32 - 1},
				}
			}),
		},
		{
			name: "umask of more bits",
			bad:  proc(func(q *specs.Process) { q.User.Umask = p(uint32(0o1000)) }),
			want: []string{"process.user.umask: got 512, want 0 to 511 (0777)"},
			good: proc(func(q *specs.Process) { q.User.Umask = p(uint32(0o777)) }),
		},
		{
			name: "unknown rlimit",
			bad:  limits(specs.POSIXRlimit{Type: "RLIMIT_NOFILES"}),
			want: []string{`process.rlimits[0].type: got "RLIMIT_NOFILES", want a name of getrlimit(2), as RLIMIT_NOFILE`},
			good: limits(everyRlimit()...),
		},
		{
			name: "rlimit twice",
			bad:  limits(specs.POSIXRlimit{Type: "RLIMIT_CPU"}, specs.POSIXRlimit{Type: "RLIMIT_AS"}, specs.POSIXRlimit{Type: "RLIMIT_CPU"}),
			want: []string{`process.rlimits[2].type: got "RLIMIT_CPU" again, want each type once`},
			good: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU"}),
		},
		{
			name: "soft above hard",
			bad:  limits(specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: math.MaxUint64, Hard: 5}),
			want: []string{"process.rlimits[0].soft: got 18446744073709551615, want at most the hard limit, 5"},
			good: limits(specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: math.MaxUint64, Hard: math.MaxUint64}),
		},
		{
			name: "no descriptor for the listener",
			bad: all(limits(specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 15, Hard: 20}),
				func(s *specs.Spec) {
					s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActNotify, ListenerPath: "/s"}
				}),
			want: []string{"process.rlimits[0].soft: got 15 with linux.seccomp.listenerPath, want 16 or more: the process itself makes the listener"},
			good: all(limits(specs.POSIXRlimit{Type: "RLIMIT_NOFILE"}),
				func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActLog} }),
		},
		{
			name: "unknown capability",
			bad: proc(func(p *specs.Process) {
				p.Capabilities = &specs.LinuxCapabilities{
					Bounding:    []string{"CAP_KILL", "CAP_FLY"},
					Effective:   []string{"CAP_FLY"},
					Inheritable: []string{"kill"},
					Permitted:   []string{"CAP_FLY"},
					Ambient:     []string{""},
				}
			}),
			warn: []string{
				`process.capabilities.bounding[1]: got "CAP_FLY", want a name of capabilities(7), as CAP_CHOWN`,
				`process.capabilities.inheritable[0]: got "kill", want a name of capabilities(7), as CAP_CHOWN`,
				`process.capabilities.ambient[0]: got nothing, want a name of capabilities(7), as CAP_CHOWN`,
			},
			good: proc(func(p *specs.Process) { p.Capabilities = nil }),
		},
		{
			name: "oom score",
			bad:  proc(func(q *specs.Process) { q.OOMScoreAdj = p(1001) }),
			want: []string{"process.oomScoreAdj: got 1001, want -1000 to 1000"},
			good: proc(func(q *specs.Process) { q.OOMScoreAdj = p(1000) }),
		},
		{
			name: "low oom score",
			bad:  proc(func(q *specs.Process) { q.OOMScoreAdj = p(-1001) }),
			want: []string{"process.oomScoreAdj: got -1001, want -1000 to 1000"},
			good: proc(func(q *specs.Process) { q.OOMScoreAdj = p(-1000) }),
		},
	}
}
