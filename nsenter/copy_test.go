package nsenter

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/tests/needs"
)

const allOfIt = program.CopyTree | program.CopyMode | program.CopyUID | program.CopyGID

// copied runs Copy from the directory root to a new tmpfs with options, and then looks at what came of it.
func copied(t *testing.T, root string, what program.Copies, options []string, look func(dir string)) *program.Error {
	t.Helper()
	rooted(t)
	dir, err := sys.Openat(sys.AtFdcwd, root, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatalf("open %s: %v", root, err)
	}
	defer sys.Close(dir)
	mnt, err := sys.NewMount("tmpfs", "", options)
	if err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	defer sys.Close(mnt)
	in := launched(t, part(func(b *program.Builder, _ program.Slot) {
		b.Copy(b.Input("from"), b.Input("to"), what)
	}), map[string]int{"from": dir, "to": mnt}, 0, program.Options{})
	pe, _ := ended(t, in)
	if look != nil {
		look(fmt.Sprintf("/proc/self/fd/%d", mnt))
	}
	return pe
}

func rooted(t *testing.T) {
	t.Helper()
	needs.Root(t, "mounts a file system")
}

// listing describes a tree, a line for each name.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir+"/", func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%s %o %d:%d", strings.TrimPrefix(path, dir), st.Mode, st.Uid, st.Gid)
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d bytes %x", len(text), bytes.TrimRight(text[:min(len(text), 40)], "\x00"))
		case syscall.S_IFLNK:
			text, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " to " + text
		case syscall.S_IFCHR, syscall.S_IFBLK:
			line += fmt.Sprintf(" %#x", st.Rdev)
		}
		if path != dir+"/" {
			line += fmt.Sprintf(" at %d.%d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatalf("list %s: %v", dir, err)
	}
	sort.Strings(lines)
	return lines
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
	}
}

// TestCopy: everything that a filesystem can hold arrives as it was.
func TestCopy(t *testing.T) {
	rooted(t)
	root := t.TempDir()
	lay(t, root, "dir a/b/c", "dir empty", "file a/f", "symlink a/l /nowhere", "symlink up ../../..", "fifo a/b/pipe", "file own")
	must(t,
		os.WriteFile(root+"/a/b/text", bytes.Repeat([]byte("0123456789abcdef"), 20000), 0o600),
		syscall.Mknod(root+"/null", syscall.S_IFCHR|0o640, 1<<8|3), syscall.Mknod(root+"/disk", syscall.S_IFBLK|0o600, 7<<8|1),
		syscall.Mknod(root+"/socket", syscall.S_IFSOCK|0o711, 0),
		os.Chown(root+"/own", 12, 34), os.Lchown(root+"/up", 56, 78), os.Chown(root+"/a/b", 9, 8), os.Chown(root, 90, 91),
		syscall.Chmod(root+"/own", 0o6751), syscall.Chmod(root+"/a/b", 0o3711), syscall.Chmod(root, 0o2750),
		syscall.Setxattr(root+"/own", "user.colour", []byte("blue"), 0), syscall.Setxattr(root+"/empty", "user.size", []byte{0, 1}, 0),
		syscall.Setxattr(root+"/own", "trusted.secret", []byte("x"), 0),
		os.Chtimes(root+"/a/f", time.Unix(1, 2), time.Unix(3, 4)), os.Chtimes(root+"/a/b", time.Unix(5, 6), time.Unix(7, 8)),
	)
	for i := range 200 {
		lay(t, root, fmt.Sprintf("file many/%s%d", strings.Repeat("n", 200), i))
	}
	want := listing(t, root)
	pe := copied(t, root, allOfIt, nil, func(dir string) {
		got := listing(t, dir)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for path, names := range map[string]string{"/own": "user.colour\x00", "/empty": "user.size\x00"} {
			list := make([]byte, 100)
			n, err := syscall.Listxattr(dir+path, list)
			if err == syscall.EOPNOTSUPP {
				continue // tmpfs before Linux 6.6
			}
			if err != nil || string(list[:n]) != names {
				t.Errorf("attributes of %s: got %q, %v, want %q", path, list[:n], err, names)
			}
		}
	})
	if pe.Report.Errno != reached {
		t.Errorf("copy: got %v, want %v", pe, reached)
	}
}

// TestCopyHoles: a file of nearly nothing takes nearly nothing.
func TestCopyHoles(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/f", []byte("start"), 0o644))
	f, err := os.OpenFile(root+"/f", os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("middle"), 1<<30)
	must(t, err, f.Truncate(1<<40), f.Close())
	pe := copied(t, root, allOfIt, []string{"size=1m"}, func(dir string) {
		f, err := os.Open(dir + "/f")
		must(t, err)
		defer f.Close()
		st, err := f.Stat()
		buf := make([]byte, 6)
		_, rerr := f.ReadAt(buf, 1<<30)
		if must(t, err, rerr); st.Size() != 1<<40 || string(buf) != "middle" {
			t.Errorf("sparse file: got %d bytes, %q, want %d, %q", st.Size(), buf, int64(1<<40), "middle")
		}
	})
	if pe.Report.Errno != reached {
		t.Errorf("copy: got %v, want %v", pe, reached)
	}
}

