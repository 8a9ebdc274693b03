package stats

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"teu/cgroups/limits"
)

// tree is a host: where its controllers are, and files by "HIERARCHY/NAME"; those of the v2 tree have no hierarchy.
type tree struct {
	v1, v2 string // controllers
	files  map[string]string
	sizes  []string
}

func (f *tree) source() Source {
	return Source{
		Version: func(c string) limits.Version {
			switch {
			case strings.Contains(" "+f.v1+" ", " "+c+" "):
				return limits.V1
			case f.v2 == "all" || strings.Contains(" "+f.v2+" ", " "+c+" "):
				return limits.V2
			}
			return limits.None
		},
		Read: func(h, file string) ([]byte, error) {
			text, ok := f.files[h+"/"+file]
			switch {
			case !ok:
				return nil, fmt.Errorf("read %s: %w", file, syscall.ENOENT)
			case text == "EIO":
				return nil, fmt.Errorf("read %s: %w", file, syscall.EIO)
			case text == "gone":
				return nil, fmt.Errorf("read %s: %w", file, syscall.ENODEV)
			case text == "off":
				return nil, fmt.Errorf("read %s: %w", file, syscall.EOPNOTSUPP)
			}
			return []byte(text), nil
		},
		PageSizes: func() ([]string, error) { return f.sizes, nil },
	}
}

const nothing = `{"cpu":{},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,` +
	`"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{},"pids":{},"blkio":{},"hugetlb":{}}`

