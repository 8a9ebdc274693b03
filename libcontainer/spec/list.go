package spec

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// ParseList reads a list of CPUs or memory nodes as "0-3,7" into a mask, a bit each in words of 64. Each number has to be
// below limit. It is the form of the kernel's cpuset files without its strides (cpuset(7), "List format").
func ParseList(text string, limit int) (mask []uint64, err error) {
	// Each number once, of at most five digits, with a comma and a space: more is nobody's list, and could name all of them
	// a million times.
	if len(text) > 7*limit {
		return nil, fmt.Errorf("a list of %d bytes: %w", len(text), syscall.E2BIG)
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		from, ferr := strconv.ParseUint(low, 10, 31)
		to, terr := strconv.ParseUint(high, 10, 31)
		switch {
		case ferr != nil || terr != nil || from > to:
			return nil, fmt.Errorf("%q: %w", text, syscall.EINVAL)
		case to >= uint64(limit):
			return nil, fmt.Errorf("%q: %d is above %d: %w", text, to, limit-1, syscall.ERANGE)
		}
		for uint64(len(mask)) <= to/64 {
			mask = append(mask, 0)
		}
		for n := from; n <= to; n++ {
			mask[n/64] |= 1 << (n % 64)
		}
	}
	return mask, nil
}
