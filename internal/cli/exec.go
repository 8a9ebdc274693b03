package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

// execFailed is the exit code of runc for an error of exec itself, apart from what
// the command may return.
const execFailed = 255

var execVerb = verb{
	name: "exec", summary: "execute another process in a container", args: "CONTAINER COMMAND [ARG...]", alt: "--process FILE CONTAINER", min: 1, max: -1,
	about: `Starts COMMAND in the namespaces, the cgroup and the root filesystem of a
container that is created or running, and waits for it. User, environment, working
directory, capabilities and the rest are those of process in the container's
config.json where no option changes them. Options come before CONTAINER; what
follows it belongs to COMMAND.`,
	exit: `The exit status of COMMAND; 128+N when signal N ended it; 0 with --detach. 255 when
COMMAND is missing or could not be executed, 1 for other mistakes in the command line.`,
	examples: `Open a shell in a container, on a terminal of its own:

    teu exec --tty web sh

Execute a program as user 1000, with one more variable:

    teu exec --user 1000 --env LANG=C web id -u`,
	shares: true,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		o := new(libcontainer.ExecOptions)
		noNewPrivs := toggle(&o.NoNewPrivs, "set no_new_privs, so that executing a file grants no privileges; --no-new-privs=false leaves it out", "no-new-privs")
		tty := toggle(&o.Tty, "give the process a terminal of its own", "tty", "t")
		return execFlags(o, tty, noNewPrivs), func(c *cli.Context) (err error) {
			if o.ProcessFile == "" && c.NArg() == 1 {
				return exitError{inv.verb.usageError(errors.New("want a COMMAND after CONTAINER, or --process FILE")), execFailed}
			}
			o.Args = c.Args().Tail()
			o.TtySet, o.NoNewPrivsSet = tty.given, noNewPrivs.given
			if inv.status, err = inv.rt.Exec(c.Args().First(), *o); err != nil {
				return exitError{err, execFailed}
			}
			return nil
		}
	},
}

func execFlags(o *libcontainer.ExecOptions, tty, noNewPrivs *option) []cli.Flag {
	noSubreaper := toggle(&o.NoSubreaper, noSubreaperUsage, "no-subreaper")
	noSubreaper.hidden = true
	return []cli.Flag{
		text(&o.ConsoleSocket, "SOCKET", consoleSocketUsage, "console-socket"),
		text(&o.PidfdSocket, "SOCKET", pidfdSocketUsage, "pidfd-socket"),
		text(&o.Cwd, "DIR", "start in this directory of the container", "cwd"),
		texts(&o.Env, "NAME=VALUE", "add a variable to the environment; repeatable", "env", "e"),
		tty,
		text(&o.User, "UID[:GID]", "run as this user, and this group, given as numbers", "user", "u"),
		numbers(&o.AdditionalGids, "GID", "add a supplementary group; repeatable", "additional-gids", "g"),
		text(&o.ProcessFile, "FILE", "read all about the process from FILE, which may be a pipe, in the form that process has in config.json; options that describe the process are ignored", "process", "p"),
		toggle(&o.Detach, detachUsage, "detach", "d"),
		text(&o.PidFile, "FILE", pidFileUsage, "pid-file"),
		text(&o.ProcessLabel, "LABEL", "execute under this SELinux label", "process-label"),
		text(&o.Apparmor, "PROFILE", "confine the process by this AppArmor profile", "apparmor"),
		noNewPrivs,
		texts(&o.Caps, "CAP", "grant another capability, such as CAP_NET_ADMIN; repeatable", "cap", "c"),
		noSubreaper,
		natural(&o.PreserveFDs, "N", preserveFDsUsage, "preserve-fds"),
		texts(&o.Cgroups, "[CONTROLLER,...:]PATH", "join the cgroup PATH below the container's, which must exist; with cgroup v1 repeatable, per controller", "cgroup"),
		toggle(&o.IgnorePaused, "start the process even though the container is paused; it runs after resume", "ignore-paused"),
	}
}
