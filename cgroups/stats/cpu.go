package stats

import (
	"strconv"
	"strings"

	"teu/cgroups/limits"
)

// CPU is what the processor time went to.
type CPU struct {
	Usage      CPUUsage   `json:"usage,omitzero"`
	Throttling Throttling `json:"throttling,omitzero"`
	PSI        *PSI       `json:"psi,omitempty"`
}

// CPUUsage is in nanoseconds.
type CPUUsage struct {
	Total        uint64   `json:"total,omitempty"`
	Percpu       []uint64 `json:"percpu,omitempty"`
	PercpuKernel []uint64 `json:"percpu_kernel,omitempty"`
	PercpuUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

// Throttling counts periods of the quota; ThrottledTime is in nanoseconds.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// tick is a USER_HZ in nanoseconds: 100 of them are a second on every architecture that there is (time(7)).
const tick = 10_000_000

func (r *reader) cpu(c *CPU) {
	v1 := r.src.Version("cpuacct") == limits.V1
	if v1 {
		r.cpuacct(&c.Usage)
	}
	if r.src.Version("cpu") == limits.V1 {
		r.keyed("cpu", "cpu.stat", func(key string, n uint64) {
			switch key {
			case "nr_periods":
				c.Throttling.Periods = n
			case "nr_throttled":
				c.Throttling.ThrottledPeriods = n
			case "throttled_time":
				c.Throttling.ThrottledTime = n
			}
		})
		if v1 {
			return
		}
	}
	// Every v2 cgroup has times, with the controller or without.
	r.keyed(unified, "cpu.stat", func(key string, n uint64) {
		switch key {
		case "usage_usec":
			c.Usage.Total = n * 1000
		case "user_usec":
			c.Usage.User = n * 1000
		case "system_usec":
			c.Usage.Kernel = n * 1000
		case "nr_periods":
			c.Throttling.Periods = n
		case "nr_throttled":
			c.Throttling.ThrottledPeriods = n
		case "throttled_usec":
			c.Throttling.ThrottledTime = n * 1000
		}
	})
}

func (r *reader) cpuacct(u *CPUUsage) {
	r.keyed("cpuacct", "cpuacct.stat", func(key string, n uint64) {
		switch key {
		case "user":
			u.User = n * tick
		case "system":
			u.Kernel = n * tick
		}
	})
	u.Total, _ = r.number("cpuacct", "cpuacct.usage")
	if text, ok := r.text("cpuacct", "cpuacct.usage_percpu"); ok {
		for f := range strings.FieldsSeq(text) {
			n, err := parseNumber(f)
			r.fail("cpuacct.usage_percpu", err)
			u.Percpu = append(u.Percpu, n)
		}
	}
	if text, ok := r.text("cpuacct", "cpuacct.usage_all"); ok {
		err := u.parseModes(text)
		r.fail("cpuacct.usage_all", err)
	}
}

// parseModes reads a table with the head "cpu user system".
func (u *CPUUsage) parseModes(text string) error {
	_, rows, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(rows) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		user, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			return err
		}
		kernel, err := strconv.ParseUint(f[2], 10, 64)
		if err != nil {
			return err
		}
		u.PercpuUser, u.PercpuKernel = append(u.PercpuUser, user), append(u.PercpuKernel, kernel)
	}
	return nil
}
