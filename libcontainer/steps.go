package libcontainer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/cpulist"
	"teu/internal/sys"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/netdev"
	"teu/libcontainer/process"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
)

/*
What the parent does to the process from outside, on its pid. It is compiled like the program, so that it can be printed
and tested without root:

	early    once the process is there, while it builds the container: oom_score_adj, tasks of resctrl
	offsets  at its sync 't', in its new time namespace: timens_offsets
	network  at its sync 'c', when it has its namespaces, and before its sysctls and all hooks: network devices
	late     when it has built the container, before it is released: prlimit (but for the limits that would be its end before
	         the exec, which it sets itself), sched_setattr, ioprio_set,
	         sched_setaffinity (exec)

What is late takes something away that building may need, or has to come after the cgroup.
*/

// step is one thing that the parent does to process pid.
type step struct {
	where string // the place in config.json
	what  string // what is done, as text
	do    func(pid int) error
}

func (s *step) String() string { return "# " + s.where + ": " + s.what + "\n" }

// steps is all that is done from outside, by when it is due.
type steps struct{ early, offsets, network, late []step }

// compileOutside compiles what is done from outside for a container's first process: m moves its network devices, g is its
// place in resctrl, nil for none.
func compileOutside(s *specs.Spec, ns *namespaces, m *netdev.Mover, g *intelrdt.Group) (steps, error) {
	st, err := processSteps(s.Process)
	if err != nil || s.Linux == nil {
		return st, err
	}
	st.early = append(st.early, intelRdt(g)...)
	st.network = netDevices(s.Linux, m)
	if ns.fresh&sys.CloneNewTime != 0 && len(s.Linux.TimeOffsets) > 0 {
		st.offsets = []step{timeOffsets(s.Linux.TimeOffsets)}
	}
	return st, nil
}

// compileExecOutside compiles what is done from outside for another process. Its affinity before it is in the container's
// cgroup is not among it: see initialAffinity.
func compileExecOutside(p *specs.Process) (steps, error) {
	st, err := processSteps(p)
	if a := p.ExecCPUAffinity; a != nil && a.Final != "" {
		mask, lerr := cpulist.Parse(a.Final, sys.MaxCPUs)
		if lerr != nil {
			return st, fmt.Errorf("process.execCPUAffinity.final: %w", lerr)
		}
		st.late = append(st.late, step{"process.execCPUAffinity.final", "run on " + a.Final, func(pid int) error {
			return sys.SchedSetaffinity(pid, mask)
		}})
	}
	return st, err
}

// processSteps is what both have.
func processSteps(p *specs.Process) (st steps, err error) {
	if p.OOMScoreAdj != nil {
		st.early = append(st.early, oomScoreAdj(*p.OOMScoreAdj))
	}
	if st.late, err = rlimits(p.Rlimits); err != nil {
		return st, err
	}
	if spec.HasScheduler(p.Scheduler) {
		s, err := scheduler(p.Scheduler)
		if err != nil {
			return st, err
		}
		st.late = append(st.late, s)
	}
	if i := p.IOPriority; i != nil && *i != (specs.LinuxIOPriority{}) {
		prio, ok := spec.IOPriority(i)
		if !ok {
			return st, fmt.Errorf("process.ioPriority.class: %q: %w", i.Class, syscall.EINVAL)
		}
		what := fmt.Sprintf("%s %d", i.Class, i.Priority)
		st.late = append(st.late, step{"process.ioPriority", what, func(pid int) error { return sys.IoprioSet(pid, prio) }})
	}
	return st, nil
}

// scheduler comes late: with some policies the process could no longer fork.
func scheduler(p *specs.Scheduler) (step, error) {
	attr, ok := spec.SchedAttr(p)
	if !ok {
		return step{}, fmt.Errorf("process.scheduler: %s %s: %w", p.Policy, p.Flags, syscall.EINVAL)
	}
	what := fmt.Sprintf("%s nice %d priority %d flags %#x", p.Policy, p.Nice, p.Priority, attr.Flags)
	if attr.Deadline != 0 {
		what += fmt.Sprintf(" runtime %d deadline %d period %d", p.Runtime, p.Deadline, p.Period)
	}
	return step{"process.scheduler", what, func(pid int) error {
		return explainScheduler(p, sys.SchedSetattr(pid, &attr))
	}}, nil
}

// explainScheduler adds to what sched_setattr(2) answers what it may mean by it.
func explainScheduler(p *specs.Scheduler, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", p.Policy, err)
	why := ""
	switch {
	case errors.Is(err, syscall.EPERM) && p.Policy == specs.SchedDeadline:
		why = "it takes CAP_SYS_NICE, and all processors of the root domain (no cpuset, no process.execCPUAffinity)"
	case errors.Is(err, syscall.EPERM) && (p.Policy == specs.SchedFIFO || p.Policy == specs.SchedRR):
		why = "it takes CAP_SYS_NICE and, with CONFIG_RT_GROUP_SCHED and cgroup v1, time for the cgroup and those above it " +
			"(linux.resources.cpu.realtimeRuntime, cpu.rt_runtime_us)"
	case errors.Is(err, syscall.EBUSY):
		why = "no bandwidth left for its runtime in its period"
	case errors.Is(err, syscall.EOPNOTSUPP):
		why = "a kernel without CONFIG_UCLAMP_TASK"
	}
	if why == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, why)
}

// initialAffinity is where the process that will be exec's runs until it is in the container's cgroup, or nil.
func initialAffinity(p *specs.Process) ([]uint64, error) {
	a := p.ExecCPUAffinity
	if a == nil || a.Initial == "" {
		return nil, nil
	}
	mask, err := cpulist.Parse(a.Initial, sys.MaxCPUs)
	if err != nil {
		return nil, fmt.Errorf("process.execCPUAffinity.initial: %w", err)
	}
	return mask, nil
}

func oomScoreAdj(n int) step {
	text := strconv.Itoa(n)
	return step{"process.oomScoreAdj", "write " + text, func(pid int) error { return writeProc(pid, "oom_score_adj", text) }}
}

// rlimits sets process.rlimits, from outside, as inside a user namespace none can be raised; late, as building the
// container takes more than the workload may be meant to have. Those that the process has to set itself are only raised.
func rlimits(list []specs.POSIXRlimit) (out []step, err error) {
	for i, l := range list {
		where := fmt.Sprintf("process.rlimits[%d]", i)
		n, ok := names.Find(names.Rlimits, l.Type)
		if !ok {
			return nil, fmt.Errorf("%s.type: %s: %w", where, l.Type, syscall.EINVAL)
		}
		what := process.RlimitText(&l)
		set := func(pid int) error { return sys.Prlimit(pid, int(n), sys.Rlimit{Cur: l.Soft, Max: l.Hard}) }
		if process.LateRlimit(l.Type) {
			what = fmt.Sprintf("%s hard %d at least", l.Type, l.Hard)
			set = func(pid int) error { return sys.RaiseHardLimit(pid, int(n), l.Hard) }
		}
		out = append(out, step{where, what, func(pid int) error {
			if err := set(pid); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			return nil
		}})
	}
	return out, nil
}

func timeOffsets(offsets map[string]specs.LinuxTimeOffset) step {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(offsets)) {
		fmt.Fprintf(&b, "%s %d %d\n", name, offsets[name].Secs, offsets[name].Nanosecs)
	}
	text := b.String()
	what := "write " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", ", ")
	return step{"linux.timeOffsets", what, func(pid int) error { return writeProc(pid, "timens_offsets", text) }}
}
