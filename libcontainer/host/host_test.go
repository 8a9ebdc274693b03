package host

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestParseStat(t *testing.T) {
	stat := func(state, flags, start string) string {
		return "7 (a) Z) " + state + " 1 1 1 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 0 0"
	}
	for _, c := range []struct {
		name, data string
		start      uint64
		ended, bad bool
	}{
		{"a running process", stat("R", "4194304", "123"), 123, false, false},
		{"a sleeping one", stat("S", "4194560", "18446744073709551615"), 1<<64 - 1, false, false},
		{"a zombie", stat("Z", "4194304", "1"), 1, true, false},
		{"a dead one", stat("X", "4194304", "1"), 1, true, false},
		{"one that exits", stat("R", "4194308", "1"), 1, true, false},
		{"no name", "7 R 1", 0, false, true},
		{"cut short", strings.TrimSuffix(stat("R", "0", "1"), "1 0 0"), 0, false, true},
		{"a long state", stat("RR", "0", "1"), 0, false, true},
		{"a start that is no number", stat("R", "0", "x"), 0, false, true},
		{"flags that are no number", stat("R", "x", "1"), 0, false, true},
	} {
		start, ended, err := parseStat("stat", []byte(c.data))
		if start != c.start || ended != c.ended || errors.Is(err, syscall.EBADMSG) != c.bad {
			t.Errorf("%s: got the start %d, ended %v, %v, want %d, %v, EBADMSG: %v", c.name, start, ended, err, c.start, c.ended, c.bad)
		}
	}
}

func TestAlive(t *testing.T) {
	start, ended, err := StartTime(os.Getpid())
	if err != nil || ended {
		t.Fatalf("start of this process: got ended %v, %v, want false", ended, err)
	}
	for _, c := range []struct {
		pid   int
		start uint64
		want  bool
	}{{os.Getpid(), start, true}, {os.Getpid(), start + 1, false}, {0, start, false}, {-1, start, false}, {1 << 30, 1, false}} {
		if alive, err := Alive(c.pid, c.start); alive != c.want || err != nil {
			t.Errorf("process %d of the start %d is alive: got %v, %v, want %v", c.pid, c.start, alive, err, c.want)
		}
	}
}
