package security

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"teu/tests/kit"
)

// squat makes a session keyring of that name that everybody may join, as user uid, and returns its number. It is there until
// the test ends.
func squat(t *testing.T, uid uintptr, name string) (serial uintptr) {
	t.Helper()
	const joinSession, setPerm, sessionKeyring, all = 1, 5, -3, 0x3f3f3f3f
	text := append([]byte(name), 0)
	special := sessionKeyring
	made, end := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread is another user now, and has another keyring
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid)
		if errno == 0 {
			serial, _, errno = syscall.RawSyscall(syscall.SYS_KEYCTL, joinSession, uintptr(unsafe.Pointer(&text[0])), 0)
		}
		if errno == 0 {
			_, _, errno = syscall.RawSyscall(syscall.SYS_KEYCTL, setPerm, uintptr(special), all)
		}
		made <- errno
		<-end
	}()
	t.Cleanup(func() { close(end) })

	if err := <-made; err != syscall.Errno(0) {
		t.Skip("keyctl: ", err)
	}
	return serial
}

// Keyrings are found by their names, in all of a user namespace. A container that makes one of another's name first, or finds
// out about it later, does not get the keys that are put into that one's.
func TestKeyringIsNotSquatted(t *testing.T) {
	for _, uid := range []uintptr{0, 54321} {
		b := kit.New(t)
		theirs := fmt.Sprintf("ok %d\n", squat(t, uid, "_ses."+b.ID))
		b.Start("sleep", "forever")
		ours := b.OK("exec", b.ID, kit.PayloadPath, "syscall", "keyctl", "0", "-3", "0").Stdout
		if ours == theirs || !strings.HasPrefix(ours, "ok ") {
			t.Errorf("session keyring: got %q, want another than %q, which user %d has made", ours, theirs, uid)
		}
		if late := fmt.Sprintf("ok %d\n", squat(t, uid, "_ses."+b.ID)); late == ours {
			t.Errorf("user %d joins the session keyring: got %q, want another keyring than the container's", uid, late)
		}
	}
}
