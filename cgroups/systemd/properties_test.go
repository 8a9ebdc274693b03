package systemd

import (
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/cgroups/limits"
)

func ptr[T any](v T) *T { return &v }

// text is properties as lines "NAME SIGNATURE VALUE".
func text(list []Property) string {
	var lines []string
	for _, p := range list {
		value := fmt.Sprint(p.Value.Value())
		if v, ok := p.Value.Value().(uint64); ok && v == math.MaxUint64 {
			value = "infinity"
		}
		lines = append(lines, p.Name+" "+p.Value.Signature().String()+" "+value)
	}
	return strings.Join(lines, "\n")
}

func TestBase(t *testing.T) {
	const accounting = "\nMemoryAccounting b true\nCPUAccounting b true\nIOAccounting b true\nTasksAccounting b true\nDefaultDependencies b false"
	u := Unit{Name: "a.scope", Slice: "x-y.slice"}
	want := "Description s d\nSlice s x-y.slice\nDelegate b true\nPIDs au [7]" + accounting
	if got := text(u.base("d", 7, true)); got != want {
		t.Errorf("properties of a scope:\ngot  %s\nwant %s", got, want)
	}
	if got := text(u.base("d", 7, false)); got != strings.Replace(want, "IOAcc", "BlockIOAcc", 1) {
		t.Errorf("properties of a scope with BlockIOAccounting:\ngot  %s\nwant %s", got, strings.Replace(want, "IOAcc", "BlockIOAcc", 1))
	}
	u.Name = "x-y-z.slice"
	if got := text(u.base("d", 7, true)); got != "Description s d\nWants as [x-y.slice]"+accounting {
		t.Errorf("properties of a slice: got %s, want %s", got, "Description s d\nWants as [x-y.slice]"+accounting)
	}
}

// compiled are the properties of resources on a host that has every controller in version v; the control files hold files.
func compiled(t *testing.T, r *specs.LinuxResources, v limits.Version, update bool, files map[string]string) string {
	t.Helper()
	read := func(_, file string) (string, error) {
		if text, ok := files[file]; ok {
			return text, nil
		}
		return "", fmt.Errorf("read %s: %w", file, errNone)
	}
	host := limits.Host{HasV2: v == limits.V2, Update: update, Read: read, Version: func(c string) limits.Version {
		if (c == "io") != (v == limits.V2) && (c == "io" || c == "blkio") {
			return limits.None
		}
		return v
	}}
	writes, _, err := limits.Compile(r, host)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	list, idle := Limits(writes, func(w limits.Write, file string) string { return files[file] })
	return text(append(list, idle...))
}

