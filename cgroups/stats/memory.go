package stats

import (
	"math"

	"teu/cgroups/limits"
)

// Memory is in bytes. Swap is memory and swap together, as v1 counts it. Kernel and KernelTCP are parts of Usage that
// v2 has in Raw only. Raw is memory.stat.
type Memory struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     MemoryEntry       `json:"usage,omitzero"`
	Swap      MemoryEntry       `json:"swap,omitzero"`
	Kernel    MemoryEntry       `json:"kernel,omitzero"`
	KernelTCP MemoryEntry       `json:"kernelTCP,omitzero"`
	Raw       map[string]uint64 `json:"raw,omitempty"`
	PSI       *PSI              `json:"psi,omitempty"`
}

// MemoryEntry is one counter with its limit, the most it has been, and how often the limit was hit.
type MemoryEntry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

func (r *reader) memory(m *Memory) {
	h, v := r.at("memory")
	if v == limits.None {
		return
	}
	m.Raw = map[string]uint64{}
	r.keyed(h, "memory.stat", func(key string, n uint64) { m.Raw[key] = n })
	if v == limits.V1 {
		m.Cache = m.Raw["cache"]
		m.Usage, m.Swap = r.counterV1("memory"), r.counterV1("memory.memsw")
		m.Kernel, m.KernelTCP = r.counterV1("memory.kmem"), r.counterV1("memory.kmem.tcp")
		return
	}
	m.Cache = m.Raw["file"]
	m.Usage = r.counterV2("memory")
	m.Swap = addSwap(m.Usage, r.counterV2("memory.swap"))
}

// counterV1 has no memsw without swap accounting, and on some kernels no limit of kmem, which means nothing since 5.16.
func (r *reader) counterV1(name string) (e MemoryEntry) {
	var ok bool
	if e.Usage, ok = r.number("memory", name+".usage_in_bytes"); !ok {
		return MemoryEntry{}
	}
	e.Max, _ = r.number("memory", name+".max_usage_in_bytes")
	e.Failcnt, _ = r.number("memory", name+".failcnt")
	e.Limit, _ = r.number("memory", name+".limit_in_bytes")
	return e
}

// counterV2 has a peak since Linux 5.19, that of swap since 6.5.
func (r *reader) counterV2(name string) (e MemoryEntry) {
	var ok bool
	if e.Usage, ok = r.number(unified, name+".current"); !ok {
		return MemoryEntry{}
	}
	e.Limit, _ = r.number(unified, name+".max")
	e.Max, _ = r.number(unified, name+".peak")
	return e
}

// addSwap makes of v2's swap alone v1's memory and swap. The two need not have had their peaks at the same time, so there
// is none of the sum.
func addSwap(memory, swap MemoryEntry) MemoryEntry {
	swap.Usage += memory.Usage
	if swap.Limit > math.MaxUint64-memory.Limit {
		swap.Limit = math.MaxUint64
	} else {
		swap.Limit += memory.Limit
	}
	swap.Max = 0
	return swap
}
