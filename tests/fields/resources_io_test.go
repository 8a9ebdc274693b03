package fields

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// linux/loop.h
const (
	loopSetFD      = 0x4c00
	loopClrFD      = 0x4c01
	loopCtlGetFree = 0x4c82
)

// loopDevice is a block device of the test's own, with the I/O scheduler BFQ if the kernel has it.
func loopDevice(t *testing.T) (number specs.LinuxBlockIODevice, bfq bool) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	check(t, err)
	defer file.Close()
	check(t, file.Truncate(1<<20))
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no loop device to be had: %v", err)
	}
	defer control.Close()
	n, err := ioctl(control, loopCtlGetFree, 0)
	check(t, err)
	device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
	check(t, err)
	if _, err := ioctl(device, loopSetFD, file.Fd()); err != nil {
		device.Close()
		t.Fatalf("attach a loop device: %v", err)
	}
	queue := fmt.Sprintf("/sys/block/loop%d/queue/scheduler", n)
	t.Cleanup(func() {
		os.WriteFile(queue, []byte("none"), 0)
		_, err := ioctl(device, loopClrFD, 0)
		device.Close()
		check(t, err)
	})
	text, err := os.ReadFile(fmt.Sprintf("/sys/block/loop%d/dev", n))
	check(t, err)
	_, err = fmt.Sscanf(string(text), "%d:%d", &number.Major, &number.Minor)
	check(t, err)
	return number, os.WriteFile(queue, []byte("bfq"), 0) == nil
}

func ioctl(f *os.File, request, arg uintptr) (uintptr, error) {
	n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, arg)
	if errno != 0 {
		return 0, fmt.Errorf("ioctl %#x of %s: %w", request, f.Name(), errno)
	}
	return n, nil
}

func TestBlockIO(t *testing.T) {
	kit.Rooted(t)
	kit.Covers(t, "linux.resources.blockIO.weight", "linux.resources.blockIO.leafWeight",
		"linux.resources.blockIO.weightDevice[].major", "linux.resources.blockIO.weightDevice[].minor",
		"linux.resources.blockIO.weightDevice[].weight", "linux.resources.blockIO.weightDevice[].leafWeight",
		"linux.resources.blockIO.throttleReadBpsDevice[].major", "linux.resources.blockIO.throttleReadBpsDevice[].minor",
		"linux.resources.blockIO.throttleReadBpsDevice[].rate",
		"linux.resources.blockIO.throttleWriteBpsDevice[].major", "linux.resources.blockIO.throttleWriteBpsDevice[].minor",
		"linux.resources.blockIO.throttleWriteBpsDevice[].rate",
		"linux.resources.blockIO.throttleReadIOPSDevice[].major", "linux.resources.blockIO.throttleReadIOPSDevice[].minor",
		"linux.resources.blockIO.throttleReadIOPSDevice[].rate",
		"linux.resources.blockIO.throttleWriteIOPSDevice[].major", "linux.resources.blockIO.throttleWriteIOPSDevice[].minor",
		"linux.resources.blockIO.throttleWriteIOPSDevice[].rate")
	disk, bfq := loopDevice(t)
	nr := fmt.Sprintf("%d:%d", disk.Major, disk.Minor)
	io := func(b specs.LinuxBlockIO) func(r *specs.LinuxResources) {
		return func(r *specs.LinuxResources) { r.BlockIO = &b }
	}
	rate := func(n uint64) []specs.LinuxThrottleDevice {
		return []specs.LinuxThrottleDevice{{LinuxBlockIODevice: disk, Rate: n}}
	}
	none := specs.LinuxBlockIODevice{Major: 4000, Minor: 77}
	ask(t, "blkio", "io", []asked{
		{"nothing", io(specs.LinuxBlockIO{Weight: ptr(uint16(0)), WeightDevice: []specs.LinuxWeightDevice{}}), []string{}, []string{}},
		{"leaf weight", io(specs.LinuxBlockIO{LeafWeight: ptr(uint16(300))}), []string{"!linux.resources.blockIO.leafWeight: write "},
			[]string{"!linux.resources.blockIO.leafWeight: no equivalent on cgroup v2"}},
		{
			"leaf weight of a device", io(specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: disk, LeafWeight: ptr(uint16(300))}}}),
			[]string{"!linux.resources.blockIO.weightDevice[0].leafWeight: write "},
			[]string{"!linux.resources.blockIO.weightDevice[0].leafWeight: no equivalent on cgroup v2"},
		},
		{"reading", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: rate(1 << 40)}),
			[]string{"blkio.throttle.read_bps_device " + nr + " 1099511627776"}, []string{"io.max " + nr + " rbps=1099511627776 wbps=max riops=max wiops=max"}},
		{"writing", io(specs.LinuxBlockIO{ThrottleWriteBpsDevice: rate(2 << 20)}),
			[]string{"blkio.throttle.write_bps_device " + nr + " 2097152"}, []string{"io.max " + nr + " rbps=max wbps=2097152 riops=max wiops=max"}},
		{
			"operations", io(specs.LinuxBlockIO{ThrottleReadIOPSDevice: rate(30), ThrottleWriteIOPSDevice: rate(40)}),
			[]string{"blkio.throttle.read_iops_device " + nr + " 30", "blkio.throttle.write_iops_device " + nr + " 40"},
			[]string{"io.max " + nr + " rbps=max wbps=max riops=30 wiops=40"},
		},
		{"no rate", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: rate(0), ThrottleWriteBpsDevice: rate(5 << 20)}),
			[]string{"blkio.throttle.write_bps_device " + nr + " 5242880"}, []string{"io.max " + nr + " rbps=max wbps=5242880 riops=max wiops=max"}},
		{
			"no such device", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: none, Rate: 1}}}),
			[]string{"!linux.resources.blockIO.throttleReadBpsDevice[0]: write "}, []string{"!linux.resources.blockIO.throttleReadBpsDevice[0]: write "},
		},
	})
	t.Run("weights", func(t *testing.T) { askWeights(t, disk, bfq) })
}

