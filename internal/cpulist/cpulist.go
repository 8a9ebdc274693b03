// Package cpulist reads lists of CPUs and memory nodes as "0-3,7", the form of the kernel's cpuset files without its strides
// (cpuset(7), "List format").
package cpulist

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"syscall"
)

// Parse returns the numbers of a list as a mask, a bit each in words of 64. Each number has to be below limit, else the error
// is ERANGE. A list without numbers, or with an empty part, is EINVAL; one of more bytes than limit numbers take is E2BIG.
func Parse(text string, limit int) (mask []uint64, err error) {
	// A number takes at most five digits, a comma and a space. A longer text repeats numbers, and one of many MiB could name
	// each a million times.
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
		case ferr != nil || terr != nil:
			return nil, fmt.Errorf("%q: %w", text, syscall.EINVAL)
		case from > to:
			return nil, fmt.Errorf("range %q: runs backwards: %w", part, syscall.EINVAL)
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

// Numbers lists the numbers of a mask, in their order.
func Numbers(mask []uint64) (list []uint16) {
	for i, word := range mask {
		for ; word != 0; word &= word - 1 {
			list = append(list, uint16(64*i+bits.TrailingZeros64(word)))
		}
	}
	return list
}
