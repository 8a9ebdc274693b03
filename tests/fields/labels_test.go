package fields

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// profileName is loaded by TestAppArmor; it lets everything pass but writing to /tmp/denied.
const profileName = "teu-fields-test"

const profileText = `profile ` + profileName + ` flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  mount,
  umount,
  signal,
  ptrace,
  deny /tmp/denied w,
}
profile ` + profileName + `-sub flags=(attach_disconnected,mediate_deleted) {
  file,
  signal,
  capability,
}
`

func apparmor(profile string) edit {
	return process(func(p *specs.Process) { p.ApparmorProfile = profile })
}

func TestAppArmor(t *testing.T) {
	kit.Covers(t, "process.apparmorProfile")
	kit.Rooted(t)
	enabled, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if err != nil || !strings.HasPrefix(string(enabled), "Y") {
		b := kit.New(t, apparmor(profileName))
		b.Fails([]string{"create", b.ID}, "process.apparmorProfile", profileName, "no AppArmor in this kernel")
		kit.New(t, apparmor("unconfined")).Run()
		b = kit.New(t)
		b.Start("sleep", "forever")
		b.Fails([]string{"exec", "--apparmor", profileName, b.ID, kit.PayloadPath, "true"}, "process.apparmorProfile", profileName)
		b.OK("exec", "--apparmor", "unconfined", b.ID, kit.PayloadPath, "true")
		t.Skip("no AppArmor in this kernel")
	}
	loadProfile(t)
	const want = profileName + " (enforce)\n"
	current := []string{"cat", "/proc/self/attr/current"}
	for _, nnp := range []bool{false, true} {
		b := kit.New(t, apparmor(profileName), func(s *specs.Spec) { s.Process.NoNewPrivileges, s.Root.Readonly = nnp, false })
		if got := b.Run(kit.Args(current...)).Stdout; got != want {
			t.Errorf("label of run, no_new_privs %v: got %q, want %q", nnp, got, want)
		}
		b.Edit(kit.Args("write", "/tmp/denied", "x"))
		if res := b.Teu("run", b.ID); res.Stdout != "EACCES\n" {
			t.Errorf(`write against the profile, no_new_privs %v: %v: want stdout "EACCES\n"`, nnp, res)
		}
		b.Start("sleep", "forever")
		exec := func(flags ...string) string {
			args := append(append([]string{"exec"}, flags...), b.ID)
			return b.OK(append(append(args, kit.PayloadPath), current...)...).Stdout
		}
		if got := exec(); got != want {
			t.Errorf("label of exec, no_new_privs %v: got %q, want %q", nnp, got, want)
		}
		if got := exec("--apparmor", profileName+"-sub"); got != profileName+"-sub (enforce)\n" {
			t.Errorf("label of exec --apparmor, no_new_privs %v: got %q, want %q", nnp, got, profileName+"-sub (enforce)\n")
		}
		unconfined := processFile(b, func(p *specs.Process) {
			p.ApparmorProfile, p.Args = "unconfined", append([]string{kit.PayloadPath}, current...)
		})
		if got := b.OK("exec", "--process", unconfined, b.ID).Stdout; got != "unconfined\n" {
			t.Errorf("label of exec unconfined, no_new_privs %v: got %q, want %q", nnp, got, "unconfined\n")
		}
		b.Fails([]string{"exec", "--apparmor", "teu-nowhere", b.ID, kit.PayloadPath, "true"}, "process.apparmorProfile", "teu-nowhere", "no such profile")
	}
	// In a user namespace whose procfs is masked nobody can mount another: exec has one from before it joined.
	b := userNS(t, 3300000)
	b.Edit(apparmor(profileName))
	if got := b.Run(kit.Args(current...)).Stdout; got != want {
		t.Errorf("label of run, user namespace: got %q, want %q", got, want)
	}
	b.Start("sleep", "forever")
	if got := b.OK(append([]string{"exec", b.ID, kit.PayloadPath}, current...)...).Stdout; got != want {
		t.Errorf("label of exec, user namespace: got %q, want %q", got, want)
	}
	b = kit.New(t, apparmor("teu-nowhere"))
	b.Fails([]string{"create", b.ID}, "process.apparmorProfile", "teu-nowhere", "no such profile is loaded")
}

func loadProfile(t *testing.T) {
	t.Helper()
	parser, err := exec.LookPath("apparmor_parser")
	if err != nil {
		t.Skip("AppArmor, and no apparmor_parser to load a profile with")
	}
	load := func(flag string) error {
		cmd := exec.Command(parser, "--skip-cache", flag)
		cmd.Stdin = strings.NewReader(profileText)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("apparmor_parser %s: %v: %s", flag, err, out)
		}
		return err
	}
	if load("--replace") != nil {
		t.Skip("no profile can be loaded")
	}
	t.Cleanup(func() { check(t, load("--remove")) })
}

// TestSELinux: no policy that could be asked is at hand, so what is shown is that nobody is let run without the label.
func TestSELinux(t *testing.T) {
	kit.Covers(t, "process.selinuxLabel", "linux.mountLabel")
	kit.Rooted(t)
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		t.Skip("SELinux with a policy that these tests do not know")
	}
	const label = "system_u:system_r:container_t:s0:c1,c2"
	b := kit.New(t, process(func(p *specs.Process) { p.SelinuxLabel = label }))
	b.Fails([]string{"create", b.ID}, "process.selinuxLabel", label, "SELinux is not enabled")
	b.Edit(process(func(p *specs.Process) { p.SelinuxLabel = "label" }))
	b.Fails([]string{"create", b.ID}, "process.selinuxLabel", "want a label as")
	b = kit.New(t, linux(func(l *specs.Linux) { l.MountLabel = label }))
	b.Fails([]string{"create", b.ID}, "linux.mountLabel", label, "SELinux is not enabled")
	b = kit.New(t)
	b.Start("sleep", "forever")
	b.Fails([]string{"exec", "--process-label", label, b.ID, kit.PayloadPath, "true"}, "process.selinuxLabel", label)
}
