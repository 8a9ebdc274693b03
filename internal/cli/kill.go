package cli

import (
	"syscall"

	"github.com/urfave/cli/v2"
)

var killVerb = verb{
	name: "kill", summary: "send a signal to a container", args: "CONTAINER [SIGNAL]", min: 1, max: 2,
	about: `Signals the first process of a container that is created or running. SIGNAL is a
number or a name, such as 9, KILL, SIGKILL or RTMIN+1, in any case of letters; it is
TERM when not given. Signal 0 only asks whether the process exists.`,
	examples: `Have the first process shut down, then end whatever is left:

    teu kill web
    teu kill --all web KILL`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		var all, regex bool
		flags := []cli.Flag{
			toggle(&all, "signal each process in the container's cgroup, even when the first one is gone", "all", "a"),
			toggle(&regex, regexUsage, "regex", "r"),
		}
		return flags, func(c *cli.Context) error {
			sig := syscall.SIGTERM
			if name := c.Args().Get(1); name != "" {
				var err error
				if sig, err = parseSignal(name); err != nil {
					return err
				}
			}
			return inv.each(c.Args().First(), regex, func(id string) error { return inv.rt.Kill(id, sig, all) })
		}
	},
}
