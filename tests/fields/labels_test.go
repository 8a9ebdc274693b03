package fields

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// profile is one that confines nothing, for the kernel to know by name.
const profile = "profile teu-test flags=(attach_disconnected,mediate_deleted) { file, capability, network, mount, signal, ptrace, unix, umount, pivot_root, }\n"

func TestApparmor(t *testing.T) {
	kit.Covers(t, "process.apparmorProfile")
	if on, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err != nil || on[0] != 'Y' {
		t.Skip("no AppArmor in this kernel; libcontainer/testdata/fields/attributes/apparmor.golden stands in its place")
	}
	if err := loadProfile(profile); err != nil {
		t.Skipf("apparmor_parser: %v", err)
	}
	b := kit.New(t, kit.Args("cat", "/proc/self/attr/current"), process(func(p *specs.Process) { p.ApparmorProfile = "teu-test" }))
	if out := b.Run().Stdout; !strings.HasPrefix(out, "teu-test (enforce)") {
		t.Errorf("%q", out)
	}
	b.Start("sleep", "forever")
	if out := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/self/attr/current").Stdout; !strings.HasPrefix(out, "teu-test (enforce)") {
		t.Errorf("exec: %q", out)
	}
	if out := b.OK("exec", "--apparmor", "unconfined", b.ID, kit.PayloadPath, "cat", "/proc/self/attr/current").Stdout; !strings.HasPrefix(out, "unconfined") {
		t.Errorf("exec --apparmor: %q", out)
	}
	b.Fails([]string{"exec", "--apparmor", "absent-profile", b.ID, kit.PayloadPath, "true"}, "process.apparmorProfile: confine by absent-profile")
}

func loadProfile(text string) error {
	f, err := os.CreateTemp("", "profile")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	p, err := os.StartProcess("/usr/sbin/apparmor_parser", []string{"apparmor_parser", "-r", f.Name()}, &os.ProcAttr{Files: []*os.File{nil, os.Stderr, os.Stderr}})
	if err != nil {
		return err
	}
	_, err = p.Wait()
	return err
}

func TestSelinux(t *testing.T) {
	kit.Covers(t, "process.selinuxLabel", "linux.mountLabel")
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
		t.Skip("no SELinux in force here; libcontainer/testdata/fields/attributes/{selinux,mount-label}.golden stand in its place")
	}
	const label = "system_u:system_r:container_t:s0:c1,c2"
	b := kit.New(t, kit.Args("cat", "/proc/self/attr/current"), func(s *specs.Spec) {
		s.Process.SelinuxLabel, s.Linux.MountLabel = label, "system_u:object_r:container_file_t:s0:c1,c2"
	})
	if out := b.Run().Stdout; strings.TrimRight(out, "\x00\n") != label {
		t.Errorf("%q", out)
	}
}

// TestKeyring: the session keyring is the container's own, and its user may search it.
func TestKeyring(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("cat", "/proc/keys"), linux(func(l *specs.Linux) { l.MaskedPaths = nil }))
	if out := b.OK("run", "--no-new-keyring", b.ID).Stdout; strings.Contains(out, "_ses."+b.ID) {
		t.Errorf("--no-new-keyring: %q", out)
	}
	out := b.Run().Stdout
	if !strings.Contains(out, "_ses."+b.ID) || !strings.Contains(out, " 3f0b0000 ") {
		t.Errorf("%q", out)
	}
}
