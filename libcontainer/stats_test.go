package libcontainer

import (
	"encoding/json"
	"testing"

	"teu/cgroups/stats"
	"teu/libcontainer/intelrdt"
)

// TestEventJSON: as encoding/json has it.
func TestEventJSON(t *testing.T) {
	none := &Stats{Stats: stats.Stats{Hugetlb: map[string]stats.Hugetlb{}}}
	some := &Stats{Stats: stats.Stats{Hugetlb: map[string]stats.Hugetlb{"2MB": {Usage: 1}}, Pids: stats.Pids{Current: 3}}}
	rdt := &Stats{Stats: none.Stats, IntelRdt: intelrdt.Stats{L3CacheInfo: &intelrdt.L3CacheInfo{CbmMask: "fff"}, Schemata: []string{"L3:0=f"}}}
	for _, e := range []Event{{Type: "oom", ID: "a_B-1.+"}, {"stats", "x", none}, {"stats", "x", some}, {"stats", "x", rdt}} {
		got, err := e.JSON()
		if err != nil {
			t.Fatalf("make the JSON of the event %s: %v", e.Type, err)
		}
		want, err := json.Marshal(&e)
		if err != nil {
			t.Fatalf("marshal the event %s: %v", e.Type, err)
		}
		if string(got) != string(want) {
			t.Errorf("event %s:\n got %s\nwant %s", e.Type, got, want)
		}
	}
}
