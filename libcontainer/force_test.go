package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/store"
)

// sleeper is a process for a record to name.
func sleeper(t *testing.T) store.Process {
	t.Helper()
	c := exec.Command("sleep", "1000")
	return started(t, c)
}

func started(t *testing.T, c *exec.Cmd) store.Process {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return named(t, c.Process.Pid)
}

func named(t *testing.T, pid int) store.Process {
	t.Helper()
	start, err := host.StartTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	return store.Process{Pid: pid, Start: start}
}

func runs(t *testing.T, p store.Process) bool {
	t.Helper()
	alive, err := host.Alive(p.Pid, p.Start)
	if err != nil {
		t.Fatal(err)
	}
	return alive
}

// eventually waits for done, within what a busy machine may need.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20s in vain until %s", what)
		}
	}
}

// TestOpenByForce: whoever holds the lock, the container's process is killed; but not that of a container which has come in its
// place meanwhile.
func TestOpenByForce(t *testing.T) {
	r := &Runtime{Root: t.TempDir() + "/root"}
	first, second := sleeper(t), sleeper(t)
	st := store.State{ID: "c", Phase: store.Creating, Created: time.Unix(1, 0).UTC()}
	held, err := r.store().Create("c", &st, nil, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	record := func(init store.Process, created int64) {
		t.Helper()
		st := store.State{ID: "c", Phase: store.Running, Init: init, Created: time.Unix(created, 0).UTC()}
		if err := held.Write(&st); err != nil {
			t.Fatal(err)
		}
	}
	record(first, 1)
	opened := make(chan error, 1)
	go func() {
		c, err := r.openByForce("c", 20*time.Second)
		if err == nil {
			err = c.Close()
		}
		opened <- err
	}()
	eventually(t, "the process is killed", func() bool { return !runs(t, first) })
	record(second, 2)
	time.Sleep(3 * forceAgain)
	if !runs(t, second) {
		t.Error("process of another container of the same id: got it killed, want it alive")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("open by force once the lock is free: %v", err)
	}
}

// TestKillNamed: of a container that is being created, what the creating process has started is killed, and with impatience that
// process itself; of one that was created, neither.
func TestKillNamed(t *testing.T) {
	r := &Runtime{}
	c := exec.Command("sh", "-c", "sleep 1000 & echo $!; wait; exec sleep 1000")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	creator := started(t, c)
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatalf("pid of the child: %v", err)
	}
	child := named(t, pid)

	r.killNamed(&store.State{Phase: store.Created, Runtime: creator}, true)
	r.killNamed(&store.State{Phase: store.Creating, Runtime: store.Process{Pid: creator.Pid, Start: creator.Start + 1}}, true)
	if !runs(t, creator) || !runs(t, child) {
		t.Fatalf("creator %v and its child %v of other containers: want them alive", runs(t, creator), runs(t, child))
	}
	r.killNamed(&store.State{Phase: store.Creating, Runtime: creator}, false)
	eventually(t, "the child is killed", func() bool { return !runs(t, child) })
	if !runs(t, creator) {
		t.Error("creating process: got it killed without impatience, want it alive")
	}
	r.killNamed(&store.State{Phase: store.Creating, Runtime: creator}, true)
	eventually(t, "the creating process is killed", func() bool { return !runs(t, creator) })
}

// TestOpenByForceFromAnOrphan: an init that goes on without its create holds the lock, and nobody knows its pid.
func TestOpenByForceFromAnOrphan(t *testing.T) {
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Skipf("needs a shell: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"3", "other"} { // the interpreter goes by the number of a descriptor
		if err := os.WriteFile(dir+"/"+name, sh, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := &Runtime{Root: dir + "/root"}
	st := store.State{ID: "c", Phase: store.Creating, Runtime: store.Process{Pid: 1 << 30, Start: 1}}
	held, err := r.store().Create("c", &st, nil, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	heir := func(name string) store.Process {
		t.Helper()
		c := exec.Command(dir+"/"+name, "-c", "read word")
		if _, err := c.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		c.ExtraFiles = []*os.File{held.Dir()}
		return started(t, c)
	}
	orphan, other := heir("3"), heir("other")
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := r.openByForce("c", 500*time.Millisecond)
	if err == nil {
		c.Close()
	}
	if runs(t, orphan) || !runs(t, other) || !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("open by force: got init alive %v, another holder of the lock alive %v, %v, want false, true and EWOULDBLOCK", runs(t, orphan), runs(t, other), err)
	}
}

// TestWaitsAtGate: who asks whether somebody is at the gate does not come there.
func TestWaitsAtGate(t *testing.T) {
	dir := t.TempDir()
	fd, err := sys.Openat(sys.AtFdcwd, dir, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	want := func(when string, waits bool) {
		t.Helper()
		if got, err := waitsAtGate(fd, &store.State{Phase: store.Created}); got != waits || err != nil {
			t.Errorf("%s: got waits %v, %v, want %v", when, got, err, waits)
		}
	}
	want("no gate", false)
	gate, err := sys.ListenUnix(dir + "/" + store.GateName)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // more than there is room for
		want("at the gate", true)
	}
	if came, err := sys.PidfdWait(gate, 0); came || err != nil {
		t.Errorf("the gate after it was asked for: got a caller %v, %v, want none", came, err)
	}
	sys.Close(gate)
	want("behind the gate", false)
}
