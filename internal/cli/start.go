package cli

import "github.com/urfave/cli/v2"

var startVerb = verb{
	name: "start", summary: "start a created container", args: "CONTAINER", min: 1, max: 1,
	about: `Releases the first process of a container that "teu create" has made, so that it
executes process.args, and returns when that has succeeded or failed. The container's
output goes where that of create went. The poststart hooks run.`,
	exit: `0 when the program was executed. 1 on an error, which is logged.`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(c *cli.Context) error { return inv.rt.Start(c.Args().First()) }
	},
}
