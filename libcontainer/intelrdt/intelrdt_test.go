package intelrdt

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// tree is a directory in place of resctrl, with one class. It does not judge values, as the kernel does, and has room for
// any number of classes.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{
		"tasks": "", "schemata": "    MB:0=100;1=100\n    L3:0=fff;1=fff\n", "info/last_cmd_status": "ok\n", "info/MB/bandwidth_gran": "10\n",
		"gold/tasks": "", "gold/schemata": "    MB:0= 20;1= 70\n    L3:0=7f0;1=01f\n",
	} {
		write(t, filepath.Join(dir, file), text)
	}
	for _, d := range []string{"mon_groups", "gold/mon_groups"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func has(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func compile(dir string, r specs.LinuxIntelRdt) *Group {
	g := Compile("box", &r)
	g.Mount, g.Fake = dir, true
	return g
}

func made1(t *testing.T, dir string, r specs.LinuxIntelRdt) *Group {
	t.Helper()
	g := compile(dir, r)
	if err := errors.Join(g.Survey(), g.Create()); err != nil {
		t.Fatalf("survey and create: %v", err)
	}
	return g
}

// again is the group that a record of g names.
func again(t *testing.T, g *Group) *Group {
	t.Helper()
	l, err := ParseRecord(g.Record())
	if err != nil {
		t.Fatalf("parse the record: %v", err)
	}
	l.Fake = true
	return l
}

func TestClassOfTheContainersOwn(t *testing.T) {
	dir := tree(t)
	g := made1(t, dir, specs.LinuxIntelRdt{
		Schemata: []string{"L3:1=1f", "L2:0=f"}, L3CacheSchema: "L3:0=7f0;1=ff", MemBwSchema: "MB:0=20", EnableMonitoring: true,
	})
	if err := g.Join(77); err != nil {
		t.Fatalf("join: %v", err)
	}
	if got, want := read(t, dir+"/box/schemata"), "L3:0=7f0;1=ff\nMB:0=20\nL3:1=1f\nL2:0=f\n"; got != want {
		t.Errorf("schemata: got %q, want %q", got, want)
	}
	for _, f := range []string{"/box/tasks", "/box/mon_groups/box/tasks"} {
		if got := read(t, dir+f); got != "77" {
			t.Errorf("%s: got %q, want 77", f, got)
		}
	}
	if err := again(t, g).Remove(true); err != nil || has(dir+"/box") {
		t.Errorf("remove a class of the container's own: got error %v, %s there %v, want none, false", err, dir+"/box", has(dir+"/box"))
	}
	if err := again(t, g).Remove(true); err != nil {
		t.Errorf("remove a second time: got error %v, want none", err)
	}
	if read(t, dir+"/schemata") != read(t, tree(t)+"/schemata") {
		t.Errorf("schemata of the default class: got %q, want %q as before", read(t, dir+"/schemata"), read(t, tree(t)+"/schemata"))
	}
}

// TestClassWithAName is made when it has schemata, and stays.
func TestClassWithAName(t *testing.T) {
	dir := tree(t)
	r := specs.LinuxIntelRdt{ClosID: "new", MemBwSchema: "MB:0=20", EnableMonitoring: true}
	g := made1(t, dir, r)
	if err := again(t, g).Remove(true); err != nil || !has(dir+"/new/schemata") || has(dir+"/new/mon_groups/box") {
		t.Errorf("remove a class with a name: got error %v, the class there %v, its monitoring group there %v, want none, true, false", err, has(dir+"/new/schemata"), has(dir+"/new/mon_groups/box"))
	}
	g = made1(t, dir, r) // by another container, later
	if err := again(t, g).Remove(false); err != nil || !has(dir+"/new") {
		t.Errorf("undo a class that was there before: got error %v, the class there %v, want none, true", err, has(dir+"/new"))
	}
	g = made1(t, dir, specs.LinuxIntelRdt{ClosID: "newer", MemBwSchema: "MB:0=20"})
	if err := again(t, g).Remove(false); err != nil || has(dir+"/newer") {
		t.Errorf("undo a class that was not there before: got error %v, the class there %v, want none, false", err, has(dir+"/newer"))
	}
	g = made1(t, dir, specs.LinuxIntelRdt{ClosID: "newer", MemBwSchema: "MB:0=20"})
	write(t, dir+"/newer/tasks", strconv.Itoa(os.Getpid())+"\n")
	if err := again(t, g).Remove(false); err != nil || !has(dir+"/newer") {
		t.Errorf("undo a class that another container is in: got error %v, the class there %v, want none, true", err, has(dir+"/newer"))
	}
}

func TestDefaultClass(t *testing.T) {
	dir := tree(t)
	g := made1(t, dir, specs.LinuxIntelRdt{ClosID: "/", L3CacheSchema: "L3:0=fff", EnableMonitoring: true})
	if err := g.Join(5); err != nil {
		t.Fatalf("join: %v", err)
	}
	if read(t, dir+"/tasks") != "5" || read(t, dir+"/mon_groups/box/tasks") != "5" {
		t.Errorf("tasks of the default class and of its monitoring group: got %q and %q, want 5 in both", read(t, dir+"/tasks"), read(t, dir+"/mon_groups/box/tasks"))
	}
	if err := again(t, g).Remove(true); err != nil || has(dir+"/mon_groups/box") || !has(dir+"/schemata") {
		t.Errorf("remove from the default class: got error %v, the monitoring group there %v, the class there %v, want none, false, true", err, has(dir+"/mon_groups/box"), has(dir+"/schemata"))
	}
}

func TestClassThatIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		r    specs.LinuxIntelRdt
		want string // in the error; "" for none
	}{
		"nothing asked":       {specs.LinuxIntelRdt{}, ""},
		"the same":            {specs.LinuxIntelRdt{L3CacheSchema: "L3:0=7f0;1=1f", MemBwSchema: "MB:0=20;1=70"}, ""},
		"other spelling":      {specs.LinuxIntelRdt{L3CacheSchema: "L3:1=0x1F;0=07F0"}, ""},
		"rounded up":          {specs.LinuxIntelRdt{MemBwSchema: "MB:0=11;1=61"}, ""},
		"rounded down":        {specs.LinuxIntelRdt{MemBwSchema: "MB:0=21"}, "MB:0=20"},
		"rounded too far":     {specs.LinuxIntelRdt{MemBwSchema: "MB:0=10"}, "MB:0=20"},
		"some domains":        {specs.LinuxIntelRdt{Schemata: []string{"MB:1=70"}}, ""},
		"another mask":        {specs.LinuxIntelRdt{L3CacheSchema: "L3:0=7f0;1=f"}, "linux.intelRdt.l3CacheSchema: L3:0=7f0;1=f: the class that is there already has L3:1=01f"},
		"another bandwidth":   {specs.LinuxIntelRdt{MemBwSchema: "MB:0=30"}, "linux.intelRdt.memBwSchema: MB:0=30: the class that is there already has MB:0=20"},
		"decimal, not hex":    {specs.LinuxIntelRdt{MemBwSchema: "MB:1=46"}, "linux.intelRdt.memBwSchema"},
		"another in schemata": {specs.LinuxIntelRdt{Schemata: []string{"MB:1=70", "L3:1=f"}}, "linux.intelRdt.schemata[1]"},
		"no such domain":      {specs.LinuxIntelRdt{Schemata: []string{"MB:2=70"}}, "has no MB:2"},
		"no such resource":    {specs.LinuxIntelRdt{Schemata: []string{"L2:0=f"}}, "has no L2:0"},
		"overridden":          {specs.LinuxIntelRdt{L3CacheSchema: "L3:0=1;1=1f", Schemata: []string{"L3:0=7f0"}}, ""},
		"overridden in part":  {specs.LinuxIntelRdt{L3CacheSchema: "L3:0=1;1=1", Schemata: []string{"L3:0=7f0"}}, "linux.intelRdt.l3CacheSchema"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t)
			before := read(t, dir+"/gold/schemata")
			c.r.ClosID = "gold"
			g := compile(dir, c.r)
			err := errors.Join(g.Survey(), g.Create())
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !errors.Is(err, syscall.EEXIST)) {
				t.Errorf("survey and create: got error %v, want %q (none if empty), and EEXIST", err, c.want)
			}
			if err := g.Remove(false); err != nil || read(t, dir+"/gold/schemata") != before {
				t.Errorf("undo a class that was there: got error %v, the schemata %q, want none, %q", err, read(t, dir+"/gold/schemata"), before)
			}
		})
	}
}