func TestLimits(t *testing.T) {
	memory := func(m specs.LinuxMemory) *specs.LinuxResources { return &specs.LinuxResources{Memory: &m} }
	cpu := func(c specs.LinuxCPU) *specs.LinuxResources { return &specs.LinuxResources{CPU: &c} }
	unified := func(file, value string) *specs.LinuxResources {
		return &specs.LinuxResources{Unified: map[string]string{file: value}}
	}
	device := specs.LinuxBlockIODevice{Major: 8, Minor: 16}
	throttle := func(rate uint64) []specs.LinuxThrottleDevice {
		return []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device, Rate: rate}}
	}
	for _, c := range []struct {
		name   string
		r      *specs.LinuxResources
		v1, v2 string // "-" for what there is none of
	}{
		{"nothing", nil, "", ""},
		{"memory.limit", memory(specs.LinuxMemory{Limit: ptr(int64(4096))}), "MemoryLimit t 4096", "MemoryMax t 4096"},
		{"memory.limit, none", memory(specs.LinuxMemory{Limit: ptr(int64(-1))}), "MemoryLimit t infinity", "MemorySwapMax t infinity\nMemoryMax t infinity"},
		{"memory.swap", memory(specs.LinuxMemory{Limit: ptr(int64(4096)), Swap: ptr(int64(12288))}), "MemoryLimit t 4096", "MemorySwapMax t 8192\nMemoryMax t 4096"},
		{"memory.swap, none", memory(specs.LinuxMemory{Swap: ptr(int64(-1))}), "", "MemorySwapMax t infinity"},
		{"memory.swap, no more than memory", memory(specs.LinuxMemory{Limit: ptr(int64(4096)), Swap: ptr(int64(4096))}), "MemoryLimit t 4096", "MemorySwapMax t 0\nMemoryMax t 4096"},
		{"memory.reservation", memory(specs.LinuxMemory{Reservation: ptr(int64(4096))}), "", "MemoryLow t 4096"},
		{"memory.swappiness", memory(specs.LinuxMemory{Swappiness: ptr(uint64(5))}), "", "-"},
		{"memory.disableOOMKiller", memory(specs.LinuxMemory{DisableOOMKiller: ptr(true)}), "", "-"},
		{"cpu.shares", cpu(specs.LinuxCPU{Shares: ptr(uint64(1024))}), "CPUShares t 1024", "CPUWeight t 100"},
		{"cpu.quota", cpu(specs.LinuxCPU{Quota: ptr(int64(20000))}), "CPUQuotaPeriodUSec t 100000\nCPUQuotaPerSecUSec t 200000", "CPUQuotaPeriodUSec t 100000\nCPUQuotaPerSecUSec t 200000"},
		{"cpu.quota, none", cpu(specs.LinuxCPU{Quota: ptr(int64(-1))}), "CPUQuotaPeriodUSec t 100000\nCPUQuotaPerSecUSec t infinity", "CPUQuotaPeriodUSec t 100000\nCPUQuotaPerSecUSec t infinity"},
		{"cpu.quota and period", cpu(specs.LinuxCPU{Quota: ptr(int64(12345)), Period: ptr(uint64(50000))}),
			"CPUQuotaPeriodUSec t 50000\nCPUQuotaPerSecUSec t 250000", "CPUQuotaPeriodUSec t 50000\nCPUQuotaPerSecUSec t 250000"},
		{"cpu.period", cpu(specs.LinuxCPU{Period: ptr(uint64(50000))}), "CPUQuotaPeriodUSec t 50000\nCPUQuotaPerSecUSec t infinity", "CPUQuotaPeriodUSec t 50000\nCPUQuotaPerSecUSec t infinity"},
		{"cpu.burst", cpu(specs.LinuxCPU{Burst: ptr(uint64(1))}), "", ""},
		{"cpu.realtime", cpu(specs.LinuxCPU{RealtimeRuntime: ptr(int64(1)), RealtimePeriod: ptr(uint64(2))}), "", "-"},
		{"cpu.cpus and mems", cpu(specs.LinuxCPU{Cpus: "0,2-3,9", Mems: "0"}), "AllowedCPUs ay [13 2]\nAllowedMemoryNodes ay [1]", "AllowedCPUs ay [13 2]\nAllowedMemoryNodes ay [1]"},
		{"cpu.idle", cpu(specs.LinuxCPU{Idle: ptr(int64(1)), Shares: ptr(uint64(1024))}), "-", "CPUWeight t 100\nCPUWeight t 0"},
		{"cpu.idle, not", cpu(specs.LinuxCPU{Idle: ptr(int64(0)), Shares: ptr(uint64(1024))}), "-", "CPUWeight t 100"},
		{"cpu.idle, no more", cpu(specs.LinuxCPU{Idle: ptr(int64(0))}), "-", "CPUWeight t infinity"},
		{"pids.limit", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(9))}}, "TasksMax t 9", "TasksMax t 9"},
		{"pids.limit, zero", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, "TasksMax t 1", "TasksMax t 1"},
		{"pids.limit, none", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}, "TasksMax t infinity", "TasksMax t infinity"},
		{"blockIO.weight", &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(500))}}, "BlockIOWeight t 500", "IOWeight t 4950"},
		{"blockIO.throttle", &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
			ThrottleReadBpsDevice: throttle(1), ThrottleWriteBpsDevice: throttle(2), ThrottleReadIOPSDevice: throttle(3), ThrottleWriteIOPSDevice: throttle(0),
		}}, "", "IOReadBandwidthMax a(st) [{/dev/block/8:16 1}]\nIOWriteBandwidthMax a(st) [{/dev/block/8:16 2}]\n" +
			"IOReadIOPSMax a(st) [{/dev/block/8:16 3}]\nIOWriteIOPSMax a(st) [{/dev/block/8:16 18446744073709551615}]"},
		{"hugepageLimits", &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 9}}}, "", ""},
		{"rdma", &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"x": {HcaHandles: ptr(uint32(1))}}}, "", ""},
		{"network", &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1))}}, "", "-"},
		{"memory.max", unified("memory.max", "0"), "-", "MemoryMax t 1"},
		{"memory.high", unified("memory.high", "max"), "-", "MemoryHigh t infinity"},
		{"memory.low", unified("memory.low", "0"), "-", "MemoryLow t 0"},
		{"memory.min", unified("memory.min", " 5 "), "-", "MemoryMin t 5"},
		{"memory.swap.max", unified("memory.swap.max", "0"), "-", "MemorySwapMax t 0"},
		{"memory.oom.group", unified("memory.oom.group", "1"), "-", ""},
		{"cpu.max", unified("cpu.max", "max 30000"), "-", "CPUQuotaPeriodUSec t 30000\nCPUQuotaPerSecUSec t infinity"},
		{"cpu.max, quota alone", unified("cpu.max", "1000"), "-", "CPUQuotaPeriodUSec t 100000\nCPUQuotaPerSecUSec t 10000"},
		{"cpu.weight", unified("cpu.weight", "33"), "-", "CPUWeight t 33"},
		{"pids.max", unified("pids.max", "max"), "-", "TasksMax t infinity"},
		{"cpuset.cpus", unified("cpuset.cpus", "1"), "-", "AllowedCPUs ay [2]"},
		{"cpuset.cpus, with what the kernel passes over", unified("cpuset.cpus", "1,,2 3\n"), "-", "AllowedCPUs ay [14]"},
		{"cpuset.cpus, backwards", unified("cpuset.cpus", "3-1"), "-", ""}, // the kernel is to say so
		{"cpuset.cpus, none", unified("cpuset.cpus", ""), "-", "AllowedCPUs ay []"},
		{"io.max", unified("io.max", "8:0 rbps=5 wiops=max\n8:16 riops=7"), "-",
			"IOReadBandwidthMax a(st) [{/dev/block/8:0 5}]\nIOWriteIOPSMax a(st) [{/dev/block/8:0 18446744073709551615}]\nIOReadIOPSMax a(st) [{/dev/block/8:16 7}]"},
		{"io.weight", unified("io.weight", "default 7"), "-", "IOWeight t 7"},
		{"io.weight of a device", unified("io.weight", "8:0 7"), "-", ""},
		{"io.bfq.weight", unified("io.bfq.weight", "500"), "-", "IOWeight t 4500"},
		{"no number", unified("memory.max", "much"), "-", ""}, // the kernel is to say so
	} {
		files := map[string]string{"cpu.max": "max 100000", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000", "blkio.weight": "500"}
		if c.v1 != "-" {
			if got := compiled(t, c.r, limits.V1, false, files); got != c.v1 {
				t.Errorf("%s on v1: %s\nwant %s", c.name, got, c.v1)
			}
		}
		if c.v2 != "-" {
			if got := compiled(t, c.r, limits.V2, false, files); got != c.v2 {
				t.Errorf("%s on v2: %s\nwant %s", c.name, got, c.v2)
			}
		}
	}
	half := map[string]string{"cpu.max": "20000 50000", "cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "50000"}
	for v, want := range map[limits.Version]string{
		limits.V1: "CPUQuotaPeriodUSec t 40000\nCPUQuotaPerSecUSec t 500000", limits.V2: "CPUQuotaPeriodUSec t 40000\nCPUQuotaPerSecUSec t 500000",
	} {
		if got := compiled(t, cpu(specs.LinuxCPU{Period: ptr(uint64(40000))}), v, true, half); got != want {
			t.Errorf("a new period in v%d: got %s, want %s", v, got, want)
		}
	}
}

func TestDevices(t *testing.T) {
	entry := func(allow bool, kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
		d := specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Access: access}
		if major >= 0 {
			d.Major = &major
		}
		if minor >= 0 {
			d.Minor = &minor
		}
		return d
	}
	for _, c := range []struct {
		name    string
		entries []specs.LinuxDeviceCgroup
		want    []string // among what is allowed; nil for everything
	}{
		{"defaults", nil, []string{"{char-* m}", "{block-* m}", "{/dev/char/1:3 rwm}", "{char-136 rwm}"}},
		{"one", []specs.LinuxDeviceCgroup{entry(false, "a", -1, -1, "rwm"), entry(true, "c", 195, 0, "rw")}, []string{"{/dev/char/195:0 rw}"}},
		{"a major", []specs.LinuxDeviceCgroup{entry(true, "b", 8, -1, "r")}, []string{"{block-8 r}"}},
		{"a minor of any", []specs.LinuxDeviceCgroup{entry(true, "c", -1, 12, "r")}, []string{"{char-* rm}"}},
		{"everything", []specs.LinuxDeviceCgroup{entry(true, "a", -1, -1, "rwm")}, nil},
		{"all but one", []specs.LinuxDeviceCgroup{entry(true, "a", -1, -1, "rwm"), entry(false, "c", 1, 1, "rwm")}, nil},
		{"a major but one", []specs.LinuxDeviceCgroup{entry(true, "c", 8, -1, "rwm"), entry(false, "c", 8, 1, "rwm")}, nil},
	} {
		rules, err := devices.Parse(c.entries)
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		got := text(Devices(rules, true))
		if c.want == nil {
			if got != "DevicePolicy s auto\nDeviceAllow a(ss) []" {
				t.Errorf("%s: got %s, want auto and no rule", c.name, got)
			}
			continue
		}
		if !strings.HasPrefix(got, "DevicePolicy s strict\nDeviceAllow a(ss) []\nDeviceAllow a(ss) [") {
			t.Errorf("%s: got %s, want strict, and the list emptied first", c.name, got)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s, want %s", c.name, got, w)
			}
		}
	}
}

// A long list is for the container's own program, where it has one. On v1 there is one list, which systemd writes too.
func TestManyDevices(t *testing.T) {
	entries := make([]specs.LinuxDeviceCgroup, maxAllowed+1)
	for i := range entries {
		major := int64(300 + i)
		entries[i] = specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &major, Access: "r"}
	}
	rules, err := devices.Parse(entries)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	for beside, want := range map[bool]string{true: "DevicePolicy s auto\nDeviceAllow a(ss) []", false: "DevicePolicy s strict\n"} {
		if got := text(Devices(rules, beside)); !strings.HasPrefix(got, want) {
			t.Errorf("%d entries, with a program of the container's own: %v: got %.200s, want %s", len(entries), beside, got, want)
		}
	}
}

var errNone = fs.ErrNotExist
