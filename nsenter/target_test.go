package nsenter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// lay makes what a sentence says below root: "dir PATH", "file PATH", "symlink PATH TARGET", "fifo PATH".
func lay(t *testing.T, root string, sentences ...string) {
	t.Helper()
	for _, s := range sentences {
		w := strings.Fields(s)
		p := filepath.Join(root, w[1])
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		switch {
		case err != nil:
		case w[0] == "dir":
			err = os.MkdirAll(p, 0o755)
		case w[0] == "file":
			err = os.WriteFile(p, nil, 0o644)
		case w[0] == "symlink":
			err = os.Symlink(w[2], p)
		case w[0] == "fifo":
			err = syscall.Mkfifo(p, 0o644)
		default:
			t.Fatalf("fixture %q: got the word %q, want one that lay knows", s, w[0])
		}
		if err != nil {
			t.Fatalf("make %q: %v", s, err)
		}
	}
}

// targets runs Target on path below root and returns where the descriptor that it made leads, below root.
func targets(t *testing.T, root, path, want string) (got string, errno syscall.Errno) {
	t.Helper()
	return targetsFrom(t, root, root, 0, path, want)
}

// targetsFrom is targets with the first known bytes of path leading to held, a directory below root.
func targetsFrom(t *testing.T, root, held string, known int, path, want string) (got string, errno syscall.Errno) {
	t.Helper()
	start, err := sys.Openat(sys.AtFdcwd, held, sys.OPath, 0)
	if err != nil {
		t.Fatalf("open %s: %v", held, err)
	}
	defer sys.Close(start)
	dir, err := sys.Openat(sys.AtFdcwd, root, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatalf("open %s: %v", root, err)
	}
	defer sys.Close(dir)
	pair, err := sys.UnixStreamPair()
	if err != nil {
		t.Fatalf("make a socket pair: %v", err)
	}
	defer sys.Close(pair[0])
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		p := program.Inside(b.Input("root"), path)
		start, conn := b.Input("held"), b.Input("conn")
		if known > 0 {
			// Verify would refuse it: held is nothing that this program has put there.
			p.Held, p.Known = start, known
		}
		b.Umask(0)
		b.SendFd(conn, target(b, p, want), "x")
	}), map[string]int{"root": dir, "held": start, "conn": pair[1]}, 0, program.Options{})
	sys.Close(pair[1])
	pe, _ := ended(t, in)
	if pe.Report.Errno != reached {
		return "", pe.Report.Errno
	}
	_, fds, err := sys.RecvFDs(pair[0], make([]byte, 1), 1)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	defer sys.Close(fds[0])
	got, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fds[0]))
	if err != nil {
		t.Fatal(err)
	}
	rel, ok := strings.CutPrefix(got, root)
	if !ok {
		t.Errorf("target %s: got %s, want it below %s", path, got, root)
	}
	return strings.TrimPrefix(rel, "/"), 0
}

// wants are the words for what a test asks of Target.
var wants = map[string]program.Want{
	"dir": program.WantDir, "file": program.WantFile, "like": program.WantLike, "any": program.WantAny,
	"nolinks": program.NoSymlinks, "nofollow": program.Nofollow, "existing": program.Existing,
	"offproc": program.OffProc,
}

// target runs Target as want says: "dir existing", "like dir", "like device nofollow".
func target(b *program.Builder, p program.Path, want string) program.Slot {
	words := strings.Fields(want)
	w, like := program.Want(0), program.None
	if words[0] == "like" {
		like = path(b, map[string]string{"dir": "/", "device": "/dev/null"}[words[1]])
		words = append(words[:1], words[2:]...)
	}
	for _, word := range words {
		w |= wants[word]
	}
	return b.Target(p, w, like)
}

