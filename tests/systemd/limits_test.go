package systemd

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// limited are limits that systemd has properties for.
func limited(r *specs.LinuxResources) {
	r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20)), Reservation: ptr(int64(16 << 20))}
	r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(12345)), Period: ptr(uint64(50000)), Cpus: "0", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: ptr(int64(40))}
}

// TestLimits: they are in the unit and in the files, and stay when systemd writes its own anew.
func TestLimits(t *testing.T) {
	t.Parallel()
	needsV2(t)
	b := kit.Running(t, kit.Resources(limited))
	same := func() {
		t.Helper()
		shows(t, scope(b), "MemoryMax 67108864", "MemoryLow 16777216", "MemorySwapMax 33554432", "CPUQuotaPerSecUSec 250ms",
			"CPUQuotaPeriodUSec 50ms", "AllowedCPUs 0", "AllowedMemoryNodes 0", "TasksMax 40", "CPUWeight 59",
			"MemoryAccounting yes", "CPUAccounting yes", "IOAccounting yes", "TasksAccounting yes")
		holds(t, b, "memory.max 67108864", "memory.low 16777216", "memory.swap.max 33554432", "cpuset.cpus 0", "cpuset.mems 0",
			"pids.max 40", "cpu.weight 59")
	}
	same()
	if got := read(t, b, "cpu.max"); got != "12345 50000" && got != "12500 50000" { // systemd has whole percents
		t.Errorf("cpu.max: got %q, want %q or %q", got, "12345 50000", "12500 50000")
	}
	systemctl(t, "daemon-reload")
	same()
	systemctl(t, "set-property", "--runtime", scope(b), "IOWeight=77") // systemd writes the unit's files
	same()
}

// TestNoLimits: a unit without limits, and limits of none.
func TestNoLimits(t *testing.T) {
	t.Parallel()
	needsV2(t)
	none := kit.Running(t)
	zero := kit.Running(t, kit.Resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(-1)), Swap: ptr(int64(-1)), Reservation: ptr(int64(-1))}
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(0)), Quota: ptr(int64(-1))}
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))}
	}))
	for _, b := range []*kit.Bundle{none, zero} {
		shows(t, scope(b), "MemoryMax infinity", "CPUQuotaPerSecUSec infinity")
		holds(t, b, "memory.max max", "cpu.max max 100000")
	}
	holds(t, zero, "pids.max max", "memory.low max")
	shows(t, scope(zero), "TasksMax infinity", "MemoryLow infinity", "MemorySwapMax infinity")
}

// TestUnified: files by their names become properties where there is one. It is alone with systemd until it has looked at
// what a daemon-reload of anybody's resets.
func TestUnified(t *testing.T) {
	needsV2(t)
	b := kit.Running(t, kit.Resources(func(r *specs.LinuxResources) {
		r.Unified = map[string]string{
			"memory.max": "67108864", "memory.high": "50331648", "memory.min": "4096", "cpu.weight": "33", "pids.max": "77",
			"cpu.max": "max 30000", "cpuset.cpus": "0", "memory.oom.group": "1", // which systemd 252 has no property for
		}
	}))
	shows(t, scope(b), "MemoryMax 67108864", "MemoryHigh 50331648", "MemoryMin 4096", "CPUWeight 33", "TasksMax 77",
		"CPUQuotaPerSecUSec infinity", "AllowedCPUs 0")
	holds(t, b, "cpu.max max 30000", "memory.oom.group 1")
	systemctl(t, "daemon-reload")
	holds(t, b, "memory.max 67108864", "memory.high 50331648", "memory.min 4096", "cpu.weight 33", "pids.max 77",
		"cpuset.cpus 0")
}

