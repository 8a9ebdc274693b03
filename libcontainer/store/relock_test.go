package store

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestRelock(t *testing.T) {
	s := newStore(t)
	before := openFDs()
	c, err := s.Create("web", intent("web"), long)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Unlock(); err != nil {
		t.Fatal(err)
	}
	other, err := s.Open("web", long)
	if err != nil {
		t.Fatalf("open after unlock: %v", err)
	}
	if err := c.Relock(time.Millisecond); !errors.As(err, new(*BusyError)) {
		t.Errorf("while another holds it: %v", err)
	}
	other.Close()
	if err := c.Relock(long); err != nil {
		t.Errorf("after that: %v", err)
	}
	if _, err := s.Open("web", time.Millisecond); !errors.As(err, new(*BusyError)) {
		t.Errorf("relocked, and open says %v", err)
	}
	if err := c.Unlock(); err != nil {
		t.Fatal(err)
	}
	if other, err = s.Open("web", long); err != nil {
		t.Fatal(err)
	}
	if err := other.Remove(); err != nil {
		t.Fatal(err)
	}
	other.Close()
	create(t, s, "web").Close()
	if err := c.Relock(long); !errors.As(err, new(*NotExistError)) {
		t.Errorf("removed, and made anew by somebody else: %v", err)
	}
	c.Close()
	// The waits that were given up hold a descriptor each until the kernel lets them out of flock(2).
	after := openFDs()
	for deadline := time.Now().Add(long); after != before && time.Now().Before(deadline); after = openFDs() {
		runtime.Gosched()
	}
	if after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
