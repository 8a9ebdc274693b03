package cli

import "github.com/urfave/cli/v2"

var deleteVerb = verb{
	name: "delete", summary: "remove a stopped container", args: "CONTAINER", min: 1, max: 1,
	about: `Removes what teu keeps of a container after its processes have ended: the cgroup
and the record below --root. The poststop hooks run. The bundle stays as it is.

A delete that was interrupted can be repeated, and continues where it stopped.

When the record cannot be read, nothing is removed that may be in use: the error says
what to end and what to remove by hand.`,
	examples: `Kill a container that still runs, and remove it:

    teu delete --force web

Remove all containers whose ID begins with "test-":

    teu delete --force --regex '^test-'`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		var force, regex bool
		flags := []cli.Flag{
			toggle(&force, "kill the processes with SIGKILL first; succeed also when there is no such container", "force", "f"),
			toggle(&regex, regexUsage, "regex", "r"),
		}
		return flags, func(c *cli.Context) error {
			return inv.each(c.Args().First(), regex, func(id string) error { return inv.rt.Delete(id, force) })
		}
	},
}