// TestThrottle: a disk's rates are in the unit too.
func TestThrottle(t *testing.T) {
	t.Parallel()
	needsV2(t)
	dev := disk(t)
	var major, minor int64
	for i, n := range strings.Split(dev, ":") {
		v := int64(0)
		for _, c := range n {
			v = v*10 + int64(c-'0')
		}
		*[]*int64{&major, &minor}[i] = v
	}
	rate := specs.LinuxThrottleDevice{Rate: 1 << 20}
	rate.Major, rate.Minor = major, minor
	b := kit.Running(t, kit.Resources(func(r *specs.LinuxResources) {
		r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{rate}}
	}))
	holds(t, b, "io.max "+dev+" rbps=1048576 wbps=max riops=max wiops=max")
	systemctl(t, "daemon-reload")
	systemctl(t, "set-property", "--runtime", scope(b), "CPUWeight=77")
	holds(t, b, "io.max "+dev+" rbps=1048576 wbps=max riops=max wiops=max")
}

// disk is the number of a whole disk.
func disk(t testing.TB) string {
	t.Helper()
	list, _ := os.ReadDir("/sys/block")
	for _, d := range list {
		if strings.HasPrefix(d.Name(), "vd") || strings.HasPrefix(d.Name(), "sd") || strings.HasPrefix(d.Name(), "nvme") {
			text, err := os.ReadFile("/sys/block/" + d.Name() + "/dev")
			check(t, err)
			return strings.TrimSpace(string(text))
		}
	}
	t.Skip("this host has no disk")
	return ""
}

// TestUpdate changes both the unit and the files.
func TestUpdate(t *testing.T) {
	t.Parallel()
	needsV2(t)
	b := kit.Running(t, kit.Resources(limited))
	b.OK("update", "--memory", "80m", "--memory-swap", "100m", "--pids-limit", "20", "--cpu-period", "100000", "--cpu-quota", "50000",
		"--cpu-share", "1024", b.ID)
	same := func() {
		t.Helper()
		shows(t, scope(b), "MemoryMax 83886080", "MemorySwapMax 20971520", "TasksMax 20", "CPUQuotaPerSecUSec 500ms", "CPUWeight 100",
			"MemoryLow 16777216")
		holds(t, b, "memory.max 83886080", "memory.swap.max 20971520", "pids.max 20", "cpu.max 50000 100000", "cpu.weight 100",
			"memory.low 16777216")
	}
	same()
	systemctl(t, "daemon-reload")
	systemctl(t, "set-property", "--runtime", scope(b), "IOWeight=77")
	same()
	b.OK("update", "--memory", "-1", "--memory-swap", "-1", "--pids-limit", "-1", "--cpu-quota", "-1", b.ID)
	shows(t, scope(b), "MemoryMax infinity", "MemorySwapMax infinity", "TasksMax infinity", "CPUQuotaPerSecUSec infinity")
	holds(t, b, "memory.max max", "memory.swap.max max", "pids.max max", "cpu.max max 100000")
	// What is refused leaves both as they were.
	b.OK("update", "--pids-limit", "30", b.ID)
	b.Fails([]string{"update", "--pids-limit", "31", "--cpu-idle", "9", b.ID}, "cpu.idle")
	holds(t, b, "pids.max 30")
	shows(t, scope(b), "TasksMax 30")
}

// TestIdle: idle and a weight are one property.
func TestIdle(t *testing.T) {
	t.Parallel()
	needsV2(t)
	b := kit.Running(t, kit.Resources(func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(1))}
	}))
	holds(t, b, "cpu.idle 1")
	systemctl(t, "daemon-reload")
	systemctl(t, "set-property", "--runtime", scope(b), "TasksMax=77")
	holds(t, b, "cpu.idle 1")
	b.OK("update", "--cpu-idle", "0", "--cpu-share", "512", b.ID)
	holds(t, b, "cpu.idle 0", "cpu.weight 59")
	systemctl(t, "set-property", "--runtime", scope(b), "TasksMax=78")
	holds(t, b, "cpu.idle 0", "cpu.weight 59")
}
