package names

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestIsBind(t *testing.T) {
	for _, c := range []struct {
		m    specs.Mount
		want bool
	}{
		{specs.Mount{}, false},
		{specs.Mount{Type: "tmpfs", Options: []string{"ro"}}, false},
		{specs.Mount{Type: "rbind"}, false},
		{specs.Mount{Type: "none", Options: []string{"bind=1", "BIND", "nobind"}}, false},
		{specs.Mount{Type: "bind"}, true},
		{specs.Mount{Options: []string{"ro", "bind"}}, true},
		{specs.Mount{Type: "tmpfs", Options: []string{"rbind"}}, true},
		{specs.Mount{Options: []string{"remount", "bind"}}, true},
	} {
		if got := IsBind(&c.m); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.m, got, c.want)
		}
	}
}
