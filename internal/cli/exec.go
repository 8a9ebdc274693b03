package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

// execFailed is the exit code of runc for an error of exec itself, apart from what
// the command may return.
const execFailed = 255

func execCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		UsageText: `teu exec [command options] <container-id> <command> [command options]  || -p process.json <container-id>`,
		Description: `Where "<container-id>" is the name for the instance of the container and
"<command>" is the command to be executed in the container.
"<command>" can't be empty unless a "-p" flag provided.

EXAMPLE:
For example, if the container is configured to run the linux ps command the
following will output a list of processes running in the container:

       # teu exec <container-id> ps`,
		Flags: execFlags(),
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, -1); err != nil {
				return err
			}
			if c.String("process") == "" && c.NArg() == 1 {
				return usageError(c, "requires a command or --process")
			}
			o, err := execOptions(c)
			if err == nil {
				inv.status, err = inv.rt.Exec(c.Args().First(), o)
			}
			if err != nil {
				return exitError{err, execFailed}
			}
			return nil
		},
	}
}

func execFlags() []cli.Flag {
	return []cli.Flag{
		consoleSocketFlag(),
		pidfdSocketFlag(),
		&cli.StringFlag{Name: "cwd", Usage: "current working directory in the container"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "set environment variables"},
		&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "allocate a pseudo-TTY"},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "UID (format: <uid>[:<gid>])"},
		&cli.IntSliceFlag{Name: "additional-gids", Aliases: []string{"g"}, Usage: "additional gids"},
		&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Usage: "path to the process.json"},
		detachFlag(),
		pidFileFlag(),
		&cli.StringFlag{Name: "process-label", Usage: "set the asm process label for the process commonly used with selinux"},
		&cli.StringFlag{Name: "apparmor", Usage: "set the apparmor profile for the process"},
		&cli.BoolFlag{Name: "no-new-privs", Usage: "set the no new privileges value for the process"},
		&cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}, Usage: "add a capability to the bounding set for the process"},
		&cli.BoolFlag{Name: "no-subreaper", Usage: "disable the use of the subreaper used to reap reparented processes", Hidden: true},
		preserveFDsFlag(),
		&cli.StringSliceFlag{Name: "cgroup", Usage: "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>."},
		&cli.BoolFlag{Name: "ignore-paused", Usage: "allow exec in a paused container"},
	}
}

func execOptions(c *cli.Context) (o libcontainer.ExecOptions, err error) {
	if c.Int("preserve-fds") < 0 {
		return o, errors.New("--preserve-fds: it cannot be negative")
	}
	return libcontainer.ExecOptions{
		ConsoleSocket:  c.String("console-socket"),
		ProcessFile:    c.String("process"),
		PidFile:        c.String("pid-file"),
		PidfdSocket:    c.String("pidfd-socket"),
		Cwd:            c.String("cwd"),
		User:           c.String("user"),
		ProcessLabel:   c.String("process-label"),
		Apparmor:       c.String("apparmor"),
		Args:           c.Args().Tail(),
		Env:            c.StringSlice("env"),
		Caps:           c.StringSlice("cap"),
		Cgroups:        c.StringSlice("cgroup"),
		AdditionalGids: c.IntSlice("additional-gids"),
		Tty:            c.Bool("tty"),
		Detach:         c.Bool("detach"),
		NoNewPrivs:     c.Bool("no-new-privs"),
		IgnorePaused:   c.Bool("ignore-paused"),
		NoSubreaper:    c.Bool("no-subreaper"),
		NoNewPrivsSet:  c.IsSet("no-new-privs"),
		TtySet:         c.IsSet("tty"),
		PreserveFDs:    c.Int("preserve-fds"),
	}, nil
}
