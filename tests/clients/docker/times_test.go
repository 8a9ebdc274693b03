package docker

import (
	"fmt"
	"testing"

	"teu/tests/clients/caller"
)

// BenchmarkRun is `docker run --rm IMAGE true`, with one daemon that has all of the runtimes.
func BenchmarkRun(b *testing.B) {
	peers := caller.Peers(b)
	var flags []string
	for _, r := range peers {
		flags = append(flags, "--add-runtime=with-"+r.Name+"="+r.Path)
	}
	d := start(b, peers[0], flags...)
	caller.Times(b, peers, func(r caller.Runtime) error {
		if o := d.Try("run", "--rm", "--runtime", "with-"+r.Name, caller.Image, "true"); o.Code != 0 {
			return fmt.Errorf("%v: want exit code 0", o)
		}
		return nil
	})
}
