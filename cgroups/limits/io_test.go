package limits

import (
	"strings"
	"testing"
)

// same is a row of one result for both versions.
func same(in, want string) row { return row{in, want, want} }

// TestBlockIO is on a kernel without BFQ, or with BFQ's files on v1, which are not looked for.
func TestBlockIO(t *testing.T) {
	for _, c := range []row{
		{`{"blockIO":{"weight":10}}`, "blkio.bfq.weight 10", "io.weight 1"},
		{`{"blockIO":{"weight":500}}`, "blkio.bfq.weight 500", "io.weight 4950"},
		{`{"blockIO":{"weight":1000}}`, "blkio.bfq.weight 1000", "io.weight 10000"},
		{`{"blockIO":{"weight":9}}`, "blkio.bfq.weight 9", "!linux.resources.blockIO.weight: 9: must be between 10 and 1000"},
		{`{"blockIO":{"weight":1001}}`,
			"!linux.resources.blockIO.weight: 1001: must be between 1 and 1000", "!linux.resources.blockIO.weight: 1001: must be between 10 and 1000"},
		{`{"blockIO":{"leafWeight":10}}`, "blkio.leaf_weight 10", "!linux.resources.blockIO.leafWeight: no equivalent on cgroup v2"},
		{`{"blockIO":{"leafWeight":5}}`,
			"!linux.resources.blockIO.leafWeight: 5: must be between 10 and 1000", "!linux.resources.blockIO.leafWeight: no equivalent on cgroup v2"},
		{`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":500},{"major":8,"minor":16,"weight":10}]}}`,
			"blkio.bfq.weight_device 8:0 500; blkio.bfq.weight_device 8:16 10", "io.weight 8:0 4950; io.weight 8:16 1"},
		{`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":500,"leafWeight":300}]}}`,
			"blkio.bfq.weight_device 8:0 500; blkio.leaf_weight_device 8:0 300", "!linux.resources.blockIO.weightDevice[0].leafWeight: no equivalent on cgroup v2"},
		same(`{"blockIO":{"weightDevice":[{"major":8,"minor":0}]}}`, "!linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight"),
		same(`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":0}]}}`, "!linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight"),
		same(`{"blockIO":{"weightDevice":[{"major":-1,"minor":0,"weight":10}]}}`, "!linux.resources.blockIO.weightDevice[0].major: -1: must be between 0 and 4095"),

		{`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},{"major":8,"minor":16,"rate":18446744073709551615}]}}`,
			"blkio.throttle.read_bps_device 8:0 600; blkio.throttle.read_bps_device 8:16 18446744073709551615",
			"io.max 8:0 rbps=600; io.max 8:16 rbps=18446744073709551615"},
		{`{"blockIO":{"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":600}]}}`, "blkio.throttle.write_bps_device 8:0 600", "io.max 8:0 wbps=600"},
		{`{"blockIO":{"throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":600}]}}`, "blkio.throttle.read_iops_device 8:0 600", "io.max 8:0 riops=600"},
		{`{"blockIO":{"throttleWriteIOPSDevice":[{"major":4095,"minor":1048575,"rate":4294967295}]}}`,
			"blkio.throttle.write_iops_device 4095:1048575 4294967295", "io.max 4095:1048575 wiops=4294967295"},
		{`{"blockIO":{"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":0}]}}`, "blkio.throttle.write_bps_device 8:0 0", "io.max 8:0 wbps=max"},
		same(`{"blockIO":{"throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":4294967296}]}}`,
			"!linux.resources.blockIO.throttleReadIOPSDevice[0].rate: 4294967296: must be at most 4294967295"),
		same(`{"blockIO":{"throttleReadBpsDevice":[{"major":4096,"minor":0,"rate":1}]}}`,
			"!linux.resources.blockIO.throttleReadBpsDevice[0].major: 4096: must be between 0 and 4095"),
		same(`{"blockIO":{"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":1},{"major":0,"minor":1048576,"rate":1}]}}`,
			"!linux.resources.blockIO.throttleWriteBpsDevice[1].minor: 1048576: must be between 0 and 1048575"),
	} {
		c.check(t, nil)
	}
	// BFQ on v2, and v1 files of old.
	files := map[string]string{"io.bfq.weight": "default 100", "blkio.weight": "500"}
	row{`{"blockIO":{"weight":5,"weightDevice":[{"major":8,"minor":0,"weight":500}]}}`,
		"!linux.resources.blockIO.weight: 5: must be between 10 and 1000", "io.bfq.weight 5; io.bfq.weight 8:0 500"}.check(t, files)
	row{`{"blockIO":{"weight":500,"weightDevice":[{"major":8,"minor":0,"weight":500}]}}`,
		"blkio.weight 500; blkio.weight_device 8:0 500", "io.bfq.weight 500; io.bfq.weight 8:0 500"}.check(t, files)
}

