package cli

import "github.com/urfave/cli/v2"

func pauseCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is the name for the instance of the container to be
paused.`,
		Description: `The pause command suspends all processes in the instance of the container.

Use teu list to identify instances of containers and their current status.`,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return inv.rt.Pause(c.Args().First())
		},
	}
}
