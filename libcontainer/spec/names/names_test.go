package names

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCapabilitiesAreTheKernels(t *testing.T) {
	header, err := os.ReadFile("/usr/include/linux/capability.h")
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^#define (CAP_[A-Z_]+)\s+([0-9]+)$`).FindAllStringSubmatch(string(header), -1) {
		n, ok := Capability(m[1])
		if !ok || fmt.Sprint(n) != m[2] || CapabilityName(n) != m[1] {
			t.Errorf("%s: got %d, %v, and the name %s, want %s and the same name", m[1], n, ok, CapabilityName(n), m[2])
		}
		found++
	}
	if found < 41 {
		t.Errorf("capabilities in the header: got %d, want 41 or more", found)
	}
}

func TestCapabilities(t *testing.T) {
	for _, name := range []string{"", "CAP_", "cap_chown", "CHOWN", "CAP_CHOWN ", "CAP_ALL"} {
		if n, ok := Capability(name); ok {
			t.Errorf("capability %q: got %d, want none", name, n)
		}
	}
	if got, want := CapabilityName(63), "capability 63"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRlimits(t *testing.T) {
	header, err := os.ReadFile("/usr/include/asm-generic/resource.h")
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^#\s*define (RLIMIT_[A-Z]+)\s+([0-9]+)`).FindAllStringSubmatch(string(header), -1) {
		n, ok := Find(Rlimits, m[1])
		if !ok || fmt.Sprint(n) != m[2] {
			t.Errorf("%s: got %d, %v, want %s", m[1], n, ok, m[2])
		}
		found++
	}
	if found != 16 {
		t.Errorf("limits in the header: got %d, want 16", found)
	}
	for _, name := range []string{"", "NOFILE", "RLIMIT_", "rlimit_nofile", strings.Repeat("RLIMIT_", 2)} {
		if n, ok := Find(Rlimits, name); ok {
			t.Errorf("limit %q: got %d, want none", name, n)
		}
	}
}

// TestNumbersAreTheKernels compares with the kernel's headers, as far as this machine has them.
func TestNumbersAreTheKernels(t *testing.T) {
	enum := regexp.MustCompile(`(?m)^\s+(MPOL_[A-Z_]+|IOPRIO_CLASS_[A-Z]+)\b(?:\s*=\s*([0-9]+))?\s*,`)
	define := regexp.MustCompile(`(?m)^#define\s+((?:MPOL_F|SCHED|SCHED_FLAG)_[A-Z_]+)\s+(?:\(1 << ([0-9]+)\)|(0x[0-9a-f]+|[0-9]+))`)
	want := map[string]uint64{}
	for _, file := range []string{"mempolicy.h", "ioprio.h", "sched.h"} {
		text, err := os.ReadFile("/usr/include/linux/" + file)
		if err != nil {
			t.Skip(err)
		}
		next := uint64(0)
		for _, m := range enum.FindAllStringSubmatch(string(text), -1) {
			if m[2] != "" || m[1] == "IOPRIO_CLASS_NONE" {
				next, _ = strconv.ParseUint("0"+m[2], 10, 64)
			}
			want[m[1]] = next
			next++
		}
		for _, m := range define.FindAllStringSubmatch(string(text), -1) {
			if m[2] != "" {
				shift, _ := strconv.Atoi(m[2])
				want[m[1]] = 1 << shift
				continue
			}
			want[m[1]], _ = strconv.ParseUint(m[3], 0, 64)
		}
	}
	want["SCHED_OTHER"] = want["SCHED_NORMAL"]
	checked := 0
	for _, table := range []map[string]uint64{
		values(SchedPolicies), values(SchedFlags), values(IOClasses), values(MemoryModes), values(MemoryFlags),
	} {
		for name, value := range table {
			w, ok := want[name]
			if !ok {
				t.Logf("%s is not in these headers", name)
				continue
			}
			if checked++; w != value {
				t.Errorf("%s: got %d, want the kernel's %d", name, value, w)
			}
		}
	}
	if checked < 20 {
		t.Errorf("numbers compared: got %d, want 20 or more", checked)
	}
}

func values[T ~string](list Table[T]) map[string]uint64 {
	m := map[string]uint64{}
	for _, n := range list {
		m[string(n.Name)] = n.Value
	}
	return m
}

// TestNamespaces: each type has a flag and a file of its own, under the names of this kernel.
func TestNamespaces(t *testing.T) {
	var all uint64
	list := Namespaces()
	if len(list) != 8 || !slices.IsSorted(list) {
		t.Errorf("got %q, want 8 types in alphabetical order", list)
	}
	for _, name := range list {
		flag, proc := Namespace(specs.LinuxNamespaceType(name))
		if flag == 0 || all&flag != 0 || ProcNamespace(flag) != proc {
			t.Errorf("%s: got flag %#x, file %q, and %q of the flag, want another flag and the same file", name, flag, proc, ProcNamespace(flag))
		}
		all |= flag
		if _, err := os.Stat("/proc/self/ns/" + proc); err != nil {
			t.Errorf("file of the namespace %s: got error %v, want none", name, err)
		}
	}
	for _, name := range []specs.LinuxNamespaceType{"", "net", "mnt", "PID"} {
		if flag, proc := Namespace(name); flag != 0 || proc != "" {
			t.Errorf("%q: got %#x, %q, want none", name, flag, proc)
		}
	}
	if proc := ProcNamespace(1); proc != "" {
		t.Errorf("flag 1: got %q, want none", proc)
	}
}

func TestNamespaceIn(t *testing.T) {
	l := &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.UserNamespace, Path: "/first"}, {Type: specs.UserNamespace}}}
	if got := NamespaceIn(l, specs.UserNamespace); got != &l.Namespaces[1] {
		t.Errorf("user: got %+v, want the entry of /first", got)
	}
	for _, l := range []*specs.Linux{nil, {}, l} {
		if got := NamespaceIn(l, specs.IPCNamespace); got != nil {
			t.Errorf("ipc of %+v: got %+v, want none", l, got)
		}
	}
}

func TestFindSeccompAction(t *testing.T) {
	for _, name := range SeccompActions() {
		a, ok := FindSeccompAction(specs.LinuxSeccompAction(name))
		if string(a.Name) != name || !ok || a.Kernel == "" {
			t.Errorf("%s: got %+v, %v, want an action of that name, with the kernel's name", name, a, ok)
		}
	}
	if a, ok := FindSeccompAction("SCMP_ACT_USER_NOTIF"); ok {
		t.Errorf("SCMP_ACT_USER_NOTIF: got %+v, want none", a)
	}
	available, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil {
		t.Skip(err)
	}
	for name := range strings.FieldsSeq(string(available)) {
		if !slices.ContainsFunc(seccompActions[:], func(a SeccompAction) bool { return a.Kernel == name }) {
			t.Errorf("the kernel's action %s: got none of that name, want one", name)
		}
	}
}
