package process

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseCaps(t *testing.T) {
	const chown, kill, admin = 1 << 0, 1 << 5, 1 << 21
	list := func(names ...string) []string { return names }
	for _, c := range []struct {
		name      string
		spec      *specs.LinuxCapabilities
		grantable uint64
		want      Caps
		warnings  []string
	}{
		{"none", nil, all, Caps{}, nil},
		{"empty", &specs.LinuxCapabilities{}, all, Caps{}, nil},
		{"each set by itself", &specs.LinuxCapabilities{
			Bounding: list("CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"), Effective: list("CAP_CHOWN"), Permitted: list("CAP_KILL"),
			Inheritable: list("CAP_SYS_ADMIN"), Ambient: list("CAP_KILL", "CAP_KILL"),
		}, all, Caps{chown | kill | admin, chown, kill, admin, kill},
			list("process.capabilities.ambient: not permitted and inheritable, so not made ambient: CAP_KILL")},
		{"ambient", &specs.LinuxCapabilities{
			Permitted: list("CAP_CHOWN", "CAP_KILL"), Inheritable: list("CAP_KILL", "CAP_SYS_ADMIN"), Ambient: list("CAP_KILL"),
		}, all, Caps{Permitted: chown | kill, Inheritable: kill | admin, Ambient: kill}, nil},
		{"unknown", &specs.LinuxCapabilities{
			Bounding: list("CAP_NEW", "CAP_KILL", "kill"), Effective: list("CAP_NEW"),
		}, all, Caps{Bounding: kill}, nil},
		{"not granted", &specs.LinuxCapabilities{
			Bounding: list("CAP_SYS_ADMIN", "CAP_KILL"), Permitted: list("CAP_CHOWN"),
		}, kill, Caps{Bounding: kill}, list("process.capabilities: not granted to the runtime itself: CAP_CHOWN, CAP_SYS_ADMIN")},
	} {
		got, warnings := ParseCaps(c.spec, c.grantable)
		if got != c.want || !slices.Equal(warnings, c.warnings) {
			t.Errorf("%s: %+v %q\nwant %+v %q", c.name, got, warnings, c.want, c.warnings)
		}
	}
}
