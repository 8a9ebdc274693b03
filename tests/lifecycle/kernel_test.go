package lifecycle

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestNames(t *testing.T) {
	t.Parallel()
	mine, err := os.Hostname()
	check(t, err)
	b := kit.New(t, func(s *specs.Spec) { s.Hostname, s.Domainname = "ship", "sea.example" })
	if got := b.Inspect().Hostname; got.Hostname != "ship" || got.Domainname != "sea.example" {
		t.Errorf("names: got %+v, want ship and sea.example", got)
	}
	b.Edit(func(s *specs.Spec) { s.Hostname, s.Domainname = "", "" })
	if got := b.Inspect().Hostname; got.Hostname != mine {
		t.Errorf("names without hostname: got %+v, want the host's, %s", got, mine)
	}
	if now, err := os.Hostname(); err != nil || now != mine {
		t.Errorf("the host's name: got %s, %v, want %s", now, err, mine)
	}
	for _, c := range []struct {
		edit edit
		want string
	}{
		{all(kit.NoNamespace(specs.UTSNamespace), func(s *specs.Spec) { s.Hostname = "x" }), "hostname"},
		{func(s *specs.Spec) { s.Domainname = "x" }, "domainname"},
		{all(namespace(specs.UTSNamespace, "/proc/self/ns/uts"), func(s *specs.Spec) { s.Domainname, s.Hostname = "", "x" }), "hostname"},
		{all(namespace(specs.UTSNamespace, ""), func(s *specs.Spec) { s.Hostname = strings.Repeat("x", 65) }), "hostname"},
	} {
		b.Edit(c.edit)
		b.Fails([]string{"create", b.ID}, c.want)
	}
}

func TestSysctl(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.sysctl{}")
	values := map[string]string{
		"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "kernel.msgmax": "4444", "fs.mqueue.msg_max": "77",
		"net/ipv4/conf/lo/rp_filter": "2", "net.ipv4.ip_local_port_range": "2000 3000",
	}
	before, err := os.ReadFile("/proc/sys/kernel/msgmax")
	check(t, err)
	b := kit.New(t, func(s *specs.Spec) { s.Linux.Sysctl = values })
	for name, want := range values {
		if out := b.Run(kit.Args("sysctl", name)).Stdout; strings.Join(strings.Fields(out), " ") != want {
			t.Errorf("%s: got %q, want %s", name, out, want)
		}
	}
	if after, err := os.ReadFile("/proc/sys/kernel/msgmax"); err != nil || string(after) != string(before) {
		t.Errorf("the host's kernel.msgmax: got %q, %v, want %q", after, err, before)
	}
}

func TestSysctlErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key, value string
		edit             edit
		want             []string
	}{
		{"of the host", "kernel.panic", "1", nil, []string{"kernel.panic"}},
		{"unknown", "net.wonder", "1", nil, []string{"linux.sysctl", "net.wonder", "no such file or directory"}},
		{"bad value", "net.ipv4.ip_forward", "much", nil, []string{"linux.sysctl", "net.ipv4.ip_forward", "invalid argument"}},
		{"without the namespace", "net.ipv4.ip_forward", "1", kit.NoNamespace(specs.NetworkNamespace), []string{"net.ipv4.ip_forward", "network"}},
		{"in the host's by path", "net.ipv4.ip_forward", "1", namespace(specs.NetworkNamespace, "/proc/self/ns/net"), []string{"net.ipv4.ip_forward"}},
		{"escape", "net.../.../kernel/panic", "1", nil, []string{"linux.sysctl"}},
		{"kernel.hostname", "kernel.hostname", "x", nil, []string{"kernel.hostname"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{c.key: c.value} })
			if c.edit != nil {
				b.Edit(c.edit)
			}
			b.Fails([]string{"create", b.ID}, c.want...)
		})
	}
}

// TestSysctlWithReadonlyProc: what is written does not depend on how the container sees /proc.
func TestSysctlWithReadonlyProc(t *testing.T) {
	t.Parallel()
	b := kit.New(t, masked("/proc/sys"), func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
		s.Mounts[0].Options = append(s.Mounts[0].Options, "ro")
	}, tmpfs("/true/proc"), mount(specs.Mount{Destination: "/real", Type: "proc", Source: "proc"}))
	if out := b.Run(kit.Args("cat", "/real/sys/net/ipv4/ip_forward")).Stdout; out != "1\n" {
		t.Errorf("ip_forward: got %q, want %q", out, "1\n")
	}
}

// TestKeyring: a session keyring of the container's own, unless told otherwise.
func TestKeyring(t *testing.T) {
	t.Parallel()
	b := kit.New(t, privileged, kit.Args("cat", "/proc/keys"))
	if out := b.Run().Stdout; !strings.Contains(out, "_ses."+b.ID) {
		t.Errorf("keys: got %q, want a session keyring _ses.%s", out, b.ID)
	}
	b = kit.New(t, privileged, kit.Args("cat", "/proc/keys")) // another id: the first keyring goes some time later
	b.OK("create", "--no-new-keyring", b.ID)
	if out := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/keys").Stdout; strings.Contains(out, "_ses."+b.ID) {
		t.Errorf("keys of an exec with --no-new-keyring: got %q, want no _ses.%s", out, b.ID)
	}
	b.OK("delete", "--force", b.ID)
	if out := b.OK("run", "--no-new-keyring", b.ID).Stdout; strings.Contains(out, "_ses."+b.ID) {
		t.Errorf("keys of a run with --no-new-keyring: got %q, want no _ses.%s", out, b.ID)
	}
}
