// Command teu is a low-level container runtime: it runs OCI bundles.
package main

import (
	"os"

	"teu/internal/cli"
	_ "teu/nsenter" // its constructor runs programs before the Go runtime starts
)

func main() { os.Exit(cli.Main(os.Args)) }
