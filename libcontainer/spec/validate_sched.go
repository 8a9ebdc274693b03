package spec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/cpulist"
	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// scheduling checks what process says about CPUs and I/O: scheduler, ioPriority, execCPUAffinity. An empty object, which
// Podman sends for some, asks for nothing.
func (c *checker) scheduling() {
	if c.Process.Scheduler != nil {
		c.scheduler(c.Process.Scheduler)
	}
	if p := c.Process.IOPriority; p != nil && *p != (specs.LinuxIOPriority{}) {
		if _, ok := IOPriority(p); !ok {
			c.bad("process.ioPriority.class", quote(string(p.Class)), "one of "+list(names.Sorted(names.IOClasses)))
		}
		c.number("process.ioPriority.priority", int64(p.Priority), 0, 7)
	}
	if p := c.Process.ExecCPUAffinity; p != nil {
		c.list("process.execCPUAffinity.initial", p.Initial, sys.MaxCPUs)
		c.list("process.execCPUAffinity.final", p.Final, sys.MaxCPUs)
	}
}

// HasScheduler reports whether p asks for anything.
func HasScheduler(p *specs.Scheduler) bool {
	return p != nil && (p.Policy != "" || p.Nice != 0 || p.Priority != 0 || len(p.Flags) > 0 || p.Runtime != 0 ||
		p.Deadline != 0 || p.Period != 0)
}

// scheduler: sched_setattr(2), and the checks of the kernel's __sched_setscheduler.
func (c *checker) scheduler(p *specs.Scheduler) {
	if !HasScheduler(p) {
		return
	}
	if !names.Has(names.SchedPolicies, p.Policy) {
		c.bad("process.scheduler.policy", quote(string(p.Policy)), "one of "+list(names.Sorted(names.SchedPolicies)))
	}
	for i, f := range p.Flags {
		if !names.Has(names.SchedFlags, f) {
			c.bad(at("process.scheduler.flags", i), quote(string(f)), "one of "+list(names.Sorted(names.SchedFlags)))
		}
		switch f {
		case specs.SchedFlagReclaim, specs.SchedFlagDLOverrun:
			if p.Policy != specs.SchedDeadline {
				c.warn(at("process.scheduler.flags", i), string(f)+" with "+quote(string(p.Policy)),
					"it only with SCHED_DEADLINE: it has no effect")
			}
		case specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax:
			c.warn(at("process.scheduler.flags", i), string(f)+", for which the runtime-spec has no value", "to clamp at 0")
		}
	}
	if p.Policy == specs.SchedISO {
		c.bad("process.scheduler.policy", `"SCHED_ISO"`, "another: Linux reserves the name, and has no such policy")
	}
	c.number("process.scheduler.nice", int64(p.Nice), -20, 19)
	if p.Nice != 0 && p.Policy != specs.SchedOther && p.Policy != specs.SchedBatch {
		c.warn("process.scheduler.nice", strconv.Itoa(int(p.Nice))+" with "+quote(string(p.Policy)),
			"it only with SCHED_OTHER or SCHED_BATCH: it has no effect")
	}
	low, high := int64(0), int64(0)
	if p.Policy == specs.SchedFIFO || p.Policy == specs.SchedRR {
		low, high = 1, 99
	}
	if n := int64(p.Priority); n < low || n > high {
		want := "0: only SCHED_FIFO and SCHED_RR have priorities"
		if low == 1 {
			want = "1 to 99"
		}
		c.bad("process.scheduler.priority", strconv.FormatInt(n, 10), want)
	}
	c.deadline(p)
}

