package spec

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/cpulist"
	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// SchedAttr is process.scheduler as sched_setattr(2) takes it; ok is false for names that the spec does not have.
func SchedAttr(p *specs.Scheduler) (a sys.SchedAttr, ok bool) {
	policy, ok := names.Find(names.SchedPolicies, p.Policy)
	for _, f := range p.Flags {
		bit, known := names.Find(names.SchedFlags, f)
		a.Flags |= bit
		ok = ok && known
	}
	a.Policy, a.Nice, a.Priority = uint32(policy), p.Nice, uint32(p.Priority)
	a.Runtime, a.Deadline, a.Period = p.Runtime, p.Deadline, p.Period
	return a, ok
}

// IOPriority is process.ioPriority as ioprio_set(2) takes it; ok is false for a class that the spec does not have.
func IOPriority(p *specs.LinuxIOPriority) (prio uint, ok bool) {
	class, ok := names.Find(names.IOClasses, p.Class)
	return uint(class)<<13 | uint(p.Priority), ok
}

// MaxNodes is how many memory nodes a mask may name: the most that the kernel can be built for (MAX_NUMNODES).
const MaxNodes = 1024

// MemoryPolicy is linux.memoryPolicy as set_mempolicy(2) takes it: the mode with its flags, and the nodes.
func MemoryPolicy(p *specs.LinuxMemoryPolicy) (mode uint64, nodes []uint64, ok bool) {
	mode, ok = names.Find(names.MemoryModes, p.Mode)
	for _, f := range p.Flags {
		bit, known := names.Find(names.MemoryFlags, f)
		mode |= bit
		ok = ok && known
	}
	if p.Nodes != "" {
		var err error
		nodes, err = cpulist.Parse(p.Nodes, MaxNodes)
		ok = ok && err == nil
	}
	return mode, nodes, ok
}

// Personality is linux.personality as personality(2) takes it.
func Personality(p *specs.LinuxPersonality) (persona uint64, ok bool) {
	return names.Find(names.Domains, p.Domain)
}
