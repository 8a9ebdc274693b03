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

var specVerb = verb{
	name: "spec", summary: "write an example config.json",
	about: `Writes a config.json to start from: a shell on a terminal, in namespaces of its own,
with a read-only root filesystem in the directory rootfs beside the file and with few
capabilities. A config.json that exists is not overwritten.

Edit process.args to execute something else. "teu validate" checks the result.`,
	examples: topExamples,
	build: func(*invocation) ([]cli.Flag, cli.ActionFunc) {
		var bundle string
		var rootless bool
		flags := []cli.Flag{
			text(&bundle, "DIR", "write the file into DIR; into the current directory when not given", "bundle", "b"),
			toggle(&rootless, "add a user namespace in which the caller is root, and leave out what only root of the host may do", "rootless"),
		}
		return flags, func(*cli.Context) error { return writeSpec(bundle, rootless) }
	},
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
