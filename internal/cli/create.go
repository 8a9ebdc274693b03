package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

const createDescription = `The create command creates an instance of a container for a bundle. The bundle
is a directory with a specification file named "config.json" and a root
filesystem.

The specification file includes an args parameter. The args parameter is used
to specify command(s) that get run when the container is started. To change the
command(s) that get executed on start, edit the args parameter of the spec. See
"teu spec --help" for more explanation.`

const newIDUsage = `<container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. The name you provide for the container instance must be unique on
your host.`

func createCommand(inv *invocation) *cli.Command {
	o := new(libcontainer.CreateOptions)
	return &cli.Command{
		ArgsUsage:   newIDUsage,
		Description: createDescription,
		Flags:       bundleFlags(o),
		Action: func(c *cli.Context) error {
			if err := bundleArgs(c, o); err != nil {
				return err
			}
			return inv.rt.Create(*o)
		},
	}
}

// bundleFlags are the flags of create, and of run, which has more.
func bundleFlags(o *libcontainer.CreateOptions) []cli.Flag {
	return []cli.Flag{
		text(&o.Bundle, "path to the root of the bundle directory, defaults to the current directory", "bundle", "b"),
		text(&o.ConsoleSocket, consoleSocketUsage, "console-socket"),
		text(&o.PidfdSocket, pidfdSocketUsage, "pidfd-socket"),
		text(&o.PidFile, pidFileUsage, "pid-file"),
		toggle(&o.NoPivot, "do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk", "no-pivot"),
		toggle(&o.NoNewKeyring, "do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key", "no-new-keyring"),
		number(&o.PreserveFDs, preserveFDsUsage, "preserve-fds"),
	}
}

// Usage of the flags that create, run and exec share.
const (
	consoleSocketUsage = "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal"
	pidfdSocketUsage   = "path to an AF_UNIX socket which will receive a file descriptor referencing the init process"
	pidFileUsage       = "specify the file to write the process id to"
	preserveFDsUsage   = "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)"
	detachUsage        = "detach from the container's process"
	noSubreaperUsage   = "disable the use of the subreaper used to reap reparented processes"
)

var errPreserveFDs = errors.New("--preserve-fds: it cannot be negative")

func bundleArgs(c *cli.Context, o *libcontainer.CreateOptions) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	if o.PreserveFDs < 0 {
		return errPreserveFDs
	}
	o.ID = c.Args().First()
	return nil
}
