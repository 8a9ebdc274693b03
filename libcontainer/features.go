package libcontainer

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"teu/cgroups/limits"
	"teu/libcontainer/seccomp"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/rootfs"
)

/*
Features is what teu knows and does, as the features structure has it (features.md): the lists are the tables that the
checks and compilers use, and what is on or off is asked of the checks themselves, so that nothing stands here that the code
does not do. annotations say what build it is.

It is about teu, not about the machine, but for linux.seccomp: the library decides about archs and the kernel about
supportedFlags, as the specification has it.
*/
func Features(annotations map[string]string) *features.Features {
	f := &features.Features{
		OCIVersionMin:                      spec.MinVersion,
		OCIVersionMax:                      spec.MaxVersion,
		MountOptions:                       rootfs.MountOptions(),
		Linux:                              linuxFeatures(),
		Annotations:                        annotations,
		PotentiallyUnsafeConfigAnnotations: spec.UnsafeAnnotations(),
	}
	for _, l := range spec.Hooks(nil) {
		f.Hooks = append(f.Hooks, l.Kind)
	}
	return f
}

func linuxFeatures() *features.Linux {
	yes := true
	l := &features.Linux{
		Namespaces:   names.Namespaces(),
		Capabilities: names.Capabilities(),
		Cgroup: &features.Cgroup{
			V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &yes,
			Rdma: limitable(&specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"x": {HcaHandles: new(uint32)}}}),
		},
		Seccomp: seccompFeatures(),
		Apparmor: &features.Apparmor{Enabled: honoured(func(s *specs.Spec) {
			s.Process.ApparmorProfile = "x"
		})},
		Selinux: &features.Selinux{Enabled: honoured(func(s *specs.Spec) {
			s.Process.SelinuxLabel, s.Linux.MountLabel = "a:b:c:s0", "a:b:c:s0"
		})},
		IntelRdt: &features.IntelRdt{
			Enabled:    honoured(func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x"} }),
			Schemata:   honoured(func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{Schemata: []string{"L3:0=f"}} }),
			Monitoring: honoured(func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{EnableMonitoring: true} }),
		},
		MemoryPolicy: &features.MemoryPolicy{Modes: names.Sorted(names.MemoryModes), Flags: names.Sorted(names.MemoryFlags)},
		MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: honoured(func(s *specs.Spec) {
			ids := []specs.LinuxIDMapping{{HostID: 1, Size: 1}}
			s.Mounts = []specs.Mount{{Destination: "/x", Source: "/x", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: ids}}
		})}},
		NetDevices: &features.NetDevices{Enabled: honoured(func(s *specs.Spec) {
			s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"x": {}}
		})},
	}
	return l
}

func seccompFeatures() *features.Seccomp {
	actions := names.SeccompActions()
	slices.Sort(actions)
	return &features.Seccomp{
		Enabled: honoured(func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} }),
		Actions: slices.DeleteFunc(actions, func(a string) bool {
			return !*honoured(func(s *specs.Spec) {
				s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
					{Names: []string{"mkdirat"}, Action: specs.LinuxSeccompAction(a)},
				}, ListenerPath: "/x"}
			})
		}),
		Operators:      names.Sorted(names.SeccompOperators),
		Archs:          seccomp.Archs(),
		KnownFlags:     names.Sorted(names.SeccompFlags),
		SupportedFlags: seccomp.SupportedFlags(),
	}
}

// honoured reports whether validation lets the example through with an edit that is right: what teu does not do it refuses
// by name.
func honoured(edit func(*specs.Spec)) *bool {
	s := spec.Example(false)
	edit(s)
	ok := len(spec.Validate(s, spec.Facts{}).Problems) == 0
	return &ok
}

// limitable does so for linux.resources, which is checked where it is compiled.
func limitable(r *specs.LinuxResources) *bool {
	_, _, err := limits.Compile(r, limits.Host{Version: func(string) limits.Version { return limits.V2 }})
	ok := err == nil
	return &ok
}
