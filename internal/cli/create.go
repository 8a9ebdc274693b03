package cli

import (
	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var createVerb = verb{
	name: "create", summary: "create a container that waits for start", args: "CONTAINER", min: 1, max: 1,
	about: `Builds everything that the config.json of the bundle asks for: namespaces,
mounts, devices, cgroup, seccomp filter. The program named in process.args is not
executed yet; the container's first process stands in its place and waits until
"teu start" releases it.

CONTAINER becomes the container's ID. It consists of letters, digits and the
characters _+-. and belongs to one container of a --root at a time.`,
	examples: `Create a container from the bundle in /srv/web, then start it:

    teu create --bundle /srv/web --pid-file /run/web.pid web
    teu start web`,
	shares: true,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		o := new(libcontainer.CreateOptions)
		// create waits for nothing; crun takes the flag all the same.
		noSubreaper := toggle(&o.NoSubreaper, noSubreaperUsage, "no-subreaper")
		noSubreaper.hidden = true
		return append(bundleFlags(o), noSubreaper), func(c *cli.Context) error {
			o.ID = c.Args().First()
			return inv.rt.Create(*o)
		}
	},
}

// bundleFlags are the flags of create, and of run, which has more.
func bundleFlags(o *libcontainer.CreateOptions) []cli.Flag {
	return []cli.Flag{
		text(&o.Bundle, "DIR", "take config.json, and relative paths in it, from DIR; the current directory when not given", "bundle", "b"),
		text(&o.Config, "FILE", "read the configuration from FILE rather than from config.json in the bundle", "config", "f"),
		text(&o.ConsoleSocket, "SOCKET", consoleSocketUsage, "console-socket"),
		text(&o.PidfdSocket, "SOCKET", pidfdSocketUsage, "pidfd-socket"),
		text(&o.PidFile, "FILE", pidFileUsage, "pid-file"),
		toggle(&o.NoPivot, "enter the root filesystem with chroot(2) rather than pivot_root(2), which an initramfs does not allow; less safe", "no-pivot"),
		toggle(&o.NoNewKeyring, "let the container use the session keyring of teu's caller, not one of its own", "no-new-keyring"),
		natural(&o.PreserveFDs, "N", preserveFDsUsage, "preserve-fds"),
	}
}

// Usage of the flags that create, run and exec share.
const (
	consoleSocketUsage = "send the master of the terminal over this Unix socket"
	pidfdSocketUsage   = "send a pidfd of the new process over this Unix socket"
	pidFileUsage       = "write the pid of the new process, as the host counts it, to FILE"
	preserveFDsUsage   = "leave N descriptors open from 3 on, after those that $LISTEN_FDS counts"
	detachUsage        = "return as soon as the process runs; do not wait for it or relay its signals and terminal"
	noSubreaperUsage   = "do not adopt orphaned processes of the container while waiting"
)
