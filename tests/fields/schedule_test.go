package fields

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func scheduler(p specs.Scheduler) edit {
	return process(func(pr *specs.Process) { pr.Scheduler = &p })
}

func TestScheduler(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.scheduler.policy", "process.scheduler.nice", "process.scheduler.priority", "process.scheduler.flags[]",
		"process.scheduler.runtime", "process.scheduler.deadline", "process.scheduler.period")
	realtime := linux(func(l *specs.Linux) {
		us := int64(5000)
		l.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimeRuntime: &us}}
	})
	reset := []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}
	for _, c := range []struct {
		name  string
		edits []edit
		want  kit.Sched
	}{
		{"none", nil, kit.Sched{}},
		{"empty", []edit{scheduler(specs.Scheduler{})}, kit.Sched{}},
		{"nice", []edit{scheduler(specs.Scheduler{Policy: specs.SchedOther, Nice: -5})}, kit.Sched{Nice: -5}},
		{"batch", []edit{scheduler(specs.Scheduler{Policy: specs.SchedBatch, Nice: 7})}, kit.Sched{Policy: 3, Nice: 7}},
		{"idle", []edit{scheduler(specs.Scheduler{Policy: specs.SchedIdle})}, kit.Sched{Policy: 5}},
		{"fifo", []edit{realtime, scheduler(specs.Scheduler{Policy: specs.SchedFIFO, Priority: 42, Flags: reset})}, kit.Sched{Policy: 1, Priority: 42, Flags: 1}},
		{"rr", []edit{realtime, scheduler(specs.Scheduler{Policy: specs.SchedRR, Priority: 1})}, kit.Sched{Policy: 2, Priority: 1}},
		{
			"deadline", []edit{scheduler(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 1e6, Deadline: 2e7, Period: 1e8, Flags: reset})},
			kit.Sched{Policy: 6, Runtime: 1e6, Deadline: 2e7, Period: 1e8, Flags: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t, append([]edit{kit.Args("sched")}, c.edits...)...)
			res := b.Teu("run", b.ID)
			if res.Code != 0 && strings.Contains(res.Stderr, "realtimeRuntime") {
				t.Skipf("no realtime bandwidth for a cgroup here: %s", res.Stderr)
			}
			if res.Code != 0 {
				t.Fatalf("%v: want exit code 0", res)
			}
			got := kit.JSON[kit.Sched](b, res.Stdout)
			got.IOClass, got.IOPriority = 0, 0
			if c.name == "deadline" {
				got.Priority, got.Nice = 0, 0
			}
			// The payload is a program in Go, whose threads inherit what its first one has, unless it is reset.
			if got != c.want {
				t.Errorf("scheduling of the process: got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestIOPriority(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.ioPriority.class", "process.ioPriority.priority")
	for class, n := range map[specs.IOPriorityClass]int{specs.IOPRIO_CLASS_RT: 1, specs.IOPRIO_CLASS_BE: 2, specs.IOPRIO_CLASS_IDLE: 3} {
		b := kit.New(t, kit.Args("sched"), process(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: class, Priority: 6} }))
		if s := kit.JSON[kit.Sched](b, b.Run().Stdout); s.IOClass != n || s.IOPriority != 6 {
			t.Errorf("I/O priority of %s: got %+v, want class %d and priority 6", class, s, n)
		}
	}
}

func TestPersonality(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.personality.domain")
	if runtime.GOARCH != "amd64" {
		t.Skip("LINUX32 has another machine name here")
	}
	for domain, want := range map[specs.LinuxPersonalityDomain]string{specs.PerLinux: "00000000", specs.PerLinux32: "00000008"} {
		b := kit.New(t, linux(func(l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: domain} }))
		if got := b.Inspect().Personality; got != want {
			t.Errorf("personality of %s: got %s, want %s", domain, got, want)
		}
		b.Start("sleep", "forever")
		if got := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/self/personality").Stdout; got != want+"\n" {
			t.Errorf("personality of exec, %s: got %s, want %s", domain, got, want)
		}
	}
}

func TestMemoryPolicy(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.memoryPolicy.mode", "linux.memoryPolicy.nodes", "linux.memoryPolicy.flags[]")
	static := []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}
	for _, c := range []struct {
		policy specs.LinuxMemoryPolicy
		want   kit.Sched
	}{
		{specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}, kit.Sched{}},
		{specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}, kit.Sched{MemoryMode: 2, MemoryNodes: 1}},
		{specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0", Flags: static}, kit.Sched{MemoryMode: 3, MemoryFlags: 1 << 15, MemoryNodes: 1}},
		{specs.LinuxMemoryPolicy{Mode: specs.MpolLocal}, kit.Sched{MemoryMode: 4}},
	} {
		b := kit.New(t, kit.Args("sched"), linux(func(l *specs.Linux) { l.MemoryPolicy = &c.policy }))
		res := b.Teu("run", b.ID)
		if strings.Contains(res.Stderr, "function not implemented") {
			t.Skipf("no NUMA in this kernel: %s", res.Stderr)
		}
		got := kit.JSON[kit.Sched](b, res.Stdout)
		got.IOClass, got.IOPriority = 0, 0
		if got != c.want {
			t.Errorf("memory policy %s: got %+v, want %+v", c.policy.Mode, got, c.want)
		}
	}
	b := kit.New(t, linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "1000"} }))
	b.Fails([]string{"run", b.ID}, "linux.memoryPolicy: allocate by MPOL_BIND 1000: set_mempolicy: invalid argument")
}

