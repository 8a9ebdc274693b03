package cli

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

func eventsCommand(inv *invocation) *cli.Command {
	interval, once := 5*time.Second, false
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is the name for the instance of the container.`,
		Description: `The events command displays information about the container. By default the
information is displayed once every 5 seconds.`,
		Flags: []cli.Flag{
			duration(&interval, "set the stats collection interval", "interval"),
			toggle(&once, "display the container's stats then exit", "stats"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			if interval <= 0 {
				return fmt.Errorf("--interval %v: duration interval must be greater than 0", interval)
			}
			id := c.Args().First()
			if !once {
				return inv.rt.Events(id, interval, writeEvent)
			}
			e, err := inv.rt.Stats(id)
			if err != nil {
				return err
			}
			return writeEvent(e)
		},
	}
}

// writeEvent writes a line.
func writeEvent(e *libcontainer.Event) error {
	data, err := e.JSON()
	if err != nil {
		return err
	}
	return writeOut(append(data, '\n'))
}
