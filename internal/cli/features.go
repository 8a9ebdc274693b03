package cli

import (
	"bytes"
	"encoding/json"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var featuresVerb = verb{
	name: "features", summary: "print what this build of teu supports",
	about: `Prints one JSON object, the features structure of the OCI runtime specification
(features.md): namespaces, mount options, capabilities, cgroup and seccomp support
that are built in. Docker and containerd read it.

What the machine grants is another question, which "teu validate" answers for a
bundle. Only linux.seccomp.supportedFlags comes from the running kernel.`,
	examples: `List the mount options that config.json may use:

    teu features | jq .mountOptions`,
	build: func(*invocation) ([]cli.Flag, cli.ActionFunc) {
		return nil, func(*cli.Context) error {
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetIndent("", "    ")
			if err := enc.Encode(libcontainer.Features(buildAnnotations())); err != nil {
				return err
			}
			return writeOut(out.Bytes())
		}
	},
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
