package hooks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teu/internal/sys"
)

// TestOutputWithoutAPoller: epoll(7) takes no regular file, as it takes no pipe beyond the user's fs.epoll.max_user_watches.
func TestOutputWithoutAPoller(t *testing.T) {
	fd, err := sys.Openat(sys.AtFdcwd, os.Args[0], sys.ORdonly, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if _, err := newOutput(fd, nil); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("output of what cannot be polled: got error %v, want %v", err, os.ErrNoDeadline)
	}
}

// TestOutputEndsTwice: no reader is left, and the second end touches no file of somebody else.
func TestOutputEndsTwice(t *testing.T) {
	o, w, err := NewOutput(Streams{})
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(w)
	text := strings.Repeat("a line\n", 2*pipeSize/len("a line\n"))
	for at := 0; at < len(text); { // more than the pipe holds: it is read meanwhile
		n, err := sys.Write(w, []byte(text[at:]))
		if err != nil {
			t.Fatal(err)
		}
		at += n
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("other text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if line, cut := o.End(); !strings.HasSuffix(line, "; a line; a line") || !cut {
			t.Errorf("end: got %.40q, cut %v, want the end of the text, cut", line, cut)
		}
		select {
		case <-o.done:
		default:
			t.Error("after the end: got a reader, want none")
		}
		f, err := os.Open(other) // gets the number of the descriptor that is closed now
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
}