// TestBlockIOHybrid has the controller in the v2 tree under its name there.
func TestBlockIOHybrid(t *testing.T) {
	h := host(V2, nil)
	h.Version = func(c string) Version {
		if c == "io" {
			return V2
		}
		return None
	}
	w, _, err := Compile(resources(t, `{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}]}}`), h)
	if err != nil || show(w) != "io.max 8:0 rbps=1" {
		t.Errorf("compile: got %q, %v, want %q", show(w), err, "io.max 8:0 rbps=1")
	}
}

func TestHugepageLimits(t *testing.T) {
	const field = "!linux.resources.hugepageLimits[0].pageSize: "
	for _, c := range []row{
		{`{"hugepageLimits":[{"pageSize":"2MB","limit":209715200},{"pageSize":"64KB","limit":0}]}`,
			"hugetlb.2MB.limit_in_bytes 209715200; hugetlb.2MB.rsvd.limit_in_bytes 209715200 optional; " +
				"hugetlb.64KB.limit_in_bytes 0; hugetlb.64KB.rsvd.limit_in_bytes 0 optional",
			"hugetlb.2MB.max 209715200; hugetlb.2MB.rsvd.max 209715200 optional; hugetlb.64KB.max 0; hugetlb.64KB.rsvd.max 0 optional"},
		same(`{"hugepageLimits":[{"pageSize":"","limit":1}]}`, field+`"": must be of the form "64KB", "2MB" or "1GB"`),
		same(`{"hugepageLimits":[{"pageSize":"2M","limit":1}]}`, field+`"2M": must be of the form "64KB", "2MB" or "1GB"`),
		same(`{"hugepageLimits":[{"pageSize":"MB","limit":1}]}`, field+`"MB": must be of the form "64KB", "2MB" or "1GB"`),
		same(`{"hugepageLimits":[{"pageSize":"02MB","limit":1}]}`, field+`"02MB": must be of the form "64KB", "2MB" or "1GB"`),
		same(`{"hugepageLimits":[{"pageSize":"1/MB","limit":1}]}`, field+`"1/MB": must be of the form "64KB", "2MB" or "1GB"`),
		same(`{"hugepageLimits":[{"pageSize":"1GB/../x","limit":1}]}`, field+`"1GB/../x": must be of the form "64KB", "2MB" or "1GB"`),
	} {
		c.check(t, nil)
	}
}

func TestNetwork(t *testing.T) {
	const prio, no = "linux.resources.network.priorities", ": no equivalent on cgroup v2"
	for _, c := range []row{
		{`{"network":{"classID":1048577}}`, "net_cls.classid 1048577", "!linux.resources.network.classID" + no},
		{`{"network":{"classID":4294967295}}`, "net_cls.classid 4294967295", "!linux.resources.network.classID" + no},
		{`{"network":{"priorities":[{"name":"eth0","priority":500},{"name":"lo","priority":0}]}}`,
			"net_prio.ifpriomap eth0 500; net_prio.ifpriomap lo 0", "!" + prio + "[0]" + no},
		{`{"network":{"priorities":[{"name":"eth0","priority":500},{"name":"","priority":1}]}}`,
			"!" + prio + `[1].name: "": not the name of a network interface`, "!" + prio + "[0]" + no},
		{`{"network":{"priorities":[{"name":"lo 7","priority":1}]}}`, "!" + prio + `[0].name: "lo 7": not the name of a network interface`, "!" + prio + "[0]" + no},
		{`{"network":{"priorities":[{"name":"abcdefghijklmnop","priority":1}]}}`,
			"!" + prio + `[0].name: "abcdefghijklmnop": not the name of a network interface`, "!" + prio + "[0]" + no},
	} {
		c.check(t, nil)
	}
}

