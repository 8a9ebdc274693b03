// Without these two the Go runtime reads /proc/self/mountinfo and the cgroup's CPU limit at every start, and watches
// the limit, for a process that lives some milliseconds.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command teu is a low-level container runtime: it creates and runs containers from
// OCI bundles, for engines such as containerd, Docker and Podman, and by hand.
//
// Run "teu --help" for the commands and their options. The command line is package
// teu/internal/cli, the runtime package teu/libcontainer.
package main

import (
	"os"

	"teu/internal/cli"
	_ "teu/nsenter" // its constructor runs programs before the Go runtime starts
)

func main() { os.Exit(cli.Main(os.Args)) }
