package fields

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// resctrl is a directory in place of the filesystem, which needs a processor that has it. It shows where what is written in
// which order, what is made and what is removed. It does not show that the kernel takes the values, that a pid moves
// (a write is all that a tasks file gets, one over another), or that room for groups is limited.
type resctrl struct {
	*kit.Bundle
	tree string
}

func newResctrl(t *testing.T, r *specs.LinuxIntelRdt, edits ...edit) resctrl {
	t.Helper()
	kit.Covers(t, "linux.intelRdt.closID")
	b := kit.New(t, append([]edit{kit.Args("sleep", "forever"), linux(func(l *specs.Linux) { l.IntelRdt = r })}, edits...)...)
	c := resctrl{b, b.Dir + "/resctrl"}
	for file, text := range map[string]string{
		"tasks": "", "schemata": "L3:0=fff;1=fff\n", "info/last_cmd_status": "ok\n", "mon_groups/keep": "",
		"gold/tasks": "", "gold/schemata": "    L3:0=7f0;1=01f\n    MB:0= 20;1= 70\n", "gold/mon_groups/keep": "",
	} {
		path := filepath.Join(c.tree, file)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return c
}

// teu runs a command with the directory in place of resctrl.
func (c *resctrl) teu(args ...string) kit.Result {
	c.T.Helper()
	cmd := c.Command(args...)
	cmd.Env = append(cmd.Env, "_TEU_RESCTRL="+c.tree)
	return c.Do(cmd)
}

func (c *resctrl) ok(args ...string) {
	c.T.Helper()
	if res := c.teu(args...); res.Code != 0 {
		c.T.Fatalf("%v: want exit code 0", res)
	}
}

func (c *resctrl) fails(want string, args ...string) {
	c.T.Helper()
	if res := c.teu(args...); res.Code == 0 || !strings.Contains(res.Stderr, want) {
		c.T.Errorf("%v: want %q", res, want)
	}
}

func (c *resctrl) file(path string) string {
	c.T.Helper()
	text, err := os.ReadFile(filepath.Join(c.tree, path))
	if err != nil {
		c.T.Fatalf("read a file of resctrl: %v", err)
	}
	return string(text)
}

// groups are the classes and the monitoring groups there.
func (c *resctrl) groups() string {
	c.T.Helper()
	var list []string
	for _, pattern := range []string{"*/schemata", "mon_groups/*/tasks", "*/mon_groups/*/tasks"} {
		found, err := filepath.Glob(filepath.Join(c.tree, pattern))
		if err != nil {
			c.T.Fatalf("find the groups %s: %v", pattern, err)
		}
		for _, f := range found {
			list = append(list, strings.ReplaceAll(strings.TrimPrefix(filepath.Dir(f), c.tree+"/"), c.ID, "ID"))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestIntelRdtOfTheContainersOwn(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.intelRdt.schemata[]", "linux.intelRdt.l3CacheSchema", "linux.intelRdt.memBwSchema", "linux.intelRdt.enableMonitoring")
	c := newResctrl(t, &specs.LinuxIntelRdt{
		Schemata: []string{"L3:1=1f", "L2:0=f"}, L3CacheSchema: "L3:0=7f0;1=ff", MemBwSchema: "MB:0=20", EnableMonitoring: true,
	})
	c.ok("create", c.ID)
	pid := fmt.Sprint(c.State().Pid)
	if got, want := c.file(c.ID+"/schemata"), "L3:0=7f0;1=ff\nMB:0=20\nL3:1=1f\nL2:0=f\n"; got != want {
		t.Errorf("schemata: got %q, want %q", got, want)
	}
	tasks := []string{c.ID + "/tasks", c.ID + "/mon_groups/" + c.ID + "/tasks"}
	for _, f := range tasks {
		if got := c.file(f); got != pid {
			t.Errorf("%s: got %q, want %s", f, got, pid)
		}
	}
	c.ok("start", c.ID)
	c.ok("exec", "--detach", "--pid-file", c.Dir+"/pid", c.ID, kit.PayloadPath, "true")
	text, err := os.ReadFile(c.Dir + "/pid")
	check(t, err)
	for _, f := range tasks {
		if got := c.file(f); !strings.HasPrefix(got, string(text)) {
			t.Errorf("%s: got %q, want %s of exec", f, got, text)
		}
	}
	c.ok("delete", "--force", c.ID)
	if got := c.groups(); got != "gold" {
		t.Errorf("groups after delete: got %s, want gold", got)
	}
	if c.file("tasks") != "" || c.file("schemata") != "L3:0=fff;1=fff\n" {
		t.Errorf("the default class: tasks %q, schemata %q; want both unchanged", c.file("tasks"), c.file("schemata"))
	}
}

func TestIntelRdtClasses(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.intelRdt.closID", "linux.intelRdt.schemata[]", "linux.intelRdt.enableMonitoring")
	for _, c := range []struct {
		name         string
		r            specs.LinuxIntelRdt
		tasks        string // where the pid is written
		during, want string // the groups while the container is there, and afterwards
	}{
		{"empty", specs.LinuxIntelRdt{}, "ID/tasks", "ID gold", "gold"},
		{"configured before", specs.LinuxIntelRdt{ClosID: "gold"}, "gold/tasks", "gold", "gold"},
		{"the same", specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:0=7f0;1=1f", EnableMonitoring: true}, "gold/mon_groups/ID/tasks", "gold gold/mon_groups/ID", "gold"},
		{"new", specs.LinuxIntelRdt{ClosID: "new", Schemata: []string{"L3:0=f"}}, "new/tasks", "gold new", "gold new"},
		{"default", specs.LinuxIntelRdt{ClosID: "/", EnableMonitoring: true}, "tasks", "gold mon_groups/ID", "gold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newResctrl(t, &c.r)
			b.ok("create", b.ID)
			if got, want := b.file(strings.ReplaceAll(c.tasks, "ID", b.ID)), fmt.Sprint(b.State().Pid); got != want {
				t.Errorf("%s: got %q, want %s", c.tasks, got, want)
			}
			if got := b.groups(); got != c.during {
				t.Errorf("groups after create: got %s, want %s", got, c.during)
			}
			b.ok("delete", "--force", b.ID)
			if got := b.groups(); got != c.want {
				t.Errorf("groups after delete: got %s, want %s", got, c.want)
			}
		})
	}
}

func TestIntelRdtRefused(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.intelRdt.closID", "linux.intelRdt.memBwSchema")
	for want, r := range map[string]specs.LinuxIntelRdt{
		"linux.intelRdt.closID: ":                            {ClosID: "none"},
		"the class that is there already has L3:1=01f":       {ClosID: "gold", L3CacheSchema: "L3:1=f"},
		"linux.intelRdt.memBwSchema: MB:0=30: the class":     {ClosID: "gold", MemBwSchema: "MB:0=30"},
		"linux.intelRdt.schemata[0]: got":                    {Schemata: []string{"a\nb"}},
		"linux.intelRdt.schemata[0]: MB:7=1: the class that": {ClosID: "gold", Schemata: []string{"MB:7=1"}, EnableMonitoring: true},
	} {
		c := newResctrl(t, &r)
		c.fails(want, "create", c.ID)
		if got := c.groups(); got != "gold" || c.file("gold/tasks") != "" {
			t.Errorf("after the refusal %q: groups %s, tasks of gold %q; want gold and none", want, got, c.file("gold/tasks"))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	if strings.Contains(string(mounts), " - resctrl ") {
		t.Skip("resctrl is mounted here")
	}
	c := newResctrl(t, &specs.LinuxIntelRdt{})
	c.Fails([]string{"create", c.ID}, "linux.intelRdt: no resctrl filesystem is mounted")
}

// TestIntelRdtStats: what the class and the monitoring group of a container say is in its statistics.
func TestIntelRdtStats(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.intelRdt.closID", "linux.intelRdt.enableMonitoring")
	c := newResctrl(t, &specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true})
	for file, text := range map[string]string{
		"info/L3/cbm_mask": "fff\n", "info/L3/min_cbm_bits": "1\n", "info/L3/num_closids": "16\n", "info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes\n",
	} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(c.tree, file)), 0o755))
		check(t, os.WriteFile(filepath.Join(c.tree, file), []byte(text), 0o644))
	}
	c.ok("create", c.ID)
	group := filepath.Join(c.tree, "gold/mon_groups", c.ID, "mon_data")
	check(t, os.MkdirAll(group+"/mon_L3_00", 0o755))
	check(t, os.WriteFile(group+"/mon_L3_00/llc_occupancy", []byte("4096\n"), 0o644))
	check(t, os.WriteFile(group+"/mon_L3_00/mbm_total_bytes", []byte("512\n"), 0o644))
	const want = `,"intel_rdt":{"l3_cache_info":{"cbm_mask":"fff","min_cbm_bits":1,"num_closids":16},"l3_cache_schema_root":"L3:0=fff;1=fff",` +
		`"l3_cache_schema":"L3:0=7f0;1=01f","schemata":["L3:0=7f0;1=01f","    MB:0= 20;1= 70"],` +
		`"mbm_stats":[{"mbm_total_bytes":512,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":4096}]},"network_interfaces":null}}`
	if res := c.teu("events", "--stats", c.ID); !strings.Contains(res.Stdout, want) {
		t.Errorf("%v: want %s", res, want)
	}
	check(t, os.RemoveAll(group)) // the kernel's to remove
	c.ok("delete", "--force", c.ID)
}

// TestIntelRdtGoesWithAFailure: also with that of teu itself, once somebody clears up behind it.
func TestIntelRdtGoesWithAFailure(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.intelRdt.closID", "linux.intelRdt.enableMonitoring")
	hook := func(script string) edit {
		return func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}}
		}
	}
	for _, r := range []specs.LinuxIntelRdt{
		{EnableMonitoring: true},
		{ClosID: "new", MemBwSchema: "MB:0=20", EnableMonitoring: true},
		{ClosID: "gold", EnableMonitoring: true},
	} {
		c := newResctrl(t, &r, hook("exit 7"))
		c.fails("hooks.createRuntime[0]", "create", c.ID)
		if got := c.groups(); got != "gold" {
			t.Errorf("%+v: groups after a failed create: got %s, want gold", r, got)
		}
		c = newResctrl(t, &r, hook("kill -9 $PPID"))
		if res := c.teu("create", c.ID); res.Code != 128+9 {
			t.Fatalf("%v: want exit code %d", res, 128+9)
		}
		if got := c.groups(); !strings.Contains(got, "/mon_groups/ID") {
			t.Fatalf("%+v: groups after create was killed: got %s, want a monitoring group of the container", r, got)
		}
		c.ok("delete", "--force", c.ID)
		if got := c.groups(); got != "gold" {
			t.Errorf("%+v: groups after delete --force: got %s, want gold", r, got)
		}
	}
}

// TestIntelRdtThatStays: what a failed create cannot remove stays in its record until delete --force can.
func TestIntelRdtThatStays(t *testing.T) {
	t.Parallel()
	c := newResctrl(t, &specs.LinuxIntelRdt{}, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `: >"$0"; exit 7`}}}}
	})
	foreign := filepath.Join(c.tree, c.ID, "foreign")
	c.Edit(func(s *specs.Spec) {
		h := &s.Hooks.CreateRuntime[0]
		h.Args = append(h.Args, foreign)
	})
	c.fails("linux.intelRdt: rmdir "+filepath.Dir(foreign), "create", c.ID)
	if res := c.teu("list", "--quiet"); !strings.Contains(res.Stdout, c.ID) {
		t.Errorf("list after a failed create that left something: %v: want %s in stdout", res, c.ID)
	}
	check(t, os.Remove(foreign))
	c.ok("delete", "--force", c.ID)
	if _, err := os.Stat(filepath.Dir(foreign)); !os.IsNotExist(err) {
		t.Errorf("stat of %s after delete --force: got error %v, want that it does not exist", filepath.Dir(foreign), err)
	}
}
