package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// step is one update, its standard input if there is one, and what control files hold after it. "!" begins an error that it
// has to give instead. Files are written as "CONTROLLER/FILE TEXT", for v1 and for v2 in this order.
type step struct {
	args   string
	stdin  string
	v1, v2 string // parted by commas; nothing to look at for ""
}

// update runs one.
func update(b *kit.Bundle, stdin string, args ...string) kit.Result {
	b.T.Helper()
	c := b.Command(append(append([]string{"update"}, args...), b.ID)...)
	if stdin != "" {
		c.Stdin = strings.NewReader(stdin)
	}
	return b.Do(c)
}

func (s *step) take(t *testing.T, b *kit.Bundle, p places) {
	t.Helper()
	res := update(b, s.stdin, strings.Fields(s.args)...)
	for isV2, want := range map[bool]string{false: s.v1, true: s.v2} {
		if why, refused := strings.CutPrefix(want, "!"); refused {
			if kit.Unified() == isV2 && (res.Code == 0 || !strings.Contains(res.Stderr, why)) {
				t.Errorf("%v: want an error with %q", res, why)
			}
			continue
		}
		for w := range strings.SplitSeq(want, ", ") {
			controller, line, ok := strings.Cut(w, "/")
			if !ok {
				continue
			}
			dir, has := p.v1[controller]
			if isV2 {
				dir, has = p.v2, !has && inV2(t, p, controller)
			}
			if !has {
				continue
			}
			if res.Code != 0 {
				t.Fatalf("%v, resources %q: want exit code 0", res, s.stdin)
			}
			if file, _, _ := strings.Cut(line, " "); !exists(filepath.Join(dir, file)) {
				continue // memory without swap, a kernel before cpu.idle
			}
			holds(t, dir, line)
		}
	}
	if t.Failed() {
		t.Fatalf("update %s %s: want the values above", s.args, s.stdin)
	}
}

func inV2(t testing.TB, p places, controller string) bool {
	t.Helper()
	return p.v2 != "" && strings.Contains(" "+read(t, p.v2, "cgroup.controllers")+" ", " "+controller+" ")
}

// known are limits to begin with, those of runc's own tests.
func known(r *specs.LinuxResources) {
	r.Memory = &specs.LinuxMemory{Limit: ptr(int64(33554432)), Reservation: ptr(int64(25165824))}
	r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(100)), Quota: ptr(int64(500000)), Period: ptr(uint64(1000000))}
	r.Pids = &specs.LinuxPids{Limit: ptr(int64(40))}
}

