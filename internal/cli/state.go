package cli

import (
	"encoding/json"

	"github.com/urfave/cli/v2"
)

func stateCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is your name for the instance of the container.`,
		Description: `The state command outputs current state information for the
instance of a container.`,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			st, err := inv.rt.State(c.Args().First())
			if err != nil {
				return err
			}
			data, err := json.MarshalIndent(st, "", "  ")
			if err != nil {
				return err
			}
			return writeOut(data)
		},
	}
}
