package host

import (
	"slices"
	"testing"
)

func TestMounts(t *testing.T) {
	points, err := Mounts("proc")
	if err != nil || !slices.Contains(points, "/proc") {
		t.Errorf("got %q, %v, want /proc among them", points, err)
	}
	if points, err := Mounts("no such type"); points != nil || err != nil {
		t.Errorf("of no type: got %q, %v, want none", points, err)
	}
}
