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

// TestCovers looks at files of all kinds as though they were masked, or made read-only.
func TestCovers(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	lay(t, dir, "file f", "dir d", "dir cover", "symlink to-f f", "symlink magic /proc/self/exe")
	const null, zero = "/dev/null", "/dev/zero"
	for name, c := range map[string]struct {
		path        string
		dirs, nulls string // whose devices are those of masks; "" for none
		file        string // what was made read-only
		readonly    bool   // the mount of dir
		want        syscall.Errno
	}{
		"directory":                        {path: dir + "/d", dirs: dir, want: reached},
		"directory elsewhere":              {path: dir + "/d", dirs: "/proc", want: syscall.ESTALE},
		"directory, none was masked":       {path: dir + "/d", want: syscall.ESTALE},
		"file on the filesystem of masks":  {path: dir + "/f", dirs: dir, want: syscall.ESTALE},
		"null device":                      {path: null, nulls: "/dev", want: reached},
		"null device elsewhere":            {path: null, nulls: "/proc", want: syscall.ESTALE},
		"another device":                   {path: zero, nulls: "/dev", want: syscall.ESTALE},
		"nothing":                          {path: dir + "/none", want: reached},
		"nothing below a file":             {path: dir + "/f/none", want: syscall.ENOTDIR},
		"through a magic link":             {path: "/proc/self/root" + dir + "/none", want: syscall.ELOOP},
		"file that is writable":            {path: dir + "/f", file: dir + "/f", want: syscall.EROFS},
		"file by a symlink, writable":      {path: dir + "/to-f", file: dir + "/f", want: syscall.EROFS},
		"other file, writable":             {path: dir + "/d", file: dir + "/f", want: syscall.ESTALE},
		"file that was not there":          {path: dir + "/f", want: syscall.ESTALE},
		"file that is read-only":           {path: dir + "/f", file: dir + "/f", readonly: true, want: reached},
		"directory that is read-only":      {path: dir + "/d", file: dir + "/d", readonly: true, want: reached},
		"other file, read-only":            {path: dir + "/d", file: dir + "/f", readonly: true, want: syscall.ESTALE},
		"read-only that is a mask by now":  {path: dir + "/d", dirs: dir, file: dir + "/f", want: reached},
		"read-only that is a null device":  {path: null, nulls: "/dev", file: dir + "/f", want: reached},
		"read-only that is nothing by now": {path: dir + "/none", file: dir + "/f", want: reached},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(t, func(b *program.Builder, _ program.Slot) {
				number := func(name string, which program.Ident) program.Slot {
					if name == "" {
						return b.Slot()
					}
					return b.Identify(path(b, name), which)
				}
				cover := program.Cover{Dirs: number(c.dirs, program.Device), Nulls: number(c.nulls, program.Device)}
				cover.Dev, cover.Ino = number(c.file, program.Device), number(c.file, program.Inode)
				if c.readonly {
					b.Unshare(sys.CloneNewNs)
					b.MountSetattrPath("/", sys.AtRecursive, program.MountAttr{Propagation: sys.MsPrivate})
					at := path(b, dir)
					mnt := b.CloneTree(at, 0)
					b.MountSetattr(mnt, 0, program.MountAttr{Set: sys.MountAttrRdonly})
					b.MoveMount(mnt, at)
				}
				b.CheckCover(c.path, cover)
			})
			if got != c.want {
				t.Errorf("check %s: got %v, want %v", c.path, got, c.want)
			}
		})
	}
}

func TestIdentifyOfNoFile(t *testing.T) {
	got := outcome(t, func(b *program.Builder, _ program.Slot) { b.Identify(program.None, program.Inode) })
	if got != syscall.EBADF {
		t.Errorf("identify no file: got %v, want %v", got, syscall.EBADF)
	}
}

// TestProcOfAnotherPidNamespace mounts a procfs of a pid namespace that the process has joined and is not in yet.
func TestProcOfAnotherPidNamespace(t *testing.T) {
	needRoot(t)
	other := "/proc/" + strconv.Itoa(sleeper(t, syscall.CLONE_NEWPID)) + "/ns/pid"
	fd, err := sys.Openat(sys.AtFdcwd, other, sys.ORdonly, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	if !sys.NamesPids(fd) {
		t.Skip("a procfs cannot be told its pid namespace before Linux 6.18")
	}
	me := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct {
		named bool
		pid   string
		want  syscall.Errno
	}{
		"its first":                 {true, "1", reached},
		"a process of ours":         {true, me, syscall.ENOENT},
		"itself":                    {true, "self", syscall.ENOENT},
		"a process of ours, in our": {false, me, reached},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(t, func(b *program.Builder, _ program.Slot) {
				ns := b.Openat2(program.Host, other, program.How{})
				b.Setns(ns, sys.CloneNewPid)
				fs := b.Fsopen("proc")
				if c.named {
					b.FsSetFd(fs, "pidns", ns)
				}
				b.FsCreate(fs)
				b.Openat2(b.Fsmount(fs, 0), c.pid+"/status", program.How{Flags: sys.OPath})
			})
			if got != c.want {
				t.Errorf("open %s/status: got %v, want %v", c.pid, got, c.want)
			}
		})
	}
}
