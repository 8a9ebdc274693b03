package nsenter

import (
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
)

func TestFork(t *testing.T) {
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Fork(control, sys.CloneParent)
		b.Sync(control, 'a', 'a')
	}), nil, 0, program.Options{})
	first := in.Pid
	if err := in.Join(); err != nil {
		t.Fatalf("join: %v", err)
	}
	if in.Pid == first {
		t.Errorf("pid after the fork: got %d, the first's, want another", in.Pid)
	}
	if err := in.Expect('a'); err != nil {
		t.Fatalf("wait for the second process: %v", err)
	}
	if err := in.Go('a'); err != nil {
		t.Fatalf("let the second process go on: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}

// TestForkWithoutAWord: the first process ends before it can name the second one, which goes on with the socket.
func TestForkWithoutAWord(t *testing.T) {
	fd, err := sys.Memfd("none", 0)
	if err != nil {
		t.Fatalf("make the memfd: %v", err)
	}
	defer sys.Close(fd)
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		noSocket := b.Input("no socket")
		b.Fork(noSocket, sys.CloneParent)
		b.Sync(control, 'a', 'a')
	}), map[string]int{"no socket": fd}, 0, program.Options{})
	if err := in.Join(); err == nil {
		t.Error("join with nobody to tell of the second process: got no error, want one")
	}
}

func TestForkIntoAPidNamespace(t *testing.T) {
	needRoot(t)
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		b.Prctl(sys.PrSetDumpable, 0)
		b.Unshare(sys.CloneNewPid)
		b.Fork(control, sys.CloneParent)
		// The first in its namespace may ask for its death signal like any other.
		b.Prctl(sys.PrSetPdeathsig, 9)
	}), nil, 0, program.Options{})
	if err := in.Join(); err != nil {
		t.Fatalf("join: %v", err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("got %v, want %v", pe, reached)
	}
}
