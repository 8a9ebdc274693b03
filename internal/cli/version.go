package cli

import (
	"runtime"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Set at link time (-X teu/internal/cli.version=…).
var (
	version    = "0.0.0-dev"
	commit     = ""
	libseccomp = "" // version of the library that was linked in
)

// versionText is what follows "teu version"; dockerd reads its lines "version" and
// "commit:", containerd the first.
func versionText() string {
	s := version + "\n"
	if commit != "" {
		s += "commit: " + commit + "\n"
	}
	s += "spec: " + specs.Version + "\ngo: " + runtime.Version() + "\n"
	if libseccomp != "" {
		s += "libseccomp: " + libseccomp + "\n"
	}
	return s
}