// TestUpdate goes through the flags and the file, on one container: what a step does not look at has to stay. It is started
// in the end, since the payload has threads, and is ended when it may not have them.
func TestUpdate(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory", "cpu", "pids", "cpuset")
	b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(known))
	b.OK("create", b.ID)
	p := placesOf(t, b.State().Pid)
	for _, s := range []step{
		{"", "", "memory/memory.limit_in_bytes 33554432, cpu/cpu.shares 100, pids/pids.max 40",
			"memory/memory.max 33554432, memory/memory.low 25165824, cpu/cpu.weight 17, cpu/cpu.max 500000 1000000, pids/pids.max 40"},
		{"--cpuset-cpus 0 --cpuset-mems 0", "", "cpuset/cpuset.cpus 0, cpuset/cpuset.mems 0", "cpuset/cpuset.cpus 0, cpuset/cpuset.mems 0"},
		{"--memory 67108864", "", "memory/memory.limit_in_bytes 67108864", "memory/memory.max 67108864"},
		{"--memory 50M", "", "memory/memory.limit_in_bytes 52428800", "memory/memory.max 52428800"},
		{"--memory-reservation 33554432", "", "memory/memory.soft_limit_in_bytes 33554432, memory/memory.limit_in_bytes 52428800", "memory/memory.low 33554432, memory/memory.max 52428800"},
		{"--memory-swap -1", "", "memory/memory.memsw.limit_in_bytes 9223372036854771712", "memory/memory.swap.max max"},
		{"--memory-swap 96468992", "", "memory/memory.memsw.limit_in_bytes 96468992, memory/memory.limit_in_bytes 52428800", "memory/memory.swap.max 44040192, memory/memory.max 52428800"},
		{"--memory 60M", "", "memory/memory.memsw.limit_in_bytes 96468992, memory/memory.limit_in_bytes 62914560", "memory/memory.swap.max 33554432, memory/memory.max 62914560"},
		{"--memory 120M", "", "!linux.resources.memory.swap: 96468992: smaller than the memory limit 125829120", "!linux.resources.memory.swap: 96468992: smaller than the memory limit 125829120"},
		{"--memory-swap 10M", "", "!linux.resources.memory.swap: 10485760: smaller than the memory limit 62914560", "!linux.resources.memory.swap: 10485760: smaller than the memory limit 62914560"},
		{"--memory 120M --memory-swap 200M", "", "memory/memory.memsw.limit_in_bytes 209715200, memory/memory.limit_in_bytes 125829120", "memory/memory.swap.max 83886080, memory/memory.max 125829120"},
		{"--memory 30M --memory-swap 50M", "", "memory/memory.memsw.limit_in_bytes 52428800, memory/memory.limit_in_bytes 31457280", "memory/memory.swap.max 20971520, memory/memory.max 31457280"},
		{"--memory -1", "", "memory/memory.memsw.limit_in_bytes 9223372036854771712, memory/memory.limit_in_bytes 9223372036854771712", "memory/memory.swap.max max, memory/memory.max max"},
		{"--memory 40M", "", "memory/memory.memsw.limit_in_bytes 9223372036854771712, memory/memory.limit_in_bytes 41943040", "memory/memory.swap.max max, memory/memory.max 41943040"},
		{"--pids-limit 50", "", "pids/pids.max 50", "pids/pids.max 50"},
		{"--pids-limit -1", "", "pids/pids.max max", "pids/pids.max max"},
		{"--pids-limit 0", "", "pids/pids.max 1", "pids/pids.max 1"},
		{"--cpu-period 900000", "", "cpu/cpu.cfs_quota_us 500000, cpu/cpu.cfs_period_us 900000", "cpu/cpu.max 500000 900000"},
		{"--cpu-quota 600000", "", "cpu/cpu.cfs_quota_us 600000, cpu/cpu.cfs_period_us 900000", "cpu/cpu.max 600000 900000"},
		{"--cpu-burst 500000", "", "cpu/cpu.cfs_burst_us 500000, cpu/cpu.cfs_quota_us 600000", "cpu/cpu.max.burst 500000, cpu/cpu.max 600000 900000"},
		{"--memory 45M", "", "cpu/cpu.cfs_burst_us 500000, memory/memory.limit_in_bytes 47185920", "cpu/cpu.max.burst 500000, memory/memory.max 47185920"},
		{"--cpu-burst 0 --cpu-quota -1", "", "cpu/cpu.cfs_burst_us 0, cpu/cpu.cfs_quota_us -1, cpu/cpu.cfs_period_us 900000", "cpu/cpu.max.burst 0, cpu/cpu.max max 900000"},
		{"--cpu-period 10000 --cpu-quota 3000", "", "cpu/cpu.cfs_quota_us 3000, cpu/cpu.cfs_period_us 10000", "cpu/cpu.max 3000 10000"},
		{"--cpu-share 200", "", "cpu/cpu.shares 200", "cpu/cpu.weight 29"},
		{"--cpu-idle 1", "", "cpu/cpu.idle 1", "cpu/cpu.idle 1"},
		{"--cpu-idle 0", "", "cpu/cpu.idle 0, cpu/cpu.shares 200", "cpu/cpu.idle 0, cpu/cpu.weight 29"},
		{"--cpu-idle 2", "", "!linux.resources.cpu.idle: write ", "!linux.resources.cpu.idle: write "},
		{"--cpu-idle 1 --cpu-shares 300", "", "cpu/cpu.idle 1", "cpu/cpu.idle 1"},
		{"--cpu-idle 0", "", "cpu/cpu.idle 0, cpu/cpu.shares 300", "cpu/cpu.idle 0, cpu/cpu.weight 39"},
		{"--cpu-period 100", "", "!linux.resources.cpu.period: write ", "!linux.resources.cpu.period: write "},
		{"-r -", `{"memory":{"limit":33554432,"reservation":25165824},"cpu":{"shares":100,"quota":500000,"period":1000000,"cpus":"0"},"pids":{"limit":20}}`,
			"memory/memory.limit_in_bytes 33554432, memory/memory.soft_limit_in_bytes 25165824, cpu/cpu.shares 100, cpu/cpu.cfs_quota_us 500000, cpu/cpu.cfs_period_us 1000000, pids/pids.max 20, cpuset/cpuset.mems 0",
			"memory/memory.max 33554432, memory/memory.low 25165824, cpu/cpu.weight 17, cpu/cpu.max 500000 1000000, pids/pids.max 20, cpuset/cpuset.mems 0"},
		{"--resources=- --pids-limit 7", `{"cpu":{"shares":0,"quota":0,"period":0,"cpus":"","mems":""},"memory":{"limit":0,"swap":0,"kernel":0},"blockIO":{"weight":0}}`, // as Docker
			"memory/memory.limit_in_bytes 33554432, cpu/cpu.shares 100, cpu/cpu.cfs_quota_us 500000, pids/pids.max 20",
			"memory/memory.max 33554432, cpu/cpu.weight 17, cpu/cpu.max 500000 1000000, pids/pids.max 20"},
		{"--resources -", `{"unified":{"cpu.max":"max 100000","cpu.weight":"16","pids.max":"10"}}`, "", "cpu/cpu.max max 100000, cpu/cpu.weight 16, pids/pids.max 10"},
		{"--pids-limit 200", "", "pids/pids.max 200, cpu/cpu.shares 100", "cpu/cpu.weight 16, pids/pids.max 200"},
		{"--resources -", `{"unified":{"cgroup.procs":"1"}}`, "!is the runtime's to write", "!is the runtime's to write"},
	} {
		s.take(t, b, p)
	}
	b.OK("start", b.ID)
	b.OK("exec", b.ID, kit.PayloadPath, "true")
}

