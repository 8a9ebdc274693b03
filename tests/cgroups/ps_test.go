package cgroups

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func noPIDNamespace(s *specs.Spec) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.PIDNamespace })
}

// family is a container of three processes, without a pid namespace so that their pids are the test's, and so that the end
// of the first one is not that of the others.
func family(t testing.TB) (b *kit.Bundle, pids []int) {
	t.Helper()
	b = kit.New(t, noPIDNamespace, kit.Args("spawn", "2"))
	pids = kit.JSON[[]int](b, b.Start().Output("]\n"))
	pids = append(pids, b.State().Pid)
	slices.Sort(pids)
	return b, pids
}

// nest moves a process into a cgroup of its own below the container's, in every hierarchy.
func nestEverywhere(t testing.TB, b *kit.Bundle, pid int) (dirs []string) {
	t.Helper()
	p := placesOf(t, b.State().Pid)
	for _, dir := range p.v1 {
		dirs = append(dirs, dir)
	}
	if p.v2 != "" {
		dirs = append(dirs, p.v2)
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs) // controllers that are mounted together
	for i := range dirs {
		dirs[i] += "/below"
		if exists(dirs[i]) { // the same by another name
			continue
		}
		check(t, os.Mkdir(dirs[i], 0o755))
		if p.v1["cpuset"]+"/below" == dirs[i] {
			for _, file := range []string{"/cpuset.cpus", "/cpuset.mems"} {
				check(t, os.WriteFile(dirs[i]+file, []byte(read(t, p.v1["cpuset"], file)), 0o644))
			}
		}
	}
	for _, dir := range dirs {
		check(t, os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, pid), 0o644))
	}
	return dirs
}

// column is the numbers below a word of the head.
func column(t testing.TB, table, name string) (list []int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	at := slices.Index(strings.Fields(lines[0]), name)
	if at < 0 {
		t.Fatalf("head of ps: got %q, want %s in it", lines[0], name)
	}
	for _, line := range lines[1:] {
		n, err := strconv.Atoi(strings.Fields(line)[at])
		check(t, err)
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func TestPs(t *testing.T) {
	t.Parallel()
	b, pids := family(t)
	for _, nested := range []bool{false, true} {
		if nested {
			nestEverywhere(t, b, pids[1])
		}
		for _, format := range []string{"--format=json", "-fjson"} {
			args := []string{"ps", format, b.ID}
			if format == "-fjson" {
				args = []string{"ps", "-f", "json", b.ID}
			}
			if got := kit.JSON[[]int](b, b.OK(args...).Stdout); !slices.Equal(got, pids) {
				t.Errorf("pids, nested %v: got %v, want %v", nested, got, pids)
			}
		}
		for _, options := range [][]string{nil, {"aux"}, {"-eo", "comm,pid,args"}, {"-e", "-f"}} {
			out := b.OK(append([]string{"ps", b.ID}, options...)...).Stdout
			if got := column(t, out, "PID"); !slices.Equal(got, pids) {
				t.Errorf("pids, nested %v, ps %v: got %v, want %v: %q", nested, options, got, pids, out)
			}
			if !strings.Contains(out, "payload") {
				t.Errorf("ps %v: got %q, want payload in it", options, out)
			}
		}
	}
}

func TestPsOfOne(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.OK("create", b.ID)
	one := fmt.Sprintf("[%d]\n", b.State().Pid)
	for _, verb := range []string{"", "start", "pause"} {
		if verb != "" {
			b.OK(verb, b.ID)
		}
		if out := b.OK("ps", "--format", "json", b.ID).Stdout; out != one {
			t.Errorf("ps after %s: got %q, want %q", verb, out, one)
		}
	}
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Until("nobody is left", func() bool { return b.OK("ps", "--format", "json", b.ID).Stdout == "null\n" })
	if out := b.OK("ps", b.ID).Stdout; strings.Count(out, "\n") != 1 || !strings.Contains(out, "PID") {
		t.Errorf("ps without processes: got %q, want the head alone, with PID", out)
	}
}

// TestPsErrors: what ps cannot do it says, and so does teu.
func TestPsErrors(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	b.Fails([]string{"ps", "-f", "yaml", b.ID}, "want table or json")
	b.Fails([]string{"ps", b.ID, "-o", "comm"}, "ps -o comm: couldn't find PID field in ps output")
	b.Fails([]string{"ps", b.ID, "--wonder"}, "ps --wonder: exit status 1: ")
	for _, path := range []string{"", "/nowhere", ".:bin"} {
		c := b.Command("ps", b.ID)
		c.Env = []string{"PATH=" + path, "TEU_TEST=" + b.ID}
		if res := b.Do(c); res.Code != 1 || !strings.Contains(res.Stderr, "ps -ef: no such program in $PATH") {
			t.Errorf("%v with PATH=%s: want exit code 1 and that there is no such program", res, path)
		}
	}
}

// TestPsLeftBehind: what outlives the first process is in the container still, and kill --all reaches it.
func TestPsLeftBehind(t *testing.T) {
	t.Parallel()
	b, pids := family(t)
	first := b.State().Pid
	nestEverywhere(t, b, pids[1])
	if first == pids[1] {
		nestEverywhere(t, b, pids[2])
	}
	rest := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return pid == first })
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	listed := func() []int { return kit.JSON[[]int](b, b.OK("ps", "-f", "json", b.ID).Stdout) }
	b.Until("the first is gone", func() bool { return slices.Equal(listed(), rest) })
	b.OK("kill", "--all", b.ID, "KILL")
	b.Until("all are gone", func() bool { return len(listed()) == 0 })
}

