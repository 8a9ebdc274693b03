package spec

import (
	"os"
	"regexp"
	"slices"
	"strconv"
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

// TestNumbersAreTheKernels compares with the kernel's headers, as far as this machine has them.
func TestNumbersAreTheKernels(t *testing.T) {
	enum := regexp.MustCompile(`(?m)^\s+(MPOL_[A-Z_]+|IOPRIO_CLASS_[A-Z]+)\b(?:\s*=\s*([0-9]+))?\s*,`)
	define := regexp.MustCompile(`(?m)^#define\s+((?:MPOL_F|SCHED|SCHED_FLAG)_[A-Z_]+)\s+(?:\(1 << ([0-9]+)\)|(0x[0-9a-f]+|[0-9]+))`)
	want := map[string]uint64{}
	for _, file := range []string{"mempolicy.h", "ioprio.h", "sched.h"} {
		text, err := os.ReadFile("/usr/include/linux/" + file)
		if err != nil {
			t.Skip(err)
		}
		next := uint64(0)
		for _, m := range enum.FindAllStringSubmatch(string(text), -1) {
			if m[2] != "" || m[1] == "IOPRIO_CLASS_NONE" {
				next, _ = strconv.ParseUint("0"+m[2], 10, 64)
			}
			want[m[1]] = next
			next++
		}
		for _, m := range define.FindAllStringSubmatch(string(text), -1) {
			if m[2] != "" {
				shift, _ := strconv.Atoi(m[2])
				want[m[1]] = 1 << shift
				continue
			}
			want[m[1]], _ = strconv.ParseUint(m[3], 0, 64)
		}
	}
	want["SCHED_OTHER"] = want["SCHED_NORMAL"]
	checked := 0
	for _, table := range []map[string]uint64{
		values(schedPolicies[:]), values(schedFlags[:]), values(ioClasses[:]), values(memoryModes[:]), values(memoryFlags[:]),
	} {
		for name, value := range table {
			w, ok := want[name]
			if !ok {
				t.Logf("%s is not in these headers", name)
				continue
			}
			if checked++; w != value {
				t.Errorf("%s is %d, the kernel's %d", name, value, w)
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d numbers compared", checked)
	}
}

func values[T ~string](list []named[T]) map[string]uint64 {
	m := map[string]uint64{}
	for _, n := range list {
		m[string(n.name)] = n.value
	}
	return m
}
