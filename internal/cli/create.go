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
	return &cli.Command{
		ArgsUsage:   newIDUsage,
		Description: createDescription,
		Flags:       bundleFlags(),
		Action: func(c *cli.Context) error {
			o, err := createOptions(c)
			if err != nil {
				return err
			}
			return inv.rt.Create(o)
		},
	}
}

// bundleFlags are the flags of create, and of run, which has more.
func bundleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "path to the root of the bundle directory, defaults to the current directory"},
		consoleSocketFlag(),
		pidfdSocketFlag(),
		pidFileFlag(),
		&cli.BoolFlag{Name: "no-pivot", Usage: "do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk"},
		&cli.BoolFlag{Name: "no-new-keyring", Usage: "do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key"},
		preserveFDsFlag(),
	}
}

func consoleSocketFlag() cli.Flag {
	return &cli.StringFlag{Name: "console-socket", Usage: "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal"}
}

func pidfdSocketFlag() cli.Flag {
	return &cli.StringFlag{Name: "pidfd-socket", Usage: "path to an AF_UNIX socket which will receive a file descriptor referencing the init process"}
}

func pidFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "pid-file", Usage: "specify the file to write the process id to"}
}

func preserveFDsFlag() cli.Flag {
	return &cli.IntFlag{Name: "preserve-fds", Usage: "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)"}
}

// createOptions reads the flags of create or run; those of run are false for create.
func createOptions(c *cli.Context) (o libcontainer.CreateOptions, err error) {
	if err := wantArgs(c, 1, 1); err != nil {
		return o, err
	}
	if c.Int("preserve-fds") < 0 {
		return o, errors.New("--preserve-fds: it cannot be negative")
	}
	return libcontainer.CreateOptions{
		ID:            c.Args().First(),
		Bundle:        c.String("bundle"),
		ConsoleSocket: c.String("console-socket"),
		PidFile:       c.String("pid-file"),
		PidfdSocket:   c.String("pidfd-socket"),
		NoPivot:       c.Bool("no-pivot"),
		NoNewKeyring:  c.Bool("no-new-keyring"),
		NoSubreaper:   c.Bool("no-subreaper"),
		Detach:        c.Bool("detach"),
		Keep:          c.Bool("keep"),
		PreserveFDs:   c.Int("preserve-fds"),
	}, nil
}
