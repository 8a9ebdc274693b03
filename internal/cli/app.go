// Package cli is the command line: one file per verb, each of which turns flags
// into the options of one method of libcontainer.Runtime. The names of verbs and
// flags, the output and the exit codes are runc's, since its callers are to find no
// difference; the texts for people are teu's own.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"teu/internal/log"
	"teu/libcontainer"
)

// containers is libcontainer.Runtime, or what a test records the options with.
type containers interface {
	Create(libcontainer.CreateOptions) error
	Run(libcontainer.CreateOptions) (status int, err error)
	Start(id string) error
	Exec(id string, o libcontainer.ExecOptions) (status int, err error)
	Kill(id string, sig syscall.Signal, all bool) error
	Delete(id string, force bool) error
	AddMounts(id, file string) error
	RemoveMounts(id, file string) error
	Pause(id string) error
	Resume(id string) error
	Update(id string, o libcontainer.UpdateOptions) error
	State(id string) (*libcontainer.Status, error)
	IDs() ([]string, error)
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

	// verb is the one that was asked for, help apart.
	verb *verb
}

// verb describes a command, for the help and the man page too. Its flags are only
// made when it was asked for.
type verb struct {
	name     string
	summary  string // of a line, in the imperative
	args     string // as the usage line shows them
	alt      string // other arguments that do as well
	min, max int    // how many arguments there may be; max < 0 is no bound
	about    string
	exit     string // exit status, where it is not exitStatus
	examples string
	// shares says that standard error may be that of the process in the container too, which what teu has to say of its own
	// would get into: without a log, and a level asked for, it says there why it has failed, and nothing else.
	shares bool
	build  func(inv *invocation) ([]cli.Flag, cli.ActionFunc)
}

var verbs = [...]*verb{
	&createVerb, &deleteVerb, &eventsVerb, &execVerb, &featuresVerb, &killVerb, &listVerb, &mountsVerb, &pauseVerb, &psVerb,
	&resumeVerb, &runVerb, &specVerb, &startVerb, &stateVerb, &updateVerb, &validateVerb,
}

// exitError carries an exit code other than 1.
type exitError struct {
	error
	code int
}

// Unwrap gives the error itself.
func (e exitError) Unwrap() error { return e.error }

// Main runs the command line args, args[0] being the program, and returns the exit
// code: that of the process for run and exec, 128+n when signal n killed it, or
// teu before it was there; 1 for an error, 255 for one of exec.
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
	if u := (usageError{}); errors.As(err, &u) {
		os.Stderr.WriteString("usage: " + u.usage + "\n")
	}
	if sig, ok := libcontainer.EndedBy(err); ok {
		return 128 + int(sig)
	}
	if e := (exitError{}); errors.As(err, &e) {
		return e.code
	}
	return 1
}

func newApp(inv *invocation) *cli.App {
	cli.VersionPrinter = func(*cli.Context) { os.Stdout.WriteString("teu version " + versionText()) }
	cli.HelpPrinter = func(_ io.Writer, _ string, of any) {
		if c, ok := of.(*cli.Command); ok {
			inv.showHelp(c.Name)
			return
		}
		inv.showHelp("")
	}
	libraryFlag(&cli.HelpFlag, helpUsage, "help", "h")
	libraryFlag(&cli.VersionFlag, versionUsage, "version", "v")
	app := &cli.App{
		Name:    "teu",
		Version: version,
		Flags:   append(inv.global.flags(), cli.HelpFlag),
		// Main exits, and only after the log was written.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usageError{flagError(inv.global.options, err), topUsage}
		},
		Action: noVerb,
		// The library takes what follows --help for a verb.
		CommandNotFound: func(*cli.Context, string) { inv.showHelp("") },
		// The default asks the file system for it.
		Compiled: time.Unix(0, 0),
	}
	app.Commands = make([]*cli.Command, len(verbs), len(verbs)+1)
	for i, v := range verbs {
		app.Commands[i] = &cli.Command{Name: v.name}
	}
	app.Commands = append(app.Commands, &cli.Command{
		Name: "help", Aliases: []string{"h"}, HideHelpCommand: true, Action: inv.help,
	})
	app.Before = func(c *cli.Context) error {
		asked := c.Args().First()
		if asked == "help" || asked == "h" {
			asked = c.Args().Get(1)
		}
		for i, v := range verbs {
			if v.name == asked {
				inv.complete(app.Commands[i], v, len(inv.args)-c.NArg()+1)
			}
		}
		return inv.setup()
	}
	return app
}

