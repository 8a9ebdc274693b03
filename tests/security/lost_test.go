package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// What a config.json may hold makes no record that cannot be read again: annotations and hooks whose bytes JSON makes six of.
func TestHugeRecord(t *testing.T) {
	const many = 3 << 20
	for name, config := range map[string]func(*specs.Spec){
		"markup":     func(s *specs.Spec) { s.Annotations = map[string]string{"x": strings.Repeat("!", 2*many)} },
		"characters": func(s *specs.Spec) { s.Annotations = map[string]string{"x": strings.Repeat("\n\t", many)} },
		"hooks": func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true", Env: []string{"A=" + strings.Repeat("?", many)}}}}
		},
	} {
		b := kit.New(t, kit.Args("sleep", "forever"), config)
		text, err := os.ReadFile(b.Dir + "/config.json")
		check(t, err)
		// Which encoding/json would write otherwise.
		s := strings.NewReplacer("!!!!", "<<<<", "????", "<<<<").Replace(string(text))
		check(t, os.WriteFile(b.Dir+"/config.json", []byte(s), 0o644))
		b.OK("create", b.ID)
		b.OK("start", b.ID)
		if st := b.State(); st.Status != specs.StateRunning || len(st.Annotations) > 0 && len(st.Annotations["x"]) < 2*many {
			t.Errorf("%s: state: got %s, an annotation of %d bytes; want it running, with all that it has", name, st.Status, len(st.Annotations["x"]))
		}
		record, err := os.Stat(b.Root + "/" + b.ID + "/state.json")
		if check(t, err); record.Size() > 1<<16 {
			t.Errorf("%s: the record: got %d bytes, want no more than there are paths in it", name, record.Size())
		}
		b.OK("kill", b.ID, "KILL")
		b.Ended()
		b.OK("delete", b.ID)
	}
	// What does go into the record is refused before anything is made.
	b := kit.New(t, kit.CgroupsPath("/"+strings.Repeat("x", 2<<20)))
	before := kit.Snapshot()
	if res := b.Teu("create", b.ID); !oneLine(res) {
		t.Errorf("create with a path of 2 MiB: %.300v: want an error in one line", res)
	}
	if left := before.Left(); len(left) > 0 {
		t.Errorf("left after it: %v; want nothing", left)
	}
}

// A container whose record is lost is not forgotten as long as it may run.
func TestLostRecord(t *testing.T) {
	both := []string{"state.json", "intent.json"}
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	for _, c := range []struct {
		name  string
		do    func(path string) error
		files []string
		flags []string
	}{
		{"torn", func(path string) error { return os.Truncate(path, 20) }, both, nil},
		{"empty", write(""), both, nil},
		{"another's", write(`{"ociVersion":"1.3.0","id":"other","phase":"created","created":"2026-01-01T00:00:00Z"}`), both, nil},
		{"too large", func(path string) error { return os.Truncate(path, 1<<30) }, both, nil},
		{"gone", os.Remove, both, nil},
		{"torn, without a cgroup", write("{"), both[:1], []string{"--cgroup-manager", "disabled"}},
	} {
		b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) {
			if c.flags != nil {
				s.Linux.Resources = nil
			}
		})
		b.OK(append(c.flags, "create", b.ID)...)
		b.OK("start", b.ID)
		pid := b.State().Pid
		dir := b.Root + "/" + b.ID
		kept := map[string][]byte{}
		for _, f := range c.files {
			text, err := os.ReadFile(dir + "/" + f)
			check(t, err)
			kept[f] = text
			check(t, c.do(dir+"/"+f))
		}
		for _, args := range [][]string{{"delete", "--force", b.ID}, {"delete", b.ID}, {"kill", b.ID, "KILL"}, {"kill", "--all", b.ID, "KILL"}, {"state", b.ID}, {"create", b.ID}} {
			res := b.Teu(args...)
			if !oneLine(res) || !strings.Contains(res.Stderr, b.ID) {
				t.Errorf("record %s, %v: want an error in one line", c.name, res)
			}
			if args[0] == "delete" && len(args) > 2 && !strings.Contains(res.Stderr, "then remove "+dir) {
				t.Errorf("record %s, %v: want it to say what can be done", c.name, res)
			}
		}
		if syscall.Kill(pid, 0) != nil {
			t.Errorf("record %s: process %d has gone, want it there", c.name, pid)
		}
		if _, err := os.Stat(dir + "/config.json"); err != nil {
			t.Errorf("record %s: %v: want what is left of the container there", c.name, err)
		}
		for f, text := range kept {
			check(t, os.WriteFile(dir+"/"+f, text, 0o600))
		}
		b.OK("delete", "--force", b.ID)
	}
}

