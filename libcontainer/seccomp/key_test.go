package seccomp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Each part of a profile that makes its filter makes its key; what only the listener needs does not.
func TestKeyHasEveryField(t *testing.T) {
	base := func() *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{
			DefaultAction: "a", DefaultErrnoRet: p(uint(1)), Architectures: []specs.Arch{"b"},
			Flags: []specs.LinuxSeccompFlag{"c"},
			Syscalls: []specs.LinuxSyscall{{
				Names:    []string{"d"},
				Action:   "e",
				ErrnoRet: p(uint(2)),
				Args:     []specs.LinuxSeccompArg{{Index: 3, Value: 4, ValueTwo: 5, Op: "f"}},
			}},
		}
	}
	seen := map[key]string{keyOf(base()): "base"}
	differs := func(name string, f func(*specs.LinuxSeccomp)) {
		t.Helper()
		s := base()
		f(s)
		if other, ok := seen[keyOf(s)]; ok {
			t.Errorf("key of %s: got that of %s, want one of its own", name, other)
		}
		seen[keyOf(s)] = name
	}
	// By reflection, so that a field that a later runtime-spec adds is not forgotten.
	var walk func(path string, get func(*specs.LinuxSeccomp) reflect.Value)
	walk = func(path string, get func(*specs.LinuxSeccomp) reflect.Value) {
		switch v := get(base()); v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; !strings.HasPrefix(name, "Listener") {
					walk(path+"."+name, func(s *specs.LinuxSeccomp) reflect.Value { return get(s).Field(i) })
				}
			}
		case reflect.Slice:
			walk(path+"[0]", func(s *specs.LinuxSeccomp) reflect.Value { return get(s).Index(0) })
			differs(path+" longer", func(s *specs.LinuxSeccomp) { l := get(s); l.Set(reflect.Append(l, l.Index(0))) })
		case reflect.Pointer:
			differs(path+" nil", func(s *specs.LinuxSeccomp) { get(s).SetZero() })
			differs(path+" changed", func(s *specs.LinuxSeccomp) { get(s).Set(reflect.ValueOf(p(uint(99)))) })
		case reflect.String:
			differs(path+" changed", func(s *specs.LinuxSeccomp) { get(s).SetString("changed") })
		case reflect.Uint, reflect.Uint64:
			differs(path+" changed", func(s *specs.LinuxSeccomp) { get(s).SetUint(98) })
		default:
			t.Fatalf("%s: got a field of kind %v, want one that the test can change", path, v.Kind())
		}
	}
	walk("seccomp", func(s *specs.LinuxSeccomp) reflect.Value { return reflect.ValueOf(s).Elem() })
	differs("no flags", func(s *specs.LinuxSeccomp) { s.Flags = nil })
	differs("empty flags", func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{} })
	differs("names joined", func(s *specs.LinuxSeccomp) { s.Syscalls[0].Names = []string{"d\x01e"} })
	differs("rules split", func(s *specs.LinuxSeccomp) { s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{}) })
	if len(seen) < 20 {
		t.Errorf("keys: got %d, want 20 or more", len(seen))
	}
	s := base()
	s.ListenerPath, s.ListenerMetadata = "/run/agent", "x"
	if seen[keyOf(s)] != "base" {
		t.Errorf("key with another listener: got that of %q, want that of base", seen[keyOf(s)])
	}
}

// A change in what compile makes, or in how it is written, must change format, or old entries would be taken
// for new ones. If this fails: change format, then the sum.
func TestFilterFormat(t *testing.T) {
	amd64Only(t)
	if v := libraryVersion(); v != "2.5.4" {
		t.Skip("the sum is that of libseccomp 2.5.4, this is", v)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s", format, magic)
	all := docker(t)
	all.Architectures = append(all.Architectures, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPSEL, specs.ArchRISCV64)
	for _, profile := range []*specs.LinuxSeccomp{
		docker(t),
		all,
		profileNr(0),
		{
			DefaultAction: specs.ActAllow,
			Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv},
			Syscalls:      []specs.LinuxSyscall{rule(specs.ActNotify, "mkdir", "no_such_call")},
		},
	} {
		e, err := compile(profile)
		must(t, err)
		h.Write(encode(key{}, e))
	}
	const want = "f4df275494a7ce98a1e19e2483b6ad5c7d787b8b4dc82a2b7c8dfc26625e6899"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("filters of format %d: got the sum %s, want %s", format, got, want)
	}
}
