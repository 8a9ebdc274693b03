package seccomp

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// Verdicts of a filter, from linux/seccomp.h.
const (
	killProcess = 0x80000000
	killThread  = 0x00000000
	trap        = 0x00030000
	errno       = 0x00050000
	notify      = 0x7fc00000
	trace       = 0x7ff00000
	logged      = 0x7ffc0000
	allow       = 0x7fff0000

	enosys = errno | 38
)

func p[T any](v T) *T { return &v }

// amd64Only skips a test whose expectations are numbers of x86-64.
func amd64Only(t testing.TB) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are those of x86-64")
	}
}

func libraryVersion() string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}

func mustCompile(t testing.TB, profile *specs.LinuxSeccomp) Filter {
	t.Helper()
	f, warnings, err := Compile(profile, "")
	if err != nil || warnings != nil {
		t.Fatalf("compile: got error %v, warnings %v, want none", err, warnings)
	}
	return f
}

// number is a system call's number on x86-64, by name.
func number(t testing.TB, name string, arch libseccomp.ScmpArch) uint32 {
	t.Helper()
	nr, err := libseccomp.GetSyscallFromNameByArch(name, arch)
	if err != nil || nr < 0 {
		t.Fatalf("number of %s: got %d, %v, want one", name, nr, err)
	}
	return uint32(nr)
}

func rule(action specs.LinuxSeccompAction, names ...string) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: names, Action: action}
}

func TestActions(t *testing.T) {
	amd64Only(t)
	for _, c := range []struct {
		action  specs.LinuxSeccompAction
		errno   *uint
		verdict uint32
	}{
		{specs.ActKill, nil, killThread},
		{specs.ActKillThread, nil, killThread},
		{specs.ActKillProcess, nil, killProcess},
		{specs.ActTrap, nil, trap},
		{specs.ActErrno, nil, errno | 1},
		{specs.ActErrno, p(uint(0)), errno},
		{specs.ActErrno, p(uint(38)), errno | 38},
		{specs.ActErrno, p(uint(4094)), errno | 4094},
		{specs.ActTrace, nil, trace | 1},
		{specs.ActTrace, p(uint(7)), trace | 7},
		{specs.ActTrace, p(uint(0xffff)), trace | 0xffff},
		{specs.ActAllow, nil, allow},
		{specs.ActLog, nil, logged},
		{specs.ActNotify, nil, notify},
	} {
		t.Run(string(c.action)+fmt.Sprint(c.errno != nil), func(t *testing.T) {
			other := specs.ActTrap
			if c.action == specs.ActTrap {
				other = specs.ActLog
			}
			asRule := mustCompile(t, &specs.LinuxSeccomp{DefaultAction: other, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"mkdir"}, Action: c.action, ErrnoRet: c.errno},
			}})
			asDefault := mustCompile(t, &specs.LinuxSeccomp{DefaultAction: c.action, DefaultErrnoRet: c.errno,
				Syscalls: []specs.LinuxSyscall{rule(other, "mkdir", "landlock_restrict_self")}})
			mkdir, read := call{arch: sys.AuditArchX86_64, nr: 83}, call{arch: sys.AuditArchX86_64, nr: 0}
			if v := verdict(t, asRule, mkdir); v != c.verdict {
				t.Errorf("as a rule: got %#x, want %#x", v, c.verdict)
			}
			if v := verdict(t, asRule, read); v == c.verdict {
				t.Errorf("beside the rule: got %#x, want another", v)
			}
			if v := verdict(t, asDefault, read); v != c.verdict {
				t.Errorf("as default: got %#x, want %#x", v, c.verdict)
			}
			if v := verdict(t, asDefault, mkdir); v == c.verdict {
				t.Errorf("not the default: got %#x, want another", v)
			}
			isNotify := c.action == specs.ActNotify
			for _, f := range []Filter{asRule, asDefault} {
				if f.Listener != isNotify || (f.Flags&sys.SeccompFilterNewListener != 0) != isNotify {
					t.Errorf("got listener %v, flags %#x, want a listener and its flag: %v", f.Listener, f.Flags, isNotify)
				}
			}
		})
	}
}

