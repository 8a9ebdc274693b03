package cli

import (
	"bytes"
	"encoding/json"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

func featuresCommand(*invocation) *cli.Command {
	return &cli.Command{
		Description: `The features command prints, as one JSON object, what teu knows and does: the
features structure of the OCI runtime specification (features.md). Docker and
containerd read it.

It says what is built in, not what this machine has: see "teu validate" for that.
The exception is linux.seccomp.supportedFlags, which asks the kernel.`,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetIndent("", "    ")
			if err := enc.Encode(libcontainer.Features(buildAnnotations())); err != nil {
				return err
			}
			return writeOut(out.Bytes())
		},
	}
}

// buildAnnotations say which build it is, as runc's do under "org.opencontainers.runc.".
func buildAnnotations() map[string]string {
	a := map[string]string{"teu.version": version, "teu.checkpoint.enabled": "false"}
	if commit != "" {
		a["teu.commit"] = commit
	}
	if libseccomp != "" {
		a["io.github.seccomp.libseccomp.version"] = libseccomp
	}
	return a
}
