package seccomp

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// What the lists say is what Compile takes, and nothing else is.
func TestListsAreWhatIsAccepted(t *testing.T) {
	accepted := func(edit func(*specs.LinuxSeccomp)) bool {
		s := &specs.LinuxSeccomp{DefaultAction: specs.ActTrap, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mkdirat"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Op: specs.OpEqualTo}}},
		}}
		edit(s)
		_, _, err := Compile(s, "")
		return err == nil
	}
	for _, c := range []struct {
		what    string
		list    []string
		others  []string
		accepts func(name string) bool
	}{
		{"actions", sorted(names.SeccompActions()), []string{"", "SCMP_ACT_USER_NOTIF", "allow"}, func(name string) bool {
			return accepted(func(s *specs.LinuxSeccomp) { s.DefaultAction = specs.LinuxSeccompAction(name) }) &&
				accepted(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Action = specs.LinuxSeccompAction(name) })
		}},
		{"operators", names.Sorted(names.SeccompOperators), []string{"", "=="}, func(name string) bool {
			return accepted(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Args[0].Op = specs.LinuxSeccompOperator(name) })
		}},
		{"archs", Archs(), []string{"", "amd64", "SCMP_ARCH_NATIVE", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_S390X", "SCMP_ARCH_SHEB", "SCMP_ARCH_M68K"}, func(name string) bool {
			return accepted(func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{specs.Arch(name)} })
		}},
		{"flags", names.Sorted(names.SeccompFlags), []string{"", "SECCOMP_FILTER_FLAG_NEW_LISTENER"}, func(name string) bool {
			return accepted(func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(name)} })
		}},
	} {
		if len(c.list) < 4 || !slices.IsSorted(c.list) || len(slices.Compact(slices.Clone(c.list))) != len(c.list) {
			t.Errorf("%s: got %q, want 4 or more, sorted, once each", c.what, c.list)
		}
		for _, name := range append(c.others, c.list...) {
			if listed, takes := slices.Contains(c.list, name), c.accepts(name); listed != takes {
				t.Errorf("%s: %q: got listed %v, accepted %v, want the same of both", c.what, name, listed, takes)
			}
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// The numbers of names.SeccompOperators are the constants of the Go library.
func TestOperatorNumbers(t *testing.T) {
	for name, want := range map[specs.LinuxSeccompOperator]libseccomp.ScmpCompareOp{
		specs.OpNotEqual: libseccomp.CompareNotEqual, specs.OpLessThan: libseccomp.CompareLess,
		specs.OpLessEqual: libseccomp.CompareLessOrEqual, specs.OpEqualTo: libseccomp.CompareEqual,
		specs.OpGreaterEqual: libseccomp.CompareGreaterEqual, specs.OpGreaterThan: libseccomp.CompareGreater,
		specs.OpMaskedEqual: libseccomp.CompareMaskedEqual,
	} {
		if got, ok := operator(name); got != want || !ok {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, want)
		}
	}
}

// Each action and each architecture of the tables has one of libseccomp's, and no two share one but those that are the same.
func TestTranslations(t *testing.T) {
	seen := map[libseccomp.ScmpAction]string{}
	for _, name := range names.SeccompActions() {
		a := scmpAction(specs.LinuxSeccompAction(name))
		if other, ok := seen[a]; a == libseccomp.ActInvalid || ok && name != string(specs.ActKillThread) {
			t.Errorf("%s: got action %v, also that of %q, want one of its own", name, a, other)
		}
		seen[a] = name
	}
	archs := map[libseccomp.ScmpArch]string{}
	for _, name := range names.List(names.SeccompArchs) {
		a, ok := architecture(specs.Arch(name))
		if other, double := archs[a.scmp]; !ok || double {
			t.Errorf("%s: got architecture %v, %v, also that of %q, want one of its own", name, a.scmp, ok, other)
		}
		archs[a.scmp] = name
	}
}

// TestSupportedFlags: on a kernel of 5.19 or later all of the spec's are there.
func TestSupportedFlags(t *testing.T) {
	known, supported := names.Sorted(names.SeccompFlags), SupportedFlags()
	for _, name := range supported {
		if !slices.Contains(known, name) {
			t.Errorf("supported flag %s: got none of that name in what is known, want one", name)
		}
	}
	if has, err := sys.SeccompHasFlags(sys.SeccompFilterWaitKillableRecv | sys.SeccompFilterNewListener); err != nil {
		t.Skip(err)
	} else if has && !slices.Equal(known, supported) {
		t.Errorf("supported flags: got %q, want %q", supported, known)
	}
	if has, err := sys.SeccompHasFlags(1 << 30); err != nil || has {
		t.Errorf("a flag that no kernel has: got %v, %v, want false", has, err)
	}
}

func TestCheckFlags(t *testing.T) {
	profile := &specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog}}
	if err := (&Filter{Flags: sys.SeccompFilterLog}).CheckFlags(profile); err != nil {
		t.Errorf("check a flag that the kernel has: got error %v, want none", err)
	}
	// As though this kernel were older.
	old := names.SeccompFlags
	names.SeccompFlags = slices.Clone(old)
	defer func() { names.SeccompFlags = old }()
	for i := range names.SeccompFlags {
		if f := &names.SeccompFlags[i]; f.Name == specs.LinuxSeccompFlagLog {
			f.Value = 1 << 30
		}
	}
	err := (&Filter{Flags: 1 << 30}).CheckFlags(profile)
	if err == nil || !strings.HasPrefix(err.Error(), "linux.seccomp.flags[1]: SECCOMP_FILTER_FLAG_LOG: this kernel does not have it") {
		t.Errorf("check a flag that the kernel has not: got error %v, want linux.seccomp.flags[1]: SECCOMP_FILTER_FLAG_LOG: this kernel does not have it", err)
	}
	if err := (&Filter{}).CheckFlags(profile); err != nil {
		t.Errorf("check a flag that the filter is not loaded with: got error %v, want none", err)
	}
}