// TestUpdateFile reads a file, a path relative to the working directory.
func TestUpdateFile(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "pids")
	b := kit.Running(t)
	p := placesOf(t, b.State().Pid)
	check(t, os.WriteFile(b.Dir+"/new.json", []byte(`{"pids":{"limit":55}}`), 0o644))
	(&step{"--resources new.json", "", "pids/pids.max 55", "pids/pids.max 55"}).take(t, b, p)
	// An exec afterwards does not undo it.
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	(&step{"", "", "pids/pids.max 55", "pids/pids.max 55"}).take(t, b, p)
	// A pipe does as well; what is not there yet is waited for without the lock.
	r, w, err := os.Pipe()
	check(t, err)
	c := b.Command("update", "--resources", "/dev/stdin", b.ID)
	c.Stdin = r
	check(t, c.Start())
	check(t, r.Close())
	b.OK("update", "--pids-limit", "56", b.ID)
	_, err = w.WriteString(`{"pids":{"limit":57}}`)
	check(t, err)
	check(t, w.Close())
	if res := b.Wait(c); res.Code != 0 {
		t.Fatalf("%v: want exit code 0", res)
	}
	(&step{"", "", "pids/pids.max 57", "pids/pids.max 57"}).take(t, b, p)
}

// TestUpdateStates: created and paused containers can be updated, and stay so; a stopped one cannot.
func TestUpdateStates(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory", "cpu", "pids", "cpuset")
	b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(known))
	b.OK("create", b.ID)
	p := placesOf(t, b.State().Pid)
	(&step{"--pids-limit 44", "", "pids/pids.max 44", "pids/pids.max 44"}).take(t, b, p)
	status(t, b, specs.StateCreated)
	b.OK("start", b.ID)
	b.OK("pause", b.ID)
	(&step{"--pids-limit 45 --memory 30m --cpu-quota 400000 --cpuset-cpus 0", "",
		"pids/pids.max 45, memory/memory.limit_in_bytes 31457280, cpu/cpu.cfs_quota_us 400000, cpuset/cpuset.cpus 0",
		"pids/pids.max 45, memory/memory.max 31457280, cpu/cpu.max 400000 1000000, cpuset/cpuset.cpus 0"}).take(t, b, p)
	status(t, b, "paused")
	if !frozen(t, b) {
		t.Error("cgroup after the update of a paused container: got it thawed, want it frozen")
	}
	b.OK("resume", b.ID)
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Fails([]string{"update", "--pids-limit", "46", b.ID}, "cannot update container", "it is stopped: container not running")
	b.Fails([]string{"update", "--pids-limit", "46", b.ID + "x"}, "does not exist")
}

