package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

func listCommand(inv *invocation) *cli.Command {
	format, quiet := "table", false
	return &cli.Command{
		ArgsUsage: `

Where the given root is specified via the global option "--root"
(default: "` + defaultRoot + `").

EXAMPLE 1:
To list containers created via the default "--root":
       # teu list

EXAMPLE 2:
To list containers created using a non-default value for "--root":
       # teu --root value list`,
		Flags: []cli.Flag{
			text(&format, "select one of: table or json", "format", "f"),
			toggle(&quiet, "display only container IDs", "quiet", "q"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			all, bad, err := inv.rt.List()
			if err != nil {
				return err
			}
			// What cannot be read hides none of the rest, and is no failure
			// of list: it is told beside the table, as runc does.
			for _, err := range bad {
				fmt.Fprintln(os.Stderr, err)
			}
			out, err := formatList(all, format, quiet)
			if err != nil {
				return err
			}
			return writeOut(out)
		},
	}
}

// formatList renders the containers; no containers are "null" in JSON, as from runc.
func formatList(all []libcontainer.Status, format string, quiet bool) ([]byte, error) {
	var out bytes.Buffer
	if quiet {
		for i := range all {
			fmt.Fprintln(&out, all[i].ID)
		}
		return out.Bytes(), nil
	}
	switch format {
	case "table":
		w := tabwriter.NewWriter(&out, 12, 1, 3, ' ', 0)
		fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
		for i := range all {
			s := &all[i]
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n",
				s.ID, s.InitProcessPid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
	case "json":
		if err := json.NewEncoder(&out).Encode(all); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("invalid format option %q: want table or json", format)
	}
	return out.Bytes(), nil
}
