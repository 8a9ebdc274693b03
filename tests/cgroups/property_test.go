package cgroups

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/limits"
	"teu/tests/kit"
)

// model is what a container was asked to have, by the names of the specification. Unlimited is -1, what was never named is
// not there.
type model map[string]int64

// TestConversions makes a container of random resources and updates it with others, and reads all of them back each time.
func TestConversions(t *testing.T) {
	t.Parallel()
	const updates = 12
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			draw := &drawer{Rand: rand.New(rand.NewPCG(seed, 0)), m: model{}}
			b := kit.New(t)
			own := placesOf(t, os.Getpid())
			draw.look(t, own)
			first := draw.resources()
			b.Edit(func(s *specs.Spec) { s.Linux.Resources = first })
			b.OK("create", b.ID) // and not started: the payload has threads, and is ended when it may not have them
			p := placesOf(t, b.State().Pid)
			draw.m.holds(t, p, first)
			for range updates {
				change := draw.resources()
				text, err := json.Marshal(change)
				check(t, err)
				if res := update(b, string(text), "--resources", "-"); res.Code != 0 {
					t.Fatalf("update by %s after %v: %v: want exit code 0", text, draw.m, res)
				}
				draw.m.holds(t, p, change)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// drawer draws resources that this host can have, and keeps the model.
type drawer struct {
	*rand.Rand
	m       model
	has     map[string]bool // controllers, by the names of v1
	v2      map[string]bool // of those, in the v2 tree
	swap    bool
	pages   []string
	disk    specs.LinuxBlockIODevice
	diskSet bool
	cpus    int
}

// look finds out what the host has, by the cgroup of the test.
func (d *drawer) look(t *testing.T, own places) {
	t.Helper()
	d.has, d.v2 = map[string]bool{}, map[string]bool{}
	for v1, v2 := range map[string]string{"memory": "memory", "cpu": "cpu", "pids": "pids", "cpuset": "cpuset", "blkio": "io", "hugetlb": "hugetlb"} {
		_, isV1 := own.v1[v1]
		tree, _ := os.ReadFile(kit.V2Top() + "/cgroup.controllers") // none without a v2 tree
		isV2 := !isV1 && slices.Contains(strings.Fields(string(tree)), v2)
		d.has[v1], d.v2[v1] = isV1 || isV2, isV2
	}
	d.swap = exists(top + "/memory/memory.memsw.limit_in_bytes")
	if d.v2["memory"] {
		found, err := filepath.Glob(top + "/*/memory.swap.max")
		d.swap = err == nil && len(found) > 0
	}
	sizes, err := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-*kB")
	check(t, err)
	for _, s := range sizes {
		kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(s), "hugepages-"), "kB"))
		check(t, err)
		d.pages = append(d.pages, pageName(kb))
	}
	disks, err := filepath.Glob("/sys/block/*/dev")
	check(t, err)
	if len(disks) > 0 {
		_, err = fmt.Sscanf(read(t, disks[0], ""), "%d:%d", &d.disk.Major, &d.disk.Minor)
		check(t, err)
		d.diskSet = true
	}
	for cpu := range 64 {
		if exists(fmt.Sprintf("/sys/devices/system/cpu/cpu%d", cpu)) {
			d.cpus = cpu + 1
		}
	}
}

func pageName(kb int) string {
	switch {
	case kb >= 1<<20:
		return fmt.Sprintf("%dGB", kb>>20)
	case kb >= 1<<10:
		return fmt.Sprintf("%dMB", kb>>10)
	}
	return fmt.Sprintf("%dKB", kb)
}

func (d *drawer) maybe() bool { return d.IntN(2) == 0 }

// between draws from a range in which small numbers are as likely as large ones.
func (d *drawer) between(low, high int64) int64 {
	for {
		n := low + d.Int64N(high-low+1)>>d.IntN(20)
		if n >= low && n <= high {
			return n
		}
	}
}

// name draws one number more, and notes it.
func (d *drawer) name(name string, n int64) *int64 {
	d.m[name] = n
	return &n
}

