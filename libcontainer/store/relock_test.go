package store

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

// TestRelockGivenUp: a Relock that gave up gets the lock later, when nobody asks for it any more, and has to let go of it.
func TestRelockGivenUp(t *testing.T) {
	s := newStore(t)
	c, err := s.Create("web", intent("web"), nil, long)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	defer c.Close()
	if err := c.Unlock(); err != nil {
		t.Fatalf("unlock: %v", err)
	}
	other, err := s.Open("web", long)
	if err != nil {
		t.Fatalf("open after unlock: %v", err)
	}
	open := openFDs()
	if err := c.Relock(time.Millisecond); !errors.As(err, new(*BusyError)) {
		t.Errorf("relock while another holds it: got error %v, want a BusyError", err)
	}
	other.Close()
	for deadline := time.Now().Add(long); openFDs() > open-2 && time.Now().Before(deadline); {
		runtime.Gosched() // until the thread that waits has closed its descriptor
	}
	if other, err = s.Open("web", 100*time.Millisecond); err != nil {
		t.Fatalf("open after a relock that gave up: got error %v, want none", err)
	}
	other.Close()
}

func TestRelock(t *testing.T) {
	s := newStore(t)
	before := openFDs()
	c, err := s.Create("web", intent("web"), config, long)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if err := c.Unlock(); err != nil {
		t.Fatalf("unlock: %v", err)
	}
	other, err := s.Open("web", long)
	if err != nil {
		t.Fatalf("open after unlock: %v", err)
	}
	if err := c.Relock(time.Millisecond); !errors.As(err, new(*BusyError)) {
		t.Errorf("relock while another holds it: got error %v, want a BusyError", err)
	}
	other.Close()
	if err := c.Relock(long); err != nil {
		t.Errorf("relock when the other is closed: got error %v, want none", err)
	}
	if _, err := s.Open("web", time.Millisecond); !errors.As(err, new(*BusyError)) {
		t.Errorf("open of what is relocked: got error %v, want a BusyError", err)
	}
	if err := c.Unlock(); err != nil {
		t.Fatalf("unlock a second time: %v", err)
	}
	if other, err = s.Open("web", long); err != nil {
		t.Fatalf("open after the second unlock: %v", err)
	}
	if err := other.Remove(); err != nil {
		t.Fatalf("remove: %v", err)
	}
	other.Close()
	create(t, s, "web").Close()
	if err := c.Relock(long); !errors.As(err, new(*NotExistError)) {
		t.Errorf("relock what is removed, and made anew by somebody else: got error %v, want a NotExistError", err)
	}
	c.Close()
	// The waits that were given up hold a descriptor each until the kernel lets them out of flock(2).
	after := openFDs()
	for deadline := time.Now().Add(long); after != before && time.Now().Before(deadline); after = openFDs() {
		runtime.Gosched()
	}
	if after != before {
		t.Errorf("open descriptors at the end: got %d, want %d as before", after, before)
	}
}
