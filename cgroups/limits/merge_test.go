package limits

import (
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func text(t *testing.T, r *specs.LinuxResources) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(b)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, now, change, want string }{
		{"nothing", `{}`, `{}`, `{}`},
		{"what is not named stays", `{"memory":{"limit":1,"swap":2},"cpu":{"shares":3,"cpus":"0","mems":"1"},"pids":{"limit":4}}`, `{}`,
			`{"memory":{"limit":1,"swap":2},"cpu":{"shares":3,"cpus":"0","mems":"1"},"pids":{"limit":4}}`},
		{"zero is not set", `{"memory":{"limit":1},"cpu":{"shares":3,"quota":4,"period":5},"blockIO":{"weight":6}}`,
			`{"memory":{"limit":0},"cpu":{"shares":0,"quota":0,"period":0,"cpus":""},"blockIO":{"weight":0}}`,
			`{"memory":{"limit":1},"cpu":{"shares":3,"quota":4,"period":5},"blockIO":{"weight":6}}`},
		{"zero is a value", `{"cpu":{"burst":1,"idle":1},"pids":{"limit":4},"memory":{"swappiness":5,"disableOOMKiller":true}}`,
			`{"cpu":{"burst":0,"idle":0},"pids":{"limit":0},"memory":{"swappiness":0,"disableOOMKiller":false}}`,
			`{"cpu":{"burst":0,"idle":0},"pids":{"limit":0},"memory":{"swappiness":0,"disableOOMKiller":false}}`},
		{"half of a pair", `{"cpu":{"quota":1,"period":2}}`, `{"cpu":{"quota":-1}}`, `{"cpu":{"quota":-1,"period":2}}`},
		{"no limit takes that of swap along", `{"memory":{"limit":1,"swap":2}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`},
		{"no limit beside swap", `{"memory":{"limit":1,"swap":2}}`, `{"memory":{"limit":-1,"swap":5}}`, `{"memory":{"limit":-1,"swap":5}}`},
		{"a check is of one update", `{"memory":{"limit":1,"checkBeforeUpdate":true}}`, `{"memory":{"reservation":2}}`, `{"memory":{"limit":1,"reservation":2}}`},
		{"devices are one value", `{"devices":[{"allow":true,"access":"r"}]}`, `{"devices":[{"allow":false,"access":"w"}]}`, `{"devices":[{"allow":false,"access":"w"}]}`},
		{"no devices", `{"devices":[{"allow":true,"access":"r"}]}`, `{"devices":[]}`, `{}`},
		{"devices stay", `{"devices":[{"allow":true,"access":"r"}]}`, `{"pids":{"limit":1}}`, `{"devices":[{"allow":true,"access":"r"}],"pids":{"limit":1}}`},
		{"weights by device", `{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":1,"leafWeight":2},{"major":8,"minor":16,"weight":3}]}}`,
			`{"blockIO":{"weightDevice":[{"major":8,"minor":32,"weight":4},{"major":8,"minor":0,"weight":5}]}}`,
			`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":5,"leafWeight":2},{"major":8,"minor":16,"weight":3},{"major":8,"minor":32,"weight":4}]}}`},
		{"rates by device", `{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}],"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":2}]}}`,
			`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0},{"major":9,"minor":0,"rate":3}]}}`,
			`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0},{"major":9,"minor":0,"rate":3}],"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":2}]}}`},
		{"pages, interfaces, rdma", `{"hugepageLimits":[{"pageSize":"2MB","limit":1}],"network":{"classID":1,"priorities":[{"name":"lo","priority":1}]},"rdma":{"x":{"hcaHandles":1,"hcaObjects":2}}}`,
			`{"hugepageLimits":[{"pageSize":"1GB","limit":0},{"pageSize":"2MB","limit":3}],"network":{"priorities":[{"name":"lo","priority":4}]},"rdma":{"x":{"hcaObjects":5},"y":{"hcaHandles":6}}}`,
			`{"hugepageLimits":[{"pageSize":"2MB","limit":3},{"pageSize":"1GB","limit":0}],"network":{"classID":1,"priorities":[{"name":"lo","priority":4}]},"rdma":{"x":{"hcaHandles":1,"hcaObjects":5},"y":{"hcaHandles":6}}}`},
		{"unified", `{"unified":{"a.b":"1","c.d":"2"}}`, `{"unified":{"c.d":"3","e.f":"4"}}`, `{"unified":{"a.b":"1","c.d":"3","e.f":"4"}}`},
		{"unified overrules", `{"memory":{"limit":1,"swap":2},"cpu":{"shares":3}}`, `{"unified":{"memory.swap.max":"0","cpu.weight":"7"}}`,
			`{"memory":{"limit":1},"cpu":{},"unified":{"cpu.weight":"7","memory.swap.max":"0"}}`},
	} {
		now, change := resources(t, c.now), resources(t, c.change)
		got := text(t, Merge(now, change))
		if want := text(t, resources(t, c.want)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
		if text(t, now) != text(t, resources(t, c.now)) || text(t, change) != text(t, resources(t, c.change)) {
			t.Errorf("%s: after the merge: got arguments %s and %s, want them as they were", c.name, text(t, now), text(t, change))
		}
		if again := text(t, Merge(Merge(now, change), change)); again != got {
			t.Errorf("%s: the same update again: got %s, want %s", c.name, again, got)
		}
	}
	if got := text(t, Merge(nil, nil)); got != "{}" {
		t.Errorf("merge of nothing: got %s, want {}", got)
	}
}

