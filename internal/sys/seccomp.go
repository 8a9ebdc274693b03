package sys

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Flags of SECCOMP_SET_MODE_FILTER, seccomp(2).
const (
	SeccompFilterTsync            = unix.SECCOMP_FILTER_FLAG_TSYNC
	SeccompFilterLog              = unix.SECCOMP_FILTER_FLAG_LOG
	SeccompFilterSpecAllow        = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	SeccompFilterNewListener      = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	SeccompFilterWaitKillableRecv = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV // Linux 5.19
)

// SeccompHasFlags asks whether the kernel has all of the flags of SECCOMP_SET_MODE_FILTER: with them and no filter it gets as
// far as EFAULT, else it says EINVAL (seccomp(2)). Nothing is loaded. Some flags are EINVAL without another.
func SeccompHasFlags(flags uint32) (bool, error) {
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), 0)
	switch e {
	case unix.EFAULT:
		return true, nil
	case unix.EINVAL:
		return false, nil
	}
	return false, os.NewSyscallError("seccomp", e)
}

// SeccompRetErrno is the verdict "fail with the errno in the low 16 bits" of a filter.
const SeccompRetErrno = unix.SECCOMP_RET_ERRNO

// Limits and offsets of seccomp filters: struct seccomp_data and linux/bpf_common.h.
const (
	BPFMaxInsns       = unix.BPF_MAXINSNS
	SockFilterSize    = unix.SizeofSockFilter
	SeccompDataNr     = 0
	SeccompDataArch   = 4
	X32SyscallBit     = 0x40000000 // __X32_SYSCALL_BIT
	ARMPrivateSyscall = 0x0f0000   // __ARM_NR_BASE
)

// Classic BPF instructions, as a filter needs them to look at 32-bit words.
const (
	BPFLoadWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	BPFJump     = unix.BPF_JMP | unix.BPF_JA
	BPFJumpEq   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	BPFJumpGt   = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	BPFJumpGe   = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	BPFJumpSet  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	BPFAndImm   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	BPFReturn   = unix.BPF_RET | unix.BPF_K
)

// Audit architectures, as seccomp_data holds them.
const (
	AuditArchX86         = unix.AUDIT_ARCH_I386
	AuditArchX86_64      = unix.AUDIT_ARCH_X86_64
	AuditArchARM         = unix.AUDIT_ARCH_ARM
	AuditArchAARCH64     = unix.AUDIT_ARCH_AARCH64
	AuditArchMIPS        = unix.AUDIT_ARCH_MIPS
	AuditArchMIPS64      = unix.AUDIT_ARCH_MIPS64
	AuditArchMIPS64N32   = unix.AUDIT_ARCH_MIPS64N32
	AuditArchMIPSEL      = unix.AUDIT_ARCH_MIPSEL
	AuditArchMIPSEL64    = unix.AUDIT_ARCH_MIPSEL64
	AuditArchMIPSEL64N32 = unix.AUDIT_ARCH_MIPSEL64N32
	AuditArchPPC         = unix.AUDIT_ARCH_PPC
	AuditArchPPC64       = unix.AUDIT_ARCH_PPC64
	AuditArchPPC64LE     = unix.AUDIT_ARCH_PPC64LE
	AuditArchS390        = unix.AUDIT_ARCH_S390
	AuditArchS390X       = unix.AUDIT_ARCH_S390X
	AuditArchPARISC      = unix.AUDIT_ARCH_PARISC
	AuditArchPARISC64    = unix.AUDIT_ARCH_PARISC64
	AuditArchRISCV64     = unix.AUDIT_ARCH_RISCV64
	AuditArchLOONGARCH64 = unix.AUDIT_ARCH_LOONGARCH64
	AuditArchM68K        = unix.AUDIT_ARCH_M68K
	AuditArchSH          = unix.AUDIT_ARCH_SHEL
	AuditArchSHEB        = unix.AUDIT_ARCH_SH
)

// OpenTmpfile makes a file without a name in the filesystem of directory dirfd, for LinkTmpfile; it goes with
// its last fd.
func OpenTmpfile(dirfd int, mode uint32) (int, error) {
	return Openat(dirfd, ".", unix.O_TMPFILE|unix.O_WRONLY, mode)
}

// LinkTmpfile gives the file fd of OpenTmpfile the name name in dirfd; EEXIST if it is taken. It goes through
// /proc because AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH before Linux 6.10.
func LinkTmpfile(fd, dirfd int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dirfd, name, unix.AT_SYMLINK_FOLLOW)
}
