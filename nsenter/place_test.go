package nsenter

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// sleeper is a process in new namespaces, until the test ends.
func sleeper(t *testing.T, flags uintptr) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// TestOwners asks whose mount namespaces are, and enters those that may be.
func TestOwners(t *testing.T) {
	needRoot(t)
	mine, its := os.Getpid(), sleeper(t, syscall.CLONE_NEWUSER|syscall.CLONE_NEWNS)
	private, other := sleeper(t, syscall.CLONE_NEWNS), sleeper(t, syscall.CLONE_NEWUSER|syscall.CLONE_NEWNS)
	ns := func(b *program.Builder, pid int, kind string) program.Slot {
		return b.Openat2(program.Host, "/proc/"+strconv.Itoa(pid)+"/ns/"+kind, program.How{})
	}
	for name, c := range map[string]struct {
		mnt, user int // processes; user 0: the one that asks
		want      syscall.Errno
	}{
		"own":                          {private, 0, reached},
		"own, by its path":             {private, mine, reached},
		"of a user namespace below":    {its, 0, syscall.EXDEV},
		"of the one that is joined":    {its, its, reached},
		"of one above":                 {private, its, reached},
		"of one beside":                {its, other, syscall.EXDEV},
		"of no mount namespace at all": {0, 0, syscall.ENOTTY},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(t, func(b *program.Builder, _ program.Slot) {
				user := b.OwnUser()
				if c.user != 0 {
					user = ns(b, c.user, "user")
				}
				if c.mnt == 0 {
					b.CheckOwner(b.Openat2(program.Host, "/dev/null", program.How{}), user)
					return
				}
				mnt := ns(b, c.mnt, "mnt")
				b.CheckOwner(mnt, user)
				b.Setns(mnt, sys.CloneNewNs)
			})
			if got != c.want {
				t.Errorf("check the owner: got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRoots(t *testing.T) {
	fd, err := sys.Openat(sys.AtFdcwd, "/", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	dev, ino, mount, err := sys.Directory(fd)
	if err != nil {
		t.Fatalf("ask which directory / is: %v", err)
	}
	for name, c := range map[string]struct {
		dev, ino, mount uint64
		want            syscall.Errno
	}{
		"same":          {dev, ino, mount, reached},
		"other device":  {dev + 1, ino, mount, syscall.ESTALE},
		"other inode":   {dev, ino + 1, mount, syscall.ESTALE},
		"other mount":   {dev, ino, mount + 1, syscall.ESTALE},
		"nothing alike": {0, 0, 0, syscall.ESTALE},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(t, func(b *program.Builder, _ program.Slot) { b.CheckRoot(c.dev, c.ino, c.mount) })
			if got != c.want {
				t.Errorf("check the root: got %v, want %v", got, c.want)
			}
		})
	}
}
