package cli

import "github.com/urfave/cli/v2"

var pauseVerb = verb{
	name: "pause", summary: "freeze the processes of a container", args: "CONTAINER", min: 1, max: 1,
	about: `Freezes the cgroup of a container that is created or running, and returns when none
of its processes runs any more. "teu list" shows it as paused. Its memory stays in
use. "teu resume" ends the pause.`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(c *cli.Context) error { return inv.rt.Pause(c.Args().First()) }
	},
}
