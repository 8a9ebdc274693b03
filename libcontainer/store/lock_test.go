package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestLockIsWaitedForAndItsHolderNamed(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "a")
	_, err := s.Open("a", 10*time.Millisecond)
	var busy *BusyError
	if !errors.As(err, &busy) || !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatalf("open of what is locked: got error %v, want a BusyError that is EWOULDBLOCK", err)
	}
	if want := fmt.Sprintf("process %d (", os.Getpid()); !strings.HasPrefix(busy.Holder, want) {
		t.Errorf("holder of the lock: got %q, want %s…", busy.Holder, want)
	}
	if _, err = s.Open("a", 0); !errors.As(err, &busy) || busy.Holder != "" {
		t.Errorf("open without a wait of what is locked: got error %v, want a BusyError that names nobody", err)
	}
	got := make(chan error)
	go func() {
		o, err := s.Open("a", long)
		if err == nil {
			o.Close()
		}
		got <- err
	}()
	c.Close()
	if err := <-got; err != nil {
		t.Errorf("open that waits for the lock: got error %v, want none", err)
	}
}

func TestAnHeirKeepsTheLock(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep(1)")
	}
	s := newStore(t)
	c := create(t, s, "a")
	p, err := os.StartProcess(sleep, []string{"sleep", "60"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil, c.Dir()}})
	if err != nil {
		t.Fatalf("start sleep: %v", err)
	}
	c.Close()
	_, err = s.Open("a", 10*time.Millisecond)
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Holder != fmt.Sprintf("process %d (sleep)", p.Pid) {
		t.Errorf("open while an heir has the lock: got error %v, want a BusyError that names process %d (sleep)", err, p.Pid)
	}
	if pids, err := s.Holders("a"); err != nil || len(pids) != 1 || pids[0] != p.Pid {
		t.Errorf("holders of the lock: got %v, %v, want [%d]", pids, err, p.Pid)
	}
	p.Kill()
	p.Wait()
	if pids, err := s.Holders("a"); err != nil || len(pids) != 0 {
		t.Errorf("holders of a free lock: got %v, %v, want none", pids, err)
	}
	o, err := s.Open("a", long)
	if err != nil {
		t.Fatalf("open when the heir is gone: %v", err)
	}
	o.Close()
}

func TestLockOfARemovedDirectoryDoesNotCount(t *testing.T) {
	s := newStore(t)
	for _, again := range []bool{false, true} {
		c := create(t, s, "a")
		got := make(chan error)
		go func() {
			o, err := s.Open("a", long)
			if err == nil {
				if o.Damage != nil || o.State.Bundle != "second" {
					err = fmt.Errorf("got the state %+v and the damage %v, want the bundle second and no damage", o.State, o.Damage)
				}
				o.Close()
			}
			got <- err
		}()
		waitForWaiter(t, s.Root+"/a")
		if err := c.Remove(); err != nil {
			t.Fatalf("remove: %v", err)
		}
		if again {
			st := intent("a")
			st.Bundle = "second"
			c2, err := s.Create("a", st, config, long)
			if err != nil {
				t.Fatalf("create again: %v", err)
			}
			c2.Close()
		}
		c.Close()
		if err := <-got; again && err != nil || !again && !errors.Is(err, syscall.ENOENT) {
			t.Errorf("open that waited while it was removed, made again %v: got error %v, want ENOENT if it was not made again, else none", again, err)
		}
	}
}

// waitForWaiter returns when some flock on path has a waiter ("->", proc(5)).
func waitForWaiter(t *testing.T, path string) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	inode := fmt.Sprintf(":%d ", st.Ino)
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(time.Millisecond) {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "->") && strings.Contains(line, inode) {
				return
			}
		}
	}
	t.Fatalf("wait for a waiter for the lock of %s: got none within %v, want one", path, long)
}

func TestOneOfManyCreatesWins(t *testing.T) {
	s := newStore(t)
	for range 50 {
		var wg sync.WaitGroup
		results := make([]error, 8)
		held := make([]*Container, 8)
		for i := range results {
			wg.Go(func() { held[i], results[i] = s.Create("a", intent("a"), config, long) })
		}
		wg.Wait()
		won := 0
		for i, err := range results {
			switch {
			case err == nil:
				won++
				if err := held[i].Remove(); err != nil {
					t.Errorf("remove of the one that won: got error %v, want none", err)
				}
				held[i].Close()
			case !errors.Is(err, syscall.EEXIST):
				t.Errorf("create of one that lost: got error %v, want EEXIST", err)
			}
		}
		if won != 1 {
			t.Fatalf("creates that won: got %d, want 1", won)
		}
	}
}

func TestCreatesAndRemovalsRace(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if c, err := s.Create("a", intent("a"), config, long); err == nil {
					c.Close()
				} else if !errors.Is(err, syscall.EEXIST) {
					t.Errorf("create: got error %v, want none or EEXIST", err)
				}
			}
		})
		wg.Go(func() {
			for range 200 {
				o, err := s.Open("a", long)
				if err == nil {
					err = o.Remove()
					o.Close()
				}
				if err != nil && !errors.Is(err, syscall.ENOENT) {
					t.Errorf("open and remove: got error %v, want none or ENOENT", err)
				}
			}
		})
	}
	wg.Wait()
}