func TestOperators(t *testing.T) {
	amd64Only(t)
	const big = uint64(5)<<32 | 7
	values := []uint64{
		0,
		1,
		6,
		7,
		8,
		0xffffffff,
		1 << 32,
		4<<32 | 7,
		4<<32 | 8,
		big - 1,
		big,
		big + 1,
		6 << 32,
		6<<32 | 7,
		1<<63 | 7,
		^uint64(0),
	}
	for _, op := range []struct {
		name specs.LinuxSeccompOperator
		true func(arg, v, two uint64) bool
	}{
		{specs.OpNotEqual, func(arg, v, _ uint64) bool { return arg != v }},
		{specs.OpLessThan, func(arg, v, _ uint64) bool { return arg < v }},
		{specs.OpLessEqual, func(arg, v, _ uint64) bool { return arg <= v }},
		{specs.OpEqualTo, func(arg, v, _ uint64) bool { return arg == v }},
		{specs.OpGreaterEqual, func(arg, v, _ uint64) bool { return arg >= v }},
		{specs.OpGreaterThan, func(arg, v, _ uint64) bool { return arg > v }},
		{specs.OpMaskedEqual, func(arg, v, two uint64) bool { return arg&v == two }},
	} {
		for index := range uint(6) {
			for _, v := range []uint64{0, 7, 0xffffffff, big, ^uint64(0)} {
				for _, two := range []uint64{0, 7 & v, v} {
					f := mustCompile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess, Syscalls: []specs.LinuxSyscall{
						{
							Names:  []string{"mmap"},
							Action: specs.ActAllow,
							Args:   []specs.LinuxSeccompArg{{Index: index, Value: v, ValueTwo: two, Op: op.name}},
						},
					}})
					for _, arg := range values {
						c := call{arch: sys.AuditArchX86_64, nr: 9}
						for i := range c.args {
							c.args[i] = ^arg
						}
						c.args[index] = arg
						want := uint32(killProcess)
						if op.true(arg, v, two) {
							want = allow
						}
						if got := verdict(t, f, c); got != want {
							t.Errorf("%#x %s %#x, %#x at %d: got %#x, want %#x", arg, op.name, v, two, index, got, want)
						}
					}
					if op.name != specs.OpMaskedEqual {
						break
					}
				}
			}
		}
	}
}

func TestSeveralConditions(t *testing.T) {
	amd64Only(t)
	eq := func(index uint, v uint64) specs.LinuxSeccompArg {
		return specs.LinuxSeccompArg{Index: index, Value: v, Op: specs.OpEqualTo}
	}
	for _, c := range []struct {
		name  string
		args  []specs.LinuxSeccompArg
		allow [][6]uint64
		deny  [][6]uint64
	}{
		{
			"and of two arguments",
			[]specs.LinuxSeccompArg{eq(0, 1), eq(1, 2)},
			[][6]uint64{{1, 2}, {1, 2, 3}},
			[][6]uint64{{1}, {0, 2}, {2, 1}},
		},
		{
			"or of one argument",
			[]specs.LinuxSeccompArg{eq(0, 1), eq(0, 2)},
			[][6]uint64{{1}, {2}, {2, 9}},
			[][6]uint64{{0}, {3}},
		},
		{
			"or of all when one argument is twice",
			[]specs.LinuxSeccompArg{eq(0, 1), eq(0, 2), eq(1, 5)},
			[][6]uint64{{1}, {2}, {0, 5}, {1, 5}},
			[][6]uint64{{0}, {3, 4}},
		},
		{
			"and of six",
			[]specs.LinuxSeccompArg{eq(0, 1), eq(1, 2), eq(2, 3), eq(3, 4), eq(4, 5), eq(5, 6)},
			[][6]uint64{{1, 2, 3, 4, 5, 6}},
			[][6]uint64{{1, 2, 3, 4, 5}, {0, 2, 3, 4, 5, 6}},
		},
	} {
		f := mustCompile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mmap"}, Action: specs.ActAllow, Args: c.args},
		}})
		for want, list := range map[uint32][][6]uint64{allow: c.allow, killProcess: c.deny} {
			for _, args := range list {
				if got := verdict(t, f, call{sys.AuditArchX86_64, 9, args}); got != want {
					t.Errorf("%s: %v: got %#x, want %#x", c.name, args, got, want)
				}
			}
		}
	}
}

