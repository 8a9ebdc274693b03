package cgroups

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// event is a line of `events`, as callers read it.
type event struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Data struct {
		CPU struct {
			Usage struct {
				Total  uint64   `json:"total"`
				Percpu []uint64 `json:"percpu"`
			} `json:"usage"`
		} `json:"cpu"`
		CPUSet struct {
			CPUs []uint16 `json:"cpus"`
		} `json:"cpuset"`
		Memory struct {
			Usage struct{ Limit, Usage, Max, Failcnt uint64 } `json:"usage"`
			Swap  struct{ Limit, Usage uint64 }               `json:"swap"`
			Raw   map[string]uint64                           `json:"raw"`
			PSI   *psi                                        `json:"psi"`
		} `json:"memory"`
		Pids    struct{ Current, Limit uint64 } `json:"pids"`
		Blkio   map[string]json.RawMessage      `json:"blkio"`
		Hugetlb map[string]struct{ Usage, Failcnt uint64 }
	} `json:"data"`
}

type psi struct {
	Some, Full struct {
		Avg10 float64
		Total uint64
	}
}

func memory(limit int64) edit {
	return kit.Resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit} })
}

// events reads lines.
func events(t testing.TB, b *kit.Bundle, text string) (list []event) {
	t.Helper()
	for line := range strings.Lines(text) {
		e := kit.JSON[event](b, line)
		if e.ID != b.ID || e.Type != "stats" && e.Type != "oom" {
			t.Errorf("event: got %q, want one of %s, of type stats or oom", line, b.ID)
		}
		list = append(list, e)
	}
	return list
}

// stats is one line of `events --stats`.
func stats(t testing.TB, b *kit.Bundle) event {
	t.Helper()
	list := events(t, b, b.OK("events", "--stats", b.ID).Stdout)
	if len(list) != 1 || list[0].Type != "stats" {
		t.Fatalf("events --stats: got %+v, want 1 event of type stats", list)
	}
	return list[0]
}

// TestStats compares with the files, and with what the container was given.
func TestStats(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory", "pids")
	limits := kit.Resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(77))} })
	for _, verb := range []string{"create", "start", "pause"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("sleep", "forever"), memory(64<<20), limits)
			b.OK("create", b.ID)
			if verb != "create" {
				b.OK("start", b.ID)
			}
			if verb == "pause" {
				b.OK("pause", b.ID)
			}
			p := placesOf(t, b.State().Pid)
			d := stats(t, b).Data
			if d.CPU.Usage.Total == 0 {
				t.Error("processor time: got 0, want more")
			}
			t.Run("memory", func(t *testing.T) {
				_, v2 := p.dir(t, "memory", "memory")
				m := &d.Memory
				if m.Usage.Limit != 64<<20 || m.Usage.Usage == 0 || m.Usage.Usage > m.Usage.Limit || len(m.Raw) < 10 {
					t.Errorf("memory: got %+v, want limit %d, usage above 0 and not above that, and at least 10 raw values", m, 64<<20)
				}
				if v2 && m.Swap.Usage > 0 && m.Swap.Limit < m.Usage.Limit {
					t.Errorf("swap: got limit %d, want at least %d, as it counts memory too", m.Swap.Limit, m.Usage.Limit)
				}
			})
			t.Run("pids", func(t *testing.T) {
				dir, _ := p.dir(t, "pids", "pids")
				now, err := strconv.ParseUint(read(t, dir, "pids.current"), 10, 64)
				check(t, err)
				if d.Pids.Limit != 77 || d.Pids.Current == 0 || verb == "create" && d.Pids.Current != now {
					t.Errorf("pids: got %+v, want limit 77 and more than 0 (after create, %d)", d.Pids, now)
				}
			})
			if p.v1["cpuacct"] != "" && len(d.CPU.Usage.Percpu) == 0 || p.v1["cpuset"] != "" && len(d.CPUSet.CPUs) == 0 {
				t.Errorf("statistics: got %+v, want time per CPU with cpuacct, and CPUs with cpuset", d)
			}
			if p.v2 != "" && (d.Memory.PSI != nil) != exists(p.v2+"/memory.pressure") {
				t.Errorf("pressure stall information of memory: got %+v, want it only where the kernel has memory.pressure: %v", d.Memory.PSI, exists(p.v2+"/memory.pressure"))
			}
		})
	}
}

