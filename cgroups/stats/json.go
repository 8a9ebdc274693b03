package stats

import (
	"maps"
	"slices"
	"strconv"
)

// AppendJSON appends the members of s as encoding/json would write them, by the tags of the types. The first use of that
// package on them costs 0.6 ms, a seventh of what a whole `events --stats` takes.
func (s *Stats) AppendJSON(b []byte) []byte {
	w := writer(b)
	w.cpu(&s.CPU)
	w.cpuset(&s.CPUSet)
	w.memory(&s.Memory)
	w.open("pids")
	w.some("current", s.Pids.Current)
	w.some("limit", s.Pids.Limit)
	w.close()
	w.blkio(&s.Blkio)
	w.open("hugetlb")
	for _, size := range slices.Sorted(maps.Keys(s.Hugetlb)) {
		e := s.Hugetlb[size]
		w.open(size)
		w.some("usage", e.Usage)
		w.some("max", e.Max)
		w.number("failcnt", e.Failcnt)
		w.close()
	}
	w.close()
	return w
}

// writer is JSON that is being written. Names are plain ASCII: ours, or the kernel's.
type writer []byte

func (w *writer) name(name string) {
	w.comma()
	*w = append(strconv.AppendQuote(*w, name), ':')
}

func (w *writer) comma() {
	if last := (*w)[len(*w)-1]; last != '{' && last != '[' {
		*w = append(*w, ',')
	}
}

func (w *writer) open(name string) {
	w.name(name)
	*w = append(*w, '{')
}

func (w *writer) close() { *w = append(*w, '}') }

func (w *writer) number(name string, n uint64) {
	w.name(name)
	*w = strconv.AppendUint(*w, n, 10)
}

// some leaves out 0.
func (w *writer) some(name string, n uint64) {
	if n != 0 {
		w.number(name, n)
	}
}

func list[T uint16 | uint64](w *writer, name string, l []T) {
	if len(l) == 0 {
		return
	}
	w.name(name)
	*w = append(*w, '[')
	for _, n := range l {
		w.comma()
		*w = strconv.AppendUint(*w, uint64(n), 10)
	}
	*w = append(*w, ']')
}

func (w *writer) cpu(c *CPU) {
	w.open("cpu")
	u := &c.Usage
	if u.Total != 0 || u.Kernel != 0 || u.User != 0 || u.Percpu != nil || u.PercpuKernel != nil || u.PercpuUser != nil {
		w.open("usage")
		w.some("total", u.Total)
		list(w, "percpu", u.Percpu)
		list(w, "percpu_kernel", u.PercpuKernel)
		list(w, "percpu_user", u.PercpuUser)
		w.number("kernel", u.Kernel)
		w.number("user", u.User)
		w.close()
	}
	if t := c.Throttling; t != (Throttling{}) {
		w.open("throttling")
		w.some("periods", t.Periods)
		w.some("throttledPeriods", t.ThrottledPeriods)
		w.some("throttledTime", t.ThrottledTime)
		w.close()
	}
	w.psi(c.PSI)
	w.close()
}

func (w *writer) cpuset(c *CPUSet) {
	w.open("cpuset")
	list(w, "cpus", c.CPUs)
	w.number("cpu_exclusive", c.CPUExclusive)
	list(w, "mems", c.Mems)
	w.number("mem_hardwall", c.MemHardwall)
	w.number("mem_exclusive", c.MemExclusive)
	w.number("memory_migrate", c.MemoryMigrate)
	w.number("memory_spread_page", c.MemorySpreadPage)
	w.number("memory_spread_slab", c.MemorySpreadSlab)
	w.number("memory_pressure", c.MemoryPressure)
	w.number("sched_load_balance", c.SchedLoadBalance)
	w.name("sched_relax_domain_level")
	*w = strconv.AppendInt(*w, c.SchedRelaxDomainLevel, 10)
	w.close()
}

func (w *writer) memory(m *Memory) {
	w.open("memory")
	w.some("cache", m.Cache)
	w.entry("usage", m.Usage)
	w.entry("swap", m.Swap)
	w.entry("kernel", m.Kernel)
	w.entry("kernelTCP", m.KernelTCP)
	if len(m.Raw) > 0 {
		w.open("raw")
		for _, key := range slices.Sorted(maps.Keys(m.Raw)) {
			w.number(key, m.Raw[key])
		}
		w.close()
	}
	w.psi(m.PSI)
	w.close()
}

func (w *writer) entry(name string, e MemoryEntry) {
	if e == (MemoryEntry{}) {
		return
	}
	w.open(name)
	w.number("limit", e.Limit)
	w.some("usage", e.Usage)
	w.some("max", e.Max)
	w.number("failcnt", e.Failcnt)
	w.close()
}

func (w *writer) blkio(b *Blkio) {
	w.open("blkio")
	w.table("ioServiceBytesRecursive", b.ServiceBytes)
	w.table("ioServicedRecursive", b.Serviced)
	w.table("ioQueueRecursive", b.Queued)
	w.table("ioServiceTimeRecursive", b.ServiceTime)
	w.table("ioWaitTimeRecursive", b.WaitTime)
	w.table("ioMergedRecursive", b.Merged)
	w.table("ioTimeRecursive", b.Time)
	w.table("sectorsRecursive", b.Sectors)
	w.psi(b.PSI)
	w.close()
}

func (w *writer) table(name string, l []BlkioEntry) {
	if len(l) == 0 {
		return
	}
	w.name(name)
	*w = append(*w, '[')
	for _, e := range l {
		w.comma()
		*w = append(*w, '{')
		w.some("major", e.Major)
		w.some("minor", e.Minor)
		if e.Op != "" {
			w.name("op")
			*w = strconv.AppendQuote(*w, e.Op)
		}
		w.some("value", e.Value)
		w.close()
	}
	*w = append(*w, ']')
}

func (w *writer) psi(p *PSI) {
	if p == nil {
		return
	}
	w.open("psi")
	w.pressure("some", &p.Some)
	w.pressure("full", &p.Full)
	w.close()
}

func (w *writer) pressure(name string, d *PSIData) {
	w.open(name)
	w.share("avg10", d.Avg10)
	w.share("avg60", d.Avg60)
	w.share("avg300", d.Avg300)
	w.number("total", d.Total)
	w.close()
}

func (w *writer) share(name string, v float64) {
	w.name(name)
	*w = strconv.AppendFloat(*w, v, 'f', -1, 64)
}