// TestMergeEveryField names each field alone: it has to arrive, in a container without limits too.
func TestMergeEveryField(t *testing.T) {
	visit(reflect.TypeFor[specs.LinuxResources](), nil, "", func(path []int, name string) {
		var change specs.LinuxResources
		set(reflect.ValueOf(&change).Elem(), path)
		for _, now := range []*specs.LinuxResources{nil, {}, {Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}}} {
			got, want := Merge(now, &change), Merge(now, &specs.LinuxResources{})
			if reflect.DeepEqual(got, want) {
				t.Errorf("merge of %s into %s: got what there was, want it changed", name, text(t, now))
			}
		}
	})
}

func TestComplete(t *testing.T) {
	const had = `{"memory":{"limit":100,"swap":150},"cpu":{"shares":512,"idle":1}}`
	for _, c := range []struct{ now, change, want string }{
		{had, `{}`, `{}`},
		{had, `{"memory":{"limit":120}}`, `{"memory":{"limit":120,"swap":150}}`},
		{had, `{"memory":{"limit":120,"swap":130}}`, `{"memory":{"limit":120,"swap":130}}`},
		{had, `{"memory":{"swap":130}}`, `{"memory":{"swap":130}}`},
		{had, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`},
		{had, `{"memory":{"reservation":1}}`, `{"memory":{"reservation":1}}`},
		{had, `{"cpu":{"idle":0}}`, `{"cpu":{"idle":0,"shares":512}}`},
		{had, `{"cpu":{"idle":0,"shares":3}}`, `{"cpu":{"idle":0,"shares":3}}`},
		{had, `{"cpu":{"idle":1}}`, `{"cpu":{"idle":1}}`},
		{had, `{"cpu":{"quota":5}}`, `{"cpu":{"quota":5}}`},
		{`{"cpu":{"period":7}}`, `{"cpu":{"quota":5}}`, `{"cpu":{"quota":5,"period":7}}`},
		{`{"cpu":{"quota":5,"period":7}}`, `{"cpu":{"period":8}}`, `{"cpu":{"quota":5,"period":8}}`},
		{`{"cpu":{"quota":5,"period":7}}`, `{"cpu":{"quota":-1}}`, `{"cpu":{"quota":-1,"period":7}}`},
		{`{"cpu":{"quota":5,"period":7}}`, `{"cpu":{"quota":6,"period":8}}`, `{"cpu":{"quota":6,"period":8}}`},
		{`{"cpu":{"quota":5,"period":7}}`, `{"cpu":{"cpus":"1"}}`, `{"cpu":{"cpus":"1"}}`},
		{`{}`, `{"memory":{"limit":120},"cpu":{"idle":0}}`, `{"memory":{"limit":120},"cpu":{"idle":0}}`},
		{`{"memory":{"limit":1},"cpu":{}}`, `{"memory":{"limit":120},"cpu":{"idle":0}}`, `{"memory":{"limit":120},"cpu":{"idle":0}}`},
	} {
		if got, want := text(t, Complete(resources(t, c.now), resources(t, c.change))), text(t, resources(t, c.want)); got != want {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", c.now, c.change, got, want)
		}
	}
}

// TestUpdateWritesDefaults: in a new cgroup they are there already.
func TestUpdateWritesDefaults(t *testing.T) {
	for _, c := range []row{
		{`{"memory":{"disableOOMKiller":false}}`, "memory.oom_control 0", ""},
		{`{"network":{"classID":0}}`, "net_cls.classid 0", ""},
	} {
		for v, want := range map[Version]string{V1: c.v1, V2: c.v2} {
			h := host(v, nil)
			h.Update = true
			if writes, _, err := Compile(resources(t, c.in), h); err != nil || show(writes) != want {
				t.Errorf("v%d %s: got %q, %v, want %q", v, c.in, show(writes), err, want)
			}
		}
	}
}

func TestUndo(t *testing.T) {
	for _, c := range []struct{ file, value, before, want string }{
		{"pids.max", "5", "max", "max"},
		{"cpu.max", "5 6", "max 100000", "max 100000"},
		{"cpuset.cpus", "0", "", "\n"},
		{"memory.limit_in_bytes", "5", "9223372036854771712", "9223372036854771712"},
		{"memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3", "0"},
		{"io.max", "8:0 rbps=5", "8:16 rbps=1 wbps=max riops=max wiops=max\n8:0 rbps=max wbps=2 riops=max wiops=max", "8:0 rbps=max wbps=2 riops=max wiops=max"},
		{"io.max", "8:0 rbps=5", "", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.weight", "5", "default 100\n8:0 7", "default 100"},
		{"io.weight", "8:0 5", "default 100\n8:0 7", "8:0 7"},
		{"io.bfq.weight", "8:0 5", "default 100", "8:0 default"},
		{"blkio.bfq.weight", "5", "100", "100"},
		{"blkio.throttle.read_bps_device", "8:0 5", "8:16 4", "8:0 0"},
		{"blkio.throttle.read_bps_device", "8:0 5", "8:0 4", "8:0 4"},
		{"rdma.max", "x hca_object=1", "y hca_handle=max hca_object=2\nx hca_handle=max hca_object=3", "x hca_handle=max hca_object=3"},
		{"net_prio.ifpriomap", "eth0 5", "lo 0\neth0 2", "eth0 2"},
		{"io.latency", "8:0 target=5", "", "!"},
		{"hugetlb.something", "5", "a 1\nb 2", "!"},
	} {
		w := Write{File: c.file, Value: c.value}
		got, ok := w.Undo(c.before)
		if !ok {
			got = "!"
		}
		if got != c.want {
			t.Errorf("%s %q before %q: got %q, want %q", c.file, c.value, c.before, got, c.want)
		}
	}
}
