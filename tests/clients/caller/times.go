package caller

import (
	"slices"
	"testing"
	"time"

	"teu/tests/kit"
)

// Peers are the runtimes whose times are taken side by side. The host is made ready for crun; that is taken back after all that
// is cleaned up later, the daemon and its cgroups.
func Peers(b *testing.B) []Runtime {
	b.Helper()
	kit.Rooted(b)
	undo, err := kit.MountFreeController()
	if err != nil {
		b.Fatalf("mount the free controller: %v", err)
	}
	if undo != nil {
		b.Cleanup(func() {
			if err := undo(); err != nil {
				b.Errorf("unmount the free controller: %v", err)
			}
		})
	}
	return []Runtime{{"teu", kit.Teu()}, {"runc", "/usr/sbin/runc"}, {"crun", "/usr/bin/crun"}}
}

// Times runs something with each of the peers in turn, b.N times after once that does not count, and reports the least and the median
// wall time of each.
func Times(b *testing.B, peers []Runtime, run func(Runtime) error) {
	took := make([][]time.Duration, len(peers))
	for round := range b.N + 1 {
		for i := range peers {
			begin := time.Now()
			if err := run(peers[i]); err != nil {
				b.Fatalf("run with %s: %v", peers[i].Name, err)
			}
			if round > 0 {
				took[i] = append(took[i], time.Since(begin))
			}
		}
	}
	for i := range peers {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][0].Microseconds())/1000, peers[i].Name+"-min-ms")
		b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds())/1000, peers[i].Name+"-median-ms")
	}
	b.ReportMetric(0, "ns/op") // of all three together: says nothing
}