func TestRdma(t *testing.T) {
	for _, c := range []row{
		same(`{"rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000},"mlx4_0":{"hcaObjects":0},"rxe3":{"hcaHandles":2147483647}}}`,
			"rdma.max mlx4_0 hca_object=0; rdma.max mlx5_1 hca_handle=3 hca_object=10000; rdma.max rxe3 hca_handle=2147483647"),
		same(`{"rdma":{"mlx5_1":{}}}`, `!linux.resources.rdma["mlx5_1"]: has neither hcaHandles nor hcaObjects`),
		same(`{"rdma":{"":{"hcaHandles":3}}}`, `!linux.resources.rdma[""]: not the name of an RDMA device`),
		same(`{"rdma":{"a b":{"hcaHandles":3}}}`, `!linux.resources.rdma["a b"]: not the name of an RDMA device`),
		same(`{"rdma":{"a":{"hcaObjects":2147483648}}}`, `!linux.resources.rdma["a"].hcaObjects: 2147483648: must be at most 2147483647`),
	} {
		c.check(t, nil)
	}
}

func TestUnified(t *testing.T) {
	const key = `!linux.resources.unified["`
	for _, c := range []row{
		{`{"unified":{"memory.high":"1"}}`, key + `memory.high"]: needs cgroup v2`, "memory.high 1 late unified"},
		{`{"unified":{"pids.max":"5","io.max":"259:0 rbps=2097152 wiops=120\n253:0 rbps=2097152\n","hugetlb.1GB.max":"0"},"memory":{"limit":1}}`,
			key + `hugetlb.1GB.max"]: needs cgroup v2`,
			"memory.max 1; hugetlb.1GB.max 0 late unified; io.max 259:0 rbps=2097152 wiops=120 late unified; " +
				"io.max 253:0 rbps=2097152 late unified; pids.max 5 late unified"},
		{`{"unified":{"cpuset.cpus":"","cgroup.max.depth":"1","unknown.to.teu":"x"}}`, key + `cgroup.max.depth"]: needs cgroup v2`,
			"cgroup.max.depth 1 late unified; cpuset.cpus \n late unified; unknown.to.teu x late unified"},
	} {
		c.check(t, nil)
	}
	for _, name := range []string{"", ".", "..", ".max", "memory", "memory.", "../memory.max", "/memory.max", "memory.max/x", "memory.\x00"} {
		for _, v := range []Version{V1, V2} {
			r := resources(t, `{"unified":{}}`)
			r.Unified[name] = "1"
			if _, _, err := Compile(r, host(v, nil)); err == nil || !strings.HasSuffix(err.Error(), "]: not a file of a cgroup controller") {
				t.Errorf("v%d %q: got %v, want that it is not a file of a cgroup controller", v, name, err)
			}
		}
	}
	for _, name := range []string{"procs", "threads", "type", "subtree_control", "freeze", "kill"} {
		c := `{"unified":{"cgroup.` + name + `":"1"}}`
		same(c, key+"cgroup."+name+`"]: is the runtime's to write`).check(t, nil)
	}
}

// TestNoController: a machine without the controllers.
func TestNoController(t *testing.T) {
	for in, want := range map[string]string{
		`{"blockIO":{"weight":10}}`:                                         "linux.resources.blockIO.weight: no blkio or io cgroup controller",
		`{"hugepageLimits":[{"pageSize":"2MB"}]}`:                           "linux.resources.hugepageLimits[0]: no hugetlb cgroup controller",
		`{"network":{"classID":1}}`:                                         "linux.resources.network.classID: no net_cls cgroup controller",
		`{"network":{"priorities":[{"name":"lo"}]}}`:                        "linux.resources.network.priorities[0]: no net_prio cgroup controller",
		`{"rdma":{"a":{"hcaHandles":1}}}`:                                   `linux.resources.rdma["a"]: no rdma cgroup controller`,
		`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0}]}}`:     "linux.resources.blockIO.throttleReadBpsDevice: no blkio or io cgroup controller",
		`{"blockIO":{"weight":0},"network":{"classID":0},"pids":{}}`:        "",
		`{"blockIO":{"weightDevice":[]},"network":{"priorities":[]}}`:       "",
		`{"hugepageLimits":[],"rdma":{},"unified":{},"memory":{},"cpu":{}}`: "",
	} {
		_, _, err := Compile(resources(t, in), host(None, nil))
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}
