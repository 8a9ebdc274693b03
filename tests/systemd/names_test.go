package systemd

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"teu/tests/kit"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestNames: linux.cgroupsPath says which unit, and in which slice (runc, docs/systemd.md).
func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, unit, want string }{ // ID is the container's
		{"empty", "", "teu-ID.scope", "/system.slice/teu-ID.scope"},
		{"default slice", ":pre:ID", "pre-ID.scope", "/system.slice/pre-ID.scope"},
		{"no prefix", "system.slice::ID", "ID.scope", "/system.slice/ID.scope"},
		{"root slice", "-.slice:pre:ID", "pre-ID.scope", "/pre-ID.scope"},
		{"CRI", "kubepods-besteffort-podID.slice:cri-containerd:abc-ID", "cri-containerd-abc-ID.scope",
			"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podID.slice/cri-containerd-abc-ID.scope"},
		{"Podman", "machine.slice:libpod:ID", "libpod-ID.scope", "/machine.slice/libpod-ID.scope"},
		{"Docker", "system.slice:docker:ID", "docker-ID.scope", "/system.slice/docker-ID.scope"},
		{"odd letters", `system.slice:a.b_c\x2d:ID`, `a.b_c\x2d-ID.scope`, `/system.slice/a.b_c\x2d-ID.scope`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, kit.Args("sleep", "forever"))
			// The dashes of an id would be levels of slices.
			id := func(s string) string {
				s = strings.ReplaceAll(s, "podID", "pod"+strings.ReplaceAll(b.ID, "-", ""))
				return strings.ReplaceAll(s, "ID", b.ID)
			}
			b.Edit(kit.CgroupsPath(id(c.path)))
			b.Start()
			if got := path(t, b.State().Pid); got != id(c.want) {
				t.Errorf("cgroup: got %s, want %s", got, id(c.want))
			}
			shows(t, id(c.unit), "LoadState loaded", "ActiveState active", "Delegate yes", "DefaultDependencies no",
				"ControlGroup "+id(c.want), "Transient yes")
			if d := show(t, id(c.unit), "Description"); !strings.Contains(d, b.ID) {
				t.Errorf("Description: got %q, want %s in it", d, b.ID)
			}
			d := dir(t, b.State().Pid)
			b.OK("delete", "--force", b.ID)
			shows(t, id(c.unit), "LoadState not-found", "ActiveState inactive")
			if exists(d) {
				t.Errorf("%s is left after delete --force, want it removed", d)
			}
			if c.name == "CRI" {
				systemctl(t, "stop", id("kubepods-besteffort-podID.slice"))
			}
		})
	}
}

// TestSlice: a name that ends in .slice makes a slice, which holds processes all the same.
func TestSlice(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	plain := strings.ReplaceAll(b.ID, "-", "")
	unit := "teutest-" + plain + ".slice"
	b.Edit(kit.CgroupsPath("teutest.slice::" + unit))
	b.Start()
	want := "/teutest.slice/" + unit
	if got := path(t, b.State().Pid); got != want {
		t.Errorf("cgroup: got %s, want %s", got, want)
	}
	shows(t, unit, "ActiveState active", "ControlGroup "+want)
	b.OK("exec", b.ID, kit.PayloadPath, "true")
	b.OK("delete", "--force", b.ID)
	shows(t, unit, "ActiveState inactive")
	if exists(top + want) {
		t.Errorf("%s is left after delete --force, want it removed", want)
	}
	systemctl(t, "stop", "teutest.slice")
}

// TestBadNames are refused before anything is made, and say why.
func TestBadNames(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for _, c := range []struct{ path, want string }{
		{"/a/b", "slice:prefix:name"},
		{"system.slice:a", "slice:prefix:name"},
		{"a:b:c:d", "slice:prefix:name"},
		{"system:a:b", "slice"},
		{"a--b.slice:a:b", "slice"},
		{"-a.slice:a:b", "slice"},
		{"a-.slice:a:b", "slice"},
		{".slice:a:b", "slice"},
		{"a/b.slice:a:b", "slice"},
		{"../x.slice:a:b", "slice"},
		{"system.slice:a:", "name"},
		{"system.slice:a:b/c", "name"},
		{"system.slice:a:b c", "name"},
		{"system.slice:a:..%", "name"},
		{"system.slice:a:" + strings.Repeat("x", 260), "long"},
		{"system.slice:a:b--c.slice", "slice"},
	} {
		b.Spec.Linux.CgroupsPath = c.path
		text, err := json.Marshal(b.Spec)
		check(t, err)
		b.WriteConfig(text) // Edit would skip the test
		b.Fails([]string{"create", b.ID}, "linux.cgroupsPath", c.want)
	}
}
