package seccomp

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// The profile is only read: one that is compiled twice, or by two at a time, stays what it was.
func TestCompileOnlyReads(t *testing.T) {
	profile := docker(t)
	if _, _, err := Compile(profile, ""); err != nil {
		t.Fatalf("compile Docker's profile: %v", err)
	}
	if !reflect.DeepEqual(profile, docker(t)) {
		t.Error("Docker's profile after it was compiled: got another, want the same")
	}
}

func docker(t testing.TB) *specs.LinuxSeccomp {
	t.Helper()
	text, err := os.ReadFile("testdata/docker.json")
	if err != nil {
		t.Fatal(err)
	}
	var s specs.LinuxSeccomp
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatalf("unmarshal testdata/docker.json: %v", err)
	}
	return &s
}

// expect gives the verdict on a call by the profile itself: the names of the number, the first rule that
// matches. Its profiles have no two rules for one call that could both match.
func expect(profile *specs.LinuxSeccomp, arch libseccomp.ScmpArch, c call, highest uint32) uint32 {
	name, err := libseccomp.ScmpSyscall(c.nr).GetNameByArch(arch)
	if err == nil {
		for _, r := range profile.Syscalls {
			if slices.Contains(r.Names, name) && matches(r.Args, c.args) {
				if r.Action == specs.ActAllow {
					return allow
				}
				return errno | uint32(*r.ErrnoRet)
			}
		}
	}
	if c.nr > highest && (arch != libseccomp.ArchX32 || c.nr < sys.X32SyscallBit|512) {
		return enosys
	}
	return errno | uint32(*profile.DefaultErrnoRet)
}

func matches(args []specs.LinuxSeccompArg, values [6]uint64) bool {
	for _, a := range args {
		switch v := values[a.Index]; a.Op {
		case specs.OpEqualTo:
			if v != a.Value {
				return false
			}
		case specs.OpNotEqual:
			if v == a.Value {
				return false
			}
		case specs.OpMaskedEqual:
			if v&a.Value != a.ValueTwo {
				return false
			}
		default:
			panic(a.Op)
		}
	}
	return true
}

func TestDockerProfile(t *testing.T) {
	amd64Only(t)
	profile := docker(t)
	names := 0
	for _, r := range profile.Syscalls {
		names += len(r.Names)
	}
	if names < 400 {
		t.Fatalf("names in Docker's profile: got %d, want 400 or more", names)
	}
	f := mustCompile(t, profile)
	if f.Listener || f.Flags != sys.SeccompFilterSpecAllow {
		t.Errorf("Docker's profile: got listener %v, flags %#x, want false, %#x", f.Listener, f.Flags, sys.SeccompFilterSpecAllow)
	}
	highest := number(t, "landlock_restrict_self", libseccomp.ArchAMD64)
	args := [][6]uint64{{}, {8}, {0x20000}, {0xffffffff}, {40}, {2}, {0x7e020000}, {0x02000000}, {^uint64(0)}}
	for nr := range uint32(1000) {
		for _, a := range args {
			c := call{sys.AuditArchX86_64, nr, a}
			if got, want := verdict(t, f, c), expect(profile, libseccomp.ArchAMD64, c, highest); got != want {
				t.Fatalf("amd64 %d %#x: got %#x, want %#x", nr, a[0], got, want)
			}
			// The other two have arguments of 32 bits for libseccomp.
			if a[0]>>32 != 0 {
				continue
			}
			c.nr |= sys.X32SyscallBit
			if got, want := verdict(t, f, c), expect(profile, libseccomp.ArchX32, c, highest|sys.X32SyscallBit); got != want {
				t.Fatalf("x32 %d %#x: got %#x, want %#x", nr, a[0], got, want)
			}
			c = call{sys.AuditArchX86, nr, a}
			if got, want := verdict(t, f, c), expect(profile, libseccomp.ArchX86, c, highest); got != want {
				t.Fatalf("x86 %d %#x: got %#x, want %#x", nr, a[0], got, want)
			}
		}
	}
}
