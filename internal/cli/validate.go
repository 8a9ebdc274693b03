package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var validateVerb = verb{
	name: "validate", summary: "check the configuration of a bundle", args: "[BUNDLE]", max: 1,
	about: `Lists everything that is wrong with the config.json in the directory BUNDLE (the
current directory when not given): values of the wrong type, with line and column,
what the specification forbids, what teu does not support and what this machine
cannot grant. Each line has the place as a JSON pointer (RFC 6901), what was found
there and what would be right. Nothing is created or changed.

A problem keeps the container from being created. A warning tells of something that
will be different from what the file asks for, or of a name that is unknown or
belongs to another platform. create and run make the checks that need the config.json
alone, and find the rest when they come to it.

The form json is one object with the lists "problems" and "warnings" of objects
with the members pointer, path, found and want; a value of the wrong type has line
and column too.`,
	exit: `0 when there is no problem, 1 when there is one or on an error.`,
	examples: `Check a bundle that has one problem:

    $ teu validate mybundle
    problem: /linux/namespaces/2/type: got "pidns", want one of cgroup, ipc, mount, network, pid, time, user, uts
    warning: /mounts/7/type: got "cephfs", which is not in /proc/filesystems, want a filesystem of this kernel, or a module that brings it
    mybundle/config.json: 1 problem, 1 warning`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		format := "text"
		return []cli.Flag{choice(&format, "text|json", formatUsage, "format", "f")}, func(c *cli.Context) error {
			v, err := inv.rt.Validate(c.Args().First())
			if err != nil {
				return err
			}
			if !v.OK() {
				inv.status = 1
			}
			out, err := formatValidation(v, format)
			if err != nil {
				return err
			}
			return writeOut(out)
		}
	},
}

// finding is a problem or a warning in JSON.
type finding struct {
	Pointer string `json:"pointer"` // RFC 6901
	Path    string `json:"path"`    // as error messages have it
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Found   string `json:"found"`
	Want    string `json:"want,omitempty"`
}

func formatValidation(v *libcontainer.Validation, format string) ([]byte, error) {
	if format == "json" {
		all := struct {
			Problems []finding `json:"problems"`
			Warnings []finding `json:"warnings"`
		}{[]finding{}, []finding{}}
		for _, e := range v.Errors {
			f := finding{Pointer: e.Pointer(), Path: e.Path, Line: e.Line, Column: e.Column, Found: e.Msg}
			if want, got, ok := strings.Cut(e.Msg, ", got "); ok { // "want string, got number"
				f.Found, f.Want = got, strings.TrimPrefix(want, "want ")
			}
			all.Problems = append(all.Problems, f)
		}
		for _, p := range v.Problems {
			all.Problems = append(all.Problems, finding{Pointer: p.Pointer(), Path: p.Path, Found: p.Found, Want: p.Want})
		}
		for _, p := range v.Warnings {
			all.Warnings = append(all.Warnings, finding{Pointer: p.Pointer(), Path: p.Path, Found: p.Found, Want: p.Want})
		}
		data, err := json.MarshalIndent(all, "", "  ")
		return append(data, '\n'), err
	}
	var b strings.Builder
	line := func(kind, pointer, text string) {
		if pointer != "" {
			kind += ": " + pointer
		}
		b.WriteString(kind + ": " + text + "\n")
	}
	for _, e := range v.Errors {
		line("problem", e.Pointer(), fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg))
	}
	for _, p := range v.Problems {
		line("problem", p.Pointer(), p.Text())
	}
	for _, p := range v.Warnings {
		line("warning", p.Pointer(), p.Text())
	}
	fmt.Fprintf(&b, "%s: %s, %s\n", v.File, plural(len(v.Errors)+len(v.Problems), "problem"), plural(len(v.Warnings), "warning"))
	return []byte(b.String()), nil
}

// plural is "no problems", "1 problem", "2 problems".
func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
