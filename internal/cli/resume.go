package cli

import "github.com/urfave/cli/v2"

func resumeCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is the name for the instance of the container to be
resumed.`,
		Description: `The resume command resumes all processes in the instance of the container.

Use teu list to identify instances of containers and their current status.`,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return inv.rt.Resume(c.Args().First())
		},
	}
}
