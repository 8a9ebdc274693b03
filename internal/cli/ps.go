package cli

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"
)

func psCommand(inv *invocation) *cli.Command {
	format := "table"
	return &cli.Command{
		ArgsUsage: `<container-id> [ps options]`,
		Flags: []cli.Flag{
			text(&format, "select one of: table or json", "format", "f"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, -1); err != nil {
				return err
			}
			id, options := c.Args().First(), c.Args().Tail()
			switch format {
			case "table":
				table, err := inv.rt.Ps(id, options)
				if err != nil {
					return err
				}
				return writeOut([]byte(table))
			case "json":
				pids, err := inv.rt.Pids(id)
				if err != nil {
					return err
				}
				data, err := json.Marshal(pids) // "null" for none, as from runc
				if err != nil {
					return err
				}
				return writeOut(append(data, '\n'))
			}
			return fmt.Errorf("invalid format option %q: want table or json", format)
		},
	}
}