// TestKillAllPaused: a paused container takes SIGKILL at once, and other signals when it goes on, wherever it has its
// processes.
func TestKillAllPaused(t *testing.T) {
	t.Parallel()
	for _, sig := range []string{"KILL", "TERM"} {
		b, pids := family(t)
		nestEverywhere(t, b, pids[1])
		b.OK("pause", b.ID)
		b.OK("kill", "--all", b.ID, sig)
		if sig != "KILL" {
			if got := kit.JSON[[]int](b, b.OK("ps", "-f", "json", b.ID).Stdout); !slices.Equal(got, pids) {
				t.Errorf("pids while it is paused: got %v, want %v", got, pids)
			}
			b.OK("resume", b.ID)
		}
		b.Ended()
		b.Until("all are gone", func() bool { return b.OK("ps", "-f", "json", b.ID).Stdout == "null\n" })
	}
}

// TestExecCgroup: where exec --cgroup puts a process.
func TestExecCgroup(t *testing.T) {
	t.Parallel()
	b, pids := family(t)
	p := placesOf(t, pids[0])
	nestEverywhere(t, b, pids[1])
	own := func(args ...string) places {
		c := b.OK(append(append([]string{"exec", "--detach", "--pid-file", b.Dir + "/pid"}, args...), b.ID, kit.PayloadPath, "sleep", "forever")...)
		text, err := os.ReadFile(b.Dir + "/pid")
		if err != nil {
			t.Fatalf("%v: read its pid file: %v", c, err)
		}
		pid, err := strconv.Atoi(string(text))
		check(t, err)
		return placesOf(t, pid)
	}
	for _, dir := range []string{"below", "/below", "/below/", "./below"} {
		at := own("--cgroup", dir)
		if p.v2 != "" && at.v2 != p.v2+"/below" {
			t.Errorf("exec --cgroup %s: got %s, want %s", dir, at.v2, p.v2+"/below")
		}
		for name, have := range at.v1 {
			if have != p.v1[name]+"/below" {
				t.Errorf("exec --cgroup %s: %s: got %s, want %s", dir, name, have, p.v1[name]+"/below")
			}
		}
	}
	if p.v1["memory"] != "" && p.v1["pids"] != "" && p.v1["cpu"] != "" {
		at := own("--cgroup", "memory,pids:below", "--cgroup", "cpu:/")
		if at.v1["memory"] != p.v1["memory"]+"/below" || at.v1["pids"] != p.v1["pids"]+"/below" || at.v1["cpu"] != p.v1["cpu"] || at.v2 != p.v2 {
			t.Errorf("exec --cgroup for controllers: got %+v, want memory and pids in below of %+v, the rest there", at, p)
		}
	}
}