// TestJSON reads whole trees. What is wanted is nothing with some objects in other words.
func TestJSON(t *testing.T) {
	const psi = "some avg10=1.50 avg60=0.20 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.01 total=7\n"
	const psiJSON = `"psi":{"some":{"avg10":1.5,"avg60":0.2,"avg300":0,"total":77},"full":{"avg10":0,"avg60":0,"avg300":0.01,"total":7}}`
	for _, c := range []struct {
		name string
		tree tree
		want []string // from, to, from, to…
	}{
		{"nothing on v2", tree{v2: "all"}, nil},
		{"nothing anywhere", tree{}, nil},
		{"all of it gone", tree{v2: "all", files: map[string]string{
			"/cpu.stat": "gone", "/memory.stat": "gone", "/memory.current": "gone", "/pids.current": "gone", "/io.stat": "gone", "/cpu.pressure": "gone",
		}}, nil},
		{"v2", tree{v2: "all", files: map[string]string{
			"/cpu.stat":     "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 8\nthrottled_usec 7\nnr_bursts 1\ncore_sched.force_idle_usec 0\n",
			"/memory.stat":  "anon 4096\nfile 8192\nkernel 100\n",
			"/pids.current": "3\n", "/pids.max": "max\n", "/memory.current": "9000\n", "/memory.max": "max\n", "/memory.peak": "9999\n",
			"/memory.swap.current": "500\n", "/memory.swap.max": "1000\n", "/memory.swap.peak": "600\n",
			"/io.stat":      "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n253:1 253:2 rbytes=9\n",
			"/cpu.pressure": psi, "/memory.pressure": "off",
		}}, []string{
			`"cpu":{}`, `"cpu":{"usage":{"total":5000,"kernel":2000,"user":3000},"throttling":{"periods":9,"throttledPeriods":8,"throttledTime":7000},` + psiJSON + `}`,
			`"memory":{}`, `"memory":{"cache":8192,"usage":{"limit":18446744073709551615,"usage":9000,"max":9999,"failcnt":0},` +
				`"swap":{"limit":18446744073709551615,"usage":9500,"failcnt":0},"raw":{"anon":4096,"file":8192,"kernel":100}}`,
			`"pids":{}`, `"pids":{"current":3}`,
			`"blkio":{}`, `"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":1},{"major":8,"op":"Write","value":2},{"major":253,"minor":2,"op":"Read","value":9}],` +
				`"ioServicedRecursive":[{"major":8,"op":"Read","value":3},{"major":8,"op":"Write","value":4}]}`,
		}},
		{"v2 with limits", tree{v2: "all", files: map[string]string{
			"/memory.current": "10\n", "/memory.max": "4096\n", "/memory.swap.current": "1\n", "/memory.swap.max": "4096\n", "/pids.current": "1\n", "/pids.max": "7\n",
			"/memory.pressure": psi, "/io.pressure": psi,
		}}, []string{
			`"memory":{}`, `"memory":{"usage":{"limit":4096,"usage":10,"failcnt":0},"swap":{"limit":8192,"usage":11,"failcnt":0},` + psiJSON + `}`,
			`"pids":{}`, `"pids":{"current":1,"limit":7}`, `"blkio":{}`, `"blkio":{` + psiJSON + `}`,
		}},
		{"v2 without swap and without pids", tree{v2: "all", files: map[string]string{"/memory.current": "10\n", "/memory.max": "20\n", "/cgroup.procs": "1\n2\n"}}, []string{
			`"memory":{}`, `"memory":{"usage":{"limit":20,"usage":10,"failcnt":0},"swap":{"limit":20,"usage":10,"failcnt":0}}`,
			`"pids":{}`, `"pids":{"current":2}`,
		}},
		{"v2, threaded", tree{v2: "all", files: map[string]string{"/cgroup.procs": "off", "/cgroup.threads": "1\n2\n3\n"}}, []string{`"pids":{}`, `"pids":{"current":3}`}},
		{"huge pages of v2", tree{v2: "all", sizes: []string{"hugepages-1048576kB", "hugepages-2048kB", "hugepages-64kB", "other"}, files: map[string]string{
			"/hugetlb.2MB.current": "4194304\n", "/hugetlb.2MB.rsvd.current": "2097152\n", "/hugetlb.2MB.events": "max 3\n", "/hugetlb.64KB.current": "0\n",
		}}, []string{`"hugetlb":{}`, `"hugetlb":{"2MB":{"usage":2097152,"failcnt":3},"64KB":{"failcnt":0}}`}},
		{"huge pages of v1", tree{v1: "hugetlb", sizes: []string{"hugepages-1048576kB", "hugepages-2048kB"}, files: map[string]string{
			"hugetlb/hugetlb.2MB.rsvd.usage_in_bytes": "1\n", "hugetlb/hugetlb.2MB.rsvd.max_usage_in_bytes": "2\n", "hugetlb/hugetlb.2MB.rsvd.failcnt": "3\n",
			"hugetlb/hugetlb.1GB.usage_in_bytes": "4\n", "hugetlb/hugetlb.1GB.max_usage_in_bytes": "5\n", "hugetlb/hugetlb.1GB.failcnt": "6\n",
		}}, []string{`"hugetlb":{}`, `"hugetlb":{"1GB":{"usage":4,"max":5,"failcnt":6},"2MB":{"usage":1,"max":2,"failcnt":3}}`}},
		{"v1", tree{v1: "cpu cpuacct cpuset memory pids blkio", files: map[string]string{
			"cpu/cpu.stat":         "nr_periods 1\nnr_throttled 2\nthrottled_time 3\nnr_bursts 0\n",
			"cpuacct/cpuacct.stat": "user 2\nsystem 3\n", "cpuacct/cpuacct.usage": "55\n", "cpuacct/cpuacct.usage_percpu": "50 5 \n",
			"cpuacct/cpuacct.usage_all": "cpu user system\n0 40 10\n1 5 0\n",
			"cpuset/cpuset.cpus":        "0-2,5\n", "cpuset/cpuset.mems": "0\n", "cpuset/cpuset.sched_load_balance": "1\n", "cpuset/cpuset.sched_relax_domain_level": "-1\n",
			"memory/memory.stat": "cache 7\nrss 8\nhierarchical_memory_limit 9223372036854771712\nswap -1\n", "memory/memory.usage_in_bytes": "15\n",
			"memory/memory.max_usage_in_bytes": "16\n", "memory/memory.failcnt": "2\n", "memory/memory.limit_in_bytes": "9223372036854771712\n",
			"memory/memory.kmem.usage_in_bytes": "3\n", "memory/memory.kmem.max_usage_in_bytes": "4\n", "memory/memory.kmem.failcnt": "0\n",
			"pids/pids.current": "3\n", "pids/pids.max": "max\n",
			"blkio/blkio.bfq.io_serviced_recursive": "Total 0\n", "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 5\n8:0 Total 5\nTotal 5\n",
			"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 512\nTotal 512\n", "/cpu.stat": "usage_usec 999\n",
		}}, []string{
			`"cpu":{}`, `"cpu":{"usage":{"total":55,"percpu":[50,5],"percpu_kernel":[10,0],"percpu_user":[40,5],"kernel":30000000,"user":20000000},` +
				`"throttling":{"periods":1,"throttledPeriods":2,"throttledTime":3}}`,
			`"cpuset":{`, `"cpuset":{"cpus":[0,1,2,5],`, `0,"mem_hardwall"`, `0,"mems":[0],"mem_hardwall"`,
			`"sched_load_balance":0,"sched_relax_domain_level":0`, `"sched_load_balance":1,"sched_relax_domain_level":-1`,
			`"memory":{}`, `"memory":{"cache":7,"usage":{"limit":9223372036854771712,"usage":15,"max":16,"failcnt":2},"kernel":{"limit":0,"usage":3,"max":4,"failcnt":0},` +
				`"raw":{"cache":7,"hierarchical_memory_limit":9223372036854771712,"rss":8,"swap":0}}`,
			`"pids":{}`, `"pids":{"current":3}`,
			`"blkio":{}`, `"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":512}],"ioServicedRecursive":[{"major":8,"op":"Read","value":5},{"major":8,"op":"Total","value":5}]}`,
		}},
		{"v1 with BFQ", tree{v1: "blkio", files: map[string]string{
			"blkio/blkio.bfq.io_serviced_recursive": "8:0 Read 1\n", "blkio/blkio.bfq.io_service_bytes_recursive": "8:0 Read 2\n",
			"blkio/blkio.bfq.sectors_recursive": "8:0 3\n", "blkio/blkio.bfq.io_service_time_recursive": "8:0 Read 4\n",
			"blkio/blkio.bfq.io_wait_time_recursive": "8:0 Read 5\n", "blkio/blkio.bfq.io_merged_recursive": "8:0 Read 6\n",
			"blkio/blkio.bfq.io_queued_recursive": "8:0 Read 7\n", "blkio/blkio.bfq.time_recursive": "8:0 8\n",
			"blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 99\n",
		}}, []string{`"blkio":{}`, `"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":2}],"ioServicedRecursive":[{"major":8,"op":"Read","value":1}],` +
			`"ioQueueRecursive":[{"major":8,"op":"Read","value":7}],"ioServiceTimeRecursive":[{"major":8,"op":"Read","value":4}],` +
			`"ioWaitTimeRecursive":[{"major":8,"op":"Read","value":5}],"ioMergedRecursive":[{"major":8,"op":"Read","value":6}],` +
			`"ioTimeRecursive":[{"major":8,"value":8}],"sectorsRecursive":[{"major":8,"value":3}]}`}},
		{"v1 beside v2", tree{v1: "pids", v2: "memory", files: map[string]string{
			"pids/pids.current": "1\n", "/memory.current": "5\n", "/memory.max": "6\n", "/cpu.stat": "usage_usec 1\n", "/io.pressure": psi,
		}}, []string{
			`"cpu":{}`, `"cpu":{"usage":{"total":1000,"kernel":0,"user":0}}`, `"pids":{}`, `"pids":{"current":1}`,
			`"memory":{}`, `"memory":{"usage":{"limit":6,"usage":5,"failcnt":0},"swap":{"limit":6,"usage":5,"failcnt":0}}`, `"blkio":{}`, `"blkio":{` + psiJSON + `}`,
		}},
	} {
		s, err := Read(c.tree.source())
		if err != nil {
			t.Errorf("read %s: %v", c.name, err)
			continue
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		want := nothing
		for i := 0; i < len(c.want); i += 2 {
			want = strings.Replace(want, c.want[i], c.want[i+1], 1)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
		if ours := string(s.AppendJSON([]byte("{"))) + "}"; ours != want {
			t.Errorf("%s: AppendJSON:\n got %s\nwant %s", c.name, ours, want)
		}
	}
}

// TestEveryMember: AppendJSON writes all that the types have.
func TestEveryMember(t *testing.T) {
	n := uint64(0)
	next := func() uint64 { n++; return n }
	var s Stats
	fill(reflect.ValueOf(&s).Elem(), next)
	want, err := json.Marshal(&s)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	if got := string(s.AppendJSON([]byte("{"))) + "}"; got != string(want) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// fill gives every member a value of its own.
func fill(v reflect.Value, next func() uint64) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), next)
		fill(v.Index(1), next)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"b", "a"} {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, next)
			v.SetMapIndex(reflect.ValueOf(key), e)
		}
	case reflect.String:
		v.SetString("Read")
	case reflect.Float64:
		v.SetFloat(float64(next()) + 0.25)
	case reflect.Int64:
		v.SetInt(-int64(next()))
	default:
		v.SetUint(next())
	}
}