// TestUpdateAllOrNothing: when a part is refused, the others are as they were.
func TestUpdateAllOrNothing(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory", "cpu", "pids", "cpuset")
	b := kit.Running(t, kit.Resources(known))
	p := placesOf(t, b.State().Pid)
	before := step{"", "", "memory/memory.limit_in_bytes 33554432, memory/memory.soft_limit_in_bytes 25165824, cpu/cpu.shares 100, cpu/cpu.idle 0, cpu/cpu.cfs_quota_us 500000, cpu/cpu.cfs_period_us 1000000, pids/pids.max 40",
		"memory/memory.max 33554432, memory/memory.low 25165824, memory/memory.swap.max max, cpu/cpu.weight 17, cpu/cpu.idle 0, cpu/cpu.max 500000 1000000, pids/pids.max 40"}
	cpus := map[string]string{}
	for _, dir := range []string{p.v1["cpuset"], p.v2} {
		for _, file := range []string{"cpuset.cpus", "cpuset.cpus.effective"} { // the one is empty on v2, and cannot be so again
			if dir != "" && exists(dir+"/"+file) {
				cpus[dir+"/"+file] = read(t, dir, file)
			}
		}
	}
	const fine = `"cpu":{"shares":300,"quota":3000,"period":10000,"burst":1000,"cpus":"0","idle":1},"pids":{"limit":33}`
	refused := map[string]string{
		"a limit below the usage": `{` + fine + `,"memory":{"limit":4096,"reservation":4096,"checkBeforeUpdate":true}}`,
		"no such file":            `{` + fine + `,"memory":{"limit":67108864,"swap":134217728},"unified":{"memory.nosuch":"1"}}`,
		"no such value":           `{` + fine + `,"memory":{"limit":67108864,"swap":134217728},"unified":{"cgroup.max.depth":"x"}}`,
		"no such processor":       `{"pids":{"limit":33},"cpu":{"cpus":"0,4000"}}`,
		"no rule for a device":    `{` + fine + `,"devices":[{"allow":true,"access":"r","type":"x"}]}`,
	}
	if p.v1["devices"] != "" { // an exception to an exception is more than v1 can do
		refused["devices"] = `{` + fine + `,"devices":[{"allow":true,"type":"c","major":1,"access":"rw"},{"allow":false,"type":"c","major":1,"minor":7,"access":"w"}]}`
	}
	for name, text := range refused {
		if res := update(b, text, "--resources", "-"); res.Code == 0 || strings.Contains(res.Stderr, "put back") {
			t.Errorf("%s: %v: want an error, without a word of what could not be put back", name, res)
		}
		before.take(t, b, p)
		for file, want := range cpus {
			if got := read(t, file, ""); got != want && want != "" {
				t.Errorf("%s: %s: got %q, want %q as before", name, file, got, want)
			}
		}
	}
	if st := b.State().Status; st != specs.StateRunning {
		t.Errorf("status after refused updates: got %s, want %s", st, specs.StateRunning)
	}
	// Nothing of it is remembered either.
	if res := update(b, `{"memory":{"limit":16777216}}`, "--resources", "-"); res.Code != 0 && !strings.Contains(res.Stderr, "in use") {
		t.Errorf("%v: want exit code 0, or that more is in use", res)
	}
}

// TestUpdateUsage: checkBeforeUpdate refuses what would end the container.
func TestUpdateUsage(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "memory", "cpu", "pids")
	b := kit.Running(t, kit.Resources(known))
	for _, memory := range []string{`{"limit":4096,"checkBeforeUpdate":true}`, `{"limit":4096,"swap":8192,"checkBeforeUpdate":true}`} {
		res := update(b, `{"memory":`+memory+`}`, "--resources", "-")
		if res.Code == 0 || !strings.Contains(res.Stderr, "linux.resources.memory.") || !strings.Contains(res.Stderr, "in use") {
			t.Errorf("%s: %v: want an error of linux.resources.memory that more is in use", memory, res)
		}
	}
	status(t, b, specs.StateRunning)
}