func TestSurveyRefuses(t *testing.T) {
	dir := tree(t)
	write(t, dir+"/gold/mon_groups/box/tasks", "")
	write(t, dir+"/file", "")
	for name, c := range map[string]struct {
		r     specs.LinuxIntelRdt
		errno error
		want  string
	}{
		"no class":                    {specs.LinuxIntelRdt{ClosID: "none"}, syscall.ENOENT, "linux.intelRdt.closID: " + dir + "/none"},
		"no class to monitor":         {specs.LinuxIntelRdt{ClosID: "none", EnableMonitoring: true}, syscall.ENOENT, "linux.intelRdt.closID"},
		"no directory":                {specs.LinuxIntelRdt{ClosID: "file"}, syscall.ENOTDIR, "linux.intelRdt.closID"},
		"monitoring group of another": {specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true}, syscall.EEXIST, "linux.intelRdt.enableMonitoring: " + dir + "/gold/mon_groups/box"},
	} {
		if err := compile(dir, c.r).Survey(); !errors.Is(err, c.errno) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: survey: got error %v, want %v, which begins with %q", name, err, c.errno, c.want)
		}
	}
	real := compile(dir, specs.LinuxIntelRdt{})
	real.Fake = false
	if err := real.Survey(); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("survey a directory that is not on resctrl: got error %v, want EXDEV", err)
	}
}

