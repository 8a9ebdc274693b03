package spec

import (
	"slices"
	"testing"
)

func TestLists(t *testing.T) {
	for _, c := range []struct {
		list string
		want []uint64 // nil: no list
	}{
		{"0", []uint64{1}},
		{"0-3,7", []uint64{0x8f}},
		{" 1 , 2-2", []uint64{6}},
		{"63-64", []uint64{1 << 63, 1}},
		{"1023", append(make([]uint64, 15), 1<<63)},
		{"3,3-4,4", []uint64{0x18}},
		{"", nil}, {",", nil}, {"1,,2", nil}, {"1,", nil}, {" ", nil}, {"-", nil}, {"1-", nil}, {"-1", nil}, {"2-1", nil}, {"1024", nil}, {"0-1024", nil},
		{"0-1-2", nil}, {"+1", nil}, {"0x1", nil}, {"1_0", nil}, {"a", nil}, {"1 2", nil}, {"99999999999999999999", nil}, {"1;2", nil},
	} {
		got, err := ParseList(c.list, MaxNodes)
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) && err == nil {
			t.Errorf("%q: %#x %v, want %#x", c.list, got, err, c.want)
		}
	}
}
