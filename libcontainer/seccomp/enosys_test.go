package seccomp

import (
	"bytes"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// stubless is the filter libseccomp makes, without what goes in front.
func stubless(t testing.TB, profile *specs.LinuxSeccomp) (filter, stub []byte) {
	t.Helper()
	c := compiler{profile: profile}
	if err := c.start(); err != nil {
		t.Fatalf("start the filter: %v", err)
	}
	defer c.scmp.Release()
	for i := range profile.Syscalls {
		if err := c.syscalls(i); err != nil {
			t.Fatalf("add rule %d: %v", i, err)
		}
	}
	if err := c.finish(); err != nil {
		t.Fatalf("finish the filter: %v", err)
	}
	stub = c.stub()
	return bytes.TrimPrefix(c.entry.filter.BPF, stub), stub
}

var stubArchs = map[specs.Arch]libseccomp.ScmpArch{
	specs.ArchX86_64: libseccomp.ArchAMD64, specs.ArchX86: libseccomp.ArchX86, specs.ArchX32: libseccomp.ArchX32,
	specs.ArchARM: libseccomp.ArchARM, specs.ArchAARCH64: libseccomp.ArchARM64,
	specs.ArchMIPSEL: libseccomp.ArchMIPSEL, specs.ArchMIPSEL64: libseccomp.ArchMIPSEL64,
	specs.ArchMIPSEL64N32: libseccomp.ArchMIPSEL64N32, specs.ArchPPC64LE: libseccomp.ArchPPC64LE,
	specs.ArchRISCV64: libseccomp.ArchRISCV64,
}

// The stub changes nothing but answers of the default, and those only above all names of the profile, where
// it leaves none unchanged.
func TestStubOnlyReplacesTheDefault(t *testing.T) {
	amd64Only(t)
	archs := [][]specs.Arch{
		nil, {specs.ArchX86}, {specs.ArchX32}, {
			specs.ArchX86_64,
			specs.ArchX86,
			specs.ArchX32,
		}, {specs.ArchARM, specs.ArchAARCH64}, {
			specs.ArchMIPSEL,
			specs.ArchMIPSEL64,
			specs.ArchMIPSEL64N32,
		}, {specs.ArchPPC64LE, specs.ArchRISCV64}, nil,
	}
	for a := range stubArchs {
		archs[len(archs)-1] = append(archs[len(archs)-1], a)
	}
	slices.Sort(archs[len(archs)-1])
	for _, names := range [][]string{
		{"read"}, {"socket"}, {"shmget"}, {"ipc", "socketcall"}, {
			"breakpoint",
			"read",
		}, {"breakpoint"}, {"rt_sigaction"}, {"landlock_restrict_self"}, {"no_such_call"}, {
			"semtimedop",
			"recvmmsg",
		},
		{"accept4", "exit"},
	} {
		for _, list := range archs {
			profile := &specs.LinuxSeccomp{
				DefaultAction: specs.ActErrno,
				Architectures: list,
				Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, names...)},
			}
			plain, stub := stubless(t, profile)
			full := append(slices.Clone(stub), plain...)
			for _, spec := range append([]specs.Arch{specs.ArchX86_64}, list...) {
				checkStub(t, plain, full, spec, names)
			}
		}
	}
}

