package limits

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	fieldShares    = "linux.resources.cpu.shares"
	fieldQuota     = "linux.resources.cpu.quota"
	fieldPeriod    = "linux.resources.cpu.period"
	fieldBurst     = "linux.resources.cpu.burst"
	fieldIdle      = "linux.resources.cpu.idle"
	fieldRTRuntime = "linux.resources.cpu.realtimeRuntime"
	fieldRTPeriod  = "linux.resources.cpu.realtimePeriod"
)

// Bounds of cpu.shares (kernel/sched/sched.h, MIN_SHARES and MAX_SHARES).
const minShares, maxShares = 2, 1 << 18

// cpu: zero means unset for all but burst and idle, where it is a value.
func (c *compiler) cpu(r *specs.LinuxResources) error {
	p := r.CPU
	if p == nil {
		return nil
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{fieldShares, value(p.Shares) != 0},
		{fieldQuota, value(p.Quota) != 0},
		{fieldPeriod, value(p.Period) != 0},
		{fieldBurst, p.Burst != nil},
		{fieldIdle, p.Idle != nil},
		{fieldRTRuntime, value(p.RealtimeRuntime) != 0},
		{fieldRTPeriod, value(p.RealtimePeriod) != 0},
	} {
		if !f.set {
			continue
		}
		v, err := c.version("cpu", f.name)
		if err != nil {
			return err
		}
		if q, b := value(p.Quota), value(p.Burst); q > 0 && b > uint64(q) {
			return fmt.Errorf("%s: %d: larger than the quota %d", fieldBurst, b, q)
		}
		if v == V1 {
			return c.cpuV1(p)
		}
		return c.cpuV2(p)
	}
	return nil
}

func (c *compiler) cpuV1(p *specs.LinuxCPU) error {
	// Out of range shares are clamped by the kernel without a word.
	if s := value(p.Shares); s != 0 && (s < minShares || s > maxShares) {
		return fmt.Errorf("%s: %d: must be between %d and %d", fieldShares, s, minShares, maxShares)
	}
	c.shares(p, "cpu.shares", strconv.FormatUint(value(p.Shares), 10))
	quota := value(p.Quota)
	// A smaller period or larger burst can be against the quota of before, or of a parent, and fit the new one.
	if n := value(p.Period); n != 0 {
		c.cpuWrite("cpu.cfs_period_us", strconv.FormatUint(n, 10), fieldPeriod, quota != 0)
	}
	if p.Burst != nil {
		c.cpuWrite("cpu.cfs_burst_us", strconv.FormatUint(*p.Burst, 10), fieldBurst, quota != 0)
	}
	if quota != 0 {
		c.cpuWrite("cpu.cfs_quota_us", limit(quota, "-1"), fieldQuota, false)
	}
	runtime := value(p.RealtimeRuntime)
	if n := value(p.RealtimePeriod); n != 0 {
		c.realtime("cpu.rt_period_us", strconv.FormatUint(n, 10), fieldRTPeriod, runtime != 0)
	}
	if runtime != 0 {
		c.realtime("cpu.rt_runtime_us", strconv.FormatInt(runtime, 10), fieldRTRuntime, false)
	}
	return nil
}

func (c *compiler) cpuV2(p *specs.LinuxCPU) error {
	switch {
	case value(p.RealtimeRuntime) != 0:
		return fmt.Errorf("%s: no equivalent on cgroup v2", fieldRTRuntime)
	case value(p.RealtimePeriod) != 0:
		return fmt.Errorf("%s: no equivalent on cgroup v2", fieldRTPeriod)
	}
	c.shares(p, "cpu.weight", strconv.FormatUint(Weight(value(p.Shares)), 10))
	bandwidth := value(p.Quota) != 0 || value(p.Period) != 0
	if p.Burst != nil {
		c.cpuWrite("cpu.max.burst", strconv.FormatUint(*p.Burst, 10), fieldBurst, bandwidth)
	}
	if !bandwidth {
		return nil
	}
	max, field, err := c.cpuMax(p)
	if err != nil {
		return err
	}
	c.cpuWrite("cpu.max", max, field, false)
	return nil
}

// cpuMax is the line for cpu.max, "QUOTA [PERIOD]". A period that is left out stays as it is; a quota has to be
// given, so when it is not to change it is read first.
func (c *compiler) cpuMax(p *specs.LinuxCPU) (line, field string, err error) {
	line, field = limit(value(p.Quota), "max"), fieldQuota
	if value(p.Quota) == 0 {
		field = fieldPeriod
		now, err := c.host.Read("cpu", "cpu.max")
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", field, err)
		}
		line, _, _ = strings.Cut(now, " ")
	}
	if n := value(p.Period); n != 0 {
		line += " " + strconv.FormatUint(n, 10)
		if field != fieldPeriod {
			field += ", " + fieldPeriod
		}
	}
	return line, field, nil
}

// shares writes shares (or weight) and idle in the order that works: the kernel refuses a weight for an idle group
// (kernel/sched/fair.c, sched_group_set_shares).
func (c *compiler) shares(p *specs.LinuxCPU, file, text string) {
	idle := func() {
		if p.Idle != nil {
			c.write(Write{Controller: "cpu", File: "cpu.idle", Value: strconv.FormatInt(*p.Idle, 10), Field: fieldIdle, Moves: file})
		}
	}
	if value(p.Idle) == 0 {
		idle()
	}
	if value(p.Shares) != 0 {
		c.cpuWrite(file, text, fieldShares, false)
	}
	if value(p.Idle) != 0 {
		idle()
	}
}

func (c *compiler) cpuWrite(file, text, field string, late bool) {
	c.write(Write{Controller: "cpu", File: file, Value: text, Field: field, Late: late})
}

func (c *compiler) realtime(file, text, field string, late bool) {
	c.write(Write{Controller: "cpu", File: file, Value: text, Field: field, Late: late, Needs: "needs CONFIG_RT_GROUP_SCHED"})
}

// Weight converts cpu.shares (2 to 262144, 1024 the default) to cpu.weight (1 to 10000, 100 the default) by the
// curve through those three points that runc has had since 1.4 (opencontainers/runc#4772; opencontainers/cgroups,
// ConvertCPUSharesToCgroupV2Value): 10^((l² + 125 l)/612 - 7/34), with l = log2(shares), rounded up. The older
// linear formula gave the default shares a weight of 39. Values out of range are clamped.
func Weight(shares uint64) uint64 {
	switch {
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}
