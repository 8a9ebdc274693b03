package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The tests that kill teu at a system call trace it (ptrace(2)); nothing else calls what is in this file, and the
// binary does not contain it.
//
//	TraceSyscalls  PTRACE_SETOPTIONS      Resume        PTRACE_SYSCALL
//	WaitTracee     wait4 __WALL           SyscallEntry  PTRACE_GET_SYSCALL_INFO

// TraceSyscalls has the stopped tracee tid, and each thread that it makes, stop at system calls, and die with the
// tracer. A process that it forks or vforks is left alone.
func TraceSyscalls(tid int) error {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	return os.NewSyscallError("ptrace SETOPTIONS", unix.PtraceSetOptions(tid, options))
}

// Resume lets a stopped tracee go on to its next system call, with the signal sig when that is not 0.
func Resume(tid int, sig unix.Signal) error {
	return os.NewSyscallError("ptrace SYSCALL", unix.PtraceSyscall(tid, int(sig)))
}

// SyscallStop is what StopSignal says of a stop at a system call.
const SyscallStop = unix.SIGTRAP | 0x80

// WaitTracee waits for a child or tracee of the calling thread to stop or end.
func WaitTracee() (tid int, ws WaitStatus, err error) {
	for {
		tid, err = unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		if err != unix.EINTR {
			return tid, ws, os.NewSyscallError("wait4", err)
		}
	}
}

// SyscallEntry returns the number of the system call that the stopped tracee is about to make; ok is false when it has
// made it.
func SyscallEntry(tid int) (nr int, ok bool, err error) {
	const entry = 1 // PTRACE_SYSCALL_INFO_ENTRY
	var info struct {
		op   uint8
		_    [3]uint8
		_    uint32
		_    [2]uint64
		nr   uint64
		args [6]uint64
	}
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0)
	if e != 0 {
		return 0, false, os.NewSyscallError("ptrace GET_SYSCALL_INFO", e)
	}
	return int(info.nr), info.op == entry, nil
}