// TestCopyParts: what is not asked for is left.
func TestCopyParts(t *testing.T) {
	rooted(t)
	root := t.TempDir()
	lay(t, root, "file f")
	must(t, os.Chown(root, 5, 6), os.Chmod(root, 0o711))
	for what, want := range map[program.Copies]string{
		program.CopyMode:                        "/ 40711 0:0",
		program.CopyUID:                         "/ 41777 5:0",
		program.CopyGID | program.CopyMode:      "/ 40711 0:6",
		program.CopyTree:                        "/ 41777 0:0",
		program.CopyTree | program.CopyUID:      "/ 41777 5:0",
		program.CopyMode | program.CopyUID | 8:  "/ 40711 5:6",
		program.CopyTree | program.CopyMode | 8: "/ 40711 0:6",
	} {
		pe := copied(t, root, what, nil, func(dir string) {
			list := listing(t, dir)
			if list[0] != want || (len(list) == 2) != (what&program.CopyTree != 0) {
				t.Errorf("copy %d: got %q, want %s first, and one more with CopyTree", what, list, want)
			}
		})
		if pe.Report.Errno != reached {
			t.Errorf("copy: got %v, want %v", pe, reached)
		}
	}
}

// TestCopyLimits: what it does not do it says, with the name at which that was.
func TestCopyLimits(t *testing.T) {
	rooted(t)
	deep := func(levels int) func(t *testing.T, root string) {
		return func(t *testing.T, root string) { lay(t, root, "dir "+strings.Repeat("d/", levels)) }
	}
	for name, c := range map[string]struct {
		make    func(t *testing.T, root string)
		options []string
		errno   syscall.Errno
		text    string
	}{
		"deep":     {deep(127), nil, reached, ""},
		"too deep": {deep(128), nil, syscall.ENAMETOOLONG, "d"},
		"too large": {func(t *testing.T, root string) {
			must(t, os.WriteFile(root+"/big\n\x1b[2J", make([]byte, 1<<16+1), 0o644))
		}, []string{"size=64k"}, syscall.ENOSPC, "big??[2J"},
		"too many": {func(t *testing.T, root string) { lay(t, root, "dir one/two") }, []string{"nr_inodes=2"}, syscall.ENOSPC, "two"},
		"a mount below": {func(t *testing.T, root string) {
			lay(t, root, "dir mnt")
			must(t, syscall.Mount("tmpfs", root+"/mnt", "tmpfs", 0, ""))
			t.Cleanup(func() { must(t, syscall.Unmount(root+"/mnt", 0)) })
		}, nil, syscall.EXDEV, "mnt"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "deep") {
				needs.Files(t, 1024)
			}
			root := t.TempDir()
			c.make(t, root)
			if pe := copied(t, root, allOfIt, c.options, nil); pe.Report.Errno != c.errno || pe.Report.Text != c.text {
				t.Errorf("copy: got %v, text %q, want %v, %q", pe, pe.Report.Text, c.errno, c.text)
			}
		})
	}
}

// TestCopyEmpty: nothing is copied of an empty directory, nor of what is none.
func TestCopyEmpty(t *testing.T) {
	if pe := copied(t, t.TempDir(), allOfIt, nil, func(dir string) {
		if list := listing(t, dir); len(list) != 1 {
			t.Errorf("copy of nothing: got %q, want the root alone", list)
		}
	}); pe.Report.Errno != reached {
		t.Errorf("copy of nothing: got %v, want %v", pe, reached)
	}
	if got := outcome(t, func(b *program.Builder, _ program.Slot) { b.Copy(path(b, "/dev/null"), path(b, "/"), program.CopyTree) }); got != syscall.ENOTDIR {
		t.Errorf("copy from no directory: got %v, want %v", got, syscall.ENOTDIR)
	}
}

func TestCopyLink(t *testing.T) {
	for name, c := range map[string]struct {
		lay   string
		errno syscall.Errno
		to    string // what out is a symlink to
	}{
		"made":             {"symlink in /a/b", reached, "/a/b"},
		"the same there":   {"symlink in /a/b; symlink out /a/b", reached, "/a/b"},
		"another there":    {"symlink in /a/b; symlink out /a/bc", syscall.EEXIST, "/a/bc"},
		"a file there":     {"symlink in /a/b; file out", syscall.EEXIST, ""},
		"no symlink":       {"file in", syscall.EINVAL, ""},
		"no symlink, dir":  {"dir in", syscall.EINVAL, ""},
		"a dangling there": {"symlink in x; symlink out x", reached, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			lay(t, root, strings.Split(c.lay, "; ")...)
			got := outcome(t, func(b *program.Builder, _ program.Slot) {
				link := b.Openat2(program.Host, root+"/in", program.How{Flags: sys.OPath | sys.ONofollow})
				b.CopyLink(link, path(b, root), "out")
			})
			to, _ := os.Readlink(root + "/out") // "" for none
			if got != c.errno || to != c.to {
				t.Errorf("%v, %q; want %v, %q", got, to, c.errno, c.to)
			}
		})
	}
}
