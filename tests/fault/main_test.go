package fault

import (
	"flag"
	"testing"

	"teu/tests/kit"
)

// A sample takes one in every so many instructions or system calls, the seed deciding which.
var (
	every = flag.Int("fault.every", 1, "take one in `N` instructions and system calls")
	seed  = flag.Int("fault.seed", 0, "`number` that decides which one in -fault.every is taken")
)

func TestMain(m *testing.M) {
	flag.Parse()
	kit.Main(m)
}

// sampled tells whether instruction or system call n is taken.
func sampled(n int) bool { return n%*every == *seed%*every }
