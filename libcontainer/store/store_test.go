package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/tests/needs"
)

const long = 10 * time.Second

// config is a config.json that is kept.
var config = []byte(`{"annotations": {"k\u0041": "v\n", "n": null}, "hooks": {"poststop": []}, "linux": {}}`)

func intent(id string) *State { return &State{Version: "1.3.0", ID: id, Phase: Creating} }

func newStore(t *testing.T) *Store { return &Store{Root: filepath.Join(t.TempDir(), "root")} }

func create(t *testing.T, s *Store, id string) *Container {
	t.Helper()
	c, err := s.Create(id, intent(id), config, long)
	if err != nil {
		t.Fatalf("create %q: %v", id, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func entries(t *testing.T, s *Store) string {
	t.Helper()
	all, err := os.ReadDir(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

func openFDs() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

func TestLifecycle(t *testing.T) {
	s := newStore(t)
	before := openFDs()
	c, err := s.Create("web", intent("web"), config, long)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	for _, p := range []string{s.Root, s.Root + "/web"} {
		if st, err := os.Stat(p); err != nil {
			t.Error(err)
		} else if got := st.Mode().Perm(); got != 0o700 {
			t.Errorf("mode of %s: got %#o, want 0700", p, got)
		}
	}
	if st, err := s.Read("web"); err != nil || st.Phase != Creating {
		t.Errorf("read after create: got %+v, %v, want the phase %s", st, err, Creating)
	}
	next := intent("web")
	next.Phase = Created
	if err := os.WriteFile(s.Root+"/web/"+GateName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(s.Root + "/web/config.json"); err != nil || string(got) != string(config) {
		t.Errorf("config.json that is kept: got %q, %v, want %q", got, err, config)
	}
	if err := c.Write(next); err != nil || c.State != next {
		t.Fatalf("write: got the state %+v, %v, want %+v", c.State, err, next)
	}
	c.Close()

	c, err = s.Open("web", long)
	if err != nil || c.Damage != nil || c.State.Phase != Created {
		t.Fatalf("open: got %+v, %v, want the phase %s and no damage", c, err, Created)
	}
	for range 2 {
		if err := c.Started(); err != nil {
			t.Fatalf("record the start: %v", err)
		}
	}
	if st, err := s.Read("web"); err != nil || st.Phase != Running {
		t.Errorf("read without the gate: got %+v, %v, want the phase %s", st, err, Running)
	}
	for range 2 { // idempotent
		if err := c.Remove(); err != nil {
			t.Fatalf("remove: %v", err)
		}
	}
	c.Close()
	if _, err := s.Open("web", long); !errors.Is(err, syscall.ENOENT) || err.Error() != `container "web" does not exist` {
		t.Errorf("open after remove: got error %v, want ENOENT, and that container \"web\" does not exist", err)
	}
	if _, err := s.Read("web"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("read after remove: got error %v, want ENOENT", err)
	}
	if n := openFDs(); n != before {
		t.Errorf("open descriptors at the end: got %d, want %d as before", n, before)
	}
}

func TestSecondCreateFailsAtOnceWhileTheFirstIsLocked(t *testing.T) {
	s := newStore(t)
	create(t, s, "a")
	before := openFDs()
	_, err := s.Create("a", intent("a"), config, time.Hour)
	if !errors.Is(err, syscall.EEXIST) || err.Error() != `container with id "a" already exists` {
		t.Errorf("second create: got error %v, want EEXIST, and that container \"a\" already exists", err)
	}
	if n := openFDs(); n != before {
		t.Errorf("open descriptors after the second create: got %d, want %d as before", n, before)
	}
}

func TestCreateTakesOverADirectoryWithoutRecord(t *testing.T) {
	s := newStore(t)
	if err := os.MkdirAll(s.Root+"/a", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Root+"/a/"+tempName, []byte(`{"ociV`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := create(t, s, "a")
	if err := c.Remove(); err != nil {
		t.Fatalf("remove: %v", err)
	}
	if got := entries(t, s); got != "[]" {
		t.Errorf("the root after remove: got %s, want []", got)
	}
}

func TestTornRecordIsNotTakenOver(t *testing.T) {
	s := newStore(t)
	create(t, s, "a").Close()
	if err := os.WriteFile(s.Root+"/a/"+recordName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create("a", intent("a"), config, long); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("create over a torn record: got error %v, want EEXIST", err)
	}
}

func TestHalfMadeContainersOpenForRemoval(t *testing.T) {
	for name, c := range map[string]struct {
		record *string
		want   string
	}{
		"no record":         {nil, "half-made: no state.json"},
		"empty record":      {new(string), "decode state.json: offset 0: not the JSON of a record"},
		"torn record":       {ptr(`{"ociVersion":"1`), "decode state.json: offset 16: not the JSON of a record"},
		"another's record":  {ptr(`{"id":"b","phase":"created"}`), `decode state.json: it names container "b"`},
		"record is no file": {ptr("dir"), "read state.json: not a plain file of at most 101711872 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			dir := s.Root + "/a"
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.record != nil && *c.record == "dir" {
				if err := syscall.Mkfifo(dir+"/"+recordName, 0o600); err != nil {
					t.Fatalf("make a FIFO of the record: %v", err)
				}
			} else if c.record != nil {
				if err := os.WriteFile(dir+"/"+recordName, []byte(*c.record), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Read("a"); err == nil || err.Error() != `container "a": `+c.want {
				t.Errorf("read: got error %v, want container \"a\": %s", err, c.want)
			}
			o, err := s.Open("a", long)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			defer o.Close()
			if o.State != nil || o.Damage == nil || o.Damage.Error() != c.want {
				t.Errorf("open: got the state %+v and the damage %v, want no state and the damage %s", o.State, o.Damage, c.want)
			}
			if (c.record == nil) != errors.Is(o.Damage, ErrHalfMade) {
				t.Errorf("damage %v is ErrHalfMade: got %v, want %v", o.Damage, errors.Is(o.Damage, ErrHalfMade), c.record == nil)
			}
			if err := o.Remove(); err != nil {
				t.Fatalf("remove: %v", err)
			}
			if got := entries(t, s); got != "[]" {
				t.Errorf("the root after remove: got %s, want []", got)
			}
		})
	}
}

func TestTornRecordLeavesTheIntent(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "a")
	defer c.Close()
	if err := c.Write(&State{Version: "1.3.0", ID: "a", Phase: Created}); err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := os.Truncate(s.Root+"/a/"+recordName, 5); err != nil {
		t.Fatal(err)
	}
	c.Close()
	o, err := s.Open("a", time.Second)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer o.Close()
	if o.Damage == nil || o.State == nil || o.State.Phase != Creating {
		t.Errorf("open with a torn record: got the state %+v and the damage %v, want the phase %s and a damage", o.State, o.Damage, Creating)
	}
}

func ptr(s string) *string { return &s }

func TestRemoveLeavesForeignFiles(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "a")
	if err := os.WriteFile(s.Root+"/a/precious", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := c.Remove()
	if !errors.Is(err, syscall.ENOTEMPTY) || !strings.Contains(err.Error(), `"precious"`) {
		t.Errorf("remove with a foreign file: got error %v, want ENOTEMPTY, which names \"precious\"", err)
	}
	if got := entries(t, s); got != "[d a/]" {
		t.Errorf("the root after remove: got %s, want [d a/]", got)
	}
}

func TestWriteRefusesAnothersRecord(t *testing.T) {
	c := create(t, newStore(t), "a")
	if err := c.Write(intent("b")); err == nil {
		t.Error("write the record of another container: got no error, want one")
	}
}

func TestFailedIntentLeavesNothing(t *testing.T) {
	s := newStore(t)
	before := openFDs()
	bad := intent("a")
	bad.Rootfs = strings.Repeat("\n", maxIntent/6)
	if _, err := s.Create("a", bad, config, long); !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("create with an intent that is too long: got error %v, want EFBIG", err)
	}
	if got := entries(t, s); got != "[]" {
		t.Errorf("the root after the failed create: got %s, want []", got)
	}
	if n := openFDs(); n != before {
		t.Errorf("open descriptors after the failed create: got %d, want %d as before", n, before)
	}
}

func TestFullFileSystemLeavesNothing(t *testing.T) {
	needs.Root(t, "mounts a small tmpfs")
	root := t.TempDir()
	// Three inodes: the root, a directory, and none for the second file.
	for _, opts := range []string{"nr_inodes=2", "nr_inodes=1", "size=4k,nr_inodes=8"} {
		if err := syscall.Mount("tmpfs", root, "tmpfs", 0, opts); err != nil {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(root, syscall.MNT_DETACH) })
		if strings.HasPrefix(opts, "size") {
			os.WriteFile(root+"/fill", make([]byte, 8192), 0o600)
		}
		before := openFDs()
		s := &Store{Root: root}
		big := intent("a")
		big.Bundle = strings.Repeat("x", 8192)
		if _, err := s.Create("a", big, config, long); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: create: got error %v, want ENOSPC", opts, err)
		}
		if got := entries(t, s); strings.Contains(got, "a/") {
			t.Errorf("%s: the root after the failed create: got %s, want no a/", opts, got)
		}
		if n := openFDs(); n != before {
			t.Errorf("%s: open descriptors after the failed create: got %d, want %d as before", opts, n, before)
		}
		if err := syscall.Unmount(root, 0); err != nil {
			t.Fatalf("unmount %s: %v", root, err)
		}
	}
}

func TestListReportsWhatIsNoContainer(t *testing.T) {
	s := newStore(t)
	if all, bad, err := s.List(); all != nil || bad != nil || err != nil {
		t.Errorf("list an absent root: got %v, bad %v, %v, want nothing", all, bad, err)
	}
	create(t, s, "b")
	create(t, s, "a")
	for _, f := range []string{"torn/state.json", "not an id/state.json"} {
		if err := os.MkdirAll(filepath.Dir(s.Root+"/"+f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Root+"/"+f, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(s.Root+"/empty", 0o700)
	os.WriteFile(s.Root+"/file", nil, 0o600)
	os.Symlink("a", s.Root+"/link")
	all, bad, err := s.List()
	if err != nil || len(all) != 2 || all[0].ID != "a" || all[1].ID != "b" {
		t.Errorf("list: got %+v, %v, want a and b", all, err)
	}
	want := []string{
		`container "empty": half-made: no state.json`,
		`foreign entry "file" in ` + s.Root,
		`foreign entry "link" in ` + s.Root,
		`foreign entry "not an id" in ` + s.Root,
		`container "torn": decode state.json: offset 1: not the JSON of a record`,
	}
	if len(bad) != len(want) {
		t.Fatalf("what is no container: got %v, want %q", bad, want)
	}
	for i, err := range bad {
		if err.Error() != want[i] {
			t.Errorf("what is no container, [%d]: got %v, want %s", i, err, want[i])
		}
	}
}

func TestRootsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o777)
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	for _, root := range []string{open, file} {
		s := &Store{Root: root}
		if _, err := s.Create("a", intent("a"), config, long); err == nil {
			t.Errorf("%s: create: got no error, want one", root)
		}
		if _, err := s.Open("a", long); err == nil || errors.Is(err, syscall.ENOENT) {
			t.Errorf("%s: open: got error %v, want one that is not ENOENT", root, err)
		}
		if _, _, err := s.List(); err == nil {
			t.Errorf("%s: list: got no error, want one", root)
		}
	}
	os.Chmod(open, 0o777|os.ModeSticky)
	s := &Store{Root: open}
	create(t, s, "a")
	if os.Geteuid() != 0 {
		t.Skip("giving a directory away needs root")
	}
	os.Chown(open+"/a", 12345, 12345)
	if _, err := s.Open("a", long); !errors.Is(err, syscall.EPERM) {
		t.Errorf("open another user's container: got error %v, want EPERM", err)
	}
	os.Chown(open, 12345, 12345)
	if _, err := s.Open("a", long); !errors.Is(err, syscall.EPERM) {
		t.Errorf("open below another user's root: got error %v, want EPERM", err)
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"a", "A_b-c.d+0", "-", "...", ".a", strings.Repeat("x", 255)} {
		if err := ValidateID(id); err != nil {
			t.Errorf("validate the id %q: got error %v, want none", id, err)
		}
	}
	s := newStore(t)
	for _, id := range []string{"", ".", "..", "a/b", "/", "a b", "a\x00", "ü", "a\n", "a:b", strings.Repeat("x", 256)} {
		var invalid *InvalidIDError
		if err := ValidateID(id); !errors.As(err, &invalid) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("validate the id %q: got error %v, want an InvalidIDError that is EINVAL", id, err)
		}
		_, cerr := s.Create(id, intent(id), config, long)
		_, oerr := s.Open(id, long)
		_, rerr := s.Read(id)
		for _, err := range []error{cerr, oerr, rerr} {
			if !errors.As(err, &invalid) {
				t.Errorf("create, open and read the id %q: got error %v, want an InvalidIDError", id, err)
			}
		}
	}
	if _, err := os.Stat(s.Root); !os.IsNotExist(err) {
		t.Errorf("the root after ids that are refused: got error %v, want that it does not exist", err)
	}
}
