package cli

import (
	"encoding/json"

	"github.com/urfave/cli/v2"
)

var psVerb = verb{
	name: "ps", summary: "list the processes of a container", args: "CONTAINER [PS-OPTION...]", min: 1, max: -1,
	about: `Runs ps(1) of the host with the given options (-ef when there are none) and prints,
below the heading, the lines whose PID column names a process of the container. The
options must leave that column in. Pids are those of the host.

The form json is a list of the pids; ps(1) is not needed then.`,
	examples: `Show the memory of each process:

    teu ps web -eo pid,rss,args`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		format := "table"
		return []cli.Flag{choice(&format, "table|json", formatUsage, "format", "f")}, func(c *cli.Context) error {
			id, options := c.Args().First(), c.Args().Tail()
			if format == "table" {
				table, err := inv.rt.Ps(id, options)
				if err != nil {
					return err
				}
				return writeOut([]byte(table))
			}
			pids, err := inv.rt.Pids(id)
			if err != nil {
				return err
			}
			data, err := json.Marshal(pids) // "null" for none, as from runc
			if err != nil {
				return err
			}
			return writeOut(append(data, '\n'))
		}
	},
}
