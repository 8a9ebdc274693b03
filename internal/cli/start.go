package cli

import "github.com/urfave/cli/v2"

func startCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		ArgsUsage:   newIDUsage,
		Description: "The start command executes the user defined process in a created container.",
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return inv.rt.Start(c.Args().First())
		},
	}
}
