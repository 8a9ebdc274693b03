package seccomp

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// profileNr is one of many profiles, each with another filter.
func profileNr(n int) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{
		DefaultAction:   specs.ActErrno,
		DefaultErrnoRet: p(uint(n + 1)),
		Syscalls:        []specs.LinuxSyscall{rule(specs.ActAllow, "read", "write")},
	}
}

// cached compiles through the cache in dir, which must give what compiling without gives.
func cached(t testing.TB, profile *specs.LinuxSeccomp, dir string) (warnings []error) {
	t.Helper()
	want, _, err := Compile(profile, "")
	if err != nil {
		t.Fatalf("compile without the cache: %v", err)
	}
	got, warnings, err := Compile(profile, dir)
	if err != nil {
		t.Fatalf("compile through the cache: %v", err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("filter of the cache: got %+v, want %+v", got, want)
	}
	return warnings
}

// entryOf is the path of a profile's entry.
func entryOf(profile *specs.LinuxSeccomp, dir string) string {
	return filepath.Join(dir, keyOf(profile).name())
}

// inode tells a file from one written anew; 0 if there is none.
func inode(t testing.TB, path string) uint64 {
	t.Helper()
	st, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Ino
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCacheKeepsFilters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	restricted := []specs.LinuxSyscall{rule(specs.ActErrno, "mkdir", "no_such_call", "nor_this")}
	for _, profile := range []*specs.LinuxSeccomp{
		profileNr(0),
		docker(t),
		{DefaultAction: specs.ActAllow},
		{DefaultAction: specs.ActAllow, Syscalls: restricted},
		{
			DefaultAction: specs.ActAllow,
			Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActNotify, "mkdir")},
		},
	} {
		cold := cached(t, profile, dir)
		first := inode(t, entryOf(profile, dir))
		if first == 0 {
			t.Fatal("entry after the first time: got none, want one")
		}
		warm := cached(t, profile, dir)
		if inode(t, entryOf(profile, dir)) != first {
			t.Error("entry after the second time: got another file, want that of the first")
		}
		if !reflect.DeepEqual(fmt.Sprint(cold), fmt.Sprint(warm)) {
			t.Errorf("warnings of the second time: got %q, want %q as of the first", warm, cold)
		}
		if want := 2 * min(1, len(profile.Syscalls)); reflect.DeepEqual(profile.Syscalls, restricted) && len(warm) != want {
			t.Errorf("warnings: got %d, want %d", len(warm), want)
		}
	}
	st, err := os.Stat(dir)
	must(t, err)
	if st.Mode() != os.ModeDir|0o700 {
		t.Errorf("mode of the directory: got %v, want %v", st.Mode(), os.ModeDir|0o700)
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 5 {
		t.Errorf("files: got %d, want 5", len(files))
	}
	for _, f := range files {
		if st, err := f.Info(); err != nil {
			t.Error(err)
		} else if got := st.Mode(); got != 0o600 {
			t.Errorf("mode of %s: got %v, want -rw-------", f.Name(), got)
		}
	}
}

// A directory that others can write is not used at all.
func TestCacheRefusesDirectories(t *testing.T) {
	for _, c := range []struct {
		name string
		root bool
		make func(t *testing.T, dir string)
		want string
	}{
		{"symbolic link", false, func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+".real", 0o700))
			must(t, os.Symlink(dir+".real", dir))
		}, "seccomp cache: open DIR: not a directory"},
		{
			"file",
			false,
			func(t *testing.T, dir string) { must(t, os.WriteFile(dir, nil, 0o600)) },
			"seccomp cache: open DIR: not a directory",
		},
		{"group may write", false, func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chmod(dir, 0o720))
		}, "seccomp cache: use DIR: mode 0720 lets others in"},
		{"others may read", false, func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chmod(dir, 0o704))
		}, "seccomp cache: use DIR: mode 0704 lets others in"},
		{"of another user", true, func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chown(dir, 65534, 0))
		}, "seccomp cache: use DIR: owned by uid 65534"},
		{
			"no parent",
			false,
			func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Dir(dir))) },
			"seccomp cache: mkdir DIR: no such file or directory",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("needs root to give a directory away")
			}
			dir := filepath.Join(t.TempDir(), "cache")
			c.make(t, dir)
			warnings := cached(t, profileNr(0), dir)
			if want := strings.ReplaceAll(c.want, "DIR", dir); len(warnings) != 1 || warnings[0].Error() != want {
				t.Errorf("warnings: got %q, want %q", warnings, want)
			}
			if files, _ := os.ReadDir(dir); len(files) > 0 {
				t.Errorf("files in a directory that is refused: got %v, want none", files)
			}
		})
	}
}