func (d *drawer) resources() *specs.LinuxResources {
	r := new(specs.LinuxResources)
	if d.has["memory"] && d.maybe() {
		r.Memory = d.memory()
	}
	if d.has["cpu"] && d.maybe() {
		r.CPU = d.cpu()
	}
	if d.has["cpuset"] && d.maybe() {
		if r.CPU == nil {
			r.CPU = new(specs.LinuxCPU)
		}
		cpu := d.Int64N(int64(d.cpus))
		r.CPU.Cpus, r.CPU.Mems = strconv.FormatInt(*d.name("cpus", cpu), 10), "0"
	}
	if d.has["pids"] && d.maybe() {
		r.Pids = &specs.LinuxPids{Limit: d.name("pids", []int64{-1, 0, d.between(1, 4000000)}[d.IntN(3)])}
	}
	if d.has["hugetlb"] && d.maybe() {
		for _, size := range d.pages {
			n := d.between(0, 1<<40)
			d.m["pages "+size] = n
			r.HugepageLimits = append(r.HugepageLimits, specs.LinuxHugepageLimit{Pagesize: size, Limit: uint64(n)})
		}
	}
	if d.has["blkio"] && d.diskSet && d.maybe() {
		rate := func(name string, max int64) []specs.LinuxThrottleDevice {
			if d.maybe() {
				return nil
			}
			n := d.between(1, max)
			d.m[name] = n
			return []specs.LinuxThrottleDevice{{LinuxBlockIODevice: d.disk, Rate: uint64(n)}}
		}
		r.BlockIO = &specs.LinuxBlockIO{
			ThrottleReadBpsDevice: rate("rbps", 1<<50), ThrottleWriteBpsDevice: rate("wbps", 1<<50),
			ThrottleReadIOPSDevice: rate("riops", 1<<31), ThrottleWriteIOPSDevice: rate("wiops", 1<<31),
		}
		d.m["disk major"], d.m["disk minor"] = d.disk.Major, d.disk.Minor
	}
	return r
}

// memory stays well above what the container uses. Without a swap limit of its own, a memory limit stays below that of before.
func (d *drawer) memory() *specs.LinuxMemory {
	const low, high = 64 << 20, 1 << 34
	m := new(specs.LinuxMemory)
	if d.maybe() {
		m.Reservation = d.name("reservation", []int64{-1, d.between(1, high)}[d.IntN(2)])
	}
	if d.maybe() {
		return m
	}
	limit, both := d.between(low, high), d.swap && d.maybe()
	if old, ok := d.m["swap"]; !both && ok && old > 0 {
		limit = d.between(low, old)
	}
	if d.IntN(4) == 0 {
		m.Limit = d.name("memory", -1)
		d.m["swap"] = -1
		return m
	}
	m.Limit = d.name("memory", limit)
	if both {
		m.Swap = d.name("swap", []int64{-1, d.between(limit, 2*high)}[d.IntN(2)])
	}
	return m
}

// cpu keeps to what the kernel wants of the values together: burst below quota, no shares of an idle group.
func (d *drawer) cpu() *specs.LinuxCPU {
	c := new(specs.LinuxCPU)
	if d.maybe() {
		c.Idle = d.name("idle", d.Int64N(2))
	}
	if d.m["idle"] == 0 && d.maybe() {
		c.Shares = ptr(uint64(*d.name("shares", d.between(2, 1<<18))))
	}
	if d.maybe() {
		c.Period = ptr(uint64(*d.name("period", d.between(1000, 1000000))))
	}
	if d.maybe() {
		c.Quota = d.name("quota", []int64{-1, d.between(1000, 1<<32)}[d.IntN(2)])
		c.Burst = ptr(uint64(*d.name("burst", 0)))
		if q := *c.Quota; q > 0 {
			*c.Burst = uint64(*d.name("burst", d.between(0, q)))
		}
	}
	return c
}

// holds reads back what the model has; change is for the message.
func (m model) holds(t *testing.T, p places, change *specs.LinuxResources) {
	t.Helper()
	for controller, want := range m.files(p) {
		dir, isV1 := p.v1[controller]
		if !isV1 {
			dir = p.v2
		}
		for _, w := range want {
			switch file, _, _ := strings.Cut(w, " "); {
			case !exists(filepath.Join(dir, file)): // memory without swap, a kernel before cpu.idle
			case file == "cpu.max" && kit.Systemd():
				m.bySystemd(t, dir, w)
			default:
				holds(t, dir, w)
			}
		}
	}
	if t.Failed() {
		text, err := json.Marshal(change)
		t.Logf("after %s, %v; the model is %v", text, err, m)
	}
}

// bySystemd reads cpu.max, which systemd writes anew at a time of its own choice: it knows quotas in hundredths of a CPU, and
// no period without a quota.
func (m model) bySystemd(t *testing.T, dir, want string) {
	t.Helper()
	_, want, _ = strings.Cut(want, " ")
	also := "max 100000"
	if quota := m["quota"]; quota > 0 && !strings.HasPrefix(want, "max") {
		period := m["period"]
		if period == 0 {
			period = 100000
		}
		const second, hundredth = 1000000, 10000
		perSecond := (quota*second/period + hundredth - 1) / hundredth * hundredth
		also = fmt.Sprint(perSecond*period/second, " ", period)
	}
	if got := strings.TrimSpace(read(t, dir, "cpu.max")); got != want && got != also {
		t.Errorf("%s/cpu.max: got %q, want %q, or %q of systemd", dir, got, want, also)
	}
}

