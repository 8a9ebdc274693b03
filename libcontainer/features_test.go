package libcontainer

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"teu/libcontainer/spec"
	"teu/rootfs"
)

// accepted reports whether validation has nothing to say against the example with an edit.
func accepted(edit func(*specs.Spec)) bool {
	s := spec.Example(false)
	edit(s)
	r := spec.Validate(s, spec.Facts{})
	return len(r.Problems)+len(r.Warnings) == 0
}

// TestFeaturesAreWhatIsAccepted: what is listed is taken, what is next to it is not.
func TestFeaturesAreWhatIsAccepted(t *testing.T) {
	f := Features(nil)
	profile := func(edit func(*specs.LinuxSeccomp)) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"mkdirat"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: specs.OpEqualTo}}},
			}}
			edit(s.Linux.Seccomp)
		}
	}
	ids := []specs.LinuxIDMapping{{HostID: 1, Size: 10}}
	for what, c := range map[string]struct {
		list, others []string
		edit         func(name string) func(*specs.Spec)
	}{
		"versions": {[]string{f.OCIVersionMin, f.OCIVersionMax}, []string{"0.9.0", "1.4.0", "2.0.0"}, func(name string) func(*specs.Spec) {
			return func(s *specs.Spec) { s.Version = name }
		}},
		"namespaces": {f.Linux.Namespaces, []string{"", "net", "mnt"}, func(name string) func(*specs.Spec) {
			return func(s *specs.Spec) {
				typ := specs.LinuxNamespaceType(name)
				s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == typ })
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
				if typ == specs.UserNamespace {
					s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
				}
			}
		}},
		"capabilities": {f.Linux.Capabilities, []string{"", "CHOWN", "CAP_ALL"}, func(name string) func(*specs.Spec) {
			return func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{name} }
		}},
		"seccomp actions": {f.Linux.Seccomp.Actions, []string{"", "SCMP_ACT_DENY"}, func(name string) func(*specs.Spec) {
			return profile(func(p *specs.LinuxSeccomp) {
				p.Syscalls[0].Action, p.ListenerPath = specs.LinuxSeccompAction(name), "/x"
			})
		}},
		"seccomp operators": {f.Linux.Seccomp.Operators, []string{"", "=="}, func(name string) func(*specs.Spec) {
			return profile(func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args[0].Op = specs.LinuxSeccompOperator(name) })
		}},
		"seccomp archs": {f.Linux.Seccomp.Archs, []string{"", "amd64"}, func(name string) func(*specs.Spec) {
			return profile(func(p *specs.LinuxSeccomp) { p.Architectures = []specs.Arch{specs.Arch(name)} })
		}},
		"seccomp flags": {f.Linux.Seccomp.KnownFlags, []string{"", "SECCOMP_FILTER_FLAG_NEW_LISTENER"}, func(name string) func(*specs.Spec) {
			return profile(func(p *specs.LinuxSeccomp) { p.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(name)} })
		}},
		"memory policies": {f.Linux.MemoryPolicy.Modes, []string{"MPOL_MAX"}, func(name string) func(*specs.Spec) {
			return func(s *specs.Spec) {
				s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MemoryPolicyModeType(name), Nodes: "0"}
				if name == "MPOL_DEFAULT" || name == "MPOL_LOCAL" {
					s.Linux.MemoryPolicy.Nodes = ""
				}
			}
		}},
		"memory policy flags": {f.Linux.MemoryPolicy.Flags, []string{"", "MPOL_F_NODE"}, func(name string) func(*specs.Spec) {
			return func(s *specs.Spec) {
				s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MemoryPolicyFlagType(name)}}
			}
		}},
	} {
		if len(c.list) < 2 {
			t.Errorf("%s: got %q, want 2 or more", what, c.list)
		}
		for _, name := range append(slices.Clone(c.others), c.list...) {
			if listed, takes := slices.Contains(c.list, name), accepted(c.edit(name)); listed != takes {
				t.Errorf("%s: %q: got listed %v, accepted %v, want the same of both", what, name, listed, takes)
			}
		}
	}
	for _, name := range f.Linux.Seccomp.SupportedFlags {
		if !slices.Contains(f.Linux.Seccomp.KnownFlags, name) {
			t.Errorf("supported flag %s: got none of that name in what is known, want one", name)
		}
	}
}

// TestFeaturesHooks: they are the members of specs.Hooks.
func TestFeaturesHooks(t *testing.T) {
	var want []string
	for f := range reflect.TypeFor[specs.Hooks]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		want = append(want, name)
	}
	if got := Features(nil).Hooks; !slices.Equal(got, want) {
		t.Errorf("hooks: got %q, want %q", got, want)
	}
}

// TestFeaturesMountOptions: each is an option of the mount, and not one for the filesystem, whose fsconfig would show it.
func TestFeaturesMountOptions(t *testing.T) {
	list := Features(nil).MountOptions
	for _, must := range []string{"ro", "rro", "rbind", "nosuid", "rprivate"} { // Docker looks for rro
		if !slices.Contains(list, must) {
			t.Errorf("mount options: got %q, want %s among them", list, must)
		}
	}
	if !slices.Equal(list, rootfs.MountOptions()) || !slices.IsSorted(list) {
		t.Errorf("mount options: got %q, want %q, sorted", list, rootfs.MountOptions())
	}
}

// TestFeaturesAreWhole: nothing is unknown: no list is null and no switch is absent.
func TestFeaturesAreWhole(t *testing.T) {
	text, err := json.Marshal(Features(map[string]string{"k": "v"}))
	if err != nil {
		t.Fatalf("marshal the features: %v", err)
	}
	var f features.Features
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("unmarshal the features: %v", err)
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Pointer:
			if v.IsNil() {
				t.Errorf("%s: got null, want a value", path)
				return
			}
			walk(v.Elem(), path)
		case reflect.Slice, reflect.Map, reflect.String:
			if v.Len() == 0 {
				t.Errorf("%s: got an empty value, want some", path)
			}
		}
	}
	walk(reflect.ValueOf(f), "features")
	l := f.Linux
	for _, on := range []*bool{
		l.Cgroup.V1, l.Cgroup.V2, l.Cgroup.Systemd, l.Cgroup.SystemdUser, l.Cgroup.Rdma, l.Seccomp.Enabled, l.Apparmor.Enabled, l.Selinux.Enabled, l.IntelRdt.Enabled, l.IntelRdt.Schemata,
		l.IntelRdt.Monitoring, l.MountExtensions.IDMap.Enabled, l.NetDevices.Enabled,
	} {
		if !*on {
			t.Errorf("switches of the features: got one that is off in\n%s\nwant all on", text)
		}
	}
}
