package cli

import (
	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

const runDescription = `The run command creates an instance of a container for a bundle, starts it, and
waits for it unless told to detach. The bundle is a directory with a
specification file named "config.json" and a root filesystem.

The specification file includes an args parameter. The args parameter is used
to specify command(s) that get run when the container is started. To change the
command(s) that get executed on start, edit the args parameter of the spec. See
"teu spec --help" for more explanation.`

func runCommand(inv *invocation) *cli.Command {
	o := new(libcontainer.CreateOptions)
	return &cli.Command{
		ArgsUsage:   newIDUsage,
		Description: runDescription,
		Flags: append(bundleFlags(o),
			toggle(&o.Detach, detachUsage, "detach", "d"),
			toggle(&o.Keep, "do not delete the container after it exits", "keep"),
			toggle(&o.NoSubreaper, noSubreaperUsage, "no-subreaper"),
		),
		Action: func(c *cli.Context) (err error) {
			if err := bundleArgs(c, o); err != nil {
				return err
			}
			inv.status, err = inv.rt.Run(*o)
			return err
		},
	}
}
