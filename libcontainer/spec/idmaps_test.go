package spec

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestIDMap: mappings are written as they are, and made one only where that lets them fit.
func TestIDMap(t *testing.T) {
	id := func(c, h, n uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: c, HostID: h, Size: n}
	}
	short := []specs.LinuxIDMapping{id(0, 100, 1), id(1, 101, 5)}
	if got := IDMap(short); !slices.Equal(got, short) {
		t.Errorf("a short map: got %v, want it as it was, %v", got, short)
	}
	var long []specs.LinuxIDMapping
	for i := range uint32(400) {
		long = append(long, id(i, 1000+i, 1))
	}
	long = append(long, id(400, 1500, 7), id(407, 1507, 3), id(411, 1511, 1), id(1<<32-5, 1<<31, 4))
	want := []specs.LinuxIDMapping{id(0, 1000, 400), id(400, 1500, 10), id(411, 1511, 1), id(1<<32-5, 1<<31, 4)}
	if got := IDMap(long); !slices.Equal(got, want) {
		t.Errorf("a long map: got %v, want %v", got, want)
	}
	if got := IDMap(apart(300)); len(got) != 300 {
		t.Errorf("a long map of ranges that are apart: got %d of them, want 300", len(got))
	}
}

func TestSettler(t *testing.T) {
	for _, c := range []struct{ from, want uint32 }{{0, 0}, {1, 7}} {
		if got := Settler([]specs.LinuxIDMapping{{ContainerID: c.from, Size: 10}}, 7); got != c.want {
			t.Errorf("of ids from %d on: got %d, want %d", c.from, got, c.want)
		}
	}
}