// askWeights: without BFQ there is nowhere to write them on v1, and io.weight on v2 where iocost is.
func askWeights(t *testing.T, disk specs.LinuxBlockIODevice, bfq bool) {
	nr := fmt.Sprintf("%d:%d", disk.Major, disk.Minor)
	weight := func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: ptr(uint16(200))} }
	devices := func(r *specs.LinuxResources) {
		r.BlockIO = &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: disk, Weight: ptr(uint16(300))}}}
	}
	if bfq {
		ask(t, "blkio", "io", []asked{
			{"all devices", weight, []string{"blkio.bfq.weight 200"}, []string{"io.bfq.weight default 200"}},
			{"one device", devices, []string{"blkio.bfq.weight_device " + nr + " 300"}, []string{"io.bfq.weight " + nr + " 300"}},
		})
		return
	}
	t.Log("no I/O scheduler BFQ")
	ask(t, "blkio", "io", []asked{
		{"all devices", weight, []string{"!linux.resources.blockIO.weight: "}, []string{"io.weight default 1920"}},
		{"one device", devices, []string{"!linux.resources.blockIO.weightDevice[0].weight: "}, []string{"!linux.resources.blockIO.weightDevice[0].weight: "}},
	})
}

// mountV1 mounts v1 hierarchies that are free, in the suite's own mount namespace. What else runs in the suite would take
// part in them: such a test is not parallel.
func mountV1(t *testing.T, controllers ...string) string {
	t.Helper()
	top := filepath.Join(t.TempDir(), "v1")
	for _, c := range controllers {
		dir := filepath.Join(top, c)
		check(t, os.MkdirAll(dir, 0o755))
		others := attached(t, c) // as v1, and mounted: by another name here, or in another mount namespace
		// The v2 tree lets go of a controller when the last cgroup that had it is not only removed, but gone.
		err := eventually(func() error { return syscall.Mount("cgroup", dir, "cgroup", 0, c) })
		if err != nil {
			t.Logf("mount cgroup v1 %s: %v", c, err) // it is not there, or elsewhere
			continue
		}
		t.Cleanup(func() {
			// A hierarchy that is unmounted while it has more than its root stays for good.
			if !others {
				check(t, eventually(func() error { return alone(c) }))
			}
			check(t, syscall.Unmount(dir, 0))
		})
	}
	return top
}

