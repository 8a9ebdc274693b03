package store

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsWrittenIsRead: a record is refused or can be read, however long it gets.
func TestWhatIsWrittenIsRead(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "a")
	for n := 1 << 16; n < 2*maxRecord; n *= 2 {
		for _, phase := range []Phase{Creating, Created} {
			st := &State{ID: "a", Phase: phase, Bundle: strings.Repeat("\x01", n)}
			werr := c.Write(st)
			if werr != nil && !errors.Is(werr, syscall.EFBIG) {
				t.Errorf("write %d bytes that are escaped, %s: got error %v, want none, or EFBIG", n, phase, werr)
			}
			got, err := s.Read("a")
			if err != nil || werr == nil && got.Bundle != st.Bundle {
				t.Fatalf("read after writing %d bytes that are escaped, %s: got error %v, want none, and the bundle", n, phase, err)
			}
			if phase == Created {
				os.Remove(s.Root + "/a/" + recordName)
			}
		}
	}
}

// TestOldRecords: those of older versions hold annotations and hooks, and may be longer than any that is written.
func TestOldRecords(t *testing.T) {
	s := newStore(t)
	create(t, s, "a").Close()
	long := strings.Repeat(`\u0001`, 3<<20)
	text := `{"ociVersion":"1.3.0","id":"a","phase":"running","init":{"pid":7,"start":8},"annotations":{"x":"` + long +
		`"},"cgroup":"c","hooks":{"poststop":[]}}`
	if err := os.WriteFile(s.Root+"/a/"+recordName, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := s.ReadWhole("a")
	if err != nil || len(st.Annotations["x"]) != 3<<20 || st.Init.Pid != 7 || st.Cgroup != "c" || st.Stale {
		t.Fatalf("read an old record of %d bytes: got %v, want its annotation, pid 7, and cgroup c", len(text), err)
	}
	c, err := s.Open("a", time.Second)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer c.Close()
	if hooks, err := c.Hooks(); err != nil || string(hooks) != `{"poststop":[]}` {
		t.Errorf("hooks of an old record: got %q, %v, want those in it", hooks, err)
	}
}

// TestOtherBoot: what a record of another boot names is not looked for.
func TestOtherBoot(t *testing.T) {
	if Boot() == "" {
		t.Skip("no boot id on this machine")
	}
	s := newStore(t)
	c := create(t, s, "a")
	for boot, stale := range map[string]bool{"": false, Boot(): false, "6ba7b810-9dad-11d1-80b4-00c04fd430c8": true} {
		st := &State{
			ID: "a", Phase: Created, Boot: boot, Init: Process{7, 8}, Runtime: Process{9, 10}, Cgroup: "c", CgroupIDs: "1", IntelRdt: "r",
		}
		if err := c.Write(st); err != nil {
			t.Fatalf("write: %v", err)
		}
		got, err := s.Read("a")
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		names := got.Init.Pid != 0 || got.Runtime.Pid != 0 || got.Cgroup != "" || got.CgroupIDs != "" || got.IntelRdt != ""
		if got.Stale != stale || names == stale {
			t.Errorf("record of the boot %q: got %+v, want it stale: %v", boot, got, stale)
		}
	}
}

// TestRecordTakenAway: a directory without a record is half-made only as long as no process was started for it.
func TestRecordTakenAway(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "a")
	if err := os.WriteFile(s.Root+"/a/"+InitName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := os.Remove(s.Root + "/a/" + intentName); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("a"); err == nil || errors.Is(err, ErrHalfMade) {
		t.Errorf("read: got %v, want an error other than ErrHalfMade", err)
	}
	if _, err := s.Create("a", intent("a"), config, long); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("create: got error %v, want EEXIST", err)
	}
}
