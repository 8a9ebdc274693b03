package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
	"teu/tests/needs"
)

func TestQuantileIsAMeasuredValue(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for _, test := range []struct {
		q, want float64
	}{{0, 1}, {0.5, 3}, {0.9, 4}, {1, 5}} {
		if got := quantile(values, test.q); got != test.want {
			t.Errorf("quantile %v of %v: got %v, want %v", test.q, values, got, test.want)
		}
	}
	if !slices.Equal(values, []float64{5, 1, 4, 2, 3}) {
		t.Errorf("argument after quantile: got %v, want it unchanged", values)
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing: got %v, want 0", got)
	}
}

func TestSummarize(t *testing.T) {
	got := summarize([]sample{
		{wall: 3 * time.Millisecond, cpu: 30 * time.Millisecond},
		{wall: time.Millisecond, cpu: 10 * time.Millisecond},
		{wall: 2500 * time.Microsecond, cpu: 20 * time.Millisecond},
	})
	want := summary{Runs: 3, WallMin: 1, WallMed: 2.5, WallP90: 2.5, CPUMin: 10, CPUMed: 20}
	if got != want {
		t.Errorf("summary: got %+v, want %+v", got, want)
	}
}

// testReport has teu at min 6 and median 9 against crun at 10 and 10.
func testReport(teu bool) *report {
	rep := &report{Host: &host{Kernel: "6.1", CPUs: 2, Cgroups: "v2"}, Runtimes: []program{{Name: "teu"}, {Name: "crun"}}}
	op := operation{name: "run", title: "`run`", targets: map[string]float64{"crun": 0.7}}
	if teu {
		rep.add(op, "teu", summary{Runs: 2, WallMin: 6, WallMed: 9})
	}
	rep.add(op, "crun", summary{Runs: 2, WallMin: 10, WallMed: 10})
	rep.compare()
	return rep
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		teu  bool
		by   string
		want string
	}{
		{"the minimum is below the target", true, "min", ""},
		{"the median is above it", true, "median", "run: teu/crun is 0.90, more than 0.70"},
		{"what was not measured is not passed", false, "min", "run: teu/crun was not measured"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(testReport(test.teu).misses(test.by), "; "); got != test.want {
				t.Errorf("misses: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestPublish(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	var out strings.Builder
	missed, err := testReport(true).publish(&out, options{json: file, check: true, by: "median"})
	if err != nil || !missed {
		t.Errorf("publish: got missed %v, error %v; want true and none", missed, err)
	}
	for _, want := range []string{
		"Linux 6.1, 2 CPUs, cgroup v2",
		"| teu | 2 | 6.00 | 9.00 |",
		"| run | 0.60 / 0.90 (≤ 0.70) |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report: got\n%s\nwant %q in it", out.String(), want)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read the report: %v", err)
	}
	var back report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("parse the report: %v", err)
	}
	if got := back.Rows[0].Ratios["crun"].Median; got != 0.9 {
		t.Errorf("ratio in the file: got %v, want 0.9", got)
	}
}

func TestPublishWithoutTargetsDoesNotPassACheck(t *testing.T) {
	rep := &report{Host: &host{}}
	rep.add(operation{name: "exec"}, "crun", summary{WallMin: 1, WallMed: 1})
	missed, err := rep.publish(&strings.Builder{}, options{check: true, by: "min"})
	if err != nil || !missed {
		t.Errorf("publish: got missed %v, error %v; want true and none", missed, err)
	}
}

func TestFindRuntimes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "before")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		name, base string
		want       []string // nil: an error
	}{
		{"without a base", "", []string{"teu"}},
		{"with a base", program, []string{"teu", "base"}},
		{"a base that is missing", missing, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := findRuntimes(options{runtimes: "teu", teu: program, base: test.base}, &workspace{})
			var got []string
			for _, r := range found {
				got = append(got, r.name)
			}
			if (err != nil) != (test.want == nil) || !slices.Equal(got, test.want) {
				t.Errorf("runtimes: got %v, error %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestSelectCases(t *testing.T) {
	if _, err := selectCases([]string{"run", "nonsense"}); err == nil {
		t.Error("select an unknown case: got no error, want one")
	}
	cases, err := selectCases([]string{"memory", "exec"})
	if err != nil || len(cases) != 2 || cases[0].name != "memory" || cases[1].name != "exec" {
		t.Errorf("select cases: got %v, %v; want memory and exec", cases, err)
	}
}

func TestDefaultSpecHasCgroupNamespaceOnlyOnUnifiedHosts(t *testing.T) {
	isCgroup := func(n specs.LinuxNamespace) bool { return n.Type == specs.CgroupNamespace }
	for _, unified := range []bool{false, true} {
		spec := defaultSpec("/rootfs", unified, "/bin/true")
		if got := slices.ContainsFunc(spec.Linux.Namespaces, isCgroup); got != unified {
			t.Errorf("cgroup namespace, unified %v: got %v, want %v", unified, got, unified)
		}
	}
}

func TestDockerSeccompIsAsLargeAsDockers(t *testing.T) {
	const least = 360
	names := map[string]bool{}
	for _, rule := range dockerSeccomp().Syscalls {
		for _, name := range rule.Names {
			if names[name] && len(rule.Args) == 0 {
				t.Errorf("%s: got it in two rules without arguments, want one", name)
			}
			names[name] = true
		}
	}
	if len(names) < least {
		t.Errorf("names of the profile: got %d, want at least %d", len(names), least)
	}
}

func TestSpecsShareNothing(t *testing.T) {
	docker := dockerSpec("/rootfs", "/etc", false, "/bin/true")
	plain := defaultSpec("/rootfs", false, "/bin/true")
	if len(docker.Linux.MaskedPaths) != len(plain.Linux.MaskedPaths)+1 || plain.Linux.Seccomp != nil {
		t.Errorf("default bundle beside the Docker-like one: got %d masked paths, seccomp %v; want %d, none", len(plain.Linux.MaskedPaths), plain.Linux.Seccomp, len(docker.Linux.MaskedPaths)-1)
	}
}

// TestBareRuns holds the floor honest: it must end in a container that looks like the default bundle's, and leave nothing.
func TestBareRuns(t *testing.T) {
	needs.Root(t, "makes cgroups and mounts")
	needs.Files(t, 1024)
	if kit.V2Top() == "" {
		t.Skip("needs a cgroup v2 tree: the program is cloned into a cgroup of it")
	}
	for _, tool := range []string{"cc", "busybox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	work, err := newWorkspace()
	if err != nil {
		t.Fatalf("make the workspace: %v", err)
	}
	t.Cleanup(func() {
		if err := work.remove(); err != nil {
			t.Errorf("remove the workspace: %v", err)
		}
	})
	bare, err := work.compile("bare", bareSource)
	if err != nil {
		t.Fatalf("compile bare: %v", err)
	}
	const script = `cd /bin; PATH=; for a in hostname "cat /proc/self/status" "stat -c %t:%T /dev/null" "wc -c /proc/keys" mount; do
		./busybox $a; done; echo x > /tmp/file || echo read-only; exit 7`
	out, err := exec.Command(bare, work.newID(), work.rootfs, "/bin/sh", "-c", script).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 {
		t.Fatalf("bare: %v, want exit status 7: %s", err, out)
	}
	for _, want := range []string{
		"runc\n", "NoNewPrivs:\t1", "CapBnd:\t0000000020000420", "CapEff:\t0000000020000420", "1:3\n", "0 /proc/keys",
		"devpts on /dev/pts", "mqueue on /dev/mqueue", "proc on /proc/sys type proc (ro", "on /sys/fs/cgroup", "read-only",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("output: got\n%s\nwant %q in it", out, want)
		}
	}
	left, err := leftovers(work)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: got %v, %v; want nothing", left, err)
	}
}