// TestStatsMembers: there is each member of the object, as from runc, whatever the host has.
func TestStatsMembers(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	out := b.OK("events", "--stats", b.ID).Stdout
	line := kit.JSON[map[string]json.RawMessage](b, out)
	data := kit.JSON[map[string]json.RawMessage](b, string(line["data"]))
	var names []string
	for name := range data {
		names = append(names, name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "blkio cpu cpuset hugetlb intel_rdt memory network_interfaces pids" {
		t.Errorf("names in data: got %s, want %s", got, "blkio cpu cpuset hugetlb intel_rdt memory network_interfaces pids")
	}
	if strings.Count(out, "\n") != 1 || string(data["network_interfaces"]) != "null" || string(data["intel_rdt"]) != "{}" {
		t.Errorf("events --stats: got %s\nwant one line with network_interfaces null and intel_rdt {}", out)
	}
}

// TestStatsStopped: of what is over nothing is told.
func TestStatsStopped(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Start()
	b.Ended()
	for _, flag := range []string{"--stats", "--interval=1h"} {
		b.Fails([]string{"events", flag, b.ID}, "container with id "+b.ID+" is not running")
	}
}

// following is an `events` that has begun.
type following struct {
	b    *kit.Bundle
	pid  int
	out  string // file
	wait func() kit.Result
}

func follow(t testing.TB, b *kit.Bundle, interval string) following {
	t.Helper()
	c := b.Command("events", "--interval", interval, b.ID)
	check(t, c.Start())
	return following{b, c.Process.Pid, c.Stdout.(*os.File).Name(), func() kit.Result { return b.Wait(c) }}
}

// until waits for a number of events of a type; with the first the container is being watched.
func (f *following) until(what string, n int) {
	f.b.T.Helper()
	f.b.Until(fmt.Sprintf("%d events %s", n, what), func() bool {
		text, err := os.ReadFile(f.out)
		check(f.b.T, err)
		return strings.Count(string(text), `{"type":"`+what+`"`) >= n
	})
}

// TestEventsInterval: statistics come again and again, and with the container comes the end.
func TestEventsInterval(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	f := follow(t, b, "20ms")
	f.until("stats", 3)
	b.OK("kill", b.ID, "KILL")
	if res := f.wait(); res.Code != 0 || len(events(t, b, res.Stdout)) < 3 {
		t.Errorf("%v: want exit code 0 and at least 3 events", res)
	}
}

// TestEventsEnd: nothing but the end of the container is waited for, were the interval an hour.
func TestEventsEnd(t *testing.T) {
	t.Parallel()
	for _, end := range []func(b *kit.Bundle){
		func(b *kit.Bundle) { b.OK("kill", b.ID, "KILL") },
		func(b *kit.Bundle) { b.OK("delete", "--force", b.ID) },
	} {
		b := kit.Running(t)
		f := follow(t, b, "1h")
		b.Until("it has the container's first process", func() bool {
			fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", f.pid))
			return slices.ContainsFunc(fds, func(fd string) bool {
				target, err := os.Readlink(fd)
				return err == nil && strings.Contains(target, "pidfd")
			})
		})
		end(b)
		if res := f.wait(); res.Code != 0 || res.Stdout != "" {
			t.Errorf("%v: want exit code 0 and no event", res)
		}
	}
}

// TestEventsOOM: as it happens, to a process beside the first and to the first one.
func TestEventsOOM(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory")
	b := kit.New(t, kit.Args("sleep", "forever"), memory(32<<20))
	b.Start()
	placesOf(t, b.State().Pid).dir(t, "memory", "memory")
	f := follow(t, b, "50ms")
	f.until("stats", 1)
	for n := range 2 {
		if res := b.Teu("exec", b.ID, kit.PayloadPath, "oom", "64"); res.Code != 137 {
			t.Fatalf("%v: want exit code 137", res)
		}
		f.until("oom", n+1)
	}
	b.OK("kill", b.ID, "KILL")
	if res := f.wait(); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}

	b.OK("delete", b.ID)
	b.Edit(kit.Args("oom", "64"))
	b.OK("create", b.ID)
	f = follow(t, b, "50ms")
	f.until("stats", 1)
	b.OK("start", b.ID) // which is no error
	res := f.wait()
	list := events(t, b, res.Stdout)
	if res.Code != 0 || !slices.ContainsFunc(list, func(e event) bool { return e.Type == "oom" }) {
		t.Errorf("%v: want exit code 0 and an event of type oom", res)
	}
}
