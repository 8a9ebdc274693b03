package cli

import "github.com/urfave/cli/v2"

var resumeVerb = verb{
	name: "resume", summary: "thaw the processes of a paused container", args: "CONTAINER", min: 1, max: 1,
	about: `Ends what "teu pause" began: the container's cgroup is thawed, and its processes
continue where they stood. A container that is not paused is an error.`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(c *cli.Context) error { return inv.rt.Resume(c.Args().First()) }
	},
}