func checkStub(t *testing.T, plain, full []byte, spec specs.Arch, names []string) {
	t.Helper()
	a, _ := architecture(spec)
	starts := []uint32{
		0,
		sys.ARMPrivateSyscall,
		4000,
		5000,
		6000,
		sys.X32SyscallBit,
		sys.X32SyscallBit + 512,
		0x7fffffff - 700,
		^uint32(0) - 699,
	}
	highest := int64(-1)
	for _, name := range names {
		nr, err := libseccomp.GetSyscallFromNameByArch(name, a.scmp)
		if special := (&top{arch: a}).special(); err == nil && nr >= 0 && uint32(nr) < special {
			highest = max(highest, int64(nr))
		} else if err == nil && nr < 0 && nr > -1000 {
			if highest = max(highest, 402); a.scmp == libseccomp.ArchMIPSEL {
				highest = max(highest, 4402)
			}
		}
	}
	for _, start := range starts {
		for i := range uint32(700) {
			c := call{arch: a.audit, nr: start + i}
			if a.audit == sys.AuditArchX86_64 && (c.nr >= sys.X32SyscallBit) != (a.scmp == libseccomp.ArchX32) {
				continue // the other one of the two
			}
			before, err := run(plain, c)
			after, err2 := run(full, c)
			if err != nil || err2 != nil {
				t.Fatalf("run %s %v on %#x: without the stub: %v, with it: %v", spec, names, c.nr, err, err2)
			}
			switch {
			case after == before:
				// Left alone: a rule, a call that is not newer, or one the stub does not count.
				own := a.scmp != libseccomp.ArchX32 && c.nr < 1000 || a.scmp == libseccomp.ArchX32 && c.nr >= sys.X32SyscallBit && c.nr < sys.X32SyscallBit+512
				if before == errno|1 && own && highest >= 0 && int64(c.nr) > highest {
					t.Fatalf("%s %v: %#x with the stub: got still EPERM, want ENOSYS", spec, names, c.nr)
				}
			case after != enosys || before != errno|1 || int64(c.nr) <= highest:
				t.Fatalf("%s %v: %#x with the stub: got %#x, want %#x as without, or ENOSYS for EPERM above %d", spec, names, c.nr, after, before, highest)
			}
		}
	}
}

// On s390 what the kernel does not have comes as number 0. The filter is of the other byte order, so only the stub runs here.
func TestStubOfS390(t *testing.T) {
	for _, name := range []specs.Arch{specs.ArchS390, specs.ArchS390X} {
		a, _ := architecture(name)
		stub := insn(enosysStub([]top{{arch: a, nr: 300, ok: true}}), sys.BPFReturn, 0, 0, allow)
		for nr, want := range map[uint32]uint32{0: enosys, 1: allow, 300: allow, 301: enosys} {
			if got, err := run(stub, call{arch: a.audit, nr: nr}); err != nil || got != want {
				t.Errorf("%s: %d: got %#x, %v, want %#x", name, nr, got, err, want)
			}
		}
	}
}

func TestStubIsOnlyForErrno(t *testing.T) {
	rules := []specs.LinuxSyscall{rule(specs.ActAllow, "read")}
	for _, c := range []struct {
		action specs.LinuxSeccompAction
		errno  *uint
		stub   bool
	}{
		{specs.ActErrno, nil, true},
		{specs.ActErrno, p(uint(13)), true},
		{specs.ActErrno, p(uint(38)), false},
		{specs.ActKill, nil, false},
		{specs.ActKillProcess, nil, false},
		{specs.ActTrap, nil, false},
		{specs.ActTrace, nil, false},
		{specs.ActLog, nil, false},
		{specs.ActNotify, nil, false},
	} {
		_, stub := stubless(t, &specs.LinuxSeccomp{DefaultAction: c.action, DefaultErrnoRet: c.errno, Syscalls: rules})
		if (stub != nil) != c.stub {
			t.Errorf("%s: there is a stub: got %v (%d bytes), want %v", c.action, stub != nil, len(stub), c.stub)
		}
	}
	if _, stub := stubless(t, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}); stub != nil {
		t.Errorf("profile without names: got a stub of %d bytes, want none", len(stub))
	}
}

// libseccomp has two ways to lay a filter out; where the sorted one is used it must mean the same.
func TestSortedFilterMeansTheSame(t *testing.T) {
	amd64Only(t)
	profile := docker(t)
	for n := 0; n <= 60; n += 5 {
		for _, archs := range [][]specs.Arch{nil, {specs.ArchX86, specs.ArchX32}} {
			small := &specs.LinuxSeccomp{
				DefaultAction: specs.ActKillProcess,
				Architectures: archs,
				Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, profile.Syscalls[0].Names[:n]...)},
			}
			f := mustCompile(t, small)
			names := profile.Syscalls[0].Names[:n]
			for nr := range libseccomp.ScmpSyscall(600) {
				name, err := nr.GetNameByArch(libseccomp.ArchAMD64)
				want := uint32(killProcess)
				if err == nil && slices.Contains(names, name) {
					want = allow
				}
				if got := verdict(t, f, call{arch: sys.AuditArchX86_64, nr: uint32(nr)}); got != want {
					t.Fatalf("%d names, %v: %d %s: got %#x, want %#x", n, archs, nr, name, got, want)
				}
			}
		}
	}
}