// alone is EBUSY while the hierarchy of a controller has more cgroups than the root: /proc/cgroups counts those too that
// are removed and not gone.
func alone(controller string) error {
	_, cgroups, err := hierarchyOf(controller)
	if err == nil && cgroups != "1" {
		err = fmt.Errorf("%s cgroups of %s: %w", cgroups, controller, syscall.EBUSY)
	}
	return err
}

// attached reports whether a controller is that of a v1 hierarchy: that of v2 has the number 0.
func attached(t *testing.T, controller string) bool {
	t.Helper()
	number, _, err := hierarchyOf(controller)
	check(t, err)
	return number != "" && number != "0"
}

// hierarchyOf is what /proc/cgroups says of a controller's hierarchy: its number and how many cgroups it has, "" for a
// controller that the kernel does not have (cgroups(7)).
func hierarchyOf(controller string) (number, cgroups string, err error) {
	text, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == controller {
			return f[1], f[2], nil
		}
	}
	return "", "", nil
}

// eventually tries again while something is busy, for a short time.
func eventually(do func() error) error {
	end := time.Now().Add(2 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do()
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(end) {
			return err
		}
		<-tick.C
	}
}

func hugepages(limit uint64) func(r *specs.LinuxResources) {
	return func(r *specs.LinuxResources) {
		r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: limit}}
	}
}

func TestHugepageLimits(t *testing.T) {
	kit.Rooted(t)
	kit.Covers(t, "linux.resources.hugepageLimits[].pageSize", "linux.resources.hugepageLimits[].limit")
	if !exists("/sys/kernel/mm/hugepages/hugepages-2048kB") {
		t.Skip("no huge pages of 2 MB")
	}
	unknown := func(r *specs.LinuxResources) {
		r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "3MB", Limit: 1}}
	}
	no := []string{"!needs huge pages of 3MB"}
	list := []asked{
		{"some", hugepages(4 << 20), []string{"hugetlb.2MB.limit_in_bytes 4194304", "hugetlb.2MB.rsvd.limit_in_bytes 4194304"},
			[]string{"hugetlb.2MB.max 4194304", "hugetlb.2MB.rsvd.max 4194304"}},
		{"none", hugepages(0), []string{"hugetlb.2MB.limit_in_bytes 0", "hugetlb.2MB.rsvd.limit_in_bytes 0"}, []string{"hugetlb.2MB.max 0", "hugetlb.2MB.rsvd.max 0"}},
		{"of no such size", unknown, no, no},
	}
	t.Run("as it is", func(t *testing.T) { ask(t, "hugetlb", "hugetlb", list) })
	if _, v2 := hierarchy("pids"); v2 {
		return
	}
	t.Run("on v1", func(t *testing.T) { ask(t, "hugetlb", "", list, mountV1(t, "hugetlb")) })
}

func TestNetwork(t *testing.T) {
	kit.Rooted(t)
	kit.Covers(t, "linux.resources.network.classID", "linux.resources.network.priorities[].name", "linux.resources.network.priorities[].priority")
	class := func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(0x100001))} }
	priorities := func(name string) func(r *specs.LinuxResources) {
		return func(r *specs.LinuxResources) {
			r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: name, Priority: 5}}}
		}
	}
	if _, v2 := hierarchy("pids"); v2 {
		for want, set := range map[string]func(*specs.LinuxResources){"classID": class, "priorities[0]": priorities("lo")} {
			b := kit.New(t, kit.Resources(set))
			refused(b, "linux.resources.network."+want+": no equivalent on cgroup v2")
		}
		return
	}
	if top, _ := hierarchy("net_cls"); top == "" {
		b := kit.New(t, kit.Resources(class))
		refused(b, "linux.resources.network.classID: no net_cls cgroup controller")
	}
	top := mountV1(t, "net_cls", "net_prio")
	ask(t, "net_cls", "", []asked{{"class", class, []string{"net_cls.classid " + strconv.Itoa(0x100001)}, nil}}, top)
	ask(t, "net_prio", "", []asked{
		{"priority", priorities("lo"), []string{"net_prio.ifpriomap lo 5"}, nil},
		{"no such interface", priorities("nowhere0"), []string{"!linux.resources.network.priorities[0]: write "}, nil},
	}, top)
}