// TestTargetOffProc: nothing leads to a procfs, but what the held mount has of it.
func TestTargetOffProc(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, "symlink link /proc/self", "symlink file ../../../../../../../proc/version", "dir here")
	for _, c := range []struct {
		path, held string
		want       string
		errno      syscall.Errno
	}{
		{"/proc", "", "dir offproc", syscall.EXDEV},
		{"/proc/version", "", "any offproc", syscall.EXDEV},
		{dir + "/link/task", "", "dir offproc", syscall.EXDEV},
		{dir + "/file", "", "file offproc", syscall.EXDEV},
		{dir + "/file", "", "file", 0},
		{dir + "/here/new", "", "file offproc", 0},
		{"/proc/version", "/proc", "file offproc", 0},
		{dir + "/link", dir, "dir offproc", syscall.EXDEV}, // out of what is held
	} {
		held := c.held
		if held == "" {
			held = "/"
		}
		if _, errno := targetsFrom(t, "/", held, len(c.held), c.path, c.want); errno != c.errno {
			t.Errorf("%s from %s: got error %v, want %v", c.path, held, errno, c.errno)
		}
	}
}

func TestTarget(t *testing.T) {
	long := strings.Repeat("n", 256)
	deep := strings.Repeat("a/", 1000)
	down, up := strings.Repeat("d/", 800), strings.Repeat("../", 800)
	for _, c := range []struct {
		lay        string // sentences, parted by semicolons
		path, want string
		leads      string // with a slash at its end when that is a directory
		errno      syscall.Errno
	}{
		{"dir a/b", "/a/b", "dir", "a/b/", 0},
		{"file a/f", "a/f", "file", "a/f", 0},
		{"fifo a/f", "/a/f", "file", "a/f", 0},
		{"", "/", "dir", "/", 0},
		{"", ".", "dir", "/", 0},
		{"", "//a///b//", "dir", "a/b/", 0},
		{"", "/a/./b/../c", "dir", "a/c/", 0},
		{"", "/a/../../../b", "dir", "b/", 0},
		{"", "/a/b/c", "dir", "a/b/c/", 0},
		{"", "/a/b/f", "file", "a/b/f", 0},
		{"", "/f/", "file", "f", 0},
		{"dir a", "/a/b/f", "like device", "a/b/f", 0},
		{"", "/a/b", "like dir", "a/b/", 0},
		{"file a", "/a/b", "dir", "", syscall.ENOTDIR},
		{"file a", "/a", "dir", "", syscall.ENOTDIR},
		{"dir a", "/a", "file", "", syscall.ENOTDIR},
		{"dir a", "/a", "like device", "", syscall.ENOTDIR},
		{"file a", "/a", "like dir", "", syscall.ENOTDIR},
		// Symlinks that lead somewhere.
		{"dir real; symlink l real", "/l/b", "dir", "real/b/", 0},
		{"dir real; symlink l /real", "/l/b/f", "file", "real/b/f", 0},
		{"dir real; symlink l ../../../../real", "/l/b", "dir", "real/b/", 0},
		{"dir a/real; symlink a/l ../a/real", "/a/l", "dir", "a/real/", 0},
		{"file f; symlink l f", "/l", "file", "f", 0},
		{"symlink l /", "/l/b", "dir", "b/", 0},
		// Symlinks that lead nowhere yet.
		{"symlink l x/y", "/l/z", "dir", "x/y/z/", 0},
		{"symlink l /x/y", "/l/z", "dir", "x/y/z/", 0},
		{"symlink l /x", "/l", "file", "x", 0},
		{"symlink l /x", "/l", "dir", "x/", 0},
		{"dir a; symlink a/l x", "/a/l/f", "file", "a/x/f", 0},
		{"dir a; symlink a/l ../../../x", "/a/l/f", "file", "x/f", 0},
		{"symlink l /etc/hosts.new", "/l", "file", "etc/hosts.new", 0},
		{"symlink l m; symlink m n", "/l/b", "dir", "n/b/", 0},
		{"symlink l m; symlink m /a/../n", "/l/b", "dir", "n/b/", 0},
		{"symlink l ./x/.", "/l/b", "dir", "x/b/", 0},
		{"symlink l x//y/", "/l//b", "dir", "x/y/b/", 0},
		{"file f; symlink l f/x", "/l", "dir", "", syscall.ENOTDIR},
		// Symlinks that lead round.
		{"symlink a b; symlink b a", "/a", "dir", "", syscall.ELOOP},
		{"symlink a a", "/a/b", "dir", "", syscall.ELOOP},
		{"symlink a a/b", "/a", "dir", "", syscall.ELOOP},
		{"symlink a ../a", "/a", "file", "", syscall.ELOOP},
		// Symlinks that lead a long way round: each of 40 could take seconds, with an image of some kilobytes.
		{"dir " + down + "; symlink l /" + down + up + "x", "/l/b", "dir", "", syscall.ELOOP},
		{"symlink l " + up + up[:999] + "x", "/l/b", "dir", "x/b/", 0},
		// Too long.
		{"symlink a/l /b/m; symlink b/m /a/l", "/x/../a/l", "dir", "", syscall.ELOOP},
		// What is not to be followed, or made.
		{"dir a/b", "/a/b", "dir nolinks", "a/b/", 0},
		{"", "/a/b", "dir nolinks", "a/b/", 0},
		{"dir real; symlink l real", "/l", "dir nolinks", "", syscall.ELOOP},
		{"dir real; symlink l real", "/l/a", "dir nolinks", "", syscall.ELOOP},
		{"symlink l real", "/l", "file nolinks", "", syscall.ELOOP},
		{"symlink l real", "/l/a", "file nolinks", "", syscall.ELOOP},
		{"file f; symlink l f", "/l", "file nofollow", "l", 0},
		{"symlink l nowhere", "/l", "like device nofollow", "l", 0},
		{"dir real; symlink l real; symlink real/m x", "/l/m", "file nofollow", "real/m", 0},
		{"dir real; symlink l real", "/l", "dir nofollow", "", syscall.ENOTDIR},
		{"", "/a/f", "file nofollow", "a/f", 0},
		{"symlink l nowhere", "/x/../l", "like device nofollow", "l", 0},
		{"", "/a", "dir existing", "", syscall.ENOENT},
		{"dir a", "/a/b", "dir existing", "", syscall.ENOENT},
		{"symlink l a", "/l", "dir existing", "", syscall.ENOENT},
		{"dir a; symlink l a", "/l", "dir existing", "a/", 0},
		{"dir a", "/a", "file existing", "", syscall.ENOTDIR},
		{"dir a", "/a", "any", "a/", 0},
		{"file a", "/a", "any", "a", 0},
		{"", "/a", "any", "", syscall.ENOENT},
		{"", "/" + long, "dir", "", syscall.ENAMETOOLONG},
		{"", "/" + long[1:], "dir", long[1:] + "/", 0},
		{"", "/a/" + long + "/b", "dir", "", syscall.ENAMETOOLONG},
		{"symlink l " + long, "/l/b", "dir", "", syscall.ENAMETOOLONG},
		{"", "/" + deep + deep + deep, "dir", "", syscall.ENAMETOOLONG},
		{"symlink l " + deep[:1900], "/l/" + deep + deep, "dir", "", syscall.ENAMETOOLONG},
	} {
		name := c.lay + ": " + c.want + " " + c.path
		t.Run(name[:min(len(name), 60)], func(t *testing.T) {
			root := t.TempDir()
			if c.lay != "" {
				lay(t, root, strings.Split(c.lay, "; ")...)
			}
			got, errno := targets(t, root, c.path, c.want)
			if errno != c.errno || got != strings.TrimSuffix(c.leads, "/") {
				t.Fatalf("%q, %v; want %q, %v", got, errno, c.leads, c.errno)
			}
			if errno != 0 {
				return
			}
			st, err := os.Lstat(filepath.Join(root, got))
			if err != nil {
				t.Errorf("stat of the target: %v", err)
			} else if dir := strings.HasSuffix(c.leads, "/"); st.IsDir() != dir {
				t.Errorf("mode of the target: got %v, want a directory: %v", st.Mode(), dir)
			}
		})
	}
}