func TestArchitectures(t *testing.T) {
	amd64Only(t)
	mkdir := func(archs ...specs.Arch) Filter {
		return mustCompile(t, &specs.LinuxSeccomp{
			DefaultAction: specs.ActTrap,
			Architectures: archs,
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, "mkdir")},
		})
	}
	amd64, x86, x32 := call{arch: sys.AuditArchX86_64, nr: 83}, call{arch: sys.AuditArchX86, nr: 39}, call{
		arch: sys.AuditArchX86_64,
		nr:   sys.X32SyscallBit | 83,
	}
	for _, c := range []struct {
		name              string
		filter            Filter
		amd64, x86, inX32 uint32
	}{
		{"none named", mkdir(), allow, killThread, killThread},
		{"native", mkdir(specs.ArchX86_64), allow, killThread, killThread},
		{"twice", mkdir(specs.ArchX86_64, specs.ArchX86, specs.ArchX86), allow, allow, killThread},
		{"native is always in", mkdir(specs.ArchX86), allow, allow, killThread},
		{"x32", mkdir(specs.ArchX32), allow, killThread, allow},
		{"Docker's", mkdir(specs.ArchX86_64, specs.ArchX86, specs.ArchX32), allow, allow, allow},
	} {
		if got := verdict(t, c.filter, amd64); got != c.amd64 {
			t.Errorf("%s: amd64: got %#x, want %#x", c.name, got, c.amd64)
		}
		if got := verdict(t, c.filter, x86); got != c.x86 {
			t.Errorf("%s: x86: got %#x, want %#x", c.name, got, c.x86)
		}
		if got := verdict(t, c.filter, x32); got != c.inX32 {
			t.Errorf("%s: x32: got %#x, want %#x", c.name, got, c.inX32)
		}
		if got := verdict(t, c.filter, call{arch: sys.AuditArchAARCH64, nr: 34}); got != killThread {
			t.Errorf("%s: arm64: got %#x, want %#x", c.name, got, killThread)
		}
	}
}

// Every architecture of the spec is known; those this machine cannot have in a filter are refused by name.
func TestEveryArchitecture(t *testing.T) {
	for _, a := range []specs.Arch{
		specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS,
		specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32,
		specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB,
	} {
		known, ok := architecture(a)
		if !ok {
			t.Errorf("architecture %s: got none, want one", a)
			continue
		}
		f, _, err := Compile(&specs.LinuxSeccomp{
			DefaultAction: specs.ActTrap,
			Architectures: []specs.Arch{a},
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, "read")},
		}, "")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "linux.seccomp.architectures[0]: "+string(a)+": ") {
				t.Errorf("compile for %s: got error %v, want none or linux.seccomp.architectures[0]: %s: …", a, err, a)
			}
			continue
		}
		nr, err := libseccomp.GetSyscallFromNameByArch("read", known.scmp)
		if err != nil {
			t.Fatalf("number of read on %s: %v", a, err)
		}
		if got := verdict(t, f, call{arch: known.audit, nr: uint32(nr)}); got != allow {
			t.Errorf("%s: read: got %#x, want %#x", a, got, allow)
		}
	}
}

