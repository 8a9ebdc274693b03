package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// The texts of the help have two forms. A summary, and the usage of a flag, is a phrase
// in the imperative that begins with a small letter and has no full stop. Everything
// else is sentences. TestTextsHaveOneForm checks it.
const (
	helpUsage    = "show this help and exit"
	versionUsage = "show the version of teu and of what it is built from, and exit"

	topUsage   = "teu [GLOBAL OPTION...] COMMAND [ARGUMENT...]"
	topSummary = "run containers from OCI bundles"
	topAbout   = `teu makes and runs containers as the Open Container Initiative (OCI) specifies
them. The input is a bundle: a directory with a config.json, which says all about
the container, and usually the container's root filesystem. teu compiles the
config.json into a program of system calls and has a small interpreter run it in
the namespaces of the new container.

Engines such as containerd, Docker and Podman call teu for each step in the life
of a container: create, start, kill, delete. By hand, run takes all of these
steps.`
	topExamples = `Make a bundle from a static busybox, and run its shell:

    mkdir -p hello/rootfs/bin
    cp /bin/busybox hello/rootfs/bin/sh
    teu spec --bundle hello
    teu run --bundle hello demo`
	topExit = `0 on success, 1 on an error, 3 for an unknown command. run and exec pass on the
exit status of the process.`
)

// shortHelp is printed by teu without a command.
const shortHelp = `teu: run containers from OCI bundles

  teu spec                         write an example config.json
  teu run CONTAINER                create a container, start it and wait for it
  teu list                         list containers
  teu exec -t CONTAINER COMMAND    execute a command on a terminal of its own
  teu delete --force CONTAINER     kill a container and remove it

"teu --help" shows all commands, "teu COMMAND --help" the options of one.
`

// exitStatus is that of most verbs.
const exitStatus = `0 on success. 1 on an error, which is logged.`

// helpWidth is the width that texts are wrapped to.
const helpWidth = 80

// helpVerb stands in the lists of commands. It has no flags and no man page.
var helpVerb = verb{name: "help", summary: "show this help, or that of a command"}

func topHelp() string {
	var b strings.Builder
	b.WriteString("teu: " + topSummary + "\n\nusage: " + topUsage + "\n\n" + fill(topAbout, "") + "\nCommands:\n")
	var rows [][2]string
	for _, v := range verbs {
		rows = append(rows, [2]string{v.name, v.summary})
	}
	table(&b, append(rows, [2]string{helpVerb.name, helpVerb.summary}))
	b.WriteString("\nGlobal options:\n")
	table(&b, flagRows(append(new(global).flags(), cli.HelpFlag, cli.VersionFlag)))
	b.WriteString("\nExit status:\n" + fill(topExit, "  ") + "\nExamples:\n" + fill(topExamples, "  "))
	return b.String()
}

func (v *verb) help() string {
	flags, _ := v.build(new(invocation))
	var b strings.Builder
	b.WriteString("teu " + v.name + ": " + v.summary + "\n\nusage: " + v.usage() + "\n")
	b.WriteString("\n" + fill(v.about, "") + "\nOptions:\n")
	table(&b, flagRows(append(flags, cli.HelpFlag)))
	b.WriteString("\nExit status:\n" + fill(v.exitStatus(), "  "))
	if v.examples != "" {
		b.WriteString("\nExamples:\n" + fill(v.examples, "  "))
	}
	return b.String()
}

func (v *verb) exitStatus() string {
	if v.exit != "" {
		return v.exit
	}
	return exitStatus
}

func flagRows(flags []cli.Flag) (rows [][2]string) {
	for _, f := range flags {
		if o, ok := f.(*option); ok && !o.hidden {
			rows = append(rows, [2]string{o.synopsis(), o.meaning()})
		}
	}
	return rows
}

// table writes two columns, the second one wrapped. It begins on a new line where the
// first one is too wide.
func table(b *strings.Builder, rows [][2]string) {
	const widest = 28
	width := 0
	for _, r := range rows {
		if n := len(r[0]); n <= widest {
			width = max(width, n)
		}
	}
	margin := "\n" + strings.Repeat(" ", width+4)
	for _, r := range rows {
		b.WriteString("  " + r[0])
		if len(r[0]) > width {
			b.WriteString(margin)
		} else {
			b.WriteString(strings.Repeat(" ", width+2-len(r[0])))
		}
		b.WriteString(strings.Join(wrap(r[1], helpWidth-width-4), margin) + "\n")
	}
}

// wrap breaks a text into lines of at most width bytes, where words allow.
func wrap(s string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// fill wraps the paragraphs of a text and puts margin before each line. Lines that
// are indented stay as they are.
func fill(text, margin string) string {
	var b strings.Builder
	for i, p := range strings.Split(text, "\n\n") {
		lines := strings.Split(p, "\n")
		if !strings.HasPrefix(p, " ") {
			lines = wrap(p, helpWidth-len(margin))
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range lines {
			b.WriteString(margin + line + "\n")
		}
	}
	return b.String()
}