// TestTargetFromHeld: a lookup starts at what is held, here the directory held, and leaves it only where a symlink leads.
func TestTargetFromHeld(t *testing.T) {
	for _, c := range []struct {
		lay   string // sentences; what is on the place of held is not to be seen
		path  string // with a bar after what leads to held
		want  string
		leads string
		errno syscall.Errno
	}{
		{"dir held/a; dir vol/b", "/vol|/a", "dir", "held/a/", 0},
		{"dir held; dir vol/b", "/vol|/b", "dir", "held/b/", 0},
		{"dir held; dir vol/b", "/vol|/b/c/f", "file", "held/b/c/f", 0},
		{"dir held; dir vol/b", "/vol|/b", "any", "", syscall.ENOENT},
		{"dir held", "/vol|", "dir", "held/", 0},
		{"dir held", "/vol|//", "dir", "held/", 0},
		{"file held", "/vol|", "file", "held", 0},
		{"file held", "/vol|", "dir", "", syscall.ENOTDIR},
		{"file held", "/vol|/a", "dir", "", syscall.ENOTDIR},
		{"dir held", "/vol|/" + strings.Repeat("n", 256), "dir", "", syscall.ENAMETOOLONG},
		// Symlinks that stay.
		{"dir held/a; symlink held/l a", "/vol|/l/b", "dir", "held/a/b/", 0},
		{"symlink held/l a/c", "/vol|/l/b", "dir", "held/a/c/b/", 0},
		{"dir held/a/c; symlink held/a/l ../d", "/vol|/a/l/b", "dir", "held/d/b/", 0},
		// Symlinks that lead out, to somewhere or not yet.
		{"dir run; symlink held/run /run", "/var|/run/x", "dir", "run/x/", 0},
		{"dir run; symlink held/run ../run", "/var|/run/x", "dir", "run/x/", 0},
		{"symlink held/run /run", "/var|/run/x", "dir", "run/x/", 0},
		{"symlink held/run ../run", "/var|/run/x/f", "file", "run/x/f", 0},
		{"symlink held/run ../../../run", "/var|/run/x", "dir", "run/x/", 0},
		{"dir deep/run; symlink held/run ../run", "/deep/var|/run/x", "dir", "deep/run/x/", 0},
		{"dir held/a; symlink held/b a; symlink held/a/l ../../c", "/deep/var|/b/l/x", "dir", "deep/c/x/", 0},
		{"dir run; symlink held/run /run; symlink held/l run/y", "/var|/l/x", "dir", "run/y/x/", 0},
		{"dir run; symlink held/run /run", "/var|/run/x", "dir existing", "", syscall.ENOENT},
		{"dir run/x; symlink held/run /run", "/var|/run/x", "any", "run/x/", 0},
		{"dir run; symlink held/run /run", "/var|/run/x", "dir nolinks", "", syscall.ELOOP},
		{"dir run; symlink held/run /run", "/var|/run", "like device nofollow", "held/run", 0},
		{"dir run; symlink held/run /run; symlink run/l x", "/var|/run/l", "file nofollow", "run/l", 0},
		{"dir held; dir a", "/vol|/../a", "dir", "a/", 0},
		{"dir held", "/vol|/x/../../../a", "dir", "a/", 0},
		{"symlink held/a /b; symlink b /vol/a", "/vol|/a", "dir", "vol/a/", 0}, // what is on the place, once it was left
		{"symlink held/a /b; symlink b /b", "/vol|/a", "dir", "", syscall.ELOOP},
	} {
		name := c.lay + ": " + c.want + " " + c.path
		t.Run(name[:min(len(name), 60)], func(t *testing.T) {
			root := t.TempDir()
			lay(t, root, strings.Split(c.lay, "; ")...)
			known := strings.IndexByte(c.path, '|')
			got, errno := targetsFrom(t, root, root+"/held", known, strings.Replace(c.path, "|", "", 1), c.want)
			if errno != c.errno || got != strings.TrimSuffix(c.leads, "/") {
				t.Fatalf("%q, %v; want %q, %v", got, errno, c.leads, c.errno)
			}
			if errno != 0 {
				return
			}
			if st, err := os.Lstat(filepath.Join(root, got)); err != nil || st.IsDir() != strings.HasSuffix(c.leads, "/") {
				t.Errorf("the target: got %v, %v, want a directory: %v", st, err, strings.HasSuffix(c.leads, "/"))
			}
		})
	}
}

