package cgroups

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// BenchmarkLife times each step of a container's cgroups by itself; besides the mean of them all it reports
// minimum and median of each in microseconds. `go test -bench Life -benchtime 200x ./cgroups`
func BenchmarkLife(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("making cgroups needs root")
	}
	limit, shares, quota, pids := int64(64<<20), uint64(512), int64(50000), int64(100)
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit},
		CPU:    &specs.LinuxCPU{Shares: &shares, Quota: &quota},
		Pids:   &specs.LinuxPids{Limit: &pids},
	}
	l, err := Probe()
	if err != nil {
		b.Fatalf("probe: %v", err)
	}
	if l.Mode == Unified {
		r = nil // the tree may have no controllers
	}
	took := map[string][]time.Duration{}
	var order []string
	step := func(name string, f func() error) {
		b.Helper()
		start := time.Now()
		err := f()
		d := time.Since(start)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		if took[name] == nil {
			order = append(order, name)
		}
		took[name] = append(took[name], d)
	}
	path := parent()
	for b.Loop() {
		var rec Record
		var m *Manager
		step("probe", func() (err error) { l, err = Probe(); return err })
		step("plan", func() (err error) { rec, err = Plan(l, "id", withPath(path)); return err })
		step("survey", rec.Survey)
		step("create", func() (err error) {
			if m, err = Load(rec); err != nil {
				return err
			}
			return m.Create()
		})
		step("set", func() error { _, err := m.Set(r); return err })
		cmd := exec.Command("sleep", "1000")
		fd, cloned := m.Dir()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: cloned, CgroupFD: max(fd, 0), Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			b.Fatalf("start sleep: %v", err)
		}
		step("join", func() error { return m.Join(cmd.Process.Pid, cloned) })
		step("check", func() error { return m.CheckJoined(cmd.Process.Pid) })
		step("kill", m.Kill)
		cmd.Wait()
		step("destroy", func() error { return m.Destroy(time.Second) })
		m.Close()
	}
	for _, name := range order {
		d := took[name]
		slices.Sort(d)
		b.ReportMetric(float64(d[0].Nanoseconds())/1e3, name+"-min-µs")
		b.ReportMetric(float64(d[len(d)/2].Nanoseconds())/1e3, name+"-med-µs")
	}
}