// files are the lines of control files that the model comes to, by the names of v1 for their controllers.
func (m model) files(p places) map[string][]string {
	out := map[string][]string{}
	add := func(v1, name, v1Line, v2Line string) {
		line := v2Line
		if _, isV1 := p.v1[v1]; isV1 {
			line = v1Line
		}
		if _, named := m[name]; named {
			out[v1] = append(out[v1], line)
		}
	}
	memory, swap := m["memory"], m["swap"]
	add("memory", "memory", "memory.limit_in_bytes "+m.pages("memory", none1), "memory.max "+m.pages("memory", "max"))
	add("memory", "reservation", "memory.soft_limit_in_bytes "+m.pages("reservation", none1), "memory.low "+m.pages("reservation", "max"))
	swapMax := "max"
	if swap > 0 {
		swapMax = strconv.FormatInt(down(swap-memory, pageSize), 10)
	}
	add("memory", "swap", "memory.memsw.limit_in_bytes "+m.pages("swap", none1), "memory.swap.max "+swapMax)

	if m["idle"] == 0 {
		add("cpu", "shares", fmt.Sprint("cpu.shares ", m["shares"]), fmt.Sprint("cpu.weight ", limits.Weight(uint64(m["shares"]))))
	}
	period, quota := int64(100000), int64(-1)
	if n, ok := m["period"]; ok {
		period = n
	}
	if n, ok := m["quota"]; ok {
		quota = n
	}
	max := fmt.Sprint("cpu.max ", strings.Replace(fmt.Sprint(quota), "-1", "max", 1), " ", period)
	add("cpu", "period", fmt.Sprint("cpu.cfs_period_us ", period), max)
	add("cpu", "quota", fmt.Sprint("cpu.cfs_quota_us ", quota), max)
	add("cpu", "burst", fmt.Sprint("cpu.cfs_burst_us ", m["burst"]), fmt.Sprint("cpu.max.burst ", m["burst"]))
	add("cpu", "idle", fmt.Sprint("cpu.idle ", m["idle"]), fmt.Sprint("cpu.idle ", m["idle"]))
	for _, file := range []string{"cpuset.cpus ", "cpuset.mems "} {
		n := map[string]int64{"cpuset.cpus ": m["cpus"]}[file]
		add("cpuset", "cpus", fmt.Sprint(file, n), fmt.Sprint(file, n))
	}
	pids := map[int64]string{-1: "max", 0: "1"}[m["pids"]]
	if pids == "" {
		pids = fmt.Sprint(m["pids"])
	}
	add("pids", "pids", "pids.max "+pids, "pids.max "+pids)
	for name := range m {
		if size, ok := strings.CutPrefix(name, "pages "); ok {
			n := down(m[name], pageBytes(size))
			for _, kind := range []string{size, size + ".rsvd"} {
				add("hugetlb", name, fmt.Sprint("hugetlb.", kind, ".limit_in_bytes ", n), fmt.Sprint("hugetlb.", kind, ".max ", n))
			}
		}
	}
	return m.rates(add, out)
}

// rates adds those of the disk, which v2 has in a single line.
func (m model) rates(add func(v1, name, v1Line, v2Line string), out map[string][]string) map[string][]string {
	disk := fmt.Sprint(m["disk major"], ":", m["disk minor"])
	line := "io.max " + disk
	for _, name := range []string{"rbps", "wbps", "riops", "wiops"} {
		n, ok := m[name]
		if text := fmt.Sprint(" ", name, "=", n); ok {
			line += text
		} else {
			line += " " + name + "=max"
		}
	}
	for name, file := range map[string]string{"rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops"} {
		add("blkio", name, fmt.Sprint("blkio.throttle.", file, "_device ", disk, " ", m[name]), line)
	}
	return out
}

// none1 is what v1 shows for no limit.
var none1 = strconv.FormatInt(down(1<<63-1, pageSize), 10)

var pageSize = int64(os.Getpagesize())

func down(n, unit int64) int64 { return n / unit * unit }

// pages is a number of bytes as the kernel keeps it, in whole pages.
func (m model) pages(name, none string) string {
	if m[name] < 0 {
		return none
	}
	return strconv.FormatInt(down(m[name], pageSize), 10)
}

func pageBytes(size string) int64 {
	n, _ := strconv.ParseInt(size[:len(size)-2], 10, 64)
	return n << map[string]int{"KB": 10, "MB": 20, "GB": 30}[size[len(size)-2:]]
}
