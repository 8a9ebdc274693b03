package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SchedAttr is struct sched_attr of sched_setattr(2).
type SchedAttr = unix.SchedAttr

// SchedSetattr sets the scheduling policy and attributes of thread pid.
func SchedSetattr(pid int, a *SchedAttr) error {
	attr := *a
	attr.Size = unix.SizeofSchedAttr
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(pid, &attr, 0))
}

// ioprioWhoProcess is IOPRIO_WHO_PROCESS of ioprio_set(2).
const ioprioWhoProcess = 1

// IoprioSet sets the I/O scheduling class and priority of thread pid.
func IoprioSet(pid int, prio uint) error {
	_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(pid), uintptr(prio))
	if errno != 0 {
		return os.NewSyscallError("ioprio_set", errno)
	}
	return nil
}

// Execution domains of personality(2).
const (
	PerLinux   = 0
	PerLinux32 = 8
)

// MaxCPUs is how many CPUs a mask may name: the most that the kernel can be built for on any architecture (NR_CPUS).
const MaxCPUs = 8192

// AllCPUs is a mask of every CPU there may be.
func AllCPUs() []uint64 {
	mask := make([]uint64, MaxCPUs/64)
	for i := range mask {
		mask[i] = ^uint64(0)
	}
	return mask
}

// SchedSetaffinity makes thread pid, 0 for the calling one, run on the CPUs of mask, a bit each. The kernel leaves out
// those there are not, and says EINVAL when none is left.
func SchedSetaffinity(pid int, mask []uint64) error {
	_, _, errno := unix.Syscall(unix.SYS_SCHED_SETAFFINITY, uintptr(pid), uintptr(8*len(mask)), uintptr(unsafe.Pointer(unsafe.SliceData(mask))))
	if errno != 0 {
		return os.NewSyscallError("sched_setaffinity", errno)
	}
	return nil
}

// SchedGetaffinity is the mask of thread pid, 0 for the calling one.
func SchedGetaffinity(pid int) ([]uint64, error) {
	mask := make([]uint64, MaxCPUs/64)
	_, _, errno := unix.Syscall(unix.SYS_SCHED_GETAFFINITY, uintptr(pid), uintptr(8*len(mask)), uintptr(unsafe.Pointer(&mask[0])))
	if errno != 0 {
		return nil, os.NewSyscallError("sched_getaffinity", errno)
	}
	return mask, nil
}
