package stats

import (
	"strconv"
	"strings"

	"teu/cgroups/limits"
	"teu/internal/cpulist"
)

// CPUSet is what the files of a v1 cpuset say, for which v2 has no counterparts.
type CPUSet struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

func (r *reader) cpuset(c *CPUSet) {
	if r.src.Version("cpuset") != limits.V1 {
		return
	}
	c.CPUs, c.Mems = r.list("cpuset.cpus"), r.list("cpuset.mems")
	for _, f := range [...]struct {
		file string
		to   *uint64
	}{
		{"cpu_exclusive", &c.CPUExclusive},
		{"mem_hardwall", &c.MemHardwall},
		{"mem_exclusive", &c.MemExclusive},
		{"memory_migrate", &c.MemoryMigrate},
		{"memory_spread_page", &c.MemorySpreadPage},
		{"memory_spread_slab", &c.MemorySpreadSlab},
		{"memory_pressure", &c.MemoryPressure},
		{"sched_load_balance", &c.SchedLoadBalance},
	} {
		*f.to, _ = r.number("cpuset", "cpuset."+f.file)
	}
	const level = "cpuset.sched_relax_domain_level"
	if text, ok := r.text("cpuset", level); ok {
		var err error
		c.SchedRelaxDomainLevel, err = strconv.ParseInt(strings.TrimSuffix(text, "\n"), 10, 64)
		r.fail(level, err)
	}
}

func (r *reader) list(file string) []uint16 {
	text, ok := r.text("cpuset", file)
	if !ok {
		return nil
	}
	if text = strings.TrimSuffix(text, "\n"); text == "" {
		return nil
	}
	mask, err := cpulist.Parse(text, 1<<16)
	r.fail(file, err)
	return cpulist.Numbers(mask)
}
