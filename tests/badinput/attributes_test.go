package badinput

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestAttributes: how the process is scheduled, where its memory is, what it is labelled with.
func TestAttributes(t *testing.T) {
	process := func(f func(p *specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
	scheduler := func(sc specs.Scheduler) func(*specs.Spec) {
		return process(func(p *specs.Process) { p.Scheduler = &sc })
	}
	resetOnFork := []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}
	for _, r := range []row{
		{name: "an unknown policy", spec: scheduler(specs.Scheduler{Policy: "SCHED_NICE"}), want: []string{`process.scheduler.policy: got "SCHED_NICE"`}},
		{name: "a policy of no kernel", spec: scheduler(specs.Scheduler{Policy: specs.SchedISO}), want: []string{`process.scheduler.policy: got "SCHED_ISO"`}},
		{name: "too nice", spec: scheduler(specs.Scheduler{Policy: specs.SchedOther, Nice: 20}), want: []string{"process.scheduler.nice: got 20, want -20 to 19"}},
		{name: "a priority without need", spec: scheduler(specs.Scheduler{Policy: specs.SchedOther, Priority: 5}), want: []string{"process.scheduler.priority: got 5, want 0"}},
		{name: "half a deadline", spec: scheduler(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 5000, Flags: resetOnFork}), want: []string{"process.scheduler.runtime: got 5000 of deadline 0"}},
		{name: "more than there is of deadlines", spec: scheduler(specs.Scheduler{
			Policy: specs.SchedDeadline, Runtime: 1 << 40, Deadline: 1 << 40, Flags: resetOnFork,
		}), want: []string{"process.scheduler: "}},
		{name: "an unknown I/O class", spec: process(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "RT"} }), want: []string{`process.ioPriority.class: got "RT"`}},
		{name: "an I/O priority too low", spec: process(func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		}), want: []string{"process.ioPriority.priority: got 8, want 0 to 7"}},
		{name: "processors backwards", spec: process(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Final: "3-1"} }), want: []string{`process.execCPUAffinity.final: got "3-1"`}},
		{name: "a label of two parts", spec: process(func(p *specs.Process) { p.SelinuxLabel = "a:b" }), want: []string{`process.selinuxLabel: got "a:b", want a label as system_u:system_r:container_t:s0`}},
		{name: "a mount label of one part", spec: linux(func(l *specs.Linux) { l.MountLabel = "a" }), want: []string{`linux.mountLabel: got "a", want a label as system_u:system_r:container_t:s0`}},
		{name: "a label of no policy", spec: process(func(p *specs.Process) { p.SelinuxLabel = "a:b:c:d" }), want: []string{`process.selinuxLabel: `, `"a:b:c:d"`}},
		{name: "an unknown domain", spec: linux(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: "SVR4"} }), want: []string{`linux.personality.domain: got "SVR4", want one of LINUX, LINUX32`}},
		{name: "a personality flag", spec: linux(func(l *specs.Linux) {
			l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"x"}}
		}), want: []string{`linux.personality.flags: got "x", want none`}},
		{name: "a memory policy without a mode", spec: linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{} }), want: []string{`linux.memoryPolicy.mode: got nothing, want one of MPOL_BIND`}},
		{name: "an unknown memory mode", spec: linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "BIND"} }), want: []string{`linux.memoryPolicy.mode: got "BIND"`}},
		{name: "memory nodes that are absent", spec: linux(func(l *specs.Linux) {
			l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "1023"}
		}), want: []string{"linux.memoryPolicy: allocate by MPOL_BIND 1023: set_mempolicy: ", "none of the nodes"}},
	} {
		r.run(t)
	}
}
