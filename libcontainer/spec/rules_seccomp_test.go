package spec

import (
	"github.com/opencontainers/runtime-spec/specs-go"
)

func seccompRules() []rule {
	allow := func(r specs.LinuxSyscall) func(*specs.Spec) {
		r.Action = specs.ActAllow
		return syscalls(r)
	}
	arg := func(a specs.LinuxSeccompArg) func(*specs.Spec) {
		return allow(specs.LinuxSyscall{Names: []string{"socket"}, Args: []specs.LinuxSeccompArg{a}})
	}
	const actions = "one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY"
	var allArchs []specs.Arch
	for _, a := range []string{
		"X86",
		"X86_64",
		"X32",
		"ARM",
		"AARCH64",
		"MIPS",
		"MIPS64",
		"MIPS64N32",
		"MIPSEL",
		"MIPSEL64",
		"MIPSEL64N32",
		"PPC",
		"PPC64",
		"PPC64LE",
		"S390",
		"S390X",
		"PARISC",
		"PARISC64",
		"RISCV64",
		"LOONGARCH64",
		"M68K",
		"SH",
		"SHEB",
	} {
		allArchs = append(allArchs, specs.Arch("SCMP_ARCH_"+a))
	}
	return []rule{
		{
			name: "no default action",
			bad:  seccomp(specs.LinuxSeccomp{}),
			want: []string{"linux.seccomp.defaultAction: got nothing, want " + actions},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG"}),
		},
		{
			name: "unknown action",
			bad:  syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "allow"}),
			want: []string{`linux.seccomp.syscalls[0].action: got "allow", want ` + actions},
			good: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_KILL"}, specs.LinuxSyscall{
				Names:  []string{"a"},
				Action: "SCMP_ACT_KILL_PROCESS",
			}, specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_KILL_THREAD"},
				specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRAP"}, specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_TRACE"}),
		},
		{
			name: "errno for all",
			bad:  seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW", DefaultErrnoRet: p(uint(1))}),
			want: []string{"linux.seccomp.defaultErrnoRet: got 1 with SCMP_ACT_ALLOW, want it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_TRACE", DefaultErrnoRet: p(uint(65535))}),
		},
		{
			name: "errno too large",
			bad:  seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO", DefaultErrnoRet: p(uint(4095))}),
			want: []string{"linux.seccomp.defaultErrnoRet: got 4095, want 0 to 4094"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_ERRNO", DefaultErrnoRet: p(uint(4094))}),
		},
		{
			name: "errno of a rule",
			bad:  allow(specs.LinuxSyscall{Names: []string{"a"}, ErrnoRet: p(uint(0))}),
			want: []string{"linux.seccomp.syscalls[0].errnoRet: got 0 with SCMP_ACT_ALLOW, want it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE"},
			good: syscalls(specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: p(uint(0))}),
		},
		{
			name: "trace too large",
			bad: syscalls(specs.LinuxSyscall{
				Names:    []string{"a"},
				Action:   "SCMP_ACT_TRACE",
				ErrnoRet: p(uint(65536)),
			}),
			want: []string{"linux.seccomp.syscalls[0].errnoRet: got 65536, want 0 to 65535"},
			good: syscalls(specs.LinuxSyscall{
				Names:    []string{"a"},
				Action:   "SCMP_ACT_TRACE",
				ErrnoRet: p(uint(65535)),
			}),
		},
		{
			name: "unknown architecture",
			bad: seccomp(specs.LinuxSeccomp{
				DefaultAction: "SCMP_ACT_LOG",
				Architectures: []specs.Arch{"SCMP_ARCH_X86", "amd64"},
			}),
			want: []string{`linux.seccomp.architectures[1]: got "amd64", want a name as SCMP_ARCH_X86_64`},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", Architectures: allArchs}),
		},
		{
			name: "unknown flag",
			bad: seccomp(specs.LinuxSeccomp{
				DefaultAction: "SCMP_ACT_LOG",
				Flags:         []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_NEW_LISTENER"},
			}),
			want: []string{`linux.seccomp.flags[0]: got "SECCOMP_FILTER_FLAG_NEW_LISTENER", want one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`},
			good: seccomp(specs.LinuxSeccomp{
				DefaultAction: "SCMP_ACT_LOG",
				Flags: []specs.LinuxSeccompFlag{
					"SECCOMP_FILTER_FLAG_TSYNC",
					"SECCOMP_FILTER_FLAG_LOG",
					"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
					"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
				},
			}),
		},
		{
			name: "metadata alone",
			bad:  seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerMetadata: "x"}),
			want: []string{"linux.seccomp.listenerMetadata: got metadata without linux.seccomp.listenerPath, want both or neither"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerMetadata: "x", ListenerPath: "/s"}),
		},
		{
			name: "notify by default without a listener",
			bad:  seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NOTIFY"}),
			want: []string{"linux.seccomp.listenerPath: got nothing, want a socket for the SCMP_ACT_NOTIFY of linux.seccomp.defaultAction"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NOTIFY", ListenerPath: "/s"}),
		},
		{
			name: "notify by a rule without a listener",
			bad: syscalls(
				specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_LOG"},
				specs.LinuxSyscall{Names: []string{"a"}, Action: "SCMP_ACT_NOTIFY"},
				specs.LinuxSyscall{Names: []string{"b"}, Action: "SCMP_ACT_NOTIFY"},
			),
			want: []string{"linux.seccomp.listenerPath: got nothing, want a socket for the SCMP_ACT_NOTIFY of linux.seccomp.syscalls[1].action"},
			good: seccomp(specs.LinuxSeccomp{
				DefaultAction: "SCMP_ACT_ALLOW", ListenerPath: "/s", ListenerMetadata: "x",
				Syscalls: []specs.LinuxSyscall{{Names: []string{"a"}, Action: "SCMP_ACT_NOTIFY"}},
			}),
		},
		{
			name: "listener for nothing",
			bad:  seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NOTIFY", DefaultErrnoRet: p(uint(1)), ListenerPath: "/s"}),
			want: []string{"linux.seccomp.defaultErrnoRet: got 1 with SCMP_ACT_NOTIFY, want it only with SCMP_ACT_ERRNO or SCMP_ACT_TRACE"},
			good: seccomp(specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_LOG", ListenerPath: "/s"}),
		},
		{
			name: "no names",
			bad:  allow(specs.LinuxSyscall{}),
			want: []string{"linux.seccomp.syscalls[0].names: got nothing, want at least one system call"},
			good: allow(specs.LinuxSyscall{Names: []string{"no_such_call"}}),
		},
		{
			name: "empty name",
			bad:  allow(specs.LinuxSyscall{Names: []string{"read", ""}}),
			want: []string{"linux.seccomp.syscalls[0].names[1]: got nothing, want the name of a system call"},
			good: none,
		},
		{
			name: "seventh argument",
			bad:  arg(specs.LinuxSeccompArg{Index: 6, Op: "SCMP_CMP_EQ"}),
			want: []string{"linux.seccomp.syscalls[0].args[0].index: got 6, want 0 to 5"},
			good: arg(specs.LinuxSeccompArg{Index: 5, Op: "SCMP_CMP_EQ"}),
		},
		{
			name: "unknown operator",
			bad:  arg(specs.LinuxSeccompArg{Op: "=="}),
			want: []string{`linux.seccomp.syscalls[0].args[0].op: got "==", want one of SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ`},
			good: allow(specs.LinuxSyscall{
				Names: []string{"a"},
				Args: []specs.LinuxSeccompArg{
					{Op: "SCMP_CMP_NE"},
					{Op: "SCMP_CMP_LT"},
					{Op: "SCMP_CMP_LE"},
					{Op: "SCMP_CMP_GE"},
					{Op: "SCMP_CMP_GT"},
					{Op: "SCMP_CMP_MASKED_EQ"},
				},
			}),
		},
		{
			name: "more comparisons than a filter holds",
			bad:  compared(4097),
			want: []string{"linux.seccomp.syscalls: got 4097 system calls with arguments, want at most 4096: the kernel takes a filter of so many instructions"},
			good: compared(4096),
		},
	}
}

// compared has n rules that look at an argument.
func compared(n int) func(*specs.Spec) {
	list := make([]specs.LinuxSyscall, n)
	for i := range list {
		list[i] = specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Value: uint64(i), Op: specs.OpEqualTo}}}
	}
	return syscalls(list...)
}