// TestNotUnderstood: what a file holds that is not as documented is an error that names the file.
func TestNotUnderstood(t *testing.T) {
	const v1 = "cpu cpuacct cpuset memory pids blkio hugetlb"
	for file, c := range map[string]struct{ text, want string }{
		"/memory.current":              {"x\n", `memory.current: strconv.ParseUint: parsing "x"`},
		"/memory.stat":                 {"anon\n", `memory.stat: line "anon": want a key and a value`},
		"/memory.max":                  {"EIO", "read memory.max: input/output error"},
		"/cpu.stat":                    {"usage_usec x\n", "cpu.stat: "},
		"/io.stat":                     {"8:0 rbytes=x\n", "io.stat: rbytes of device 8:0: "},
		"/cpu.pressure":                {"some avg10=x\n", "cpu.pressure: some avg10: "},
		"/io.pressure":                 {"full total=-1\n", "io.pressure: full total: "},
		"/hugetlb.2MB.events":          {"max\n", "hugetlb.2MB.events: "},
		"cpuset/cpuset.cpus":           {"3-1\n", `cpuset.cpus: range "3-1": runs backwards`},
		"cpuset/cpuset.mems":           {"0,x\n", "cpuset.mems: "},
		"cpuset/cpuset.mem_hardwall":   {"-\n", "cpuset.mem_hardwall: "},
		"cpuacct/cpuacct.usage_all":    {"cpu user system\n0 1 x\n", "cpuacct.usage_all: "},
		"cpuacct/cpuacct.usage_percpu": {"1 x\n", "cpuacct.usage_percpu: "},
		"pids/pids.max":                {"99999999999999999999\n", "pids.max: "},
		"blkio/blkio.throttle.io_serviced_recursive": {"8 Read 1\n", `blkio.throttle.io_serviced_recursive: device "8": `},
		"blkio/blkio.bfq.io_serviced_recursive":      {"8:0 Read 1 2\n", `blkio.bfq.io_serviced_recursive: line "8:0 Read 1 2": want`},
	} {
		f := tree{v2: "all", sizes: []string{"hugepages-2048kB"}, files: map[string]string{file: c.text}}
		if file[0] != '/' {
			f.v1 = v1
		}
		for _, need := range []string{"/memory.current", "/hugetlb.2MB.current", "pids/pids.current"} {
			if f.files[need] == "" {
				f.files[need] = "1\n"
			}
		}
		if _, err := Read(f.source()); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", file, err, c.want)
		}
	}
}

func TestPageSize(t *testing.T) {
	for dir, want := range map[string]string{
		"hugepages-64kB": "64KB", "hugepages-2048kB": "2MB", "hugepages-1048576kB": "1GB", "hugepages-16777216kB": "16GB",
		"hugepages-": "", "2048kB": "", "hugepages-2MB": "", "hugepages-../kB": "",
	} {
		if got, ok := pageSize(dir); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", dir, got, ok, want)
		}
	}
}
