package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

var mountsVerb = verb{
	name: "mounts", summary: "attach bind mounts to a running container, or take them off", args: "add|remove CONTAINER FILE", min: 3, max: 3,
	about: `FILE has a JSON array of mounts as those of config.json, or an object with such an
array by the name of mounts.

add attaches them, in their order, to a container that is created, running or paused.
They have to be bind mounts, with the options that config.json can give them; a
destination that is missing is made. When one fails, those before it stay.

remove takes off whatever is mounted on the destinations, the last one first, with
what is mounted below; of each entry it reads nothing else. The root, /proc and what
is mounted there, and what masks a path of the container or makes it read-only are
refused.`,
	examples: `Give a running container a directory to read:

    echo '[{"destination": "/data", "source": "/srv/data",
        "options": ["rbind", "ro"]}]' >data.json
    teu mounts add web data.json
    teu mounts remove web data.json`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(c *cli.Context) error {
			id, file := c.Args().Get(1), c.Args().Get(2)
			switch what := c.Args().First(); what {
			case "add":
				return inv.rt.AddMounts(id, file)
			case "remove":
				return inv.rt.RemoveMounts(id, file)
			default:
				return inv.verb.usageError(fmt.Errorf("got %q, want add or remove", what))
			}
		}
	},
}
