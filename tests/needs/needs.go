// Package needs skips tests where the machine does not let them do what they have to.
package needs

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Root skips the test unless it has root's uid and may make namespaces and mounts. do says what it does: "mounts a tmpfs".
func Root(t testing.TB, do string) {
	t.Helper()
	switch {
	case os.Geteuid() != 0:
		t.Skipf("needs root: %s", do)
	case !capable():
		t.Skipf("needs CAP_SYS_ADMIN: %s", do)
	}
}

// capable tells whether CAP_SYS_ADMIN is in force: capabilities(7). It is asked once, of the caller's own thread: tests take
// capabilities away from others, the first thread among them.
var capable = sync.OnceValue(func() bool {
	const sysAdmin = 21
	text, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "CapEff:\t")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(line, 16, 64)
	return err == nil && set>>sysAdmin&1 == 1
})