// complete fills in the command that was only a name so far; its arguments begin
// at args[first].
func (inv *invocation) complete(c *cli.Command, v *verb, first int) {
	flags, action := v.build(inv)
	inv.verb = v
	c.Flags = flags
	c.HideHelpCommand = true // a container may be called "help"
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return v.usageError(flagError(flags, err))
	}
	c.Action = func(ctx *cli.Context) error {
		// After the container id everything belongs to the command of exec, and to ps.
		if v.name != "exec" && v.name != "ps" && ctx.NArg() > 0 {
			rest, moved, err := flagsFirst(flags, inv.args[first:])
			if err != nil {
				return v.usageError(err)
			}
			if moved {
				inv.again = append(slices.Clone(inv.args[:first]), rest...)
				return nil
			}
		}
		if err := v.checkArgs(ctx.NArg()); err != nil {
			return err
		}
		return action(ctx)
	}
}

// global holds the values of the global flags.
type global struct {
	log, logFormat, logLevel, root, rootless, cgroupManager string

	debug, systemdCgroup bool

	level   *option // --log-level
	options []cli.Flag
}

func (g *global) flags() []cli.Flag {
	g.logFormat, g.logLevel, g.rootless = "text", "info", "auto"
	root := text(&g.root, "DIR", "keep the records of containers in DIR, which is best on a tmpfs", "root")
	root.preset = defaultRoot
	g.level = text(&g.logLevel, "debug|info|warning|error", "drop log messages below this level", "log-level")
	g.options = []cli.Flag{
		toggle(&g.debug, "log debugging messages too, whatever --log-level says", "debug"),
		text(&g.log, "FILE", "append log messages to FILE instead of writing them to standard error, which gets none of create, run and exec but their error unless --log-level or --debug is given", "log"),
		text(&g.logFormat, "text|json", "write each log message in this form", "log-format"),
		g.level,
		root,
		toggle(&g.systemdCgroup, "have systemd make the cgroup of each container, as one of its units; linux.cgroupsPath is then SLICE:PREFIX:NAME", "systemd-cgroup"),
		text(&g.cgroupManager, "cgroupfs|systemd|disabled", "choose who makes the cgroups: teu (the default), systemd, or nobody", "cgroup-manager"),
		text(&g.rootless, "true|false|auto", "ask the systemd of the user for cgroups rather than the system's; auto does so when teu is not run by root", "rootless"),
	}
	return g.options
}

// setup acts on the global flags.
func (inv *invocation) setup() error {
	g := &inv.global
	level, err := g.leastLevel(inv.verb)
	if err != nil {
		return err
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
	inv.rt = inv.connect(&libcontainer.Runtime{Root: root, Cache: cacheDir(), Log: inv.log, CgroupManager: manager, Rootless: g.rootless, Debug: g.debug})
	return nil
}

// leastLevel is the level below which verb v, nil for none, logs nothing.
func (g *global) leastLevel(v *verb) (log.Level, error) {
	level, err := log.ParseLevel(g.logLevel)
	switch {
	case g.debug:
		level = log.Debug
	case v != nil && v.shares && g.log == "" && !g.level.given:
		level = log.Silent
	}
	return level, err
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

// noVerb shows what there is when no verb is named. The exit codes are runc's.
func noVerb(c *cli.Context) error {
	if name := c.Args().First(); name != "" {
		return unknownVerb(name)
	}
	os.Stdout.WriteString(shortHelp)
	return nil
}

// help is the verb help.
func (inv *invocation) help(c *cli.Context) error {
	name := c.Args().First()
	if inv.verb == nil && name != "" && name != "help" && name != "h" {
		return unknownVerb(name)
	}
	inv.showHelp(name)
	return nil
}

// showHelp shows the help of the verb that the command line asks for, else of the one
// with that name, else of teu.
func (inv *invocation) showHelp(name string) {
	v := inv.verb
	if i := slices.IndexFunc(verbs[:], func(v *verb) bool { return v.name == name }); v == nil && i >= 0 {
		v = verbs[i]
	}
	if v == nil {
		os.Stdout.WriteString(topHelp())
		return
	}
	os.Stdout.WriteString(v.help())
}

// writeOut writes to standard output; what a caller waits for must not be lost
// without an error.
func writeOut(data []byte) error {
	_, err := os.Stdout.Write(data)
	return err
}