// An entry that is not as it was written is reported, not used, and replaced by a good one.
func TestCacheReplacesWrongEntries(t *testing.T) {
	profile := profileNr(0)
	edit := func(f func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, f(data), 0o600))
		}
	}
	// resign makes the hash fit again, as only the owner of the cache could.
	resign := func(b []byte) []byte {
		sum := sha256.Sum256(b[sumEnd:])
		copy(b[len(magic):], sum[:])
		return b
	}
	for _, c := range []struct {
		name string
		root bool
		hurt func(t *testing.T, path string)
		want string
	}{
		{"empty", false, edit(func([]byte) []byte { return nil }), "not an entry"},
		{"header torn", false, edit(func(b []byte) []byte { return b[:headerSize-1] }), "not an entry"},
		{"torn", false, edit(func(b []byte) []byte { return b[:len(b)-8] }), "hash does not match"},
		{"longer", false, edit(func(b []byte) []byte { return append(b, make([]byte, 8)...) }), "hash does not match"},
		{"other magic", false, edit(func(b []byte) []byte { return append([]byte("TEU"), b[3:]...) }), "not an entry"},
		{
			"bit flip in the hash",
			false,
			edit(func(b []byte) []byte { b[len(magic)] ^= 1; return b }),
			"hash does not match",
		},
		{"bit flip in the key", false, edit(func(b []byte) []byte { b[sumEnd] ^= 1; return b }), "hash does not match"},
		{
			"bit flip in the flags",
			false,
			edit(func(b []byte) []byte { b[headerSize-12] ^= 1; return b }),
			"hash does not match",
		},
		{
			"bit flip in the program",
			false,
			edit(func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b }),
			"hash does not match",
		},
		{
			"key of another",
			false,
			edit(func(b []byte) []byte { b[sumEnd] ^= 1; return resign(b) }),
			"entry of another profile",
		},
		{"half an instruction", false, edit(func(b []byte) []byte { return resign(b[:len(b)-4]) }), "no whole program"},
		{"no program", false, edit(func(b []byte) []byte { return resign(b[:headerSize]) }), "no whole program"},
		{
			"warnings missing",
			false,
			edit(func(b []byte) []byte { b[headerSize-4] = 200; return resign(b) }),
			"warnings cut off",
		},
		{
			"group may write",
			false,
			func(t *testing.T, path string) { must(t, os.Chmod(path, 0o620)) },
			"mode 0620 lets others in",
		},
		{
			"second link",
			false,
			func(t *testing.T, path string) { must(t, os.Link(path, filepath.Dir(path)+".link")) },
			"2 links",
		},
		{"symbolic link", false, func(t *testing.T, path string) {
			must(t, os.Rename(path, filepath.Dir(path)+".real"))
			must(t, os.Symlink(filepath.Dir(path)+".real", path))
		}, "too many levels of symbolic links"},
		{"FIFO", false, func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, syscall.Mkfifo(path, 0o600))
		}, "not a regular file"},
		{"huge", false, func(t *testing.T, path string) { must(t, os.Truncate(path, maxEntrySize+1)) }, "65537 bytes"},
		{
			"of another user",
			true,
			func(t *testing.T, path string) { must(t, os.Chown(path, 65534, 0)) },
			"owned by uid 65534",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("needs root to give a file away")
			}
			dir := filepath.Join(t.TempDir(), "cache")
			path := entryOf(profile, dir)
			if w := cached(t, profile, dir); w != nil {
				t.Fatalf("warnings of the first time: got %q, want none", w)
			}
			c.hurt(t, path)
			warnings := cached(t, profile, dir)
			if want := "seccomp cache: use " + path + ": " + c.want; len(warnings) != 1 || warnings[0].Error() != want {
				t.Errorf("warnings of a wrong entry: got %q, want %q", warnings, want)
			}
			now := inode(t, path)
			if w := cached(t, profile, dir); w != nil || inode(t, path) != now {
				t.Errorf("use of the new entry: got warnings %q, file %d, want none, file %d", w, inode(t, path), now)
			}
		})
	}
}

