package host

import (
	"os"
	"testing"
)

func TestParseNSpid(t *testing.T) {
	for text, want := range map[string]int{
		"Name:\tx\nNSpid:\t77\t5\t1\nNSpgid:\t0\n": 1,
		"NSpid:\t77\n":        77,
		"NSpid:\n":            0,
		"Name:\tNSpid: 5\n":   0,
		"NSpid:\t77\tseven\n": 0,
		"":                    0,
	} {
		if got, err := parseNSpid("x", []byte(text)); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := InnerPid(os.Getpid()); err != nil || got != os.Getpid() {
		t.Errorf("its own: %d, %v, want %d", got, err, os.Getpid())
	}
}
