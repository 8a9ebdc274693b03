package churn

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

var (
	howLong    = flag.Duration("churn.for", 25*time.Second, "how long to go on")
	seed       = flag.Uint64("churn.seed", 0, "of the random numbers; 0 for one of the clock's")
	workers    = flag.Int("churn.workers", 8, "workers in parallel")
	containers = flag.Int("churn.containers", 200, "containers in all")
)

// maxProcesses bounds what runs away: the containers' processes have a few threads each.
const maxProcesses = 20000

type edit = func(*specs.Spec)

// kinds are the containers there are.
var kinds = []struct {
	name  string
	edits func(b *kit.Bundle, id string) []edit
}{
	{"plain", func(*kit.Bundle, string) []edit { return nil }},
	{"limits below a common parent", func(b *kit.Bundle, id string) []edit {
		memory, pids := int64(64<<20), int64(64)
		return []edit{func(s *specs.Spec) {
			s.Linux.CgroupsPath = "/" + b.ID + "-common/parent/" + id
			if limits() {
				s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
				s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
			}
		}}
	}},
	{"without a pid namespace", func(*kit.Bundle, string) []edit { return []edit{without(specs.PIDNamespace)} }},
	{"in the runtime's network, with a cgroup namespace", func(*kit.Bundle, string) []edit {
		return []edit{without(specs.NetworkNamespace), func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		}}
	}},
	{"hooks", func(b *kit.Bundle, _ string) []edit {
		hook := []specs.Hook{{Path: kit.Payload(), Args: []string{"payload", "true"}, Env: []string{"TEU_TEST=" + b.ID}}}
		return []edit{func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: hook, Poststart: hook, Poststop: hook}
		}}
	}},
	{"many processes", func(*kit.Bundle, string) []edit { return []edit{kit.Args("spawn", "3")} }},
}

// limits tells whether the host can limit memory and the number of processes.
func limits() bool {
	v2, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers") // on v1 there is none
	for _, c := range []string{"memory", "pids"} {
		_, err := os.Stat("/sys/fs/cgroup/" + c + "/cgroup.procs")
		if err != nil && !slices.Contains(strings.Fields(string(v2)), c) {
			return false
		}
	}
	return true
}

func without(kind specs.LinuxNamespaceType) edit {
	return func(s *specs.Spec) {
		var list []specs.LinuxNamespace
		for _, n := range s.Linux.Namespaces {
			if n.Type != kind {
				list = append(list, n)
			}
		}
		s.Linux.Namespaces = list
	}
}

// bundle writes the config.json of one container, and in the directory short one of the same that ends by itself; the root is
// common to all.
func bundle(t *testing.T, b *kit.Bundle, n int, id string) string {
	t.Helper()
	dir := filepath.Join(b.Dir, "bundles", id)
	config(t, b, n, id, dir)
	config(t, b, n, id, dir+"/short", kit.Args("true"))
	return dir
}

func config(t *testing.T, b *kit.Bundle, n int, id, dir string, more ...edit) {
	t.Helper()
	text, err := json.Marshal(b.Spec)
	s := new(specs.Spec)
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		t.Fatalf("copy the configuration: %v", err)
	}
	s.Root.Path = b.Rootfs
	for _, e := range append(kinds[n%len(kinds)].edits(b, id), more...) {
		e(s)
	}
	text, err = json.Marshal(s)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(dir+"/config.json", text, 0o644)
	}
	if err != nil {
		t.Fatalf("write the bundle of %s: %v", id, err)
	}
}

