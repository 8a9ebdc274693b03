package console

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
)

// TestDialWithin: a listener that accepts nobody keeps whoever comes when its backlog is full, and so does one that does not
// read; both for the given time.
func TestDialWithin(t *testing.T) {
	path := t.TempDir() + "/s"
	sock, err := sys.ListenUnix(path)
	if err != nil {
		t.Fatalf("listen on %s: %v", path, err)
	}
	defer sys.Close(sock)
	const limit, most = 50 * time.Millisecond, 100
	var conns []*os.File
	for err == nil && len(conns) < most {
		var conn *os.File
		if conn, err = DialWithin(path, limit); err == nil {
			defer conn.Close()
			conns = append(conns, conn)
		}
	}
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("dial after %d connections that nobody accepts: got error %v, want ETIMEDOUT", len(conns), err)
	}
	for err = nil; err == nil; {
		err = sys.SendFDs(int(conns[0].Fd()), make([]byte, 4096))
	}
	if err != syscall.EAGAIN && err != syscall.EMSGSIZE { // all of it, or the rest, did not go
		t.Errorf("send to who does not read: got error %v, want EAGAIN or EMSGSIZE", err)
	}
}