// TestRdma: a device is not to be expected. The kernel takes the line to pieces before it looks for it.
func TestRdma(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.resources.rdma{}.hcaHandles", "linux.resources.rdma{}.hcaObjects")
	list, _ := filepath.Glob("/sys/class/infiniband/*")
	name, missing := "nowhere0", `!linux.resources.rdma["nowhere0"]`
	if len(list) > 0 {
		name, missing = filepath.Base(list[0]), ""
	}
	both := func(r *specs.LinuxResources) {
		r.Rdma = map[string]specs.LinuxRdma{name: {HcaHandles: ptr(uint32(3)), HcaObjects: ptr(uint32(100))}}
	}
	if top, _ := hierarchy("rdma"); top == "" {
		b := kit.New(t, kit.Resources(both))
		refused(b, `linux.resources.rdma["`+name+`"]: no rdma cgroup controller`)
		return
	}
	want := []string{"rdma.max " + name + " hca_handle=3 hca_object=100"}
	if missing != "" {
		want = []string{missing}
	}
	ask(t, "rdma", "rdma", []asked{{"both", both, want, want}})
	if missing != "" {
		b := kit.New(t, kit.Resources(both))
		refused(b, `/rdma.max "nowhere0 hca_handle=3 hca_object=100": no such device`)
	}
}

func TestUnified(t *testing.T) {
	kit.Rooted(t)
	kit.Covers(t, "linux.resources.unified{}")
	one := func(file, text string) func(*specs.LinuxResources) {
		return func(r *specs.LinuxResources) { r.Unified = map[string]string{file: text} }
	}
	top := kit.V2Top()
	if top == "" {
		b := kit.New(t, kit.Resources(one("memory.high", "1")))
		refused(b, `linux.resources.unified["memory.high"]: needs cgroup v2`)
		return
	}
	disk, _ := loopDevice(t)
	nr := fmt.Sprintf("%d:%d", disk.Major, disk.Minor)
	for controller, list := range map[string][]asked{
		"": {
			{"of the cgroup", one("cgroup.max.depth", "3"), nil, []string{"cgroup.max.depth 3"}},
			{"of the runtime", one("cgroup.freeze", "1"), nil, []string{`!linux.resources.unified["cgroup.freeze"]: is the runtime's to write`}},
			{"of nothing", one("nothing.max", "1"), nil, []string{`!linux.resources.unified["nothing.max"]: no nothing cgroup controller`}},
		},
		"hugetlb": {
			{"huge pages", one("hugetlb.2MB.max", "2097152"), nil, []string{"hugetlb.2MB.max 2097152"}},
			{"no such file", one("hugetlb.2MB.most", "1"), nil, []string{`!linux.resources.unified["hugetlb.2MB.most"]: write `}},
			{"no such value", one("hugetlb.2MB.max", "much"), nil, []string{`!/hugetlb.2MB.max "much": invalid argument`}},
		},
		"memory": {{
			"memory, twice", func(r *specs.LinuxResources) {
				r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
				r.Unified = map[string]string{"memory.max": "134217728", "memory.high": "100663296", "memory.oom.group": "1"}
			}, nil, []string{"memory.max 134217728", "memory.high 100663296", "memory.oom.group 1"},
		}},
		"cpu": {{
			"one after the other", func(r *specs.LinuxResources) {
				r.Unified = map[string]string{"cpu.max.burst": "20000", "cpu.max": "40000 50000", "cpu.weight": "7"}
			}, nil, []string{"cpu.max 40000 50000", "cpu.max.burst 20000", "cpu.weight 7"},
		}},
		"cpuset": {{"no value", one("cpuset.cpus", ""), nil, []string{}}},
		"io": {
			{"lines", one("io.max", nr+" rbps=2097152\n"+nr+" wiops=120\n"), nil, []string{"io.max " + nr + " rbps=2097152 wbps=max riops=max wiops=120"}},
		},
	} {
		for i := range list {
			t.Run(list[i].name, func(t *testing.T) {
				if controller != "" && !inV2(controller) {
					list[i].v2 = []string{"!: no " + controller + " cgroup controller"}
				}
				list[i].ask(t, top, list[i].v2)
			})
		}
	}
}
