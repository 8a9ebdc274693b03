package systemd

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func annotations(list ...string) edit {
	return func(s *specs.Spec) {
		s.Annotations = map[string]string{}
		for i := 0; i < len(list); i += 2 {
			s.Annotations["org.systemd.property."+list[i]] = list[i+1]
		}
	}
}

// TestAnnotations: they are properties of the unit.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"), annotations(
		"Description", "'a unit of ours'", "TimeoutStopSec", "1.5", "CollectMode", "'inactive-or-failed'", "IOWeight", "uint64 55",
		"After", "['basic.target', 'sysinit.target']",
	))
	res := b.Start()
	if res.Stderr != "" {
		t.Errorf("%v: want nothing on stderr", res)
	}
	shows(t, scope(b), "Description a unit of ours", "TimeoutStopUSec 1.500000s", "CollectMode inactive-or-failed", "IOWeight 55")
	systemctl(t, "daemon-reload")
	shows(t, scope(b), "TimeoutStopUSec 1.500000s")
}

// TestBadAnnotations: systemd refuses a value that is none of the property's; nothing is left.
func TestBadAnnotations(t *testing.T) {
	t.Parallel()
	b := kit.New(t, annotations("TasksMax", "'many'"))
	b.Fails([]string{"create", b.ID}, scope(b))
	shows(t, scope(b), "LoadState not-found")
}
