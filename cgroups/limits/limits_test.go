package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// host is a machine with every controller in hierarchies of one version, and files that read as given.
func host(v Version, files map[string]string) Host {
	return Host{
		Version: func(string) Version { return v },
		HasV2:   v == V2,
		Read: func(controller, file string) (string, error) {
			if text, ok := files[file]; ok {
				return text, nil
			}
			return "", fmt.Errorf("read %s: %w", file, os.ErrNotExist)
		},
	}
}

func resources(t *testing.T, text string) *specs.LinuxResources {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return &r
}

// show is one line per write: file, value, and what is special.
func show(writes []Write) string {
	var b strings.Builder
	for _, w := range writes {
		fmt.Fprintf(&b, "%s %s", w.File, w.Value)
		if w.Late {
			b.WriteString(" late")
		}
		if w.Optional {
			b.WriteString(" optional")
		}
		if w.Unified {
			b.WriteString(" unified")
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// row is what some resources become in each version; "!" begins an error.
type row struct{ in, v1, v2 string }

func (c row) check(t *testing.T, files map[string]string) {
	t.Helper()
	for v, want := range map[Version]string{V1: c.v1, V2: c.v2} {
		writes, _, err := Compile(resources(t, c.in), host(v, files))
		got := show(writes)
		if err != nil {
			got = "!" + err.Error()
		}
		if got != want {
			t.Errorf("v%d %s\ngot  %s\nwant %s", v, c.in, got, want)
		}
	}
}

func TestWrites(t *testing.T) {
	for _, c := range []row{
		{`{}`, "", ""},
		{`{"memory":{},"cpu":{},"pids":{},"blockIO":{"weight":0},"network":{}}`, "", ""},
		{`{"blockIO":{"weight":0,"leafWeight":0,"weightDevice":[],"throttleReadBpsDevice":[],"throttleWriteIOPSDevice":[]}}`, "", ""},
		{`{"network":{"classID":0,"priorities":[]},"hugepageLimits":[],"rdma":{},"unified":{}}`, "", ""},

		{`{"memory":{"limit":4194304}}`, "memory.limit_in_bytes 4194304", "memory.max 4194304"},
		{`{"memory":{"limit":0,"swap":0,"reservation":0}}`, "", ""},
		{`{"memory":{"limit":100,"swap":150}}`,
			"memory.limit_in_bytes 100 late; memory.memsw.limit_in_bytes 150", "memory.swap.max 50; memory.max 100"},
		{`{"memory":{"limit":100,"swap":100}}`,
			"memory.limit_in_bytes 100 late; memory.memsw.limit_in_bytes 100", "memory.swap.max 0 optional; memory.max 100"},
		{`{"memory":{"limit":100,"swap":-1}}`,
			"memory.limit_in_bytes 100 late; memory.memsw.limit_in_bytes -1 optional", "memory.swap.max max optional; memory.max 100"},
		{`{"memory":{"limit":-1}}`,
			"memory.limit_in_bytes -1 late; memory.memsw.limit_in_bytes -1 optional", "memory.swap.max max optional; memory.max max"},
		{`{"memory":{"limit":-1,"swap":200}}`,
			"memory.limit_in_bytes -1 late; memory.memsw.limit_in_bytes 200", "memory.swap.max 200; memory.max max"},
		{`{"memory":{"swap":150}}`, "memory.memsw.limit_in_bytes 150", "memory.swap.max 90"},
		{`{"memory":{"reservation":70,"limit":100}}`,
			"memory.soft_limit_in_bytes 70; memory.limit_in_bytes 100", "memory.low 70; memory.max 100"},
		{`{"memory":{"reservation":-1}}`, "memory.soft_limit_in_bytes -1", "memory.low max"},
		{`{"memory":{"disableOOMKiller":false}}`, "", ""},
		{`{"memory":{"disableOOMKiller":true,"swappiness":0,"limit":9}}`,
			"memory.swappiness 0; memory.oom_control 1; memory.limit_in_bytes 9", "!linux.resources.memory.swappiness: no equivalent on cgroup v2"},
		{`{"memory":{"disableOOMKiller":true}}`, "memory.oom_control 1", "!linux.resources.memory.disableOOMKiller: no equivalent on cgroup v2"},
		{`{"memory":{"swappiness":100}}`, "memory.swappiness 100", "!linux.resources.memory.swappiness: no equivalent on cgroup v2"},
		{`{"memory":{"useHierarchy":true}}`, "", ""},
		{`{"memory":{"kernelTCP":7,"limit":9}}`, "memory.kmem.tcp.limit_in_bytes 7; memory.limit_in_bytes 9", "memory.max 9"},
		{`{"memory":{"checkBeforeUpdate":true,"limit":61}}`, "memory.limit_in_bytes 61", "memory.max 61"},

		{`{"cpu":{"shares":0,"quota":0,"period":0,"realtimeRuntime":0,"realtimePeriod":0,"cpus":"","mems":""}}`, "", ""},
		{`{"cpu":{"shares":1024}}`, "cpu.shares 1024", "cpu.weight 100"},
		{`{"cpu":{"quota":50000}}`, "cpu.cfs_quota_us 50000", "cpu.max 50000"},
		{`{"cpu":{"quota":-1}}`, "cpu.cfs_quota_us -1", "cpu.max max"},
		{`{"cpu":{"quota":50000,"period":200000}}`,
			"cpu.cfs_period_us 200000 late; cpu.cfs_quota_us 50000", "cpu.max 50000 200000"},
		{`{"cpu":{"period":200000}}`, "cpu.cfs_period_us 200000", "cpu.max 30000 200000"},
		{`{"cpu":{"quota":-1,"period":200000}}`,
			"cpu.cfs_period_us 200000 late; cpu.cfs_quota_us -1", "cpu.max max 200000"},
		{`{"cpu":{"burst":0}}`, "cpu.cfs_burst_us 0", "cpu.max.burst 0"},
		{`{"cpu":{"burst":1000,"quota":5000,"period":7000}}`,
			"cpu.cfs_period_us 7000 late; cpu.cfs_burst_us 1000 late; cpu.cfs_quota_us 5000", "cpu.max.burst 1000 late; cpu.max 5000 7000"},
		{`{"cpu":{"idle":0}}`, "cpu.idle 0", "cpu.idle 0"},
		{`{"cpu":{"idle":1,"shares":2}}`, "cpu.shares 2; cpu.idle 1", "cpu.weight 1; cpu.idle 1"},
		{`{"cpu":{"idle":0,"shares":262144}}`, "cpu.idle 0; cpu.shares 262144", "cpu.idle 0; cpu.weight 10000"},
		{`{"cpu":{"realtimeRuntime":9000}}`, "cpu.rt_runtime_us 9000", "!linux.resources.cpu.realtimeRuntime: no equivalent on cgroup v2"},
		{`{"cpu":{"realtimeRuntime":9000,"realtimePeriod":10000}}`,
			"cpu.rt_period_us 10000 late; cpu.rt_runtime_us 9000", "!linux.resources.cpu.realtimeRuntime: no equivalent on cgroup v2"},
		{`{"cpu":{"realtimePeriod":10000}}`, "cpu.rt_period_us 10000", "!linux.resources.cpu.realtimePeriod: no equivalent on cgroup v2"},

		{`{"cpu":{"cpus":"0-1,3"}}`, "cpuset.cpus 0-1,3", "cpuset.cpus 0-1,3"},
		{`{"cpu":{"mems":"0"}}`, "cpuset.mems 0", "cpuset.mems 0"},

		{`{"pids":{"limit":32771}}`, "pids.max 32771", "pids.max 32771"},
		{`{"pids":{"limit":-1}}`, "pids.max max", "pids.max max"},
		{`{"pids":{"limit":0}}`, "pids.max 1", "pids.max 1"},

		{`{"memory":{"limit":1},"pids":{"limit":1},"cpu":{"shares":2,"cpus":"0"},"rdma":{"x":{"hcaObjects":1}},"blockIO":{"weight":10}}`, // the order of controllers
			"cpuset.cpus 0; cpu.shares 2; pids.max 1; blkio.bfq.weight 10; rdma.max x hca_object=1; memory.limit_in_bytes 1",
			"cpuset.cpus 0; cpu.weight 1; pids.max 1; io.weight 1; rdma.max x hca_object=1; memory.max 1"},

		{`{"memory":{"swappiness":101}}`,
			"!linux.resources.memory.swappiness: 101: must be between 0 and 100", "!linux.resources.memory.swappiness: 101: must be between 0 and 100"},
		{`{"memory":{"limit":100,"swap":99}}`, "!linux.resources.memory.swap: 99: smaller than the memory limit 100, which it includes",
			"!linux.resources.memory.swap: 99: smaller than the memory limit 100, which it includes"},
		{`{"memory":{"checkBeforeUpdate":true,"limit":60}}`, "memory.limit_in_bytes 60",
			"!linux.resources.memory.limit: 60: not above the 60 bytes in use"},
		{`{"memory":{"checkBeforeUpdate":true,"limit":-1,"swap":59}}`, "memory.limit_in_bytes -1 late; memory.memsw.limit_in_bytes 59",
			"!linux.resources.memory.swap: 59: not above the 60 bytes in use"},
		{`{"cpu":{"shares":1}}`, "!linux.resources.cpu.shares: 1: must be between 2 and 262144", "cpu.weight 1"},
		{`{"cpu":{"shares":262145}}`, "!linux.resources.cpu.shares: 262145: must be between 2 and 262144", "cpu.weight 10000"},
		{`{"cpu":{"quota":10,"burst":11}}`,
			"!linux.resources.cpu.burst: 11: larger than the quota 10", "!linux.resources.cpu.burst: 11: larger than the quota 10"},
	} {
		c.check(t, map[string]string{"cpu.max": "30000 100000", "memory.max": "60", "memory.limit_in_bytes": "60", "memory.current": "60"})
	}
}

func TestNilResources(t *testing.T) {
	if w, warnings, err := Compile(nil, host(V2, nil)); w != nil || warnings != nil || err != nil {
		t.Errorf("compile nil: got %v, %v, %v, want nothing", w, warnings, err)
	}
}

func TestWarnings(t *testing.T) {
	for in, want := range map[string]string{
		`{"memory":{"kernel":-1,"kernelTCP":-1}}`: "",
		`{"memory":{"kernel":1}}`:                 "linux.resources.memory.kernel: ignored",
		`{"memory":{"useHierarchy":false}}`:       "linux.resources.memory.useHierarchy: false ignored",
	} {
		for _, v := range []Version{V1, V2, None} {
			_, warnings, err := Compile(resources(t, in), host(v, nil))
			if got := strings.Join(warnings, "; "); err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("v%d %s: got warnings %q, %v, want %q", v, in, got, err, want)
			}
		}
	}
}

func TestKernelTCPIsOfV1(t *testing.T) {
	r := resources(t, `{"memory":{"kernelTCP":1}}`)
	_, warnings, err := Compile(r, host(V2, nil))
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "linux.resources.memory.kernelTCP: ignored") {
		t.Errorf("v2: got warnings %q, %v, want one of kernelTCP", warnings, err)
	}
	if _, warnings, err := Compile(r, host(V1, nil)); err != nil || len(warnings) != 0 {
		t.Errorf("v1: got warnings %q, %v, want none", warnings, err)
	}
}

// TestReadsThatFail covers values that cannot be worked out without what the kernel holds now.
func TestReadsThatFail(t *testing.T) {
	for in, want := range map[string]string{
		`{"cpu":{"period":1}}`:  "linux.resources.cpu.period: read cpu.max",
		`{"memory":{"swap":1}}`: "linux.resources.memory.swap: read memory.max",
	} {
		_, _, err := Compile(resources(t, in), host(V2, nil))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: got %v, want %s: no such file", in, err, want)
		}
	}
	unlimited := map[string]string{"memory.max": "max", "memory.limit_in_bytes": "9223372036854771712"}
	for _, v := range []Version{V1, V2} {
		_, _, err := Compile(resources(t, `{"memory":{"swap":1}}`), host(v, unlimited))
		if err == nil || err.Error() != "linux.resources.memory.swap: 1: needs linux.resources.memory.limit" {
			t.Errorf("v%d: swap beside unlimited memory: got %v, want that it needs a limit", v, err)
		}
	}
	w, _, err := Compile(resources(t, `{"memory":{"limit":5,"checkBeforeUpdate":true}}`), host(V2, nil))
	if err != nil || show(w) != "memory.max 5" {
		t.Errorf("no usage yet: got %q, %v, want %q", show(w), err, "memory.max 5")
	}
}

