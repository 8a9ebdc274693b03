// Package cli is the command line: one file per verb, each of which turns flags
// into the options of one method of libcontainer.Runtime. Names, help and output
// are runc's, since its callers are to find no difference.
package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"teu/internal/log"
	"teu/libcontainer"
)

const usage = `Open Container Initiative runtime

teu is a command line client for running applications packaged according to
the Open Container Initiative (OCI) format. It compiles the configuration of a
container into a program of system calls and runs that.

Containers are configured using bundles. A bundle for a container is a directory
that includes a specification file named "config.json" and a root filesystem.
The root filesystem contains the contents of the container.

To start a new instance of a container:

    # teu run [ -b bundle ] <container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. The name you provide for the container instance must be unique on
your host. Providing the bundle directory using "-b" is optional. The default
value for "bundle" is the current directory.`

// containers is libcontainer.Runtime, or what a test records the options with.
type containers interface {
	Create(libcontainer.CreateOptions) error
	Run(libcontainer.CreateOptions) (status int, err error)
	Start(id string) error
	Exec(id string, o libcontainer.ExecOptions) (status int, err error)
	Kill(id string, sig syscall.Signal, all bool) error
	Delete(id string, force bool) error
	Pause(id string) error
	Resume(id string) error
	Update(id string, o libcontainer.UpdateOptions) error
	State(id string) (*libcontainer.Status, error)
	List() (all []libcontainer.Status, bad []error, err error)
	Events(id string, interval time.Duration, each func(*libcontainer.Event) error) error
	Stats(id string) (*libcontainer.Event, error)
	Ps(id string, args []string) (table string, err error)
	Pids(id string) ([]int, error)
	Validate(bundle string) (*libcontainer.Validation, error)
}

// invocation is what one command line asks for.
type invocation struct {
	args    []string // all of it
	connect func(*libcontainer.Runtime) containers
	global  global
	rt      containers
	log     *log.Logger

	// status is the exit code when the verb succeeds: what run and exec got
	// from the process they waited for.
	status int

	// again is set when the flags of the verb have to be parsed anew from this.
	again []string
}

// verb describes a command. Its flags and texts are only made for the verb that
// was asked for.
type verb struct {
	name, usage string
	build       func(inv *invocation) *cli.Command
}

var verbs = [...]verb{
	{"create", "create a container", createCommand},
	{"delete", "delete any resources held by the container often used with detached container", deleteCommand},
	{"events", "display container events such as OOM notifications, cpu, memory, and IO usage statistics", eventsCommand},
	{"exec", "execute new process inside the container", execCommand},
	{"features", "show the enabled features", featuresCommand},
	{"kill", "kill sends the specified signal (default: SIGTERM) to the container's init process", killCommand},
	{"list", "lists containers started by teu with the given root", listCommand},
	{"pause", "pause suspends all processes inside the container", pauseCommand},
	{"ps", "ps displays the processes running inside a container", psCommand},
	{"resume", "resumes all processes that have been previously paused", resumeCommand},
	{"run", "create and run a container", runCommand},
	{"spec", "create a new specification file", specCommand},
	{"start", "executes the user defined process in a created container", startCommand},
	{"state", "output the state of a container", stateCommand},
	{"update", "update container resource constraints", updateCommand},
	{"validate", "check the configuration of a bundle", validateCommand},
}

// exitError carries an exit code other than 1.
type exitError struct {
	error
	code int
}

// Unwrap gives the error itself.
func (e exitError) Unwrap() error { return e.error }

// Main runs the command line args, args[0] being the program, and returns the exit
// code: that of the process for run and exec, 128+n when signal n killed it;
// 1 for an error, 255 for one of exec.
func Main(args []string) int {
	return run(args, func(r *libcontainer.Runtime) containers { return r })
}

func run(args []string, connect func(*libcontainer.Runtime) containers) int {
	inv := &invocation{args: args, connect: connect}
	err := newApp(inv).Run(args)
	if err == nil && inv.again != nil {
		inv.log.Close()
		inv = &invocation{args: inv.again, connect: connect}
		err = newApp(inv).Run(inv.args)
	}
	if err == nil {
		return inv.status
	}
	if inv.log == nil {
		// The flags that were read before the one at fault say where callers look for it.
		var lerr error
		if inv.log, lerr = log.New(inv.global.log, inv.global.logFormat, log.Info); lerr != nil {
			inv.log, _ = log.New("", "", log.Info)
		}
	}
	inv.log.Fatal(err)
	if e := (exitError{}); errors.As(err, &e) {
		return e.code
	}
	return 1
}

func newApp(inv *invocation) *cli.App {
	cli.VersionPrinter = func(*cli.Context) { os.Stdout.WriteString("teu version " + versionText()) }
	libraryFlag(&cli.HelpFlag, "show help", "help", "h")
	libraryFlag(&cli.VersionFlag, "print the version", "version", "v")
	app := &cli.App{
		Name:      "teu",
		Usage:     usage,
		UsageText: "teu [global options] command [command options] [arguments...]",
		Version:   version,
		Flags:     inv.global.flags(),
		// Main exits, and only after the log was written.
		ExitErrHandler: func(*cli.Context, error) {},
		Action:         noVerb,
		// The default asks the file system for it.
		Compiled: time.Unix(0, 0),
	}
	app.Commands = make([]*cli.Command, len(verbs))
	for i := range verbs {
		app.Commands[i] = &cli.Command{Name: verbs[i].name, Usage: verbs[i].usage}
	}
	app.Before = func(c *cli.Context) error {
		asked := c.Args().First()
		if asked == "help" || asked == "h" {
			asked = c.Args().Get(1)
		}
		for i := range verbs {
			if verbs[i].name == asked {
				inv.complete(app.Commands[i], verbs[i].build(inv), len(inv.args)-c.NArg()+1)
			}
		}
		return inv.setup()
	}
	return app
}

