package cli

import (
	"syscall"

	"github.com/urfave/cli/v2"
)

func killCommand(inv *invocation) *cli.Command {
	var all bool
	return &cli.Command{
		ArgsUsage: `<container-id> [signal]

Where "<container-id>" is the name for the instance of the container and
"[signal]" is the signal to be sent to the init process.

EXAMPLE:
For example, if the container id is "ubuntu01" the following will send a "KILL"
signal to the init process of the "ubuntu01" container:

       # teu kill ubuntu01 KILL`,
		Flags: []cli.Flag{
			toggle(&all, "send the specified signal to all processes inside the container", "all", "a"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 2); err != nil {
				return err
			}
			sig := syscall.SIGTERM
			if name := c.Args().Get(1); name != "" {
				var err error
				if sig, err = parseSignal(name); err != nil {
					return err
				}
			}
			return inv.rt.Kill(c.Args().First(), sig, all)
		},
	}
}