// TestEveryField sets each field of linux.resources alone to something that is not zero: it must lead to a write
// or a warning that names it, or be refused by name. A field that a later version of the spec adds fails here
// until somebody decides.
func TestEveryField(t *testing.T) {
	elsewhere := map[string]bool{
		"devices":                  true, // package devices
		"memory.useHierarchy":      true, // true is how memory is counted; false warns
		"memory.checkBeforeUpdate": true, // acts on the other fields
	}
	seen := 0
	visit(reflect.TypeFor[specs.LinuxResources](), nil, "", func(path []int, name string) {
		seen++
		var r specs.LinuxResources
		set(reflect.ValueOf(&r).Elem(), path)
		for _, v := range []Version{V1, V2} {
			writes, warnings, err := Compile(&r, host(v, map[string]string{"cpu.max": "max 100000", "memory.max": "1", "memory.limit_in_bytes": "1"}))
			told := err != nil && strings.Contains(err.Error(), "linux.resources."+name)
			for _, w := range writes {
				told = told || w.Field == "linux.resources."+name || strings.HasPrefix(w.Field, "linux.resources."+name+"[")
			}
			for _, w := range warnings {
				told = told || strings.HasPrefix(w, "linux.resources."+name+":")
			}
			if told == elsewhere[name] {
				t.Errorf("v%d linux.resources.%s: got writes %v, warnings %q, error %v, want it named in them: %v", v, name, writes, warnings, err, !elsewhere[name])
			}
		}
		if _, warnings, err := Compile(&r, host(None, nil)); err == nil && len(warnings) == 0 && !elsewhere[name] {
			t.Errorf("linux.resources.%s without a controller for it: got no error or warning, want one", name)
		}
	})
	if seen < 30 {
		t.Errorf("fields seen: got %d, want 30 or more", seen)
	}
}