// TestTargetModes: what is made is everybody's to read, whatever the umask was.
func TestTargetModes(t *testing.T) {
	root := t.TempDir()
	if _, errno := targets(t, root, "/d/f", "file"); errno != 0 {
		t.Fatalf("make /d/f: %v", errno)
	}
	for name, want := range map[string]os.FileMode{"d": os.ModeDir | 0o755, "d/f": 0o644} {
		if st, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("stat of what was made: %v", err)
		} else if st.Mode() != want {
			t.Errorf("mode of %s: got %v, want %v", name, st.Mode(), want)
		}
	}
}

func TestTargetOfMagicLink(t *testing.T) {
	needRoot(t)
	got := outcome(t, func(b *program.Builder, _ program.Slot) {
		b.Target(program.Inside(path(b, "/proc"), "self/root"), program.WantDir, program.None)
	})
	if got != syscall.ELOOP {
		t.Errorf("target through a magic link: got %v, want %v", got, syscall.ELOOP)
	}
}

func TestTargetOnReadOnly(t *testing.T) {
	needRoot(t)
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		fs := b.Fsopen("tmpfs")
		b.FsCreate(fs)
		b.Target(program.Inside(b.Fsmount(fs, sys.MountAttrRdonly), "/a/b"), program.WantDir, program.None)
	}), nil, sys.CloneNewNs, program.Options{})
	if pe, _ := ended(t, in); pe.Report.Errno != syscall.EROFS {
		t.Errorf("target in a read-only tmpfs: got %v, want %v", pe, syscall.EROFS)
	}
}

