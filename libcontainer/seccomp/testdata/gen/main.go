// Command gen writes docker.json, a profile shaped like Docker's default one: some 400 names that are allowed,
// those that depend on an argument, and clone3 as ENOSYS. The names are libseccomp's for the three
// architectures Docker names on x86-64, and arm's, which Docker's list holds as well.
package main

import (
	"encoding/json"
	"log"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
)

// denied is what a container gets only with a capability or on a condition, or never.
var denied = []string{
	"_sysctl", "acct", "add_key", "afs_syscall", "bdflush", "bpf", "clone", "clone3", "create_module",
	"delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "getpmsg",
	"init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl",
	"lookup_dcookie", "mount", "mount_setattr", "move_mount", "nfsservctl", "open_by_handle_at", "open_tree",
	"personality", "pivot_root", "putpmsg", "query_module", "quotactl", "quotactl_fd", "reboot",
	"request_key", "security", "setns", "socket", "swapoff", "swapon", "sysfs", "tuxcall",
	"umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vhangup", "vm86", "vm86old", "vserver",
}

// highest is the last system call of the profile: what the kernel got later is new to it.
const highest = "landlock_restrict_self"

func main() {
	last, err := libseccomp.GetSyscallFromName(highest)
	if err != nil {
		log.Fatal(err)
	}
	var names []string
	for _, arch := range []libseccomp.ScmpArch{libseccomp.ArchAMD64, libseccomp.ArchX86, libseccomp.ArchARM} {
		for nr := range last + 1 {
			name, err := nr.GetNameByArch(arch)
			if err == nil && !slices.Contains(denied, name) {
				names = append(names, name)
			}
		}
	}
	names = append(names, "breakpoint", "cacheflush", "set_tls", "no_such_call_yet")
	slices.Sort(names)
	names = slices.Compact(names)

	eperm, enosys := uint(1), uint(38)
	p := specs.LinuxSeccomp{
		DefaultAction:   specs.ActErrno,
		DefaultErrnoRet: &eperm,
		Architectures:   []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
		Syscalls:        []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}},
	}
	when := func(name string, a specs.LinuxSeccompArg) {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{
			Names: []string{name}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{a},
		})
	}
	for _, v := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		when("personality", specs.LinuxSeccompArg{Value: v, Op: specs.OpEqualTo})
	}
	when("socket", specs.LinuxSeccompArg{Value: 40, Op: specs.OpNotEqual})
	when("clone", specs.LinuxSeccompArg{Value: 0x7e020000, Op: specs.OpMaskedEqual})
	p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &enosys})

	text, err := json.MarshalIndent(&p, "", "\t")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("testdata/docker.json", append(text, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d names", len(names)+4)
}
