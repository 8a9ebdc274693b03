package docker

import (
	"fmt"
	"testing"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

// BenchmarkRun is `docker run --rm IMAGE true`, with one daemon that has all of the runtimes.
func BenchmarkRun(b *testing.B) {
	kit.Rooted(b)
	var flags []string
	for _, r := range caller.Peers() {
		flags = append(flags, "--add-runtime=with-"+r.Name+"="+r.Path)
	}
	d := start(b, caller.Peers()[0], flags...)
	caller.Times(b, func(r caller.Runtime) error {
		if o := d.Try("run", "--rm", "--runtime", "with-"+r.Name, caller.Image, "true"); o.Code != 0 {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
}
