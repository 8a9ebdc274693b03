package fields

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// userNS gives the container a user namespace whose root is the user id of the host.
func userNS(t *testing.T, id uint32) *kit.Bundle {
	t.Helper()
	b := kit.New(t, func(s *specs.Spec) {
		maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: id, Size: 1000}}
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
		s.Process.User = specs.User{UID: 5, GID: 6}
	})
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(b.Rootfs+dir, int(id), int(id)))
	}
	return b
}

// keyringOf is the number of the session keyring that `teu args` shows, run with the payload.
func keyringOf(b *kit.Bundle, args ...string) string {
	b.T.Helper()
	out := b.OK(append(args, kit.PayloadPath, "syscall", "keyctl", "0", "-3", "0")...).Stdout // KEYCTL_GET_KEYRING_ID, session
	if !strings.HasPrefix(out, "ok ") {
		b.T.Errorf("session keyring in %v: got %q, want ok and its number", args, out)
	}
	return out
}

// TestKeyringOfContainer: exec joins the keyring of the container, and with it the keys that the container's processes share.
func TestKeyringOfContainer(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*kit.Bundle{"host's users": kit.New(t), "user namespace": userNS(t, 3100000)} {
		b.Edit(linux(func(l *specs.Linux) { l.MaskedPaths = nil })) // /proc/keys
		b.Start("sleep", "forever")
		keys := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/keys").Stdout
		// serial, flags, usage, timeout, permissions, …: possessor all; user view, read, search, link.
		if i := strings.Index(keys, "_ses."+b.ID); i < 0 || !strings.Contains(keys[strings.LastIndexByte(keys[:i], '\n')+1:i], " 3f1b0000 ") {
			t.Errorf("%s: /proc/keys: got %s\nwant the keyring _ses.%s with permissions 3f1b0000", name, keys, b.ID)
		}
		first := keyringOf(b, "exec", b.ID)
		if again := keyringOf(b, "exec", b.ID); again != first {
			t.Errorf("%s: session keyring of the second exec: got %q, want %q", name, again, first)
		}
		// The user may use it: a key of one process is there for the next.
		b.OK("exec", b.ID, kit.PayloadPath, "syscall", "add_key", "s:keyring", "s:shared", "0", "0", "-3")
		if keys := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/keys").Stdout; !strings.Contains(keys, " keyring   shared") {
			t.Errorf("%s: /proc/keys of another exec: got %s\nwant the key shared", name, keys)
		}
		b.OK("delete", "--force", b.ID)
	}
}

// TestKeyQuota: a user that has no key left to make is told which limit it is. The user is one of our own.
func TestKeyQuota(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	const id = 3200000
	b := userNS(t, id)
	out, err := os.Create(b.Dir + "/keys")
	check(t, err)
	defer out.Close()
	hog := exec.Command(kit.Payload(), "keys")
	hog.Stdout, hog.Stderr = out, out
	hog.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}, Pdeathsig: syscall.SIGKILL}
	check(t, hog.Start())
	t.Cleanup(func() {
		hog.Process.Kill()
		hog.Wait()
	})
	b.Until("the user has all its keys", func() bool {
		text, err := os.ReadFile(out.Name())
		check(t, err)
		if strings.Contains(string(text), "ENOSYS") {
			t.Skip("no keys in this kernel")
		}
		return strings.Contains(string(text), "full")
	})
	b.Fails([]string{"create", b.ID}, "_ses."+b.ID, "disk quota exceeded", "user 3200000 of the host", "/proc/sys/kernel/keys/max", "--no-new-keyring")
	b.OK("create", "--no-new-keyring", b.ID)
}
