// Package needs skips tests that the machine does not permit.
package needs

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// Files skips the test where fewer than n descriptors may be open, as under `ulimit -n 256`.
func Files(t testing.TB, n uint64) {
	t.Helper()
	if most := MostFiles(); most < n {
		t.Skipf("needs %d descriptors, and %d may be open (ulimit -n)", n, most)
	}
}

// MostFiles is the hard limit of descriptors. Not even root can raise it without CAP_SYS_RESOURCE.
var MostFiles = sync.OnceValue(func() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		panic(err)
	}
	return l.Max
})

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
