package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// programLimit is four times what the slowest program takes: delete and kill
	// wait ten seconds for what does not come.
	programLimit = 60 * time.Second
	// supervisorLimit adds the time to clean up.
	supervisorLimit = 2 * programLimit
	// buildDir is where the programs are kept between runs.
	buildDir = "../../build/conformance"
)

func TestMain(m *testing.M) {
	if os.Getenv(superviseEnv) == "" {
		os.Exit(m.Run())
	}
	if err := supervise(); err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		os.Exit(1)
	}
}

// candidate is one runtime to run.
type candidate struct {
	name, path string
	judged     bool // there are explanations for it
}

func TestConformance(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the programs create containers")
	}
	for _, tool := range []string{"go", "sh", "tar", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the programs need %s: %v", tool, err)
		}
	}
	if limit := noV1("cpu", "cpuset", "devices", "memory", "pids"); limit != "" {
		t.Skipf("%s: the cgroup programs know cgroup v1 only (runtime-tools cgroups.FindCgroup)", limit)
	}
	unlock, err := lockCgroups()
	if err != nil {
		t.Fatalf("lock the cgroups: %v", err)
	}
	defer unlock()
	if left, err := removeCgroups(fixedCgroups); err != nil || len(left) > 0 {
		t.Logf("before the run: removed %v, %v", left, err)
	}
	runtimes := candidates(t)
	dir, err := filepath.Abs(buildDir)
	if err != nil {
		t.Fatalf("find the directory to build in: %v", err)
	}
	k, err := buildKit(dir)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("runtime-tools carries no rootfs for this architecture: %v", err)
	}
	if err != nil {
		t.Fatalf("build the validation programs: %v", err)
	}
	programs := selected(t, k.Programs)
	names := make([]string, len(runtimes))
	for i, r := range runtimes {
		names[i] = r.name
	}
	tab := newTable(names, programs)
	for _, r := range runtimes {
		start := time.Now()
		t.Run(r.name, func(t *testing.T) {
			for _, p := range programs {
				t.Run(p, func(t *testing.T) { runOne(t, tab, k, r, p) })
			}
		})
		fmt.Printf("%s: %s, %d programs in %.0f s\n", r.name, r.path, len(programs), time.Since(start).Seconds())
	}
	fmt.Println()
	tab.print(os.Stdout)
}

// runOne runs and judges one program.
func runOne(t *testing.T, tab *table, k *kit, r candidate, program string) {
	scratch := scratchDir(t)
	res, err := runSupervised(t.Context(), job{
		Program: filepath.Join(k.Bin, program),
		Runtime: r.path,
		Kit:     k.Dir,
		Scratch: scratch,
		Limit:   programLimit,
	})
	if err != nil {
		t.Errorf("run %s: %v", program, err)
	}
	failures := allFailures(program, res)
	used, wrong := judge(explanations, r.name, program, failures)
	tab.set(r.name, program, failures, used, r.judged && len(wrong) > 0)
	if len(wrong) == 0 {
		return
	}
	report := t.Errorf
	if !r.judged {
		report = t.Logf
	}
	report("%s\n\nexit %d, commands:\n  %s\nstderr:\n%s\nstdout without the points that passed:\n%s",
		strings.Join(wrong, "\n"), res.Exit, strings.Join(res.Commands, "\n  "), res.Stderr, withoutPassed(res.Stdout))
}

// scratchDir is a temporary directory that a mapped root can pass through, as
// it can through /tmp; that of t.TempDir it cannot.
func scratchDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		t.Fatalf("make a scratch directory: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the scratch directory: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatalf("open the scratch directory to all: %v", err)
	}
	return dir
}

// allFailures is everything that keeps a program from having passed.
func allFailures(program string, res result) []string {
	out := parseTAP(res.Stdout)
	failures := out.failures
	switch {
	case res.Exit < 0:
		failures = append(failures, "killed after "+programLimit.String())
	case res.Exit > 0:
		failures = append(failures, fmt.Sprintf("exit %d: %s", res.Exit, fold(res.Stderr)))
	case res.Stdout == "" && !slices.Contains(silent, program):
		failures = append(failures, "plan: the program printed nothing")
	}
	for _, l := range res.Left {
		failures = append(failures, "left: "+l)
	}
	return checkReason(program, res.Stderr, failures)
}

// runSupervised runs the supervisor, this binary, in a mount namespace of its
// own: some containers share the mount namespace of the runtime.
func runSupervised(ctx context.Context, j job) (result, error) {
	var res result
	in, err := json.Marshal(j)
	if err != nil {
		return res, err
	}
	ctx, cancel := context.WithTimeout(ctx, supervisorLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), superviseEnv+"=1")
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	// With CLONE_NEWNS here the syscall package makes all mounts private.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return res, fmt.Errorf("supervisor: %w: %s", err, stderr.String())
	}
	return res, json.Unmarshal(out, &res)
}

// candidates reads RUNTIMES: names or name=path, separated by commas. A path is
// relative to this directory. teu has to be there, the others where installed.
func candidates(t *testing.T) []candidate {
	list := os.Getenv("RUNTIMES")
	if list == "" {
		list = "teu=../../teu,runc"
	}
	var found []candidate
	for entry := range strings.SplitSeq(list, ",") {
		name, file, given := strings.Cut(entry, "=")
		if !given {
			file = name
		}
		file, err := exec.LookPath(file)
		if err == nil {
			file, err = filepath.Abs(file)
		}
		switch {
		case err != nil && (given || name == "teu"):
			t.Fatalf("runtime %s: %v", name, err)
		case err != nil:
			fmt.Printf("%s: not installed, left out\n", name)
		default:
			found = append(found, candidate{name, file, isJudged(t, name, file)})
		}
	}
	return found
}

// isJudged says whether the explanations are about this runtime and version.
func isJudged(t *testing.T, name, file string) bool {
	out, err := exec.Command(file, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", file, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	judged := name == "teu" || name == "runc" && strings.HasPrefix(first, "runc version 1.1.")
	if !judged {
		fmt.Printf("%s: %s: shown for comparison, not judged\n", name, first)
	}
	return judged
}

// selected applies PROGRAMS, shell patterns separated by commas.
func selected(t *testing.T, all []string) []string {
	patterns := os.Getenv("PROGRAMS")
	if patterns == "" {
		return all
	}
	var some []string
	for _, p := range all {
		for pattern := range strings.SplitSeq(patterns, ",") {
			if ok, err := path.Match(pattern, p); err != nil {
				t.Fatalf("PROGRAMS: match %s: %v", pattern, err)
			} else if ok {
				some = append(some, p)
				break
			}
		}
	}
	if len(some) == 0 {
		t.Fatalf("PROGRAMS=%s: got no program, want one at least", patterns)
	}
	return some
}

// withoutPassed leaves the lines of TAP out that are of no use to someone who
// looks for a failure.
func withoutPassed(stdout string) string {
	var keep strings.Builder
	relevant := false
	for line := range strings.Lines(stdout) {
		switch {
		case strings.HasPrefix(line, "ok "):
			relevant = false
			continue
		case !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "#"):
			relevant = true
		}
		if relevant {
			keep.WriteString(line)
		}
	}
	const most = 8000
	return keep.String()[:min(most, keep.Len())]
}
