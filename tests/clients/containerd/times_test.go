package containerd

import (
	"fmt"
	"testing"

	"teu/tests/clients/caller"
)

// BenchmarkRun is `ctr run --rm IMAGE ID true`, with one daemon.
func BenchmarkRun(b *testing.B) {
	peers := caller.Peers(b)
	c := start(b, peers[0])
	caller.Times(b, peers, func(r caller.Runtime) error {
		c.Runtime = r
		if o := c.do(c.args([]string{"--rm"}, c.id(), "true")...); o.Code != 0 {
			return fmt.Errorf("%v: want exit code 0", o)
		}
		return nil
	})
}
