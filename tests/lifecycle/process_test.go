package lifecycle

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func process(f func(p *specs.Process)) edit { return func(s *specs.Spec) { f(s.Process) } }

func TestArgs(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.args[]")
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"absolute", []string{"/bin/payload", "echo", "a b", "", "c"}, nil, "a b  c\n"},
		{"PATH", []string{"payload", "echo", "x"}, []string{"PATH=/nowhere:/etc:/bin"}, "x\n"},
		{"no PATH", []string{"payload", "echo", "x"}, nil, "x\n"},
		{"relative to cwd", []string{"./payload", "echo", "x"}, nil, "x\n"},
		{"relative entry of PATH", []string{"payload", "echo", "x"}, []string{"PATH=/nowhere:."}, "x\n"},
		{"empty entry of PATH", []string{"payload", "echo", "x"}, []string{"PATH="}, "x\n"},
		{"last PATH counts", []string{"payload", "echo", "x"}, []string{"PATH=/nowhere", "PATH=/bin"}, "x\n"},
		{"skips what is not executable", []string{"payload", "echo", "x"}, []string{"PATH=/etc/first:/bin"}, "x\n"},
		{"symlink", []string{"/link", "echo", "x"}, nil, "x\n"},
		{"dashes", []string{"payload", "echo", "-n", "--", "-x"}, nil, "-n -- -x\n"},
		{"unicode and newlines", []string{"payload", "echo", "ä\n€"}, nil, "ä\n€\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, process(func(p *specs.Process) { p.Args, p.Env, p.Cwd = c.args, c.env, "/bin" }))
			b.File("/etc/first/payload", "not executable", 0o644)
			b.Symlink("bin/payload", "/link")
			if out := b.Run().Stdout; out != c.want {
				t.Errorf("output: got %q, want %q", out, c.want)
			}
		})
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	b := kit.New(t, process(func(p *specs.Process) { p.Args = []string{"/script", "a", "b"} }))
	b.File("/script", "#!/bin/payload echo\n", 0o755)
	if out := b.Run().Stdout; out != "/script a b\n" {
		t.Errorf("output of the script: got %q, want %q", out, "/script a b\n")
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.env[]")
	const passwd = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\nbroken:x:12\nrelative:x:1001:1::home:\n"
	for _, c := range []struct {
		name string
		env  []string
		uid  uint32
		want string
	}{
		{"none", nil, 0, "HOME=/root"},
		{"order stays", []string{"B=1", "A=2", "HOME=/h"}, 0, "B=1 A=2 HOME=/h"},
		{"the last of a name counts", []string{"A=1", "B=2", "A=3", "HOME=/h"}, 0, "A=3 B=2 HOME=/h"},
		{"values may hold anything", []string{"A==", "B=", "HOME=/h"}, 0, "A== B= HOME=/h"},
		{"HOME of the user", nil, 1000, "HOME=/home/user"},
		{"HOME that is empty", []string{"HOME="}, 1000, "HOME=/home/user"},
		{"HOME that is empty in the end", []string{"HOME=/x", "HOME="}, 1000, "HOME=/home/user"},
		{"HOME that is not in the end", []string{"HOME=", "HOME=/x"}, 1000, "HOME=/x"},
		{"HOME of nobody", nil, 77, "HOME=/"},
		{"HOME that is relative", nil, 1001, "HOME=/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("env"), process(func(p *specs.Process) { p.Env, p.User.UID = c.env, c.uid }))
			b.File("/etc/passwd", passwd, 0o644)
			if got := strings.Join(lines(b.Run()), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestHomeFromOddPasswd: a passwd that is no file, or leads elsewhere, is not read.
func TestHomeFromOddPasswd(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(b *kit.Bundle){
		"missing":   func(*kit.Bundle) {},
		"directory": func(b *kit.Bundle) { b.File("/etc/passwd/x", "", 0o644) },
		"dangling":  func(b *kit.Bundle) { b.Symlink("nowhere", "/etc/passwd") },
		"the host's": func(b *kit.Bundle) {
			check(b.T.(*testing.T), os.WriteFile(b.Dir+"/passwd", []byte("root:x:0:0::/out:\n"), 0o644))
			b.Symlink(b.Dir+"/passwd", "/etc/passwd")
		},
		"out of the root": func(b *kit.Bundle) { b.Symlink("../../../../../../../../../etc/passwd", "/etc/passwd") },
		"fifo":            func(b *kit.Bundle) { b.Symlink("/dev/zero", "/etc/passwd") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("env"), process(func(p *specs.Process) { p.Env = nil }))
			make(b)
			if out := b.Run().Stdout; out != "HOME=/\n" {
				t.Errorf("environment: got %q, want %q", out, "HOME=/\n")
			}
		})
	}
}

func TestCwd(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.cwd")
	for _, c := range []struct {
		name, cwd string
		make      func(t *testing.T, b *kit.Bundle)
		want      string
		fails     []string
	}{
		{"root", "/", nil, "/", nil},
		{"there", "/etc", nil, "/etc", nil},
		{"made", "/a/b/c", nil, "/a/b/c", nil},
		{"made on a mount", "/dev/shm/x", nil, "/dev/shm/x", nil},
		{"symlink", "/link", func(_ *testing.T, b *kit.Bundle) { b.Symlink("../../../etc", "/link") }, "/etc", nil},
		{"dangling symlink", "/link", func(_ *testing.T, b *kit.Bundle) { b.Symlink("/made", "/link") }, "/made", nil},
		{"that only root may enter", "/private", func(t *testing.T, b *kit.Bundle) { check(t, os.Mkdir(b.Rootfs+"/private", 0o700)) }, "/private", nil},
		{"a file", "/bin/payload", nil, "", []string{"process.cwd", "not a directory"}},
		{"below a file", "/bin/payload/x", nil, "", []string{"process.cwd", "not a directory"}},
		{"relative", "etc", nil, "", []string{"process.cwd", "absolute"}},
		{"empty", "", nil, "", []string{"process.cwd"}},
		// CVE-2024-21626: a descriptor of the host's that leads out.
		{"magic link", "/proc/self/fd/7", nil, "", []string{"process.cwd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("all"), process(func(p *specs.Process) { p.Cwd, p.User.UID = c.cwd, 1000 }))
			if c.make != nil {
				c.make(t, b)
			}
			if c.fails != nil {
				b.Fails([]string{"run", b.ID}, c.fails...)
				return
			}
			if got := b.Inspect().Cwd; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.user.uid", "process.user.gid", "process.user.additionalGids[]", "process.user.umask")
	for _, c := range []struct {
		name string
		user specs.User
		want string
	}{
		{"root", specs.User{}, "0 0 0 0 [] 0022"},
		{"user", specs.User{UID: 1000, GID: 1001}, "1000 1000 1001 1001 [] 0022"},
		{"largest", specs.User{UID: 1<<32 - 2, GID: 1<<32 - 2}, "4294967294 4294967294 4294967294 4294967294 [] 0022"},
		{"groups", specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{5, 4, 4000000000}}, "1 1 2 2 [4 5 4000000000] 0022"},
		{"umask", specs.User{Umask: ptr(uint32(0o077))}, "0 0 0 0 [] 0077"},
		{"no umask", specs.User{Umask: ptr(uint32(0))}, "0 0 0 0 [] 0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id := kit.New(t, process(func(p *specs.Process) { p.User = c.user })).Inspect().ID
			slices.Sort(id.Groups)
			if got := fmt.Sprintf("%d %d %d %d %v %s", id.UID, id.EUID, id.GID, id.EGID, id.Groups, id.Umask); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestStdioOwner: the user can open a pipe that is a standard stream anew; the null device stays root's.
func TestStdioOwner(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("open", "/proc/self/fd/0", "r"), process(func(p *specs.Process) { p.User.UID = 1000 }))
	r, w, err := os.Pipe()
	check(t, err)
	defer w.Close()
	c := b.Command("run", b.ID)
	c.Stdin = r
	if res := b.Do(c); res.Stdout != "ok\n" {
		t.Errorf("open stdin, a pipe, to read: %v: want stdout %q", res, "ok\n")
	}
	r.Close()
	if f := stat(t, b, "/dev/null")["/dev/null"]; f.UID != 0 {
		t.Errorf("owner of /dev/null: got %+v, want uid 0", f)
	}
}

func TestProcessErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(p *specs.Process)
		want []string
	}{
		{"no args", func(p *specs.Process) { p.Args = nil }, []string{"process.args"}},
		{"empty args[0]", func(p *specs.Process) { p.Args = []string{""} }, []string{"process.args[0]"}},
		{"NUL in an argument", func(p *specs.Process) { p.Args = []string{"/bin/payload", "a\x00b"} }, []string{"process.args[1]"}},
		{"NUL in the environment", func(p *specs.Process) { p.Env = []string{"A=a\x00b"} }, []string{"process.env[0]"}},
		{"unknown rlimit", func(p *specs.Process) { p.Rlimits[0].Type = "RLIMIT_WONDER" }, []string{"process.rlimits[0].type", "RLIMIT_WONDER"}},
		{"soft above hard", func(p *specs.Process) { p.Rlimits[0].Soft = 2000 }, []string{"process.rlimits[0]"}},
		{"rlimit twice", func(p *specs.Process) { p.Rlimits = append(p.Rlimits, p.Rlimits[0]) }, []string{"process.rlimits[1]"}},
		{"oom_score_adj", func(p *specs.Process) { p.OOMScoreAdj = ptr(2000) }, []string{"process.oomScoreAdj"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, process(c.edit))
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}