// Another profile's entry under this name, whole and signed, is not this profile's filter.
func TestCacheEntryOfAnotherProfile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	loose := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	if w := cached(t, loose, dir); w != nil {
		t.Fatalf("warnings of the first time: got %q, want none", w)
	}
	must(t, os.Rename(entryOf(loose, dir), entryOf(docker(t), dir)))
	if w := cached(t, docker(t), dir); len(w) != 1 || !strings.HasSuffix(w[0].Error(), ": entry of another profile") {
		t.Errorf("warnings: got %q, want one that ends with: entry of another profile", w)
	}
}

func TestCacheBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "deadbeef"), 0o700))
	start := time.Now()
	for n := range maxEntries + 10 {
		if w := cached(t, profileNr(n), dir); w != nil {
			t.Fatalf("warnings of profile %d: got %q, want none", n, w)
		}
		// Files written within one tick of the clock have one time.
		old := start.Add(time.Duration(n-1000) * time.Second)
		must(t, os.Chtimes(entryOf(profileNr(n), dir), old, old))
	}
	for n := range maxEntries + 10 {
		if kept := inode(t, entryOf(profileNr(n), dir)) != 0; kept != (n >= 10) {
			t.Errorf("profile %d is kept: got %v, want %v", n, kept, n >= 10)
		}
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != maxEntries+2 {
		t.Errorf("files: got %d, want %d", len(files), maxEntries+2)
	}
}

func TestCacheManyWriters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	var want []Filter
	for n := range 8 {
		want = append(want, mustCompile(t, profileNr(n)))
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				n := (i + w) % len(want)
				f, warnings, err := Compile(profileNr(n), dir)
				if err != nil || warnings != nil || !reflect.DeepEqual(f, want[n]) {
					t.Errorf("profile %d among many writers: got error %v, warnings %q, want none and the filter as without the cache", n, err, warnings)
				}
				if w == 0 && i%10 == 0 {
					if err := os.Remove(entryOf(profileNr(n), dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Errorf("remove the entry of profile %d: got error %v, want none or %v", n, err, os.ErrNotExist)
					}
				}
			}
		})
	}
	wg.Wait()
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) > len(want) {
		t.Errorf("files: got %d, want at most %d, one of each profile", len(files), len(want))
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "cache")
	must(t, os.Mkdir(dir, 0o500))
	if w := cached(t, profileNr(0), dir); len(w) != 1 || !errors.Is(w[0], syscall.EACCES) {
		t.Errorf("warnings: got %q, want one that is EACCES", w)
	}
}

func FuzzDecode(f *testing.F) {
	k := keyOf(profileNr(0))
	e, err := compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{rule(specs.ActErrno, "no_such_call")},
	})
	must(f, err)
	f.Add(encode(k, e)[sumEnd:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		b := bytes.Join([][]byte{[]byte(magic), sum[:], body}, nil)
		got, err := decode(b, k)
		if err != nil {
			return
		}
		if again := encode(k, got); !got.filter.Listener && !bytes.Equal(again[headerSize:], b[headerSize:]) {
			t.Errorf("decode and encode an entry: got %x, want %x", again, b)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for name, profile := range map[string]*specs.LinuxSeccomp{"two names": profileNr(0), "docker": docker(b)} {
		b.Run(name+"/cold", func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Compile(profile, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/cold, cache written", func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "cache")
			for b.Loop() {
				_ = os.Remove(entryOf(profile, dir))
				if _, w, err := Compile(profile, dir); err != nil || w != nil {
					b.Fatal(err, w)
				}
			}
		})
		b.Run(name+"/warm", func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "cache")
			for b.Loop() {
				if _, w, err := Compile(profile, dir); err != nil || w != nil {
					b.Fatal(err, w)
				}
			}
		})
		b.Run(name+"/key", func(b *testing.B) {
			for b.Loop() {
				keyOf(profile)
			}
		})
	}
	text, err := json.Marshal(docker(b))
	must(b, err)
	b.Logf("docker: %d bytes of JSON, %d of filter", len(text), len(mustCompile(b, docker(b)).BPF))
}
