package libcontainer

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/hooks"
	"teu/nsenter/program"
)

// step says what create, run or exec is about to do, in the timeline and in the log.
func (c *creation) step(what string) {
	c.times.mark(what)
	c.r.Log.Debugf("%s", what)
}

// String is the cgroup for the log: its unit, when it is one's, and its directories.
func (c *cgroup) String() string {
	if c == nil || c.Manager == nil {
		return "no cgroup"
	}
	rec := c.Record()
	var b strings.Builder
	b.WriteString("cgroup")
	if rec.Unit != nil {
		fmt.Fprintf(&b, " of %v", rec.Unit)
	}
	for i := range rec.Places {
		b.WriteString(" " + rec.Places[i].Dir())
	}
	return b.String()
}

// runHooks runs the hooks of one kind, see [hooks.Run]. Their arguments and environment are not logged: they may be secret.
func (r *Runtime) runHooks(kind string, list []specs.Hook, st *specs.State) error {
	if len(list) > 0 {
		r.Log.Debugf("run %s, %d of them", kind, len(list))
	}
	return hooks.Run(kind, list, st)
}

// reached is how far init has come by the byte that it says, for the log.
type reached byte

func (b reached) String() string {
	switch b {
	case program.ByteOffsets:
		return "waits for its time offsets"
	case program.ByteCgroup:
		return "waits for its cgroup"
	case program.ByteHooks:
		return "waits for the hooks of the runtime"
	}
	return "is ready" // program.ByteReady, the only one left
}
