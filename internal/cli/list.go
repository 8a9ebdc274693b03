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

var listVerb = verb{
	name: "list", summary: "list containers",
	about: `Shows the containers whose records are below --root: ID, pid of the first process
(0 when it has ended), status, bundle, time of creation and owner. A record that
cannot be read is reported on standard error and hides none of the others.`,
	examples: `Remove all containers that have stopped:

    teu list --format json | jq -r '.[]? | select(.status == "stopped").id' |
        xargs -rn1 teu delete

List the containers that Docker runs with teu:

    teu --root /run/docker/runtime-teu/moby list`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		format, quiet := "table", false
		flags := []cli.Flag{
			choice(&format, "table|json", formatUsage, "format", "f"),
			toggle(&quiet, "print the IDs alone, one a line", "quiet", "q"),
		}
		return flags, func(*cli.Context) error {
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
		}
	},
}

// formatUsage is the usage of --format of list, ps and validate.
const formatUsage = "print in this form"

// formatList renders the containers; no containers are "null" in JSON, as from runc.
func formatList(all []libcontainer.Status, format string, quiet bool) ([]byte, error) {
	var out bytes.Buffer
	if quiet {
		for i := range all {
			fmt.Fprintln(&out, all[i].ID)
		}
		return out.Bytes(), nil
	}
	if format == "json" {
		err := json.NewEncoder(&out).Encode(all)
		return out.Bytes(), err
	}
	w := tabwriter.NewWriter(&out, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for i := range all {
		s := &all[i]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n",
			s.ID, s.InitProcessPid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	err := w.Flush()
	return out.Bytes(), err
}
