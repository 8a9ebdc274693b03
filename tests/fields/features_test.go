package fields

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"teu/tests/kit"
)

// TestFeatures: what `teu features` says of the options of mounts is so: each goes on a tmpfs or on a bind mount.
func TestFeatures(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("true"))
	f := kit.JSON[features.Features](b, b.OK("features").Stdout)
	if f.OCIVersionMin != "1.0.0" || f.OCIVersionMax != specs.Version || len(f.Hooks) != 6 || f.Annotations["teu.version"] == "" {
		t.Errorf("features: got %+v, want versions 1.0.0 to %s, 6 hooks and the annotation teu.version", f, specs.Version)
	}
	if len(f.MountOptions) < 60 {
		t.Errorf("options of mounts: got %d, want at least 60: %q", len(f.MountOptions), f.MountOptions)
	}
	base := b.Spec.Mounts
	for _, o := range f.MountOptions {
		m := specs.Mount{Destination: "/x", Type: "tmpfs", Source: "tmpfs", Options: []string{o}}
		switch o {
		case "bind", "rbind", "copy-symlink", "src-nofollow", "dest-nofollow":
			m = specs.Mount{Destination: "/x", Source: "/etc", Options: []string{"bind", o}}
		case "remount":
			m.Destination = "/dev"
		case "idmap", "ridmap":
			m.UIDMappings, m.GIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}, []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
		}
		b.Edit(func(s *specs.Spec) { s.Mounts = append(base[:len(base):len(base)], m) })
		if res := b.Teu("validate"); res.Code != 0 {
			t.Errorf("option %s: %v: want exit code 0", o, res)
		}
		if res := b.Teu("run", b.ID); res.Code != 0 {
			t.Errorf("option %s: %v: want exit code 0", o, res)
		}
	}
}
