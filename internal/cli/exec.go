package cli

import (
	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

// execFailed is the exit code of runc for an error of exec itself, apart from what
// the command may return.
const execFailed = 255

func execCommand(inv *invocation) *cli.Command {
	o := new(libcontainer.ExecOptions)
	noNewPrivs := toggle(&o.NoNewPrivs, "set the no new privileges value for the process", "no-new-privs")
	tty := toggle(&o.Tty, "allocate a pseudo-TTY", "tty", "t")
	return &cli.Command{
		UsageText: `teu exec [command options] <container-id> <command> [command options]  || -p process.json <container-id>`,
		Description: `Where "<container-id>" is the name for the instance of the container and
"<command>" is the command to be executed in the container.
"<command>" can't be empty unless a "-p" flag provided.

EXAMPLE:
For example, if the container is configured to run the linux ps command the
following will output a list of processes running in the container:

       # teu exec <container-id> ps`,
		Flags: execFlags(o, tty, noNewPrivs),
		Action: func(c *cli.Context) (err error) {
			if err := wantArgs(c, 1, -1); err != nil {
				return err
			}
			if o.ProcessFile == "" && c.NArg() == 1 {
				return usageError(c, "requires a command or --process")
			}
			if o.PreserveFDs < 0 {
				return errPreserveFDs
			}
			o.Args = c.Args().Tail()
			o.TtySet, o.NoNewPrivsSet = tty.given, noNewPrivs.given
			if inv.status, err = inv.rt.Exec(c.Args().First(), *o); err != nil {
				return exitError{err, execFailed}
			}
			return nil
		},
	}
}

func execFlags(o *libcontainer.ExecOptions, tty, noNewPrivs *option) []cli.Flag {
	noSubreaper := toggle(&o.NoSubreaper, noSubreaperUsage, "no-subreaper")
	noSubreaper.hidden = true
	return []cli.Flag{
		text(&o.ConsoleSocket, consoleSocketUsage, "console-socket"),
		text(&o.PidfdSocket, pidfdSocketUsage, "pidfd-socket"),
		text(&o.Cwd, "current working directory in the container", "cwd"),
		texts(&o.Env, "set environment variables", "env", "e"),
		tty,
		text(&o.User, "UID (format: <uid>[:<gid>])", "user", "u"),
		numbers(&o.AdditionalGids, "additional gids", "additional-gids", "g"),
		text(&o.ProcessFile, "path to the process.json", "process", "p"),
		toggle(&o.Detach, detachUsage, "detach", "d"),
		text(&o.PidFile, pidFileUsage, "pid-file"),
		text(&o.ProcessLabel, "set the asm process label for the process commonly used with selinux", "process-label"),
		text(&o.Apparmor, "set the apparmor profile for the process", "apparmor"),
		noNewPrivs,
		texts(&o.Caps, "add a capability to the bounding set for the process", "cap", "c"),
		noSubreaper,
		number(&o.PreserveFDs, preserveFDsUsage, "preserve-fds"),
		texts(&o.Cgroups, "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>.", "cgroup"),
		toggle(&o.IgnorePaused, "allow exec in a paused container", "ignore-paused"),
	}
}
