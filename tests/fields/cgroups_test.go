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

const cgroupTop = kit.CgroupTop

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// hierarchy is where the host has a controller: v1 controllers are looked for below more too.
func hierarchy(controller string, more ...string) (top string, v2 bool) {
	for _, dir := range append([]string{cgroupTop}, more...) {
		if dir += "/" + controller; exists(dir+"/cgroup.procs") && !exists(dir+"/cgroup.controllers") {
			return dir, false
		}
	}
	if inV2(controller) {
		return kit.V2Top(), true
	}
	return "", false
}

func inV2(controller string) bool {
	text, err := os.ReadFile(kit.V2Top() + "/cgroup.controllers")
	return err == nil && slices.Contains(strings.Fields(string(text)), controller)
}

// asked is some resources and what the control files of the container's cgroup hold then, for each version: lines
// "FILE TEXT", where TEXT is a line of the file. One that begins with "!" is an error that create has to give instead,
// "?" a warning.
type asked struct {
	name   string
	set    func(r *specs.LinuxResources)
	v1, v2 []string
}

// ask makes a container of each and looks. The controller's name is given for both versions.
func ask(t *testing.T, v1, v2 string, list []asked, mounted ...string) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			top, isV2 := hierarchy(v1, mounted...)
			want := c.v1
			if top == "" || isV2 {
				top, _ = hierarchy(v2)
				want = c.v2
			}
			if top == "" {
				t.Skipf("no %s or %s cgroup controller in %s %q", v1, v2, cgroupTop, mounted)
			}
			if want == nil {
				t.Skipf("nothing to ask of %s", top)
			}
			c.ask(t, top, want)
		})
	}
}

// ask makes a container and looks into its cgroup in one hierarchy.
func (c *asked) ask(t *testing.T, top string, want []string) {
	t.Helper()
	b := kit.New(t, kit.Args("sleep", "forever"), kit.Resources(c.set))
	b.Edit(linux(func(l *specs.Linux) { l.CgroupsPath = "/" + b.ID }))
	if len(want) == 1 && want[0][0] == '!' {
		refused(b, want[0][1:])
		return
	}
	res, log := b.Logged("create", b.ID)
	if res.Code != 0 {
		t.Fatal(res)
	}
	b.OK("start", b.ID)
	dir := filepath.Join(top, b.ID)
	for _, w := range want {
		if warning, ok := strings.CutPrefix(w, "?"); !ok {
			holds(t, dir, w)
		} else if !strings.Contains(log, warning) {
			t.Errorf("%v: logged %q: want a warning with %q", res, log, warning)
		}
	}
	b.OK("delete", "--force", b.ID)
	if exists(dir) {
		t.Errorf("%s is left after delete, want it removed", dir)
	}
}

// refused wants an error of create, whose quotes the log has escaped.
func refused(b *kit.Bundle, want string) {
	b.T.Helper()
	b.Fails([]string{"create", b.ID}, strings.ReplaceAll(want, `"`, `\"`))
}

// holds wants a line in a control file.
func holds(t *testing.T, dir, want string) {
	t.Helper()
	file, line, _ := strings.Cut(want, " ")
	text, err := os.ReadFile(filepath.Join(dir, file))
	if os.IsNotExist(err) {
		t.Skipf("this kernel has no %s", file)
	}
	check(t, err)
	for got := range strings.Lines(string(text)) {
		if strings.Join(strings.Fields(got), " ") == line {
			return
		}
	}
	t.Errorf("%s/%s: got %q, want a line %q", dir, file, text, line)
}

func TestCgroupsPath(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.cgroupsPath")
	for _, path := range []string{"/ID/a/b", "ID/c"} {
		b := kit.New(t, kit.Args("sleep", "forever"))
		path = strings.ReplaceAll(path, "ID", b.ID)
		b.Edit(linux(func(l *specs.Linux) { l.CgroupsPath = path }))
		b.Start()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", b.State().Pid))
		check(t, err)
		for line := range strings.Lines(string(text)) {
			f := strings.SplitN(strings.TrimSpace(line), ":", 3)
			name := strings.TrimPrefix(f[1], "name=")
			if name != "" && !exists(cgroupTop+"/"+name) || name == "" && kit.V2Top() == "" {
				continue // not mounted
			}
			if path[0] == '/' && f[2] != path || !strings.HasSuffix(f[2], "/"+strings.TrimPrefix(path, "/")) {
				t.Errorf("cgroup of the process: got %q, want the path %s", line, path)
			}
		}
	}
}
