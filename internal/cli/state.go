package cli

import (
	"encoding/json"

	"github.com/urfave/cli/v2"
)

var stateVerb = verb{
	name: "state", summary: "print the state of a container", args: "CONTAINER", min: 1, max: 1,
	about: `Prints a JSON object as the OCI runtime specification has it (runtime.md, "State"):
ociVersion, id, status, pid, bundle and annotations; rootfs, created and owner besides.
The status is creating, created, running, paused or stopped.`,
	examples: `Wait until a container has stopped:

    until [ "$(teu state web | jq -r .status)" = stopped ]; do sleep 1; done`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(c *cli.Context) error {
			st, err := inv.rt.State(c.Args().First())
			if err != nil {
				return err
			}
			data, err := json.MarshalIndent(st, "", "  ")
			if err != nil {
				return err
			}
			return writeOut(data)
		}
	},
}
