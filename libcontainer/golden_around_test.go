package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func on(do func(s *specs.Spec)) func(*specs.Spec, *initFacts) {
	return func(s *specs.Spec, _ *initFacts) { do(s) }
}

func resources(r specs.LinuxResources) func(*specs.Spec, *initFacts) {
	return on(func(s *specs.Spec) { s.Linux.Resources = &r })
}

func blockDevice(major, minor int64) specs.LinuxBlockIODevice {
	return specs.LinuxBlockIODevice{Major: major, Minor: minor}
}

func ptr[T any](v T) *T { return &v }

// aroundFields are done around the program: by the record, by the clone, on the cgroup, on the pid.
var aroundFields = []with{
	{"oci-version", on(func(s *specs.Spec) { s.Version = "1.0.2" })},
	{"annotations", on(func(s *specs.Spec) { s.Annotations = map[string]string{"org.example.key": "value"} })},
	{"id-mappings", both(newNamespace(specs.UserNamespace), on(func(s *specs.Spec) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 10}, {ContainerID: 10, HostID: 5000, Size: 5}}
		s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 2000, Size: 11}, {ContainerID: 11, HostID: 6000, Size: 6}}
	}))},
	{"oom-score-adj", on(func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(100) })},
	{"rlimits", on(func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}, {Type: "RLIMIT_CORE", Hard: 7}}
	})},
	{"cgroups-path", on(func(s *specs.Spec) { s.Linux.CgroupsPath = "/a/b" })},
	{"resources-cpu", resources(specs.LinuxResources{CPU: &specs.LinuxCPU{
		Shares: ptr(uint64(512)), Quota: ptr(int64(20000)), Period: ptr(uint64(50000)), Burst: ptr(uint64(10000)), Cpus: "0-1", Mems: "0",
	}})},
	{"resources-cpu-idle", resources(specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(1))}})},
	{"resources-cpu-realtime", resources(specs.LinuxResources{CPU: &specs.LinuxCPU{
		RealtimeRuntime: ptr(int64(1000)), RealtimePeriod: ptr(uint64(1000000)),
	}})},
	{"resources-memory", resources(specs.LinuxResources{Memory: &specs.LinuxMemory{
		Limit: ptr(int64(1 << 20)), Reservation: ptr(int64(1 << 19)), Swap: ptr(int64(1 << 21)), Swappiness: ptr(uint64(10)),
		KernelTCP: ptr(int64(1 << 18)), Kernel: ptr(int64(1 << 18)), DisableOOMKiller: ptr(true), UseHierarchy: ptr(true), CheckBeforeUpdate: ptr(true),
	}})},
	{"resources-memory-check", resources(specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64)), CheckBeforeUpdate: ptr(true)}})},
	{"resources-pids", resources(specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(10))}})},
	{"resources-blockio", resources(specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
		Weight:                  ptr(uint16(100)),
		WeightDevice:            []specs.LinuxWeightDevice{{LinuxBlockIODevice: blockDevice(8, 0), Weight: ptr(uint16(20))}},
		ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{{LinuxBlockIODevice: blockDevice(8, 0), Rate: 1000}},
		ThrottleWriteBpsDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: blockDevice(8, 16), Rate: 2000}},
		ThrottleReadIOPSDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: blockDevice(8, 32), Rate: 30}},
		ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: blockDevice(8, 48), Rate: 40}},
	}})},
	{"resources-blockio-leaf", resources(specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
		LeafWeight:   ptr(uint16(100)),
		WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: blockDevice(8, 0), LeafWeight: ptr(uint16(20))}},
	}})},
	{"resources-hugepages", resources(specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{
		{Pagesize: "2MB", Limit: 4 << 20}, {Pagesize: "1GB", Limit: 0},
	}})},
	{"resources-network", resources(specs.LinuxResources{Network: &specs.LinuxNetwork{
		ClassID: ptr(uint32(0x100001)), Priorities: []specs.LinuxInterfacePriority{{Name: "eth0", Priority: 5}},
	}})},
	{"resources-rdma", resources(specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{
		"mlx5_1": {HcaHandles: ptr(uint32(3)), HcaObjects: ptr(uint32(100))}, "mlx4_0": {HcaObjects: ptr(uint32(10))},
	}})},
	{"resources-unified", resources(specs.LinuxResources{Unified: map[string]string{
		"memory.high": "1048576", "io.max": "8:0 rbps=1000\n8:16 wiops=20",
	}})},
	{"resources-devices", resources(specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rw"},
	}})},
	{"seccomp", on(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(uint(2)), Architectures: []specs.Arch{specs.ArchX86},
			Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
			Syscalls: []specs.LinuxSyscall{
				{Names: []string{"read", "write"}, Action: specs.ActAllow},
				{Names: []string{"mkdir"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(5))},
				{Names: []string{"clone"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 1, Value: 2, ValueTwo: 3, Op: specs.OpMaskedEqual}}},
			},
		}
	})},
	{"capabilities", on(func(s *specs.Spec) {
		one := func(name string) []string { return []string{"CAP_KILL", name} }
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Bounding: one("CAP_CHOWN"), Effective: one("CAP_FOWNER"), Inheritable: one("CAP_NET_RAW"),
			Permitted: []string{"CAP_KILL", "CAP_FOWNER", "CAP_NET_RAW", "CAP_SYS_CHROOT"}, Ambient: one("CAP_NET_RAW"),
		}
	})},
}
