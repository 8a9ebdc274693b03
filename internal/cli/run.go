package cli

import "github.com/urfave/cli/v2"

const runDescription = `The run command creates an instance of a container for a bundle, starts it, and
waits for it unless told to detach. The bundle is a directory with a
specification file named "config.json" and a root filesystem.

The specification file includes an args parameter. The args parameter is used
to specify command(s) that get run when the container is started. To change the
command(s) that get executed on start, edit the args parameter of the spec. See
"teu spec --help" for more explanation.`

func runCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		ArgsUsage:   newIDUsage,
		Description: runDescription,
		Flags: append(bundleFlags(),
			detachFlag(),
			&cli.BoolFlag{Name: "keep", Usage: "do not delete the container after it exits"},
			&cli.BoolFlag{Name: "no-subreaper", Usage: "disable the use of the subreaper used to reap reparented processes"},
		),
		Action: func(c *cli.Context) error {
			o, err := createOptions(c)
			if err != nil {
				return err
			}
			inv.status, err = inv.rt.Run(o)
			return err
		},
	}
}

func detachFlag() cli.Flag {
	return &cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "detach from the container's process"}
}