// TestUnmounted: with the filesystem its groups are gone.
func TestUnmounted(t *testing.T) {
	dir := tree(t)
	g := again(t, made1(t, dir, specs.LinuxIntelRdt{}))
	g.Fake = false
	if err := g.Remove(true); err != nil || !has(dir+"/box") {
		t.Errorf("remove where something else is mounted: got error %v, %s there %v, want none, true", err, dir+"/box", has(dir+"/box"))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(true); err != nil {
		t.Errorf("remove when not even the mountpoint is there: got error %v, want none", err)
	}
}

// TestKernelsWords: what resctrl says about an error is part of it. The write fails here for another reason than there.
func TestKernelsWords(t *testing.T) {
	dir := tree(t)
	g := compile(dir, specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true})
	if err := g.Survey(); err != nil {
		t.Fatalf("survey: %v", err)
	}
	write(t, dir+"/info/last_cmd_status", "Out of RMIDs\n")
	if err := os.Remove(dir + "/gold/mon_groups"); err != nil {
		t.Fatal(err)
	}
	err := g.Create()
	if err == nil || !strings.HasPrefix(err.Error(), "linux.intelRdt.enableMonitoring: mkdir "+dir+"/gold/mon_groups/box: ") || !strings.HasSuffix(err.Error(), ": Out of RMIDs") {
		t.Errorf("create a monitoring group: got error %v, want the mkdir of %s that fails, and at the end: Out of RMIDs", err, dir+"/gold/mon_groups/box")
	}
}

// TestMadeBySomebodyElse: what has come after the survey is not ours to remove.
func TestMadeBySomebodyElse(t *testing.T) {
	dir := tree(t)
	g := compile(dir, specs.LinuxIntelRdt{})
	if err := g.Survey(); err != nil {
		t.Fatalf("survey: %v", err)
	}
	write(t, dir+"/box/tasks", "")
	if err := g.Create(); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("create what somebody else has made since: got error %v, want EEXIST", err)
	}
	if err := g.Remove(false); err != nil || !has(dir+"/box") {
		t.Errorf("undo: got error %v, the class of somebody else there %v, want none, true", err, has(dir+"/box"))
	}
}

func TestRecords(t *testing.T) {
	for _, bad := range []string{
		"", "/m\nc\nm", "m\nc\nm\nown", "/m\n..\nm\nown", "/m\na/b\nm\nown", "/m\nc\n../..\n", "/m\n\n\nown", "/m\nc\nm\nmine", "/m\nc\nm\nown\n",
	} {
		if g, err := ParseRecord(bad); err == nil {
			t.Errorf("parse the record %q: got %+v, want an error", bad, g)
		}
	}
}
