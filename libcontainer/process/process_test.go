package process

import (
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/nsenter/program/golden"
)

const all = 1<<41 - 1 // capabilities of a kernel whose last is 40

// config is a process that needs nothing changed.
func config(do func(c *Config)) *Config {
	c := &Config{
		Process: &specs.Process{Args: []string{"true"}, Cwd: "/", Env: []string{"PATH=/bin", "HOME=/"}},
		Caps:    Caps{Bounding: all, Effective: all, Permitted: all},
		LastCap: 40, Grantable: 1<<41 - 1,
	}
	if do != nil {
		do(c)
	}
	return c
}

// whole is a program of every phase of c, as exec's is.
func whole(c *Config) *program.Program {
	b := program.New()
	control := b.Stream("control")
	slave := program.None
	Begin(b)
	own := b.OwnUser()
	b.CheckOwner(control, own)
	b.Close(own)
	b.Setns(control, sys.CloneNewNs)
	b.CheckRoot(1, 2, 3)
	if c.Process.Terminal {
		slave = b.Openat2(program.Host, "/dev/tty", program.How{Flags: sys.OPath})
	}
	c.Narrow(b)
	c.Session(b, slave)
	c.Limits(b)
	Released(b)
	b.Sync(control, 'r', 'r')
	c.Exec(b)
	return b.Program()
}

func TestGoldenProcess(t *testing.T) {
	base := whole(config(nil))
	golden.Program(t, "plain", base)
	filter := []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}
	for name, do := range map[string]func(c *Config){
		"terminal":     func(c *Config) { c.Process.Terminal = true },
		"user":         func(c *Config) { c.Process.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7, 8}} },
		"no-setgroups": func(c *Config) { c.NoSetgroups = true },
		"keyring":      func(c *Config) { c.NewKeyring = "_ses.x" },
		"cwd":          func(c *Config) { c.Process.Cwd = "/srv" },
		"filter":       func(c *Config) { c.Filter, c.FilterFlags = filter, 1 },
		"filter-nnp":   func(c *Config) { c.Filter, c.Process.NoNewPrivileges = filter, true },
		"nnp":          func(c *Config) { c.Process.NoNewPrivileges = true },
		"bounding":     func(c *Config) { c.Caps.Bounding &^= 1<<0 | 1<<40 },
		"ambient":      func(c *Config) { c.Caps = Caps{Bounding: all, Effective: 2, Permitted: 2, Inheritable: 2, Ambient: 2} },
		"preserve":     func(c *Config) { c.Preserve = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(config(do))
			golden.Verified(t, p)
			golden.Text(t, name, golden.Changes(base, p))
		})
	}
}

func TestCandidates(t *testing.T) {
	const path = "PATH=/usr/bin:/bin"
	for _, c := range []struct {
		arg, want string
		env       []string
	}{
		{"sh", "/usr/bin/sh /bin/sh", []string{path}},
		{"/x/sh", "/x/sh", []string{path}},
		{"./sh", "./sh", []string{path}},
		{"x/sh", "x/sh", []string{path}},
		{"sh", "./sh /bin/sh", []string{"PATH=:/bin"}},
		{"sh", "/bin/sh ./sh", []string{"PATH=/bin:"}},
		{"sh", "/bin/sh ./sh /x/sh", []string{"PATH=/bin/::/x"}},
		{"sh", "./sh", []string{"PATH="}},
		{"sh", "/b/sh", []string{"PATH=/a", "PATH=/b"}},
		{"sh", "/usr/local/sbin/sh /usr/local/bin/sh /usr/sbin/sh /usr/bin/sh /sbin/sh /bin/sh", []string{"PATHX=/a", "A=PATH=/b"}},
	} {
		conf := config(func(f *Config) { f.Process.Args, f.Process.Env = []string{c.arg}, c.env })
		if got := strings.Join(conf.candidates(), " "); got != c.want {
			t.Errorf("paths of %s with %q: got %s, want %s", c.arg, c.env, got, c.want)
		}
	}
}

func TestEnviron(t *testing.T) {
	for _, c := range []struct {
		env, want []string
		do        func(c *Config)
	}{
		{nil, nil, nil},
		{[]string{"A=1", "B=2"}, []string{"A=1", "B=2"}, nil},
		{[]string{"A=1", "B=2", "A=3"}, []string{"A=3", "B=2"}, nil},
		{[]string{"A", "A=1", "A"}, []string{"A"}, nil},
		{[]string{"A=x=y", "A="}, []string{"A="}, nil},
		{[]string{"A=1"}, []string{"A=1", "HOME=/home/u"}, func(c *Config) { c.Home = "/home/u" }},
		{[]string{"HOME=/x", "A=1"}, []string{"HOME=/x", "A=1"}, func(c *Config) { c.Home = "/home/u" }},
		{[]string{"HOME=", "A=1"}, []string{"HOME=/home/u", "A=1"}, func(c *Config) { c.Home = "/home/u" }},
		{[]string{"HOME=/x", "HOME="}, []string{"HOME=/home/u"}, func(c *Config) { c.Home = "/home/u" }},
		{[]string{"A=1"}, []string{"A=1", "LISTEN_FDS=3", "LISTEN_PID=1"}, func(c *Config) { c.ListenFds = "3" }},
	} {
		conf := config(func(f *Config) { f.Process.Env = c.env })
		if c.do != nil {
			c.do(conf)
		}
		if got := conf.environ(); !slices.Equal(got, c.want) {
			t.Errorf("environment of %q: got %q, want %q", c.env, got, c.want)
		}
	}
}

func TestUmask(t *testing.T) {
	for given, want := range map[uint32]uint32{0: 0, 0o77: 0o77, 0o7777: 0o777} {
		c := config(func(c *Config) { c.Process.User.Umask = &given })
		if got := c.umask(); got != want {
			t.Errorf("umask %#o: got %#o, want %#o", given, got, want)
		}
	}
	if got := config(nil).umask(); got != 0o22 {
		t.Errorf("umask, none given: got %#o, want 022", got)
	}
}

func TestWinsize(t *testing.T) {
	if got := Winsize(nil); got != nil {
		t.Errorf("size of a terminal, none given: got %v, want none", got)
	}
	if got := Winsize(&specs.Box{Height: 24, Width: 300}); !slices.Equal(got, []byte{24, 0, 44, 1, 0, 0, 0, 0}) {
		t.Errorf("size of a terminal of 24 by 300: got %v, want [24 0 44 1 0 0 0 0]", got)
	}
}