// later makes a container with the cgroup that an earlier one had, whose record is still there: as after a crash of the
// machine, or on another one with a copy of its disk.
func later(t *testing.T, change func(string) string) (earlier, now *kit.Bundle) {
	t.Helper()
	kit.Cgroupfs(t, "units have names of their own")
	earlier = kit.New(t, kit.Args("sleep", "forever"))
	earlier.Edit(kit.CgroupsPath("/" + earlier.ID))
	earlier.Start()
	dir := earlier.Root + "/" + earlier.ID
	copied := earlier.Dir + "/copy"
	check(t, os.Mkdir(copied, 0o700))
	files, err := filepath.Glob(dir + "/*.json")
	check(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		check(t, err)
		check(t, os.WriteFile(copied+"/"+filepath.Base(f), []byte(change(string(text))), 0o600))
	}
	earlier.OK("delete", "--force", earlier.ID)
	check(t, os.Rename(copied, dir))
	now = kit.New(t, kit.Args("sleep", "forever"), kit.CgroupsPath("/"+earlier.ID))
	now.Start()
	return earlier, now
}

func same(text string) string { return text }

// No verb on a stale record touches whoever has the cgroup's path by now.
func TestStaleRecord(t *testing.T) {
	otherBoot := func(text string) string {
		return between(text, `"boot":"`, `"`, "6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	}
	for _, c := range []struct {
		name   string
		change func(string) string
	}{
		{"of this boot", same},
		{"of another boot", otherBoot},
		// On a machine that boots alike, everything else may be as it was.
		{"of another boot, with cgroups of the same numbers", func(text string) string {
			return between(otherBoot(text), `"cgroupIDs":"`, `"`, "")
		}},
	} {
		refused := [][]string{{"pause"}, {"resume"}, {"update", "--pids-limit", "5"}, {"events", "--stats"}, {"exec"}, {"kill"}, {"start"}}
		for _, args := range [][]string{{"delete"}, {"delete", "--force"}, {"kill", "--all"}} {
			a, b := later(t, c.change)
			if st := a.State().Status; st != specs.StateStopped {
				t.Errorf("record %s: status %s, want %s", c.name, st, specs.StateStopped)
			}
			for _, verb := range refused {
				args := append(verb, a.ID)
				if verb[0] == "exec" {
					args = append(args, kit.PayloadPath, "true")
				}
				if res := a.Teu(args...); !oneLine(res) {
					t.Errorf("record %s, %v: want an error in one line", c.name, res)
				}
			}
			refused = nil // once is enough
			args = append(args, a.ID)
			if args[0] == "kill" {
				args = append(args, "KILL")
			}
			a.OK(args...)
			if st := b.State().Status; st != specs.StateRunning {
				t.Fatalf("record %s, %s: the container that has the cgroup now is %s, want %s", c.name, strings.Join(args, " "), st, specs.StateRunning)
			}
			b.OK("pause", b.ID) // its cgroups are there
			b.OK("resume", b.ID)
			a.OK("delete", "--force", a.ID)
			b.OK("delete", "--force", b.ID)
		}
	}
}

// A container that runs, and whose cgroup somebody has replaced: what would work on the other one is refused.
func TestReplacedCgroup(t *testing.T) {
	a, b := later(t, same)
	record := a.Root + "/" + a.ID + "/state.json"
	text, err := os.ReadFile(record)
	check(t, err)
	pid, alive := victim(t)
	forged := between(string(text), `"init":{"pid":`, `}`, fmt.Sprintf(`%d,"start":%d`, pid, startTime(t, pid)))
	check(t, os.WriteFile(record, []byte(forged), 0o600))
	if st := a.State().Status; st != specs.StateRunning {
		t.Fatalf("status %s, want %s, or the rest proves nothing", st, specs.StateRunning)
	}
	for _, args := range [][]string{
		{"pause", a.ID}, {"update", "--pids-limit", "5", a.ID}, {"events", "--stats", a.ID}, {"events", a.ID}, {"exec", a.ID, kit.PayloadPath, "true"},
	} {
		a.Fails(args, a.ID, "is another than the container's")
	}
	if st := b.State().Status; st != specs.StateRunning || !alive() {
		t.Errorf("the container that has the cgroup now is %s, want %s", st, specs.StateRunning)
	}
	a.OK("delete", "--force", a.ID)
	a.Until("the process that the record names is dead", func() bool { return !alive() })
	if st := b.State().Status; st != specs.StateRunning {
		t.Errorf("after delete --force: the container that has the cgroup now is %s, want %s", st, specs.StateRunning)
	}
}

// `created` is what the kernel says, not what the workload says of itself: its name and its arguments.
func TestForgedCreated(t *testing.T) {
	b := kit.New(t, writable, process("/bin/attacker", "pose", "3"))
	attacker(b)
	out := b.OK("create", b.ID)
	if st := b.State().Status; st != specs.StateCreated {
		t.Errorf("status before start: got %s, want %s", st, specs.StateCreated)
	}
	b.OK("start", b.ID)
	out.Output("posing")
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", b.State().Pid))
	if check(t, err); string(name) != "3\n" {
		t.Fatalf("name of the workload: got %q, want 3, or the rest proves nothing", name)
	}
	if st := b.State().Status; st != specs.StateRunning {
		t.Errorf("status of a workload that looks like teu's own process: got %s, want %s", st, specs.StateRunning)
	}
	b.Fails([]string{"start", b.ID}, "it is running")
}

// A container that is over does not take another along that was told to use the same cgroup, when that was empty.
func TestAnotherInTheCgroup(t *testing.T) {
	for _, verb := range [][]string{{"delete"}, {"delete", "--force"}, {"kill", "--all"}} {
		old := kit.New(t, kit.Args("sleep", "forever"))
		path := kit.CgroupsPath("/teu-test-" + old.ID)
		old.Edit(path)
		old.OK("create", old.ID)
		old.OK("kill", old.ID, "KILL")
		old.Ended()
		old.Until("its cgroups are empty", func() bool { return cgroupsEmpty(t, "/teu-test-"+old.ID) })
		living := kit.Running(t, path)
		if res := old.Teu(append(verb, old.ID)...); res.Code != 0 {
			t.Errorf("%v: want exit code 0", res)
		}
		if st := living.State(); st.Status != specs.StateRunning {
			t.Errorf("the other container after %v: got %s, want it running", verb, st.Status)
		}
		living.OK("delete", "--force", living.ID)
	}
}

// cgroupsEmpty reports whether no hierarchy has a process in path. A process leaves its cgroup after its pidfd has told of its end
// (Linux 6.18).
func cgroupsEmpty(t *testing.T, path string) bool {
	t.Helper()
	for _, top := range []string{kit.CgroupTop, kit.CgroupTop + "/*"} {
		files, err := filepath.Glob(top + path + "/cgroup.procs")
		check(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if check(t, err); len(text) > 0 {
				return false
			}
		}
	}
	return true
}
