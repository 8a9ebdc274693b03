package process

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestCapNamesAreTheKernels(t *testing.T) {
	header, err := os.ReadFile("/usr/include/linux/capability.h")
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^#define (CAP_[A-Z_]+)\s+([0-9]+)$`).FindAllStringSubmatch(string(header), -1) {
		n, ok := CapNumber(m[1])
		if !ok || fmt.Sprint(n) != m[2] || CapName(n) != m[1] {
			t.Errorf("%s is %d, %v; want %s", m[1], n, ok, m[2])
		}
		found++
	}
	if found < 41 {
		t.Errorf("the header has %d capabilities", found)
	}
}

func TestCapNames(t *testing.T) {
	for _, name := range []string{"", "CAP_", "cap_chown", "CHOWN", "CAP_CHOWN ", "CAP_ALL"} {
		if n, ok := CapNumber(name); ok {
			t.Errorf("%q is capability %d", name, n)
		}
	}
	if got := CapName(63); got != "capability 63" {
		t.Error(got)
	}
}

func TestParseCaps(t *testing.T) {
	const chown, kill, admin = 1 << 0, 1 << 5, 1 << 21
	list := func(names ...string) []string { return names }
	for _, c := range []struct {
		name      string
		spec      *specs.LinuxCapabilities
		grantable uint64
		want      Caps
		warnings  []string
	}{
		{"none", nil, all, Caps{}, nil},
		{"empty", &specs.LinuxCapabilities{}, all, Caps{}, nil},
		{"each set by itself", &specs.LinuxCapabilities{
			Bounding: list("CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"), Effective: list("CAP_CHOWN"), Permitted: list("CAP_KILL"),
			Inheritable: list("CAP_SYS_ADMIN"), Ambient: list("CAP_KILL", "CAP_KILL"),
		}, all, Caps{chown | kill | admin, chown, kill, admin, kill}, nil},
		{"unknown", &specs.LinuxCapabilities{
			Bounding: list("CAP_NEW", "CAP_KILL", "kill"), Effective: list("CAP_NEW"),
		}, all, Caps{Bounding: kill}, nil},
		{"not granted", &specs.LinuxCapabilities{
			Bounding: list("CAP_SYS_ADMIN", "CAP_KILL"), Permitted: list("CAP_CHOWN"),
		}, kill, Caps{Bounding: kill}, list("process.capabilities: not granted to the runtime itself: CAP_CHOWN, CAP_SYS_ADMIN")},
	} {
		got, warnings := ParseCaps(c.spec, c.grantable)
		if got != c.want || !slices.Equal(warnings, c.warnings) {
			t.Errorf("%s: %+v %q\nwant %+v %q", c.name, got, warnings, c.want, c.warnings)
		}
	}
}

func TestRlimits(t *testing.T) {
	header, err := os.ReadFile("/usr/include/asm-generic/resource.h")
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^#\s*define (RLIMIT_[A-Z]+)\s+([0-9]+)`).FindAllStringSubmatch(string(header), -1) {
		n, ok := Rlimit(m[1])
		if !ok || fmt.Sprint(n) != m[2] {
			t.Errorf("%s is %d, %v; want %s", m[1], n, ok, m[2])
		}
		found++
	}
	if found != 16 {
		t.Errorf("the header has %d limits", found)
	}
	for _, name := range []string{"", "NOFILE", "RLIMIT_", "rlimit_nofile", strings.Repeat("RLIMIT_", 2)} {
		if n, ok := Rlimit(name); ok {
			t.Errorf("%q is limit %d", name, n)
		}
	}
}
