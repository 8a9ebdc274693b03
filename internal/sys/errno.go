package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrnoName is the symbol of an errno, e.g. "ENOENT".
func ErrnoName(e syscall.Errno) string { return unix.ErrnoName(e) }
