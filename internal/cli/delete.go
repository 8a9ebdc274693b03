package cli

import "github.com/urfave/cli/v2"

func deleteCommand(inv *invocation) *cli.Command {
	var force bool
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is the name for the instance of the container.

EXAMPLE:
For example, if the container id is "ubuntu01" and teu list currently shows the
status of "ubuntu01" as "stopped" the following will delete resources held for
"ubuntu01" removing "ubuntu01" from the teu list of containers:

       # teu delete ubuntu01`,
		Flags: []cli.Flag{
			toggle(&force, "Forcibly deletes the container if it is still running (uses SIGKILL)", "force", "f"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return inv.rt.Delete(c.Args().First(), force)
		},
	}
}
