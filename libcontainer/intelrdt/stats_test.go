package intelrdt

import (
	"encoding/json"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// monitored is tree with what a machine that can do everything has besides.
func monitored(t *testing.T) string {
	t.Helper()
	dir := tree(t)
	for file, text := range map[string]string{
		"info/L3/cbm_mask": "fff\n", "info/L3/min_cbm_bits": "1\n", "info/L3/num_closids": "16\n",
		"info/MB/delay_linear": "1\n", "info/MB/min_bandwidth": "10\n", "info/MB/num_closids": "8\n",
		"info/L3_MON/mon_features":              "llc_occupancy\nmbm_total_bytes\nmbm_total_bytes_config\nmbm_local_bytes\n",
		"gold/mon_data/mon_L3_01/llc_occupancy": "5\n", "gold/mon_data/mon_L3_01/mbm_total_bytes": "6\n", "gold/mon_data/mon_L3_01/mbm_local_bytes": "Unavailable\n",
		"gold/mon_data/mon_L3_00/llc_occupancy": "1\n", "gold/mon_data/mon_L3_00/mbm_total_bytes": "2\n", "gold/mon_data/mon_L3_00/mbm_local_bytes": "3\n",
	} {
		write(t, dir+"/"+file, text)
	}
	return dir
}

const machine = `"l3_cache_info":{"cbm_mask":"fff","min_cbm_bits":1,"num_closids":16},"l3_cache_schema_root":"L3:0=fff;1=fff","l3_cache_schema":"L3:0=7f0;1=01f",` +
	`"mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":8},"mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0= 20;1= 70",` +
	`"schemata":["MB:0= 20;1= 70","    L3:0=7f0;1=01f"]`

func TestStats(t *testing.T) {
	gold := specs.LinuxIntelRdt{ClosID: "gold"}
	watched := specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true}
	for name, c := range map[string]struct {
		dir  string
		r    specs.LinuxIntelRdt
		set  func(dir string)
		want string
	}{
		"a machine that has little": {tree(t), gold, nil, `{"schemata":["MB:0= 20;1= 70","    L3:0=7f0;1=01f"]}`},
		"the class": {monitored(t), gold, nil, `{` + machine +
			`,"mbm_stats":[{"mbm_total_bytes":2,"mbm_local_bytes":3},{"mbm_total_bytes":6,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":1},{"llc_occupancy":5}]}`},
		"a monitoring group": {monitored(t), watched, func(dir string) {
			write(t, dir+"/gold/mon_groups/box/mon_data/mon_L3_00/llc_occupancy", "7\n")
		}, `{` + machine + `,"mbm_stats":[{"mbm_total_bytes":0,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":7}]}`},
		"occupancy alone": {monitored(t), gold, func(dir string) { write(t, dir+"/info/L3_MON/mon_features", "llc_occupancy\n") },
			`{` + machine + `,"cmt_stats":[{"llc_occupancy":1},{"llc_occupancy":5}]}`},
		"a group that is gone": {tree(t), specs.LinuxIntelRdt{ClosID: "none"}, nil, `{}`},
		"unmounted":            {t.TempDir() + "/none", gold, nil, `{}`},
	} {
		if c.set != nil {
			c.set(c.dir)
		}
		s, err := compile(c.dir, c.r).Stats()
		if err != nil {
			t.Errorf("%s: stats: got error %v, want none", name, err)
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%s: marshal the stats: %v", name, err)
		}
		if string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	real := compile(tree(t), gold)
	real.Fake = false
	if s, err := real.Stats(); err != nil || s.Schemata != nil {
		t.Errorf("stats where something else is mounted: got %+v, %v, want no schemata and no error", s, err)
	}
}
