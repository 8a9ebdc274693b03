package cli

import (
	"time"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var eventsVerb = verb{
	name: "events", summary: "report what a container uses, and when memory runs out", args: "CONTAINER", min: 1, max: 1,
	about: `Writes a line of JSON with the counters of the container's cgroup (CPU, memory,
processes, block I/O, huge pages) at each interval, and another one whenever the
kernel's OOM killer ends one of its processes. Returns when the first process of the
container has ended.`,
	examples: `Read the memory that a container uses now:

    teu events --stats web | jq .data.memory.usage.usage`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		interval, once := 5*time.Second, false
		flags := []cli.Flag{
			duration(&interval, "TIME", "wait this long between two reports", "interval"),
			toggle(&once, "report once and return", "stats"),
		}
		return flags, func(c *cli.Context) error {
			id := c.Args().First()
			if !once {
				return inv.rt.Events(id, interval, writeEvent)
			}
			e, err := inv.rt.Stats(id)
			if err != nil {
				return err
			}
			return writeEvent(e)
		}
	},
}

// writeEvent writes a line.
func writeEvent(e *libcontainer.Event) error {
	data, err := e.JSON()
	if err != nil {
		return err
	}
	return writeOut(append(data, '\n'))
}
