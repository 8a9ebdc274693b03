package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// schedReport is how the process is scheduled, and where its memory comes from.
type schedReport struct {
	Policy, Flags             int
	Nice, Priority            int
	Runtime, Deadline, Period uint64
	IOClass, IOPriority       int
	MemoryMode, MemoryFlags   int
	MemoryNodes               uint64 // the first 64, a bit each
}

func schedule() (any, error) {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return nil, err
	}
	const whoProcess = 1
	io, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, whoProcess, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	var mode int32
	var nodes [16]uint64
	_, _, errno = unix.Syscall6(unix.SYS_GET_MEMPOLICY, uintptr(unsafe.Pointer(&mode)), uintptr(unsafe.Pointer(&nodes[0])), 64*16, 0, 0, 0)
	if errno != 0 && errno != unix.ENOSYS {
		return nil, errno
	}
	const deadline = 6 // SCHED_DEADLINE
	if attr.Policy != deadline {
		attr.Runtime = 0 // the slice of a fair policy, since Linux 6.12
	}
	const modeBits = 1<<13 - 1
	return &schedReport{
		Policy: int(attr.Policy), Flags: int(attr.Flags), Nice: int(attr.Nice), Priority: int(attr.Priority),
		Runtime: attr.Runtime, Deadline: attr.Deadline, Period: attr.Period, IOClass: int(io >> 13), IOPriority: int(io & 7),
		MemoryMode: int(mode) & modeBits, MemoryFlags: int(mode) &^ modeBits, MemoryNodes: nodes[0],
	}, nil
}