// complete fills in the command that was only a name so far; its arguments begin
// at args[first].
func (inv *invocation) complete(c, full *cli.Command, first int) {
	c.UsageText = full.UsageText
	c.ArgsUsage = full.ArgsUsage
	c.Description = full.Description
	c.Flags = full.Flags
	c.HideHelpCommand = true // a container may be called "help"
	c.Action = func(ctx *cli.Context) error {
		// After the container id everything belongs to the command of exec, and to ps.
		if c.Name != "exec" && c.Name != "ps" && ctx.NArg() > 0 {
			if rest, moved := flagsFirst(full.Flags, inv.args[first:]); moved {
				inv.again = append(slices.Clone(inv.args[:first]), rest...)
				return nil
			}
		}
		return full.Action(ctx)
	}
}

// global holds the values of the global flags.
type global struct {
	log, logFormat, logLevel, root, rootless, cgroupManager string

	debug, systemdCgroup bool
}

func (g *global) flags() []cli.Flag {
	g.logFormat, g.logLevel, g.rootless = "text", "info", "auto"
	root := text(&g.root, "root directory for storage of container state (this should be located in tmpfs)", "root")
	root.preset = defaultRoot
	return []cli.Flag{
		toggle(&g.debug, "enable debug logging", "debug"),
		text(&g.log, "set the log file to write teu logs to (default is '/dev/stderr')", "log"),
		text(&g.logFormat, "set the log format ('text' (default), or 'json')", "log-format"),
		text(&g.logLevel, "set the log level ('debug', 'info', 'warning', or 'error')", "log-level"),
		root,
		toggle(&g.systemdCgroup, "enable systemd cgroup support, expects cgroupsPath to be of form \"slice:prefix:name\" for e.g. \"system.slice:teu:434234\"", "systemd-cgroup"),
		text(&g.cgroupManager, "who makes the cgroups of containers ('cgroupfs' (default), 'systemd', or 'disabled')", "cgroup-manager"),
		text(&g.rootless, "ignore cgroup permission errors ('true', 'false', or 'auto')", "rootless"),
	}
}

// setup acts on the global flags.
func (inv *invocation) setup() error {
	g := &inv.global
	level, err := log.ParseLevel(g.logLevel)
	if err != nil {
		return err
	}
	if g.debug {
		level = log.Debug
	}
	inv.log, err = log.New(g.log, g.logFormat, level)
	if err != nil {
		return err
	}
	root, err := rootDir(g.root)
	if err != nil {
		return err
	}
	if g.rootless != "auto" {
		b, err := strconv.ParseBool(g.rootless)
		if err != nil {
			return fmt.Errorf("--rootless %s: want true, false or auto", g.rootless)
		}
		g.rootless = strconv.FormatBool(b)
	}
	manager, err := g.manager()
	if err != nil {
		return err
	}
	inv.rt = inv.connect(&libcontainer.Runtime{Root: root, Log: inv.log, CgroupManager: manager, Rootless: g.rootless, Debug: g.debug})
	return nil
}

// manager is what --cgroup-manager, of crun, and --systemd-cgroup, of runc, say together.
func (g *global) manager() (libcontainer.CgroupManager, error) {
	switch m := libcontainer.CgroupManager(g.cgroupManager); {
	case m == "" && g.systemdCgroup:
		return libcontainer.Systemd, nil
	case m == "":
		return libcontainer.Cgroupfs, nil
	case m != libcontainer.Cgroupfs && m != libcontainer.Systemd && m != libcontainer.Disabled:
		return "", fmt.Errorf("--cgroup-manager %s: want cgroupfs, systemd or disabled", m)
	case m != libcontainer.Systemd && g.systemdCgroup:
		return "", fmt.Errorf("--systemd-cgroup: contradicts --cgroup-manager %s", m)
	default:
		return m, nil
	}
}

func noVerb(c *cli.Context) error {
	if name := c.Args().First(); name != "" {
		//lint:ignore ST1005 runc's words
		return exitError{fmt.Errorf("No help topic for '%s'", name), 3}
	}
	return cli.ShowAppHelp(c)
}

// writeOut writes to standard output; what a caller waits for must not be lost
// without an error.
func writeOut(data []byte) error {
	_, err := os.Stdout.Write(data)
	return err
}

// usageError shows the help of the verb, as runc does, and makes the error.
func usageError(c *cli.Context, what string) error {
	os.Stdout.WriteString("Incorrect Usage.\n\n")
	if err := cli.ShowSubcommandHelp(c); err != nil {
		return err
	}
	return fmt.Errorf("teu: %q %s", c.Command.Name, what)
}