// TestUpdateCpusetBelow: v1 does not narrow the cgroups that a container has made, and says so; v2 does.
func TestUpdateCpusetBelow(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	dir, isV2 := placesOf(t, b.State().Pid).dir(t, "cpuset", "cpuset")
	if !strings.ContainsAny(read(t, dir, map[bool]string{false: "cpuset.cpus", true: "cpuset.cpus.effective"}[isV2]), "-,") {
		t.Skip("this host has a single processor")
	}
	check(t, os.Mkdir(dir+"/below", 0o755))
	t.Cleanup(func() { os.Remove(dir + "/below") })
	if isV2 {
		b.OK("update", "--cpuset-cpus", "0", b.ID)
		return
	}
	check(t, os.WriteFile(dir+"/below/cpuset.cpus", []byte(read(t, dir, "cpuset.cpus")), 0o644))
	b.Fails([]string{"update", "--cpuset-cpus", "0", b.ID}, "linux.resources.cpu.cpus: write ", "a cgroup below has others")
	check(t, os.WriteFile(dir+"/below/cpuset.cpus", []byte("0"), 0o644))
	b.OK("update", "--cpuset-cpus", "0", b.ID)
	holds(t, dir, "cpuset.cpus 0")
}

// TestUpdatesAtOnce: verbs wait for each other.
func TestUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	kit.NeedsController(t, "pids")
	b := kit.Running(t)
	p := placesOf(t, b.State().Pid)
	done := make(chan kit.Result)
	for i := range 8 {
		c := b.Command("update", "--pids-limit", fmt.Sprint(100+i), b.ID)
		check(t, c.Start())
		go func() { done <- b.Wait(c) }()
	}
	for range 8 {
		if res := <-done; res.Code != 0 {
			t.Errorf("%v: want exit code 0", res)
		}
	}
	dir, _ := p.dir(t, "pids", "pids")
	if got := read(t, dir, "pids.max"); len(got) != 3 || got[:2] != "10" {
		t.Errorf("pids.max after concurrent updates: got %s, want 100 to 107", got)
	}
	if files, err := filepath.Glob(b.Root + "/" + b.ID + "/.*"); err != nil || len(files) > 0 {
		t.Errorf("hidden files in the state directory: got %q, %v; want none", files, err)
	}
}

// TestUpdateRdt shows what is written where; see tests/fields about a directory in place of resctrl.
func TestUpdateRdt(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	b.Fails([]string{"update", "--l3-cache-schema", "L3:0=f", b.ID}, "updating a non-existent Intel RDT configuration is not supported")
	b.OK("delete", "--force", b.ID)

	tree := b.Dir + "/resctrl"
	check(t, os.Mkdir(tree, 0o755))
	check(t, os.WriteFile(tree+"/schemata", nil, 0o644))
	check(t, os.WriteFile(tree+"/tasks", nil, 0o644))
	do := func(args ...string) kit.Result {
		c := b.Command(args...)
		c.Env = append(c.Env, "_TEU_RESCTRL="+tree)
		return b.Do(c)
	}
	b.Edit(func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=7"} })
	for _, args := range [][]string{{"create", b.ID}, {"update", "--l3-cache-schema", "L3:0=f", b.ID}} {
		if res := do(args...); res.Code != 0 {
			t.Fatalf("%v: want exit code 0", res)
		}
	}
	if got := read(t, tree+"/"+b.ID, "schemata"); !strings.HasPrefix(got, "L3:0=f") {
		t.Errorf("schemata after an update: got %q, want L3:0=f first", got)
	}
	if res := do("update", "--l3-cache-schema", "L3:0=3", "--pids-limit", "-1", "--cpu-idle", "5", b.ID); res.Code == 0 {
		t.Errorf("%v: want an exit code other than 0", res)
	}
	if got := read(t, tree+"/"+b.ID, "schemata"); !strings.HasPrefix(got, "L3:0=f") {
		t.Errorf("schemata after a failed update: got %q, want L3:0=f first", got)
	}
	if res := do("delete", "--force", b.ID); res.Code != 0 {
		t.Errorf("%v: want exit code 0", res)
	}
}
