package fields

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// kinds is the propagation of a mount without the numbers of its peer groups: "shared", "master", "unbindable", or "".
func kinds(m *kit.Mount) string {
	if m == nil {
		return "no mount"
	}
	var list []string
	for _, p := range m.Propagation {
		kind, _, _ := strings.Cut(p, ":")
		list = append(list, kind)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestMountPropagation: alone and together, of a mount, of a tree, of a new filesystem. All mounts of the host are shared.
func TestMountPropagation(t *testing.T) {
	kit.Covers(t, "mounts[].options[]")
	for options, want := range map[string][2]string{ // of the mount, of the one below it
		"rbind":                       {"master", "master"},
		"rbind private":               {"", "master"},
		"rbind rprivate":              {"", ""},
		"rbind slave":                 {"master", "master"},
		"rbind rslave":                {"master", "master"},
		"rbind shared":                {"master shared", "master"},
		"rbind rshared":               {"master shared", "master shared"},
		"rbind rslave rshared":        {"master shared", "master shared"},
		"rbind rprivate shared":       {"shared", ""},
		"rbind unbindable":            {"unbindable", "master"},
		"rbind runbindable":           {"unbindable", "unbindable"},
		"rbind rshared unbindable":    {"unbindable", "master shared"},
		"rbind ro rprivate rro slave": {"", ""},
		"tmpfs":                       {"", "no mount"},
		"tmpfs shared":                {"shared", "no mount"},
		"tmpfs rshared rslave":        {"", "no mount"}, // a slave of nobody is private
		"tmpfs runbindable":           {"unbindable", "no mount"},
	} {
		t.Run(strings.ReplaceAll(options, " ", "-"), func(t *testing.T) {
			b := kit.New(t)
			m := specs.Mount{Destination: "/data", Source: tree(t, b, "src"), Options: strings.Fields(options)}
			if m.Options[0] == "tmpfs" {
				m.Type, m.Options = "tmpfs", m.Options[1:]
			}
			r := b.Inspect(kit.Args("all"), mounts(m))
			if got := [2]string{kinds(r.Mount("/data")), kinds(r.Mount("/data/sub"))}; got != want {
				t.Errorf("propagation of /data and /data/sub: got %q, want %q", got, want)
			}
		})
	}
}

// TestRootfsPropagation has all eight forms: what the root is in the container, whether a mount of the host's shows in it, and
// that none of the container's shows on the host. pivot_root(2) refuses a root whose parent is shared, which every mount of
// this host is.
func TestRootfsPropagation(t *testing.T) {
	kit.Covers(t, "linux.rootfsPropagation")
	for form, want := range map[string]struct {
		root, below string
		arrives     bool
	}{
		"":            {"master", "", true},
		"slave":       {"master", "", true},
		"rslave":      {"master", "", true},
		"private":     {"", "", false},
		"rprivate":    {"", "", false},
		"shared":      {"shared", "", false},
		"rshared":     {"shared", "shared", false},
		"unbindable":  {"unbindable", "", false},
		"runbindable": {"unbindable", "unbindable", false},
	} {
		t.Run("form-"+form, func(t *testing.T) {
			b := kit.New(t, linux(func(l *specs.Linux) { l.RootfsPropagation = form }), mounts(specs.Mount{Destination: "/below", Type: "tmpfs"}))
			r := b.Inspect(kit.Args("all"))
			if got := [2]string{kinds(r.Mount("/")), kinds(r.Mount("/below"))}; got != [2]string{want.root, want.below} {
				t.Errorf("propagation of / and /below: got %q, want %q, %q", got, want.root, want.below)
			}
			b.Start("sleep", "forever")
			check(t, syscall.Mount("tmpfs", b.Rootfs+"/etc", "tmpfs", 0, ""))
			defer func() { check(t, syscall.Unmount(b.Rootfs+"/etc", 0)) }()
			check(t, os.WriteFile(b.Rootfs+"/etc/later", nil, 0o644))
			out := b.OK("exec", b.ID, kit.PayloadPath, "ls", "/etc").Stdout
			if arrives := strings.Contains(out, "later"); arrives != want.arrives {
				t.Errorf("a later mount of the host arrives: got %v, want %v", arrives, want.arrives)
			}
			if strings.Contains(hostMounts(t), b.Rootfs+"/below") {
				t.Error("mounts of the host: got the container's /below among them, want it absent")
			}
		})
	}
}

func hostMounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	return string(text)
}

// TestRootfsPropagationLeavesVolumes: a root that is shared, for which callers ask when one volume is, leaves the others as
// their options say, and the host's root filesystem, where their sources are, is still their peer or master.
func TestRootfsPropagationLeavesVolumes(t *testing.T) {
	kit.Covers(t, "linux.rootfsPropagation", "mounts[].options[]")
	for _, root := range []string{"shared", "rshared", "rslave"} {
		t.Run(root, func(t *testing.T) {
			b := kit.New(t, linux(func(l *specs.Linux) { l.RootfsPropagation = root }))
			wants := map[string]string{"rprivate": "", "rslave": "master", "rshared": "shared"}
			if root == "rslave" {
				wants["rshared"] = "master shared"
			}
			for option := range wants {
				check(t, os.MkdirAll(b.Dir+"/"+option+"/sub", 0o755))
				b.Edit(mounts(specs.Mount{Destination: "/" + option, Source: b.Dir + "/" + option, Options: []string{"rbind", option}}))
			}
			b.Start("sleep", "forever")
			r := kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout)
			for option, want := range wants {
				if got := kinds(r.Mount("/" + option)); got != want {
					t.Errorf("propagation of %s: got %q, want %q", option, got, want)
				}
				sub := b.Dir + "/" + option + "/sub"
				check(t, syscall.Mount("tmpfs", sub, "tmpfs", 0, ""))
				defer func() { check(t, syscall.Unmount(sub, 0)) }()
				check(t, os.WriteFile(sub+"/later", nil, 0o644))
				out := b.OK("exec", b.ID, kit.PayloadPath, "ls", "/"+option+"/sub").Stdout
				if arrives := strings.Contains(out, "later"); arrives != (option != "rprivate") {
					t.Errorf("%s: a later mount of the host arrives: got %v, want %v", option, arrives, option != "rprivate")
				}
			}
		})
	}
}
