package spec

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// named is a constant of the kernel under its name in the spec.
type named[T ~string] struct {
	name  T
	value uint64
}

func find[T ~string](list []named[T], name T) (uint64, bool) {
	for i := range list {
		if list[i].name == name {
			return list[i].value, true
		}
	}
	return 0, false
}

func namesOf[T ~string](list []named[T]) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = string(list[i].name)
	}
	slices.Sort(names)
	return names
}

// Policies and flags of sched_setattr(2), in the kernel's include/uapi/linux/sched.h.
var (
	schedPolicies = [...]named[specs.LinuxSchedulerPolicy]{
		{specs.SchedOther, 0}, {specs.SchedFIFO, 1}, {specs.SchedRR, 2}, {specs.SchedBatch, 3}, {specs.SchedISO, 4},
		{specs.SchedIdle, 5}, {specs.SchedDeadline, 6},
	}
	schedFlags = [...]named[specs.LinuxSchedulerFlag]{
		{specs.SchedFlagResetOnFork, 0x01}, {specs.SchedFlagReclaim, 0x02}, {specs.SchedFlagDLOverrun, 0x04},
		{specs.SchedFlagKeepPolicy, 0x08}, {specs.SchedFlagKeepParams, 0x10}, {specs.SchedFlagUtilClampMin, 0x20},
		{specs.SchedFlagUtilClampMax, 0x40},
	}
)

// SchedAttr is process.scheduler as sched_setattr(2) takes it; ok is false for names that the spec has not.
func SchedAttr(p *specs.Scheduler) (a sys.SchedAttr, ok bool) {
	policy, ok := find(schedPolicies[:], p.Policy)
	for _, f := range p.Flags {
		bit, known := find(schedFlags[:], f)
		a.Flags |= bit
		ok = ok && known
	}
	a.Policy, a.Nice, a.Priority = uint32(policy), p.Nice, uint32(p.Priority)
	a.Runtime, a.Deadline, a.Period = p.Runtime, p.Deadline, p.Period
	return a, ok
}

// Classes of ioprio_set(2).
var ioClasses = [...]named[specs.IOPriorityClass]{
	{specs.IOPRIO_CLASS_RT, 1}, {specs.IOPRIO_CLASS_BE, 2}, {specs.IOPRIO_CLASS_IDLE, 3},
}

// IOPriority is process.ioPriority as ioprio_set(2) takes it; ok is false for a class that the spec has not.
func IOPriority(p *specs.LinuxIOPriority) (prio uint, ok bool) {
	class, ok := find(ioClasses[:], p.Class)
	return uint(class)<<13 | uint(p.Priority), ok
}

// Modes and flags of set_mempolicy(2), in the kernel's include/uapi/linux/mempolicy.h.
var (
	memoryModes = [...]named[specs.MemoryPolicyModeType]{
		{specs.MpolDefault, 0}, {specs.MpolPreferred, 1}, {specs.MpolBind, 2}, {specs.MpolInterleave, 3}, {specs.MpolLocal, 4},
		{specs.MpolPreferredMany, 5}, {specs.MpolWeightedInterleave, 6},
	}
	memoryFlags = [...]named[specs.MemoryPolicyFlagType]{
		{specs.MpolFNumaBalancing, 1 << 13}, {specs.MpolFRelativeNodes, 1 << 14}, {specs.MpolFStaticNodes, 1 << 15},
	}
)

// MemoryPolicyModes are the modes of linux.memoryPolicy.
func MemoryPolicyModes() []string { return namesOf(memoryModes[:]) }

// MemoryPolicyFlags are the flags of linux.memoryPolicy.
func MemoryPolicyFlags() []string { return namesOf(memoryFlags[:]) }

// MaxNodes is how many memory nodes a mask may name: the most that the kernel can be built for (MAX_NUMNODES).
const MaxNodes = 1024

// MemoryPolicy is linux.memoryPolicy as set_mempolicy(2) takes it: the mode with its flags, and the nodes.
func MemoryPolicy(p *specs.LinuxMemoryPolicy) (mode uint64, nodes []uint64, ok bool) {
	mode, ok = find(memoryModes[:], p.Mode)
	for _, f := range p.Flags {
		bit, known := find(memoryFlags[:], f)
		mode |= bit
		ok = ok && known
	}
	if p.Nodes != "" {
		var err error
		nodes, err = ParseList(p.Nodes, MaxNodes)
		ok = ok && err == nil
	}
	return mode, nodes, ok
}

// Execution domains of personality(2).
var domains = [...]named[specs.LinuxPersonalityDomain]{{specs.PerLinux, 0}, {specs.PerLinux32, 8}}

// Personality is linux.personality as personality(2) takes it.
func Personality(p *specs.LinuxPersonality) (persona uint64, ok bool) {
	return find(domains[:], p.Domain)
}
