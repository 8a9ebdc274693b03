package containerd

import (
	"fmt"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

// BenchmarkRun is `ctr run --rm IMAGE ID true`, with one daemon.
func BenchmarkRun(b *testing.B) {
	kit.Rooted(b)
	c := start(b, caller.Peers()[0])
	caller.Times(b, func(r caller.Runtime) error {
		c.Runtime = r
		if o := c.do(c.args([]string{"--rm"}, c.id(), "true")...); o.Code != 0 {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
}