// TestExecCPUAffinity: the first process is not concerned; the runtime's own affinity is no concern of a container's.
func TestExecCPUAffinity(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.execCPUAffinity.initial", "process.execCPUAffinity.final")
	if runtime.NumCPU() < 2 {
		t.Skip("one CPU")
	}
	allowed := func(report *kit.Report) string { return report.Status["Cpus_allowed_list"] }
	all := allowed(kit.New(t).Inspect())
	b := kit.New(t, process(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "1"} }))
	if got := allowed(b.Inspect()); got != all {
		t.Errorf("CPUs of the first process: got %s, want %s", got, all)
	}
	b.Start("sleep", "forever")
	file := b.Dir + "/process.json"
	args := []string{"exec", "--process", file, b.ID}
	with := func(a *specs.CPUAffinity) {
		p := *b.Spec.Process
		p.Args, p.ExecCPUAffinity = []string{kit.PayloadPath, "all"}, a
		text, err := json.Marshal(p)
		check(t, err)
		check(t, os.WriteFile(file, text, 0o600))
	}
	exec := func(a *specs.CPUAffinity) string {
		with(a)
		return allowed(kit.JSON[*kit.Report](b, b.OK(args...).Stdout))
	}
	for _, c := range []struct {
		affinity *specs.CPUAffinity
		want     string
	}{
		{&specs.CPUAffinity{Initial: "0", Final: "1"}, "1"},
		{&specs.CPUAffinity{Final: "0"}, "0"},
		{&specs.CPUAffinity{Initial: "1"}, "1"},
		{&specs.CPUAffinity{}, all},
		{nil, all},
	} {
		if got := exec(c.affinity); got != c.want {
			t.Errorf("CPUs of exec with %+v: got %s, want %s", c.affinity, got, c.want)
		}
	}
	with(&specs.CPUAffinity{Initial: "4000"})
	b.Fails(args, "process.execCPUAffinity.initial: sched_setaffinity: invalid argument")
}

// TestExecProcessFile: a whole process object for exec is honoured in all it says.
func TestExecProcessFile(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Start("sleep", "forever")
	umask, adj, kill := uint32(0o27), 300, []string{"CAP_KILL"}
	p := specs.Process{
		Args: []string{kit.PayloadPath, "all"}, Cwd: "/tmp", Env: []string{"A=b"},
		User:         specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 6}, Umask: &umask},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: kill, Permitted: kill, Inheritable: kill, Ambient: kill},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 1, Hard: 2}}, NoNewPrivileges: true, OOMScoreAdj: &adj,
		Scheduler: &specs.Scheduler{Policy: specs.SchedBatch, Nice: 3}, IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 7},
		ExecCPUAffinity: &specs.CPUAffinity{Final: "0"},
	}
	text, err := json.Marshal(p)
	check(t, err)
	file := b.Dir + "/process.json"
	check(t, os.WriteFile(file, text, 0o600))
	r := kit.JSON[*kit.Report](b, b.OK("exec", "--process", file, b.ID).Stdout)
	for name, c := range map[string][2]string{
		"cwd": {r.Cwd, "/tmp"}, "umask": {r.ID.Umask, "0027"}, "oomScoreAdj": {r.OOMScoreAdj, "300"},
		"noNewPrivileges": {r.Status["NoNewPrivs"], "1"}, "effective": {r.Status["CapEff"], "0000000000000020"},
		"bounding": {r.Status["CapBnd"], "0000000000000021"}, "core": {r.Rlimits["RLIMIT_CORE"].Soft, "1"},
		"affinity": {r.Status["Cpus_allowed_list"], "0"}, "env": {strings.Join(r.Env, " "), "A=b HOME=/"},
		"groups": {strings.TrimSpace(r.Status["Groups"]), "5 6"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s of exec --process: got %q, want %q", name, c[0], c[1])
		}
	}
	if r.ID.UID != 1000 || r.ID.GID != 1001 || r.Sched.Policy != 3 || r.Sched.Nice != 3 || r.Sched.IOClass != 2 || r.Sched.IOPriority != 7 {
		t.Errorf("exec --process: got %+v and %+v, want 1000:1001, policy 3, nice 3, I/O class 2 and priority 7", r.ID, r.Sched)
	}
}