func TestFlags(t *testing.T) {
	const logFlag, spec, wait, listener = sys.SeccompFilterLog, sys.SeccompFilterSpecAllow, sys.SeccompFilterWaitKillableRecv, sys.SeccompFilterNewListener
	for _, c := range []struct {
		flags  []specs.LinuxSeccompFlag
		want   uint32
		notify uint32
	}{
		{nil, spec, spec | listener},
		{[]specs.LinuxSeccompFlag{}, 0, listener},
		{[]specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC"}, 0, listener},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}, logFlag, logFlag | listener},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}, spec, spec | listener},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, 0, wait | listener},
		{
			[]specs.LinuxSeccompFlag{
				specs.LinuxSeccompFlagLog,
				specs.LinuxSeccompFlagSpecAllow,
				"SECCOMP_FILTER_FLAG_TSYNC",
				specs.LinuxSeccompFlagWaitKillableRecv,
			},
			logFlag | spec,
			logFlag | spec | wait | listener,
		},
	} {
		f := mustCompile(t, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: c.flags})
		if f.Flags != c.want || f.Listener {
			t.Errorf("%v: got flags %#x, listener %v, want %#x, false", c.flags, f.Flags, f.Listener, c.want)
		}
		f = mustCompile(t, &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Flags:         c.flags,
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActNotify, "mkdir")},
		})
		if f.Flags != c.notify || !f.Listener {
			t.Errorf("%v with a listener: got flags %#x, listener %v, want %#x, true", c.flags, f.Flags, f.Listener, c.notify)
		}
	}
	// A rule that says the same as the default is no rule; a name of another architecture is none either.
	f := mustCompile(t, &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{rule(specs.ActNotify, "breakpoint")},
	})
	if runtime.GOARCH != "arm" && f.Listener {
		t.Error("notify of a call that is not there: got a listener, want none")
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	base := func(f func(*specs.LinuxSeccomp)) *specs.LinuxSeccomp {
		s := &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno,
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, "read"), rule(specs.ActAllow, "write")},
		}
		f(s)
		return s
	}
	for _, c := range []struct {
		want string
		f    func(*specs.LinuxSeccomp)
	}{
		{`linux.seccomp.defaultAction: unknown action ""`, func(s *specs.LinuxSeccomp) { s.DefaultAction = "" }},
		{
			`linux.seccomp.defaultAction: unknown action "SCMP_ACT_PANIC"`,
			func(s *specs.LinuxSeccomp) { s.DefaultAction = "SCMP_ACT_PANIC" },
		},
		{
			"linux.seccomp.defaultErrnoRet: action SCMP_ACT_ALLOW takes no errno",
			func(s *specs.LinuxSeccomp) { s.DefaultAction, s.DefaultErrnoRet = specs.ActAllow, p(uint(1)) },
		},
		{
			"linux.seccomp.defaultErrnoRet: 4095 is more than 4094",
			func(s *specs.LinuxSeccomp) { s.DefaultErrnoRet = p(uint(4095)) },
		},
		{
			`linux.seccomp.architectures[1]: unknown architecture "amd64"`,
			func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{specs.ArchX86_64, "amd64"} },
		},
		{
			`linux.seccomp.flags[0]: unknown flag "SECCOMP_FILTER_FLAG_NEW_LISTENER"`,
			func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_NEW_LISTENER"} },
		},
		{
			`linux.seccomp.syscalls[1].action: unknown action "x"`,
			func(s *specs.LinuxSeccomp) { s.Syscalls[1].Action = "x" },
		},
		{
			"linux.seccomp.syscalls[1].errnoRet: action SCMP_ACT_ALLOW takes no errno",
			func(s *specs.LinuxSeccomp) { s.Syscalls[1].ErrnoRet = p(uint(0)) },
		},
		{"linux.seccomp.syscalls[1].errnoRet: 65536 is more than 65535", func(s *specs.LinuxSeccomp) {
			s.Syscalls[1].Action, s.Syscalls[1].ErrnoRet = specs.ActTrace, p(uint(65536))
		}},
		{
			"linux.seccomp.syscalls[1].names[1]: empty name",
			func(s *specs.LinuxSeccomp) { s.Syscalls[1].Names = []string{"write", ""} },
		},
		{`linux.seccomp.syscalls[0].args[1].op: unknown operator "=="`, func(s *specs.LinuxSeccomp) {
			s.Syscalls[0].Args = []specs.LinuxSeccompArg{{Op: specs.OpEqualTo}, {Op: "=="}}
		}},
		{"linux.seccomp.syscalls[0].args[0].index: syscalls only have up to 6 arguments (6 given)", func(s *specs.LinuxSeccomp) {
			s.Syscalls[0].Args = []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}
		}},
	} {
		profile := base(c.f)
		for _, dir := range []string{"", t.TempDir() + "/cache"} {
			f, _, err := Compile(profile, dir)
			if err == nil || err.Error() != c.want || f.BPF != nil {
				t.Errorf("compile: got error %v and a filter of %d bytes, want %s and no filter", err, len(f.BPF), c.want)
			}
		}
	}
	amd64Only(t)
	_, _, err := Compile(base(func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{specs.ArchS390X} }), "")
	if err == nil || err.Error() != "linux.seccomp.architectures[0]: SCMP_ARCH_S390X: not the byte order of this machine" {
		t.Errorf("compile for s390x: got error %v, want linux.seccomp.architectures[0]: SCMP_ARCH_S390X: not the byte order of this machine", err)
	}
}