func TestChurn(t *testing.T) {
	b := kit.New(t, kit.Args("sleep", "forever"))
	limit := syscall.Rlimit{Cur: maxProcesses, Max: maxProcesses}
	const rlimitNproc = 6
	if err := syscall.Setrlimit(rlimitNproc, &limit); err != nil {
		t.Fatalf("setrlimit RLIMIT_NPROC to %d: %v", maxProcesses, err)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-churn.seed %d", *seed)

	if !limits() {
		t.Log("without update, and without limits: the host has no controllers of memory and pids")
		verbs = slices.DeleteFunc(verbs, func(v *verb) bool { return v.name == "update" })
	}

	ids := make([]string, *containers)
	dirs := make([]string, *containers)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%03d", b.ID, i)
		dirs[i] = bundle(t, b, i, ids[i])
	}
	common := *containers / 8 // everybody's
	end := time.Now().Add(*howLong)
	var all sync.WaitGroup
	var did, cut atomic.Int64
	for w := range *workers {
		own := []*box{}
		for i := common + w; i < len(ids); i += *workers {
			own = append(own, &box{t: t, b: b, id: ids[i], bundle: dirs[i], is: absent})
		}
		rng := rand.New(rand.NewPCG(*seed, uint64(w)))
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(end) && !t.Failed() {
				var kill time.Duration
				if rng.IntN(5) == 0 {
					kill = moment(rng)
					cut.Add(1)
				}
				did.Add(1)
				if i := rng.IntN(8); i == 0 && common > 0 {
					anybody(t, b, ids[:common], dirs[:common], rng, kill)
					continue
				}
				c := own[rng.IntN(len(own))]
				if !c.do(c.choose(rng), kill) {
					return
				}
			}
		}()
	}
	all.Wait()
	t.Logf("%d commands, %d of them to be killed", did.Load(), cut.Load())
	finish(t, b, ids)
}

// anybody does something to a container that others do something to at the same time.
func anybody(t *testing.T, b *kit.Bundle, ids, dirs []string, rng *rand.Rand, kill time.Duration) {
	n := rng.IntN(len(ids))
	v := verbs[weighted(rng)]
	args := make([]string, len(v.args))
	for i, a := range v.args {
		args[i] = strings.NewReplacer("BUNDLE", dirs[n], "ID", ids[n]).Replace(a)
	}
	r := teu(t, b, ids[n], kill, args...)
	if r.killed || r.code == 0 {
		return
	}
	const killed = 128 + int(syscall.SIGKILL)
	if v.waits && r.code == killed && r.stderr == "" { // the status of its process, which another command has killed
		return
	}
	if deadly(r.stderr) || strings.Contains(r.stderr, "it is creating") {
		return
	}
	for s := state(1); s <= frozen; s <<= 1 {
		if _, refusal := v.does(s); refusal != "" && strings.Contains(r.stderr, refusal) {
			return
		}
	}
	t.Errorf("%v: want exit code 0, or an error for a state that another command may have made", r)
}

// finish deletes every container by force and looks for what is left. No process of ours is there in the end, so none
// holds a lock.
func finish(t *testing.T, b *kit.Bundle, ids []string) {
	for _, id := range ids {
		if r := teu(t, b, id, 0, "delete", "--force", id); r.code != 0 || r.stderr != "" {
			t.Errorf("in the end: %v: want exit code 0 and nothing on stderr", r)
		}
	}
	if r := teu(t, b, b.ID, 0, "list", "--quiet"); r.code != 0 || r.stdout != "" || r.stderr != "" {
		t.Errorf("in the end: %v: want exit code 0 and no output", r)
	}
	left, err := os.ReadDir(b.Root)
	if err != nil {
		t.Errorf("in the end: list the state directory: %v", err)
	}
	for _, e := range left {
		t.Errorf("in the end: %s is left, want nothing", filepath.Join(b.Root, e.Name()))
	}
	// A parent that was there when a container came is not the container's to remove, so the last one may leave those that
	// an earlier one has made; runc leaves them always. They have to be empty.
	for _, pattern := range []string{"", "/*"} {
		parents, _ := filepath.Glob("/sys/fs/cgroup" + pattern + "/" + b.ID + "-common") // the pattern is well-formed
		for _, dir := range parents {
			if err := errors.Join(ignore(os.Remove(dir+"/parent"), os.ErrNotExist), os.Remove(dir)); err != nil {
				t.Errorf("in the end: remove the parents of cgroups: %v; want them empty", err)
			}
		}
	}
	if l := kit.Left(b.ID); len(l) > 0 {
		t.Errorf("in the end: want nothing left, got: %s", strings.Join(l, "\n\t"))
	}
}

func ignore(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}