// raced runs many targets below root in one program while disturb goes on beside it.
func raced(t *testing.T, root string, paths []string, disturb func()) {
	t.Helper()
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			disturb()
		}
	}()
	defer func() { stop.Store(true); <-done }()
	dir, err := sys.Openat(sys.AtFdcwd, root, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatalf("open %s: %v", root, err)
	}
	defer sys.Close(dir)
	p := part(func(b *program.Builder, _ program.Slot) {
		base := b.Input("root")
		for i := range 4000 {
			s := b.Target(program.Inside(base, paths[i%len(paths)]), program.WantDir, program.None)
			// A name that is taken away or given to another file between two looks at it.
			b.Ignore(syscall.ENOENT, syscall.ELOOP, syscall.ENOTDIR)
			b.Close(s)
			b.Ignore(syscall.EBADF)
		}
	})
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		in := launched(t, p, map[string]int{"root": dir}, 0, program.Options{})
		if pe, _ := ended(t, in); pe.Report.Errno != reached {
			t.Fatalf("target while the tree changes: got %v, want %v", pe, reached)
		}
	}
}

// TestTargetRacesWithSymlinks: a directory that turns into a symlink out of the root and back never takes anything out
// (CVE-2024-45310).
func TestTargetRacesWithSymlinks(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	a, away := filepath.Join(root, "a"), filepath.Join(root, "away")
	raced(t, root, []string{"/a/x/y", "/b/../a/z", "/a"}, func() {
		os.Mkdir(a, 0o755)
		os.Rename(a, away)
		os.Symlink(outside, a)
		os.Remove(a)
		os.RemoveAll(away)
		os.RemoveAll(a)
	})
	if made, err := os.ReadDir(outside); err != nil || len(made) != 0 {
		t.Errorf("made outside the root: got %v, %v, want nothing", made, err)
	}
}

// TestTargetRacesWithMakers: what is missing may be made by another meanwhile.
func TestTargetRacesWithMakers(t *testing.T) {
	root := t.TempDir()
	a := filepath.Join(root, "a")
	raced(t, root, []string{"/a/b/c", "/a/b", "/a/d"}, func() {
		os.MkdirAll(filepath.Join(a, "b"), 0o755)
		os.RemoveAll(a)
		os.Symlink("e/f", a)
		os.Remove(a)
	})
}

// TestTargetsAmongRenames: renames elsewhere make the kernel give up on ".." (EAGAIN); that is not the program's end.
func TestTargetsAmongRenames(t *testing.T) {
	root, other := t.TempDir(), t.TempDir()
	lay(t, root, "dir a/b/c", "symlink a/b/up ../../a/b/c")
	lay(t, other, "dir x/f", "dir y")
	raced(t, root, []string{"/a/b/../b/up", "/a/b/c/../../b/up"}, func() {
		os.Rename(other+"/x/f", other+"/y/f")
		os.Rename(other+"/y/f", other+"/x/f")
	})
}
