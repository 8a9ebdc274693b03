package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// memorySize reads an amount of memory as runc does, by github.com/docker/go-units' RAMInBytes: a number, which may have a
// fraction, and a unit out of b, k, m, g, t and p, powers of 1024, with "b" or "iB" behind it and a space before it. -1
// stands for no limit.
func memorySize(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	n, ok := parseBytes(s)
	if !ok {
		return 0, errors.New("want bytes, which k, m, g, t or p may follow, or -1")
	}
	return n, nil
}

func parseBytes(s string) (int64, bool) {
	end := strings.LastIndexAny(s, "0123456789.") + 1
	number, unit := s[:end], strings.TrimPrefix(s[end:], " ")
	shift, ok := unitShift(strings.ToLower(unit))
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if strings.Contains(fraction, ".") || whole == "" && fraction == "" {
		return 0, false
	}
	var n uint64
	if whole != "" {
		var err error
		if n, err = strconv.ParseUint(whole, 10, 63); err != nil || n > math.MaxInt64>>shift {
			return 0, false
		}
	}
	n <<= shift
	if fraction != "" {
		// Below 1, so that it adds less than a unit, and the sum stays in range.
		f, err := strconv.ParseFloat("0."+fraction, 64)
		if err != nil {
			return 0, false
		}
		n += uint64(f * float64(uint64(1)<<shift))
	}
	if n > math.MaxInt64 {
		return 0, false
	}
	return int64(n), true
}

// unitShift is the power of 2 that a unit in lower case stands for.
func unitShift(unit string) (int, bool) {
	if unit == "" || unit == "b" {
		return 0, true
	}
	if rest := unit[1:]; rest != "" && rest != "b" && rest != "ib" {
		return 0, false
	}
	i := strings.IndexByte("kmgtp", unit[0])
	return 10 * (i + 1), i >= 0
}