// deadline: sched_setattr(2), "SCHED_DEADLINE"; the kernel wants runtime <= deadline <= period, and 1024 ns at least.
func (c *checker) deadline(p *specs.Scheduler) {
	if p.Policy != specs.SchedDeadline {
		for _, f := range [...]struct {
			name  string
			value uint64
		}{{"runtime", p.Runtime}, {"deadline", p.Deadline}, {"period", p.Period}} {
			if f.value != 0 {
				c.bad("process.scheduler."+f.name, strconv.FormatUint(f.value, 10)+" with "+quote(string(p.Policy)),
					"it only with SCHED_DEADLINE")
			}
		}
		return
	}
	period := p.Period
	if period == 0 {
		period = p.Deadline
	}
	const least = 1024 // 1 << DL_SCALE, kernel/sched/deadline.c
	if p.Runtime < least || p.Runtime > p.Deadline || p.Deadline > period || period >= 1<<63 {
		c.bad("process.scheduler.runtime", strconv.FormatUint(p.Runtime, 10)+" of deadline "+strconv.FormatUint(p.Deadline, 10)+
			" and period "+strconv.FormatUint(p.Period, 10), "1024 <= runtime <= deadline <= period")
	}
	if slices.Contains(p.Flags, specs.SchedFlagResetOnFork) {
		return
	}
	// It is given its policy before the last hooks run, and without this may not fork: EAGAIN (sched_fork in
	// kernel/sched/core.c).
	if c.Hooks != nil && len(c.Hooks.StartContainer) > 0 {
		c.bad("process.scheduler.flags", "SCHED_DEADLINE with hooks.startContainer",
			"SCHED_FLAG_RESET_ON_FORK, without which the process cannot fork")
		return
	}
	c.warn("process.scheduler.flags", "SCHED_DEADLINE without SCHED_FLAG_RESET_ON_FORK",
		"it, for a process that forks or makes threads: the kernel does not let it")
}

// list checks a list of CPUs or memory nodes, which may be empty.
func (c *checker) list(path, text string, limit int) {
	if text == "" {
		return
	}
	if _, err := cpulist.Parse(text, limit); err != nil {
		c.bad(path, quote(text), `a list as "0-3,7", of numbers below `+strconv.Itoa(limit))
	}
}

// list is words as they stand in a sentence.
func list(words []string) string { return strings.Join(words, ", ") }

// personality: config-linux.md, "Personality".
func (c *checker) personality() {
	p := c.Linux.Personality
	if p == nil || p.Domain == "" && len(p.Flags) == 0 {
		return
	}
	if _, ok := Personality(p); !ok {
		c.bad("linux.personality.domain", quote(string(p.Domain)), "one of "+list(names.Sorted(names.Domains)))
	}
	if len(p.Flags) > 0 {
		c.bad("linux.personality.flags", quote(string(p.Flags[0])), "none: the specification has no flags yet")
	}
}

// memoryPolicy: config-linux.md, "Memory policy", and what the kernel's mpol_new refuses.
func (c *checker) memoryPolicy() {
	p := c.Linux.MemoryPolicy
	if p == nil {
		return
	}
	if !names.Has(names.MemoryModes, p.Mode) { // nothing, too: it is REQUIRED
		c.bad("linux.memoryPolicy.mode", quote(string(p.Mode)), "one of "+list(names.Sorted(names.MemoryModes)))
	}
	for i, f := range p.Flags {
		if !names.Has(names.MemoryFlags, f) {
			c.bad(at("linux.memoryPolicy.flags", i), quote(string(f)), "one of "+list(names.Sorted(names.MemoryFlags)))
		}
	}
	static, relative := slices.Contains(p.Flags, specs.MpolFStaticNodes), slices.Contains(p.Flags, specs.MpolFRelativeNodes)
	if static && relative {
		c.bad("linux.memoryPolicy.flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES", "one of the two")
	}
	if slices.Contains(p.Flags, specs.MpolFNumaBalancing) && p.Mode != specs.MpolBind && p.Mode != specs.MpolPreferredMany {
		c.bad("linux.memoryPolicy.flags", "MPOL_F_NUMA_BALANCING with "+quote(string(p.Mode)), "it only with MPOL_BIND or MPOL_PREFERRED_MANY")
	}
	c.list("linux.memoryPolicy.nodes", p.Nodes, MaxNodes)
	switch p.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if p.Nodes != "" {
			c.bad("linux.memoryPolicy.nodes", quote(p.Nodes)+" with "+string(p.Mode), "no nodes")
		}
		if static || relative {
			c.bad("linux.memoryPolicy.flags", "a flag about nodes with "+string(p.Mode), "none")
		}
	case specs.MpolPreferred:
		// Without nodes it is MPOL_LOCAL.
		if p.Nodes == "" && (static || relative) {
			c.bad("linux.memoryPolicy.nodes", "nothing, with a flag about nodes", "at least one node")
		}
	case specs.MpolBind, specs.MpolInterleave, specs.MpolPreferredMany, specs.MpolWeightedInterleave:
		if p.Nodes == "" {
			c.bad("linux.memoryPolicy.nodes", "nothing with "+string(p.Mode), "at least one node")
		}
	}
}
