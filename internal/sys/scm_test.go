package sys

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestBound: a name tells whether somebody has the socket, without getting to it.
func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Bound(path); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("bound, of no name: got error %v, want ENOENT", err)
	}
	pair, err := SeqpacketPair()
	if err != nil {
		t.Fatalf("make a pair of sockets: %v", err)
	}
	defer Close(pair[0])
	if err := BindUnix(pair[1], path); err != nil {
		t.Fatalf("bind: %v", err)
	}
	other, err := Dup(pair[1])
	if err != nil {
		t.Fatalf("dup: %v", err)
	}
	Close(pair[1])
	for range 100 { // more than any backlog
		if is, err := Bound(path); err != nil || !is {
			t.Fatalf("bound, of a socket that is open: got %v, %v, want true", is, err)
		}
	}
	if err := SetNonblock(pair[0], true); err != nil {
		t.Fatal(err)
	}
	if n, err := Read(pair[0], make([]byte, 1)); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("read what the other end got: got %d bytes, error %v, want EAGAIN", n, err)
	}
	Close(other)
	if is, err := Bound(path); err != nil || is {
		t.Errorf("bound, of a socket that is closed: got %v, %v, want false", is, err)
	}
}