// Two rules for one call: the first that is for all arguments, whatever else there is; and a warning for what has no effect.
func TestConflictingRules(t *testing.T) {
	amd64Only(t)
	on := func(action specs.LinuxSeccompAction, args ...uint64) (r specs.LinuxSyscall) {
		r = rule(action, "umask")
		for _, v := range args {
			r.Args = append(r.Args, specs.LinuxSeccompArg{Value: v, Op: specs.OpEqualTo})
		}
		return r
	}
	const first, second = "linux.seccomp.syscalls[0].names[0]: umask: ", "linux.seccomp.syscalls[1].names[0]: umask: "
	for _, c := range []struct {
		name         string
		rules        []specs.LinuxSyscall
		seven, other uint32
		warning, err string
	}{
		{"twice", []specs.LinuxSyscall{on(specs.ActTrap), on(specs.ActTrap)}, trap, trap, "", ""},
		{"twice with arguments", []specs.LinuxSyscall{on(specs.ActTrap, 7), on(specs.ActTrap, 7)}, trap, allow, "", ""},
		{"other arguments", []specs.LinuxSyscall{on(specs.ActTrap, 7), on(specs.ActErrno, 8)}, trap, allow, "", ""},
		{"same action", []specs.LinuxSyscall{on(specs.ActTrap, 7), on(specs.ActTrap)}, trap, trap, "", ""},
		{"the default action", []specs.LinuxSyscall{on(specs.ActTrap), on(specs.ActAllow)}, trap, trap, "", ""},
		{"other action", []specs.LinuxSyscall{on(specs.ActTrap), on(specs.ActErrno)}, trap, trap,
			second + "SCMP_ACT_ERRNO without effect, as linux.seccomp.syscalls[0].names[0] has SCMP_ACT_TRAP", ""},
		{"some, then all", []specs.LinuxSyscall{on(specs.ActTrap, 7), on(specs.ActErrno)}, errno | 1, errno | 1,
			first + "SCMP_ACT_TRAP without effect, as linux.seccomp.syscalls[1].names[0] has SCMP_ACT_ERRNO", ""},
		{"all, then some", []specs.LinuxSyscall{on(specs.ActTrap), on(specs.ActErrno, 7)}, trap, trap,
			second + "SCMP_ACT_ERRNO without effect, as linux.seccomp.syscalls[0].names[0] has SCMP_ACT_TRAP", ""},
		{"same arguments", []specs.LinuxSyscall{on(specs.ActTrap, 7), on(specs.ActErrno, 7)}, 0, 0, "",
			second + "another action than an earlier rule for the same arguments: file exists"},
	} {
		f, warnings, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: c.rules}, "")
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: got error %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if err != nil || (len(warnings) > 0) != (c.warning != "") || len(warnings) > 0 && warnings[0].Error() != c.warning {
			t.Errorf("%s: got error %v, warnings %q, want no error and the warning %q", c.name, err, warnings, c.warning)
		}
		for arg, want := range map[uint64]uint32{7: c.seven, 9: c.other} {
			if got := verdict(t, f, call{arch: sys.AuditArchX86_64, nr: 95, args: [6]uint64{arg}}); got != want {
				t.Errorf("%s: %d: got %#x, want %#x", c.name, arg, got, want)
			}
		}
	}
}

func TestUnknownNames(t *testing.T) {
	unknown := []specs.LinuxSyscall{
		rule(specs.ActErrno, "mkdir", "no_such_call"),
		rule(specs.ActLog, "nor_this"),
		rule(specs.ActAllow, "nor_that"),
	}
	f, warnings, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: unknown}, "")
	if err != nil || len(f.BPF) == 0 {
		t.Fatalf("compile unknown names: got error %v and a filter of %d bytes, want no error and a filter", err, len(f.BPF))
	}
	if len(warnings) != 1 || warnings[0].Error() != "linux.seccomp.syscalls[0].names[1]: no_such_call: not known, so not restricted" {
		t.Errorf("a list of what is denied: got warnings %q, want one: no_such_call is not known, so not restricted", warnings)
	}
	without := mustCompile(t, &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{rule(specs.ActErrno, "mkdir")},
	})
	if !reflect.DeepEqual(f, without) {
		t.Error("a list with an unknown name: got another filter than without it, want the same")
	}
	_, warnings, err = Compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{rule(specs.ActNotify, "no_such_call")},
	}, "")
	if err != nil || len(warnings) != 1 {
		t.Errorf("a list of what is to be watched: got error %v, warnings %q, want no error and one warning", err, warnings)
	}
	_, warnings, err = Compile(&specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno,
		Syscalls:      []specs.LinuxSyscall{rule(specs.ActAllow, "read", "no_such_call")},
	}, "")
	if err != nil || warnings != nil {
		t.Errorf("a list of what is allowed: got error %v, warnings %q, want none", err, warnings)
	}
}
