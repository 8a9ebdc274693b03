package fields

import (
	"os"
	"runtime"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/tests/kit"
)

// TestCallersAffinity: the processors of the caller are not the container's, with a cpuset and without.
func TestCallersAffinity(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	if runtime.NumCPU() < 2 {
		t.Skip("one CPU")
	}
	b := kit.New(t)
	allowed := func(args ...string) string {
		return kit.JSON[*kit.Report](b, b.OK(args...).Stdout).Status["Cpus_allowed_list"]
	}
	bound := func(args ...string) string {
		// What is started by a thread runs where that does. It ends with this goroutine, bound as it is.
		runtime.LockOSThread()
		check(t, sys.SchedSetaffinity(0, []uint64{1}))
		return allowed(args...)
	}
	b.Edit(kit.Args("all"))
	all := allowed("run", b.ID)
	t.Run("bound", func(t *testing.T) {
		if got := bound("run", b.ID); got != all {
			t.Errorf("CPUs of run by a bound caller: got %s, want %s", got, all)
		}
		b.Edit(linux(func(l *specs.Linux) { l.Resources.CPU = &specs.LinuxCPU{Cpus: "1"} }))
		if got := bound("run", b.ID); got != "1" {
			t.Errorf("CPUs of run in a cpuset by a bound caller: got %s, want 1", got)
		}
		b.Edit(linux(func(l *specs.Linux) { l.Resources.CPU = nil }), kit.Args("sleep", "forever"))
		b.Start()
		if got := bound("exec", b.ID, kit.PayloadPath, "all"); got != all {
			t.Errorf("CPUs of exec by a bound caller: got %s, want %s", got, all)
		}
	})
}

// TestRealtimeWithoutTime: cgroup v1 has no time for real-time processes unless it is given some, and the error says so.
func TestRealtimeWithoutTime(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	if _, err := os.Stat("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"); err != nil {
		t.Skip("no real-time group scheduling here")
	}
	b := kit.New(t, scheduler(specs.Scheduler{Policy: specs.SchedFIFO, Priority: 9}))
	b.Fails([]string{"create", b.ID}, "process.scheduler", "operation not permitted", "linux.resources.cpu.realtimeRuntime")
}
