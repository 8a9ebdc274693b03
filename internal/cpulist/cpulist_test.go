package cpulist

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestParse(t *testing.T) {
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
		got, err := Parse(c.list, 1024)
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) && err == nil {
			t.Errorf("%q: got %#x, %v, want %#x", c.list, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for list, want := range map[string]error{
		"3-1": syscall.EINVAL, "0,x": syscall.EINVAL, "8": syscall.ERANGE, "0-8": syscall.ERANGE, strings.Repeat("0,", 28) + "0": syscall.E2BIG,
	} {
		if got, err := Parse(list, 8); got != nil || !errors.Is(err, want) {
			t.Errorf("%q: got %#x, %v, want %v", list, got, err, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for list, want := range map[string][]uint16{
		"0": {0}, "0-2,5": {0, 1, 2, 5}, "7,3": {3, 7}, "63-64,65535": {63, 64, 65535},
	} {
		mask, err := Parse(list, 1<<16)
		if got := Numbers(mask); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v, want %v", list, got, err, want)
		}
	}
	if got := Numbers(nil); got != nil {
		t.Errorf("no mask: got %v, want none", got)
	}
}
