package seccomp

import (
	"encoding/binary"
	"math"
	"syscall"

	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// A C library tries new system calls first and falls back to old ones on ENOSYS. A profile that answers EPERM
// to all it does not name breaks the fallback for each call that is newer than the profile (runc #2151). So
// the filter gets a stub in front: a number above the highest one that the profile names is ENOSYS.
//
// runc has the same stub (patchbpf), but for two things. It has it where the default is to kill, to trap or to notify, too;
// the spec says that the default action is taken, so here it is. And it does not count the calls that socketcall(2) and
// ipc(2) were split into.

// top is the highest system call the profile names on an architecture; the kernel has numbered new calls
// upwards on all architectures alike since 5.1.
type top struct {
	arch arch
	nr   uint32
	ok   bool // it names one
}

// unmultiplexed is the highest number of the calls that socketcall(2) and ipc(2) were split into on the
// architectures that have these (Linux 4.3 and 5.1). libseccomp allows a socket(2), say, both ways, and does
// not tell the number of the direct one.
const unmultiplexed = 402

// Numbers that libseccomp gives to what has none on an architecture: parts of socketcall(2) and ipc(2) from
// -100 down, the rest from -10000 down (its seccomp-syscalls.h).
const (
	firstMultiplexed = -100
	firstUndefined   = -10000
)

// note takes the number nr that libseccomp has for a call of the profile. It reports whether the call is one
// of the architecture.
func (t *top) note(nr libseccomp.ScmpSyscall) bool {
	n := uint32(nr)
	switch {
	case nr <= firstUndefined:
		return false
	case nr <= firstMultiplexed:
		n = unmultiplexed
		if t.arch.scmp == libseccomp.ArchMIPS || t.arch.scmp == libseccomp.ArchMIPSEL {
			n += 4000 // __NR_O32_Linux: the numbers of the other MIPS, which have no socketcall, start higher
		}
	case nr < 0:
		return false
	case n >= t.special():
		return true
	}
	if !t.ok || n > t.nr {
		t.nr, t.ok = n, true
	}
	return true
}

// special is where numbers begin that do not grow with the kernel: the private calls of arm, the calls that
// x32 has instead of those of x86-64, and on x86-64 all of x32. They are for the filter alone.
func (t *top) special() uint32 {
	switch t.arch.scmp {
	case libseccomp.ArchAMD64:
		return sys.X32SyscallBit
	case libseccomp.ArchX32:
		return sys.X32SyscallBit + 512
	case libseccomp.ArchARM:
		return sys.ARMPrivateSyscall
	}
	return math.MaxUint32
}

// enosysStub is the code in front of a filter for these architectures. What it does not answer falls through
// to the filter, which starts afresh.
func enosysStub(tops []top) []byte {
	var groups [][]byte
	for i, t := range tops {
		if t.ok && t.arch.scmp != libseccomp.ArchX32 {
			groups = append(groups, stubFor(t, x32Top(tops, i)))
		}
	}
	if groups == nil {
		return nil
	}
	code := insn(nil, sys.BPFLoadWord, 0, 0, sys.SeccompDataArch)
	for _, g := range groups {
		code = append(code, g...)
	}
	code = insn(code, sys.BPFJump, 0, 0, 1)
	code = insn(code, sys.BPFReturn, 0, 0, sys.SeccompRetErrno|uint32(syscall.ENOSYS))
	return resolve(code)
}

// x32Top finds the x32 entry that goes with entry i: both calls come with the audit architecture of x86-64.
func x32Top(tops []top, i int) *top {
	if tops[i].arch.scmp != libseccomp.ArchAMD64 {
		return nil
	}
	for j := range tops {
		if tops[j].arch.scmp == libseccomp.ArchX32 && tops[j].ok {
			return &tops[j]
		}
	}
	return nil
}

// test looks at the number in the accumulator.
func (t *top) test() []byte {
	code := insn(nil, sys.BPFJumpGe, toFilter, 0, t.special())
	return insn(code, sys.BPFJumpGt, toENOSYS, toFilter, t.nr)
}

// Targets of jumps in a group, until resolve knows the distances.
const (
	toFilter = 0xff
	toENOSYS = 0xfe
)

// stubFor is the group of one audit architecture: entered with the architecture in the accumulator, it leaves
// it there when it is another one.
func stubFor(t top, x32 *top) []byte {
	load := insn(nil, sys.BPFLoadWord, 0, 0, sys.SeccompDataNr)
	if t.arch.scmp == libseccomp.ArchS390 || t.arch.scmp == libseccomp.ArchS390X {
		// What the kernel has no entry for comes as number 0, setup(2), which nobody calls any more (as in runc).
		load = insn(load, sys.BPFJumpEq, toENOSYS, 0, 0)
	}
	test := t.test()
	if x32 != nil {
		rest := x32.test()
		split := insn(nil, sys.BPFJumpGe, 0, uint8(len(rest)/sys.SockFilterSize), sys.X32SyscallBit)
		test = append(append(split, rest...), test...)
	}
	body := append(load, test...)
	return append(insn(nil, sys.BPFJumpEq, 0, uint8(len(body)/sys.SockFilterSize), t.arch.audit), body...)
}

// resolve replaces the targets by distances: the ENOSYS verdict is the last instruction of code, the filter
// begins after it. Even with all architectures the stub is far shorter than a jump can reach.
func resolve(code []byte) []byte {
	n := len(code) / sys.SockFilterSize
	for i := range n {
		for _, off := range []int{2, 3} {
			switch p := &code[i*sys.SockFilterSize+off]; *p {
			case toFilter:
				*p = uint8(n - i - 1)
			case toENOSYS:
				*p = uint8(n - i - 2)
			}
		}
	}
	return code
}

// insn appends one struct sock_filter.
func insn(code []byte, op uint16, jt, jf uint8, k uint32) []byte {
	code = binary.NativeEndian.AppendUint16(code, op)
	code = append(code, jt, jf)
	return binary.NativeEndian.AppendUint32(code, k)
}
