package cli

import (
	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var runVerb = verb{
	name: "run", summary: "create a container, start it and wait for it", args: "CONTAINER", min: 1, max: 1,
	about: `Does what create and start do, waits until the container's first process has ended,
and deletes the container. Meanwhile teu passes the signals that it gets on to the
process, and relays the terminal when process.terminal is set.

CONTAINER becomes the container's ID, for the other commands to name it.`,
	exit: `The exit status of the container's first process; 128+N when signal N ended it; 0
with --detach. 1 when the container could not be created or started.`,
	examples: topExamples,
	shares:   true,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		o := new(libcontainer.CreateOptions)
		flags := append(bundleFlags(o),
			toggle(&o.Detach, detachUsage, "detach", "d"),
			toggle(&o.Keep, "keep the stopped container until it is deleted", "keep"),
			toggle(&o.NoSubreaper, noSubreaperUsage, "no-subreaper"),
		)
		return flags, func(c *cli.Context) (err error) {
			o.ID = c.Args().First()
			inv.status, err = inv.rt.Run(*o)
			return err
		}
	},
}
