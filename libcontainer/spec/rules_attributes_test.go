package spec

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func proc(f func(*specs.Process)) func(*specs.Spec) { return func(s *specs.Spec) { f(s.Process) } }
func lin(f func(*specs.Linux)) func(*specs.Spec)    { return func(s *specs.Spec) { f(s.Linux) } }

func scheduler(p specs.Scheduler) func(*specs.Spec) {
	return proc(func(pr *specs.Process) { pr.Scheduler = &p })
}

func memoryPolicy(p specs.LinuxMemoryPolicy) func(*specs.Spec) {
	return lin(func(l *specs.Linux) { l.MemoryPolicy = &p })
}

func attributeRules() []rule {
	const policies = "SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_ISO, SCHED_OTHER, SCHED_RR"
	reset := []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}
	deadline := specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 2000, Deadline: 3000, Period: 4000}
	forking := deadline
	forking.Flags = reset
	starting := func(s *specs.Spec) { s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/x"}}} }
	return []rule{
		{
			name: "scheduling policy",
			bad:  scheduler(specs.Scheduler{Policy: "SCHED_X"}),
			want: []string{`process.scheduler.policy: got "SCHED_X", want one of ` + policies},
			good: scheduler(specs.Scheduler{}),
		},
		{
			name: "scheduling policy nobody has",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedISO}),
			want: []string{`process.scheduler.policy: got "SCHED_ISO", want another: Linux reserves the name, and has no such policy`},
			good: scheduler(specs.Scheduler{Policy: specs.SchedIdle}),
		},
		{
			name: "scheduling flag",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{"X"}}),
			want: []string{`process.scheduler.flags[0]: got "X", want one of SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_PARAMS, ` +
				"SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_RECLAIM, SCHED_FLAG_RESET_ON_FORK, SCHED_FLAG_UTIL_CLAMP_MAX, SCHED_FLAG_UTIL_CLAMP_MIN"},
			good: scheduler(specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}),
		},
		{
			name: "scheduling flags of deadlines",
			bad: scheduler(specs.Scheduler{
				Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagReclaim, specs.SchedFlagDLOverrun},
			}),
			warn: []string{
				`process.scheduler.flags[0]: got SCHED_FLAG_RECLAIM with "SCHED_OTHER", want it only with SCHED_DEADLINE: it has no effect`,
				`process.scheduler.flags[1]: got SCHED_FLAG_DL_OVERRUN with "SCHED_OTHER", want it only with SCHED_DEADLINE: it has no effect`,
			},
			good: scheduler(specs.Scheduler{
				Policy: specs.SchedDeadline, Runtime: 2000, Deadline: 3000,
				Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagResetOnFork},
			}),
		},
		{
			name: "scheduling flags without a value",
			bad: scheduler(specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{
				specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
			}}),
			warn: []string{
				"process.scheduler.flags[0]: got SCHED_FLAG_UTIL_CLAMP_MIN, for which the runtime-spec has no value, want to clamp at 0",
				"process.scheduler.flags[1]: got SCHED_FLAG_UTIL_CLAMP_MAX, for which the runtime-spec has no value, want to clamp at 0",
			},
			good: scheduler(specs.Scheduler{Policy: specs.SchedOther}),
		},
		{
			name: "flags about no memory nodes",
			bad:  memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolPreferred, Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}),
			want: []string{"linux.memoryPolicy.nodes: got nothing, with a flag about nodes, want at least one node"},
			good: memoryPolicy(specs.LinuxMemoryPolicy{
				Mode: specs.MpolPreferred, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes},
			}),
		},
		{
			name: "nice",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedOther, Nice: 20}),
			want: []string{"process.scheduler.nice: got 20, want -20 to 19"},
			good: scheduler(specs.Scheduler{Policy: specs.SchedOther, Nice: -20}),
		},
		{
			name: "nice for another policy",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedIdle, Nice: 1}),
			warn: []string{`process.scheduler.nice: got 1 with "SCHED_IDLE", want it only with SCHED_OTHER or SCHED_BATCH: it has no effect`},
			good: scheduler(specs.Scheduler{Policy: specs.SchedBatch, Nice: 1}),
		},
		{
			name: "priority",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedFIFO}),
			want: []string{"process.scheduler.priority: got 0, want 1 to 99"},
			good: scheduler(specs.Scheduler{Policy: specs.SchedFIFO, Priority: 99}),
		},
		{
			name: "priority without a policy for it",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedOther, Priority: 1}),
			want: []string{"process.scheduler.priority: got 1, want 0: only SCHED_FIFO and SCHED_RR have priorities"},
			good: scheduler(specs.Scheduler{Policy: specs.SchedRR, Priority: 1}),
		},
		{
			name: "deadline without its policy",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedOther, Runtime: 1, Period: 2}),
			want: []string{
				`process.scheduler.runtime: got 1 with "SCHED_OTHER", want it only with SCHED_DEADLINE`,
				`process.scheduler.period: got 2 with "SCHED_OTHER", want it only with SCHED_DEADLINE`,
			},
			good: scheduler(forking),
		},
		{
			name: "runtime above the deadline",
			bad:  scheduler(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 4000, Deadline: 3000, Flags: reset}),
			want: []string{"process.scheduler.runtime: got 4000 of deadline 3000 and period 0, want 1024 <= runtime <= deadline <= period"},
			good: scheduler(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 3000, Deadline: 3000, Flags: reset}),
		},
		{
			name: "deadline and no fork",
			bad:  scheduler(deadline),
			warn: []string{"process.scheduler.flags: got SCHED_DEADLINE without SCHED_FLAG_RESET_ON_FORK, want it, for a process " +
				"that forks or makes threads: the kernel does not let it"},
			good: all(scheduler(forking), starting),
		},
		{
			name: "deadline and hooks to fork for",
			bad:  all(scheduler(deadline), starting),
			want: []string{"process.scheduler.flags: got SCHED_DEADLINE with hooks.startContainer, want SCHED_FLAG_RESET_ON_FORK, without which the process cannot fork"},
			good: all(scheduler(specs.Scheduler{Policy: specs.SchedIdle}), starting),
		},
		{
			name: "I/O class",
			bad:  proc(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "X"} }),
			want: []string{`process.ioPriority.class: got "X", want one of IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE, IOPRIO_CLASS_RT`},
			good: proc(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{} }),
		},
		{
			name: "I/O priority",
			bad: proc(func(p *specs.Process) {
				p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
			}),
			want: []string{"process.ioPriority.priority: got 8, want 0 to 7"},
			good: proc(func(p *specs.Process) {
				p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 7}
			}),
		},
		{
			name: "affinity",
			bad:  proc(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "1-", Final: "8192"} }),
			want: []string{
				`process.execCPUAffinity.initial: got "1-", want a list as "0-3,7", of numbers below 8192`,
				`process.execCPUAffinity.final: got "8192", want a list as "0-3,7", of numbers below 8192`,
			},
			good: proc(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0-3,7", Final: " 1, 8191"} }),
		},
		{
			name: "execution domain",
			bad:  lin(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: "BSD"} }),
			want: []string{`linux.personality.domain: got "BSD", want one of LINUX, LINUX32`},
			good: lin(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{} }),
		},
		{
			name: "personality with a flag",
			bad: lin(func(l *specs.Linux) {
				l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"X"}}
			}),
			want: []string{`linux.personality.flags: got "X", want none: the specification has no flags yet`},
			good: lin(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }),
		},
		{
			name: "memory policy",
			bad:  memoryPolicy(specs.LinuxMemoryPolicy{Mode: "X", Nodes: "a", Flags: []specs.MemoryPolicyFlagType{"Y"}}),
			want: []string{
				`linux.memoryPolicy.mode: got "X", want one of MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED, MPOL_PREFERRED_MANY, MPOL_WEIGHTED_INTERLEAVE`,
				`linux.memoryPolicy.flags[0]: got "Y", want one of MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES`,
				`linux.memoryPolicy.nodes: got "a", want a list as "0-3,7", of numbers below 1024`,
			},
			good: memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}),
		},
		{
			name: "memory policy without a mode",
			bad:  memoryPolicy(specs.LinuxMemoryPolicy{}),
			want: []string{`linux.memoryPolicy.mode: got nothing, want one of MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED, MPOL_PREFERRED_MANY, MPOL_WEIGHTED_INTERLEAVE`},
			good: memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolLocal}),
		},
		{
			name: "memory policy with nodes it cannot have",
			bad:  memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolLocal, Nodes: "0"}),
			want: []string{`linux.memoryPolicy.nodes: got "0" with MPOL_LOCAL, want no nodes`},
			good: memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolPreferred}),
		},
		{
			name: "memory policy without the nodes it needs",
			bad:  memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolBind}),
			want: []string{"linux.memoryPolicy.nodes: got nothing with MPOL_BIND, want at least one node"},
			good: memoryPolicy(specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}),
		},
		{
			name: "memory policy with flags that exclude each other",
			bad: memoryPolicy(specs.LinuxMemoryPolicy{
				Mode: specs.MpolInterleave, Nodes: "0",
				Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes, specs.MpolFRelativeNodes, specs.MpolFNumaBalancing},
			}),
			want: []string{
				"linux.memoryPolicy.flags: got MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES, want one of the two",
				`linux.memoryPolicy.flags: got MPOL_F_NUMA_BALANCING with "MPOL_INTERLEAVE", want it only with MPOL_BIND or MPOL_PREFERRED_MANY`,
			},
			good: memoryPolicy(specs.LinuxMemoryPolicy{
				Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes, specs.MpolFNumaBalancing},
			}),
		},
		{
			name: "profile of two lines",
			bad:  proc(func(p *specs.Process) { p.ApparmorProfile = "a\nb" }),
			want: []string{`process.apparmorProfile: got "a\nb", want the name of a profile, in one line`},
			good: proc(func(p *specs.Process) { p.ApparmorProfile = "docker-default" }),
		},
		{
			name: "labels that are none",
			bad:  all(proc(func(p *specs.Process) { p.SelinuxLabel = "x" }), lin(func(l *specs.Linux) { l.MountLabel = "a::c" })),
			want: []string{
				`process.selinuxLabel: got "x", want a label as system_u:system_r:container_t:s0`,
				`linux.mountLabel: got "a::c", want a label as system_u:system_r:container_t:s0`,
			},
			good: all(proc(func(p *specs.Process) { p.SelinuxLabel = "u:r:t:s0:c1,c2" }), lin(func(l *specs.Linux) { l.MountLabel = "u:r:t" })),
		},
	}
}

// TestNoSecurityModule: a label that nobody would enforce is refused; to be unconfined is nothing to enforce.
func TestNoSecurityModule(t *testing.T) {
	f := Facts{NoApparmor: true, NoSelinux: true}
	s := Example(false)
	s.Process.ApparmorProfile, s.Process.SelinuxLabel, s.Linux.MountLabel = "x", "u:r:t:s0", "u:r:m:s0"
	want := []string{
		`process.apparmorProfile: got "x", and no AppArmor in this kernel, want no profile`,
		`process.selinuxLabel: got "u:r:t:s0", and SELinux is not enabled in this kernel, want no label`,
		`linux.mountLabel: got "u:r:m:s0", and SELinux is not enabled in this kernel, want no label`,
	}
	if got := lines(Validate(s, f).Problems); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems in a kernel without AppArmor and SELinux: got %q, want %q", got, want)
	}
	s = Example(false)
	s.Process.ApparmorProfile = Unconfined
	if r := Validate(s, f); len(r.Problems) > 0 {
		t.Errorf("problems of the profile %s in a kernel without AppArmor: got %q, want none", Unconfined, lines(r.Problems))
	}
}