// visit calls f for each field that is not a struct itself, with its index path and JSON name.
func visit(s reflect.Type, path []int, name string, f func([]int, string)) {
	for i := range s.NumField() {
		field := s.Field(i)
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		p := append(append([]int(nil), path...), i)
		n := strings.TrimPrefix(name+"."+tag, ".")
		if field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Struct {
			visit(field.Type.Elem(), p, n, f)
			continue
		}
		f(p, n)
	}
}

// set gives a value to the field at path, and to the pointers on the way.
func set(v reflect.Value, path []int) {
	for _, i := range path {
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		v = v.Field(i)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Int64:
		v.SetInt(2)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(2)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("0")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem())
	default:
		panic("unknown kind " + v.Kind().String())
	}
}

func TestWeight(t *testing.T) {
	// The first row holds the values of opencontainers/cgroups' own test, the second some by hand.
	for shares, want := range map[uint64]uint64{
		1: 1, 2: 1, 3: 2, 1024: 100, 262143: 10000, 262144: 10000, 262145: 10000,
		512: 59, 2048: 174, 1 << 40: 10000,
	} {
		if got := Weight(shares); got != want {
			t.Errorf("Weight(%d) = %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for s := uint64(2); s <= maxShares; s++ {
		w := Weight(s)
		if w < last || w > 10000 {
			t.Fatalf("Weight(%d): got %d, want %d or more, up to 10000", s, w, last)
		}
		last = w
	}
}
