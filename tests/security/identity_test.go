package security

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Class D: capabilities that exec adds are not passed on to what the process executes later (runc CVE-2016-8867,
// CVE-2022-29162; crun CVE-2022-27650; youki CVE-2025-27612).
func TestExecAddsNothingInheritable(t *testing.T) {
	b := kit.New(t, caps(dockerCaps...))
	b.Start("sleep", "forever")
	for _, c := range []struct {
		flags []string
		eff   string
	}{
		{nil, "00000000a80425fb"},
		{[]string{"--cap", "CAP_NET_ADMIN"}, "00000000a80435fb"},
		{[]string{"--user", "1000"}, "0000000000000000"},
		{[]string{"--user", "1000", "--cap", "CAP_NET_ADMIN"}, "0000000000000000"},
	} {
		res := b.OK(append(append([]string{"exec"}, c.flags...), b.ID, kit.PayloadPath, "status")...)
		s := kit.JSON[map[string]string](b, res.Stdout)
		if s["CapEff"] != c.eff || s["CapPrm"] != c.eff || strings.Trim(s["CapInh"]+s["CapAmb"], "0") != "" {
			t.Errorf("exec %v: effective %s, permitted %s, inheritable %s, ambient %s; want %s twice and none twice", c.flags, s["CapEff"], s["CapPrm"], s["CapInh"], s["CapAmb"], c.eff)
		}
	}
}

// Class D: a user is numbers and nothing else; what is not given stays the container's (runc CVE-2016-3697, crun CVE-2026-30892).
func TestExecUser(t *testing.T) {
	b := kit.New(t, func(s *specs.Spec) { s.Process.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7, 8}} }, caps(dockerCaps...))
	// Names that are numbers, or begin with one, and lead to root.
	b.File("etc/passwd", "1000:x:0:0::/:/\nroot:x:0:0::/:/\n1x:x:0:0::/:/\n", 0o644)
	b.Start("sleep", "forever")
	for user, want := range map[string]string{
		"1000": "1000:6 [7 8]", "1000:9": "1000:9 [7 8]", "0:0": "0:0 [7 8]", "4294967294": "4294967294:6 [7 8]",
		"01000": "1000:6 [7 8]",
	} {
		res := b.OK("exec", "--user", user, b.ID, kit.PayloadPath, "id")
		id := kit.JSON[struct {
			UID, GID uint32
			Groups   []int
		}](b, res.Stdout)
		if got := fmt.Sprintf("%d:%d %v", id.UID, id.GID, id.Groups); got != want {
			t.Errorf("--user %s: %s, want %s", user, got, want)
		}
	}
	for _, user := range []string{
		"root", "1x", "x", "+1", "-1", " 1", "1 ", "1.0", "0x10", "1_000", "1e3", ":", ":0", "1:", "1:root", "1:-1", "1:+1", "1:2:3",
		"4294967295", "4294967296", "1:4294967295", "18446744073709551616", "１",
	} {
		if res := b.Teu("exec", "--user", user, b.ID, kit.PayloadPath, "id"); res.Code != 255 || !strings.Contains(res.Stderr, "want UID[:GID]") {
			t.Errorf("%v: want exit code 255 and %q", res, "want UID[:GID]")
		}
	}
}

// A startContainer hook is looked up in the image. It is no more than the workload would be.
func TestStartContainerHookIsTheUsers(t *testing.T) {
	b := kit.New(t, caps(dockerCaps...), writable, func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7}}
		s.Process.NoNewPrivileges = true
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{
			Path: "/bin/busybox", Args: []string{"sh", "-c", "{ id; cat /proc/self/status; ls -l /proc/self/fd; env; } >/tmp/out"}, Env: []string{"A=b", "PATH=/bin"},
		}}}
	})
	text, err := os.ReadFile("/bin/busybox")
	check(t, err)
	b.File("bin/busybox", string(text), 0o755)
	for _, name := range []string{"id", "cat", "ls", "env"} {
		b.Symlink("busybox", "bin/"+name)
	}
	check(t, os.Chmod(b.Rootfs+"/tmp", 0o777))
	b.Edit()
	run := b.Command("run", b.ID)
	leaky(t, run)
	run.Env = append(run.Env, "SECRET=of the caller")
	if res := b.Do(run); res.Code != 0 {
		t.Fatalf("%v: want exit code 0", res)
	}
	out, err := os.ReadFile(b.Rootfs + "/tmp/out")
	check(t, err)
	for _, want := range []string{
		"uid=1000 gid=1001 groups=7", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapInh:\t0000000000000000",
		"CapBnd:\t00000000a80425fb", "NoNewPrivs:\t1", "\nA=b\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s\nwant %q", out, want)
		}
	}
	for _, no := range []string{"SECRET", "30 -> /", " -> /\n", "memfd:teu-report", "socket:"} {
		if strings.Contains(string(out), no) {
			t.Errorf("the hook's output: %s\nholds %q, want it absent", out, no)
		}
	}
}
