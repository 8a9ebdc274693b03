package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"teu/libcontainer/spec"
)

func specCommand(*invocation) *cli.Command {
	var bundle string
	var rootless bool
	return &cli.Command{
		Description: `The spec command creates the new specification file named "config.json" for
the bundle.

The spec generated is just a starter file. Editing of the spec is required to
achieve desired results. For example, the newly generated spec includes an args
parameter that is initially set to call the "sh" command when the container is
started. Calling "sh" may work for an ubuntu container or busybox, but will not
work for containers that do not include the "sh" program.

EXAMPLE:
The following makes a bundle from a static busybox and runs its shell:

    mkdir -p hello/rootfs/bin
    cd hello
    cp /bin/busybox rootfs/bin/sh
    teu spec
    teu run container1

In the run command above, "container1" is the name for the instance of the
container that you are starting. The name you provide for the container instance
must be unique on your host.

A container for a user without privileges needs a user namespace, which the
parameter --rootless puts into the specification file.`,
		Flags: []cli.Flag{
			text(&bundle, "path to the root of the bundle directory", "bundle", "b"),
			toggle(&rootless, "generate a configuration for a rootless container", "rootless"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return writeSpec(bundle, rootless)
		},
	}
}

// writeSpec writes config.json into dir and never over one that is there.
func writeSpec(dir string, rootless bool) error {
	data, err := json.MarshalIndent(spec.Example(rootless), "", "\t")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "config.json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: remove it first", err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
