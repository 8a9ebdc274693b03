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
		t.Fatal(err)
	}
	if in.Pid == first {
		t.Error("the same process goes on")
	}
	if err := in.Expect('a'); err != nil {
		t.Fatal(err)
	}
	if err := in.Go('a'); err != nil {
		t.Fatal(err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("%v", pe)
	}
}

// TestForkWithoutAWord: the first process ends before it can name the second one, which goes on with the socket.
func TestForkWithoutAWord(t *testing.T) {
	fd, err := sys.Memfd("none", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	in := launched(t, part(func(b *program.Builder, control program.Slot) {
		noSocket := b.Input("no socket")
		b.Fork(noSocket, sys.CloneParent)
		b.Sync(control, 'a', 'a')
	}), map[string]int{"no socket": fd}, 0, program.Options{})
	if err := in.Join(); err == nil {
		t.Error("nobody has told of the second process")
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
		t.Fatal(err)
	}
	if pe, _ := ended(t, in); pe.Report.Errno != reached {
		t.Errorf("%v", pe)
	}
}
