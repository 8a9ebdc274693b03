package libcontainer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/hooks"
	"teu/nsenter/program"
)

// step says what create, run or exec is about to do, in the timeline and in the log.
func (c *creation) step(what string) {
	c.times.mark(what)
	c.r.Log.Debugf("%s", what)
}

// warn logs what the caller should know of the container. What exec finds again, of what the container is and create has
// told, is no news.
func (c *creation) warn(text string) {
	if !slices.Contains(c.told, text) {
		c.r.Log.Warnf("%s", text)
	}
}

// logInit logs after the fact, by its report, what init has done.
func (c *creation) logInit() {
	if c.init == nil || !c.r.Log.Enabled(log.Debug) {
		return
	}
	if r, err := c.init.Report(); err == nil {
		logSteps(c.r.Log, c.init.Pid, r.Stamps, c.init.Notes(), 0)
	}
}

// logSteps logs what instructions were begun for after a time of CLOCK_MONOTONIC, in ns: each purpose once, with its place in
// config.json, at the stamp of its first instruction.
func logSteps(l *log.Logger, pid int, stamps []int64, notes []program.Note, after int64) {
	now, last := sys.Monotonic(), program.Note{}
	for i := range notes {
		n := &notes[i]
		if i >= len(stamps) || stamps[i] <= after || n.Where == last.Where && n.What == last.What {
			continue
		}
		last = *n
		l.DebugfAgo(time.Duration(now-stamps[i]), "process %d: %s", pid, strings.TrimPrefix(n.Where+": "+n.What, ": "))
	}
}

// apply does a list of steps to the process.
func (c *creation) apply(list []step) error {
	for i := range list {
		s := &list[i]
		c.r.Log.Debugf("%s: %s", s.where, s.what)
		if err := s.do(c.init.Pid); err != nil {
			return fmt.Errorf("%s: %w", s.where, err)
		}
	}
	return nil
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
