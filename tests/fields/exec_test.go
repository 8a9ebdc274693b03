package fields

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// insideProcess is `exec --process FILE ID`, FILE being the container's process with what edit changes, running `payload all`.
func insideProcess(b *kit.Bundle, edit func(p *specs.Process)) *kit.Report {
	b.T.Helper()
	return kit.JSON[*kit.Report](b, b.OK("exec", "--process", processFile(b, edit), b.ID).Stdout)
}

func processFile(b *kit.Bundle, edit func(p *specs.Process)) string {
	b.T.Helper()
	p := *b.Spec.Process
	p.Args = []string{kit.PayloadPath, "all"}
	edit(&p)
	text, err := json.Marshal(p)
	check(b.T, err)
	check(b.T, os.WriteFile(b.Dir+"/process.json", text, 0o644))
	return b.Dir + "/process.json"
}

// TestExecTakesFromContainer: what is said of the container, and of its first process, counts for exec too.
func TestExecTakesFromContainer(t *testing.T) {
	t.Parallel()
	b := kit.New(t, process(func(p *specs.Process) {
		p.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 6}
		p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 5}
	}), memoryPolicy(specs.MpolInterleave))
	b.Start("sleep", "forever")
	const batch, bestEffort, interleave = 3, 2, 3
	plain := func(p *specs.Process) { p.Scheduler, p.IOPriority = nil, nil }
	if s := kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout).Sched; s.Policy != batch || s.Nice != 6 ||
		s.IOClass != bestEffort || s.IOPriority != 5 || s.MemoryMode != interleave {
		t.Errorf("scheduling of exec: got %+v, want that of the configuration: policy %d, nice 6, I/O class %d, I/O priority 5, memory mode %d", s, batch, bestEffort, interleave)
	}
	if s := insideProcess(b, plain).Sched; s.Policy != 0 || s.Nice != 0 || s.IOPriority == 5 || s.MemoryMode != interleave {
		t.Errorf("scheduling of exec --process: got %+v, want policy 0, nice 0, I/O priority other than 5, memory mode %d", s, interleave)
	}
}

// TestExecProcessFromPipe: --process takes what can be read, standard input and the descriptor of a process substitution too. What
// is not there yet is waited for without the lock, and without anything of the container.
func TestExecProcessFromPipe(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Start("sleep", "forever")
	text, err := os.ReadFile(processFile(b, func(p *specs.Process) { p.Env = append(p.Env, "GIVEN=1") }))
	check(t, err)
	for _, name := range []string{"/dev/stdin", "/dev/fd/3"} {
		r, w, err := os.Pipe()
		check(t, err)
		c := b.Command("exec", "--process", name, b.ID)
		c.Stdin = r
		if name != "/dev/stdin" {
			c.Stdin, c.ExtraFiles = nil, []*os.File{r}
		}
		check(t, c.Start())
		check(t, r.Close())
		b.OK("pause", b.ID)
		b.OK("resume", b.ID)
		_, err = w.Write(text)
		check(t, err)
		check(t, w.Close())
		res := b.Wait(c)
		if res.Code != 0 || !strings.Contains(res.Stdout, `"GIVEN=1"`) || res.Stderr != "" {
			t.Errorf("%v: want exit code 0, GIVEN=1 among what the process has, and nothing on stderr", res)
		}
	}
	b.Fails([]string{"exec", "--process", "/dev/zero", b.ID}, "/dev/zero: file too large")
	b.Fails([]string{"update", "--resources", "/dev/zero", b.ID}, "/dev/zero: file too large")
}

// memoryPolicy is one on node 0, where the kernel has policies.
func memoryPolicy(mode specs.MemoryPolicyModeType) edit {
	return linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: mode, Nodes: "0"} })
}

// TestExecRefusesProcess: a process object is checked for exec as it is for create.
func TestExecRefusesProcess(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.Start("sleep", "forever")
	for want, edit := range map[string]func(p *specs.Process){
		"process.scheduler.policy": func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: "SCHED_NICE"} },
		"process.scheduler.nice":   func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: 99} },
		"process.ioPriority.class": func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "RT"} },
		"process.ioPriority.priority": func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
		"process.execCPUAffinity.initial": func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "1-0"} },
		"process.selinuxLabel":            func(p *specs.Process) { p.SelinuxLabel = "x" },
		"process.user.umask":              func(p *specs.Process) { p.User.Umask = new(uint32(0o1000)) },
		"process.rlimits[0].type":         func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_WONDER"}} },
		"process.oomScoreAdj":             func(p *specs.Process) { p.OOMScoreAdj = new(1001) },
	} {
		b.Fails([]string{"exec", "--process", processFile(b, edit), b.ID}, want)
	}
}
