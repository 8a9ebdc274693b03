// Package intelrdt puts containers into classes of service and monitoring groups of the resctrl filesystem (linux.intelRdt;
// Documentation/filesystems/resctrl.rst of the kernel).
package intelrdt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// made says what becomes of the directory of a class.
type made string

const (
	found  made = ""       // it was there before
	shared made = "shared" // ours to remove only as long as the container is not made: closID is set
	own    made = "own"    // ours to remove with the container
)

// Group is a container's class of service and its monitoring group.
type Group struct {
	// Mount is where resctrl is mounted, CLOS the name of the class's directory there, "" for the default class, which is
	// the root itself. Mon is the name of the monitoring group, "" for none.
	Mount, CLOS, Mon string

	// Fake: Mount is a directory of a test, see fake.go.
	Fake bool

	named bool // by closID
	made  made
	lines []line
}

// line is one write to schemata, from a place in config.json.
type line struct{ where, text string }

// Compile says what r asks for. The order of the lines is the specification's (config-linux.md, "IntelRdt").
func Compile(id string, r *specs.LinuxIntelRdt) *Group {
	g := &Group{CLOS: r.ClosID, named: r.ClosID != ""}
	switch r.ClosID {
	case "":
		g.CLOS = id
	case "/":
		g.CLOS = ""
	}
	if r.EnableMonitoring {
		g.Mon = id
	}
	if r.L3CacheSchema != "" {
		g.lines = append(g.lines, line{"linux.intelRdt.l3CacheSchema", r.L3CacheSchema})
	}
	if r.MemBwSchema != "" {
		g.lines = append(g.lines, line{"linux.intelRdt.memBwSchema", r.MemBwSchema})
	}
	for i, s := range r.Schemata {
		g.lines = append(g.lines, line{"linux.intelRdt.schemata[" + strconv.Itoa(i) + "]", s})
	}
	return g
}

// String is what is done before the process is there.
func (g *Group) String() string {
	var b strings.Builder
	if g.named && len(g.lines) == 0 {
		fmt.Fprintf(&b, "linux.intelRdt.closID: find class %s\n", g.dir())
	} else {
		fmt.Fprintf(&b, "linux.intelRdt.closID: make class %s, named %v\n", g.dir(), g.named)
	}
	for _, l := range g.lines {
		fmt.Fprintf(&b, "%s: write, or compare with, %s\n", l.where, l.text)
	}
	if g.Mon != "" {
		fmt.Fprintf(&b, "linux.intelRdt.enableMonitoring: make %s\n", g.mon())
	}
	return b.String()
}

// Tasks are the files below the mountpoint that take the pid, in their order: a task can be moved only into a monitoring
// group of the class that it is in.
func (g *Group) Tasks() []string {
	list := []string{g.below("tasks")}
	if g.Mon != "" {
		list = append(list, g.mon()+"/tasks")
	}
	return list
}

// dir is the directory of the class below the mountpoint, below a path in it.
func (g *Group) dir() string {
	if g.CLOS == "" {
		return "."
	}
	return g.CLOS
}

func (g *Group) below(name string) string {
	if g.CLOS == "" {
		return name
	}
	return g.CLOS + "/" + name
}

func (g *Group) mon() string { return g.below("mon_groups/" + g.Mon) }

// path is what is below the mountpoint as errors name it.
func (g *Group) path(name string) string {
	if name == "." {
		return g.Mount
	}
	return g.Mount + "/" + name
}

// errNoResctrl: there are no groups any more where the filesystem was unmounted.
var errNoResctrl = errors.New("not on resctrl")

// at calls f with the open mountpoint, which has to be one of resctrl.
func (g *Group) at(f func(root int) error) error {
	root, err := sys.Openat(sys.AtFdcwd, g.Mount, sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return fmt.Errorf("linux.intelRdt: open %s: %w", g.Mount, err)
	}
	defer sys.Close(root)
	magic, err := sys.Magic(root)
	if err != nil {
		return err
	}
	if magic != sys.ResctrlSuperMagic && !g.Fake {
		return fmt.Errorf("linux.intelRdt: open %s: %w: %w", g.Mount, errNoResctrl, syscall.EXDEV)
	}
	return f(root)
}

// exists reports whether there is a directory below the mountpoint.
func exists(root int, dir string) (bool, error) {
	st, err := sys.Lstatat(root, dir)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return false, nil
	case err != nil:
		return false, err
	case !sys.IsDir(&st):
		return false, syscall.ENOTDIR
	}
	return true, nil
}

// Survey finds out, before anything is made, what will have to be, for the record.
func (g *Group) Survey() error {
	return g.at(func(root int) error {
		there, err := exists(root, g.dir())
		if err == nil && !there && g.named && len(g.lines) == 0 {
			err = syscall.ENOENT
		}
		if err != nil {
			return fmt.Errorf("linux.intelRdt.closID: %s: %w", g.path(g.dir()), err)
		}
		switch {
		case there:
			g.made = found
		case g.named:
			g.made = shared
		default:
			g.made = own
		}
		if g.Mon == "" || !there {
			return nil
		}
		if there, err = exists(root, g.mon()); err == nil && there {
			err = syscall.EEXIST
		}
		if err != nil {
			return fmt.Errorf("linux.intelRdt.enableMonitoring: %s: %w", g.path(g.mon()), err)
		}
		return nil
	})
}

// Create makes what Survey has found missing. A class that was there has to have the schemata that are asked for.
func (g *Group) Create() error {
	return g.at(func(root int) error {
		if g.made == found {
			if err := g.compare(root); err != nil {
				return err
			}
		} else if err := g.makeClass(root); err != nil {
			return err
		}
		if g.Mon == "" {
			return nil
		}
		if err := g.mkdir(root, g.mon(), "linux.intelRdt.enableMonitoring"); err != nil {
			g.forget(err, &g.Mon)
			return err
		}
		return nil
	})
}

// forget leaves out of what is to be removed a directory that somebody else has made at the same time.
func (g *Group) forget(err error, name *string) {
	if errors.Is(err, syscall.EEXIST) {
		*name = ""
	}
}

func (g *Group) makeClass(root int) error {
	if err := g.mkdir(root, g.dir(), "linux.intelRdt.closID"); err != nil {
		g.forget(err, (*string)(&g.made))
		return err
	}
	// A write for each: in a single one the kernel refuses to have a resource twice, and schemata may override the others.
	texts := make([]string, len(g.lines))
	for i, l := range g.lines {
		texts[i] = l.text + "\n"
	}
	if len(texts) == 0 {
		return nil
	}
	file := g.below("schemata")
	done, err := sys.WriteEach(root, file, texts)
	if err == nil {
		return nil
	}
	l := g.lines[done]
	return fmt.Errorf("%s: write %q to %s: %w", l.where, l.text, g.path(file), because(root, err))
}

func (g *Group) mkdir(root int, dir, where string) error {
	err := sys.Mkdirat(root, dir, 0o755)
	if err == nil && g.Fake {
		err = furnish(root, dir, dir == g.dir())
	}
	if err != nil {
		return fmt.Errorf("%s: mkdir %s: %w", where, g.path(dir), because(root, err))
	}
	return nil
}

// because adds what resctrl says about the last error, when it says anything.
func because(root int, err error) error {
	text, rerr := sys.ReadFileAt(root, "info/last_cmd_status")
	status := strings.TrimSpace(string(text))
	if rerr != nil || status == "" || status == "ok" {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.ReplaceAll(status, "\n", "; "))
}

// Join moves process pid into the group.
func (g *Group) Join(pid int) error {
	return g.at(func(root int) error {
		for _, file := range g.Tasks() {
			if err := sys.WriteFileAt(root, file, strconv.Itoa(pid)); err != nil {
				return fmt.Errorf("write %d to %s: %w", pid, g.path(file), because(root, err))
			}
		}
		return nil
	})
}

// Remove removes what was made for the container: the monitoring group, and the class when it has no name of its own.
// whole is false for a container that has not come to be, with which a class that it made goes in any case, unless
// another container has come in meanwhile. What is gone already is no error.
func (g *Group) Remove(whole bool) error {
	class := g.made == own || g.made == shared && !whole
	if g.Mon == "" && !class {
		return nil
	}
	err := g.at(func(root int) error {
		if g.Mon != "" {
			if err := g.rmdir(root, g.mon()); err != nil {
				return err
			}
		}
		if g.Fake && class {
			leave(root, g.dir())
		}
		if !class || g.made == shared && occupied(root, g.dir()) {
			return nil
		}
		return g.rmdir(root, g.dir())
	})
	if errors.Is(err, errNoResctrl) || errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// occupied reports whether a class has tasks, which the kernel would move into the default class with its end.
func occupied(root int, dir string) bool {
	text, err := sys.ReadFileAt(root, dir+"/tasks")
	return err == nil && len(text) > 0
}

func (g *Group) rmdir(root int, dir string) error {
	if g.Fake {
		strip(root, dir)
	}
	if err := sys.Rmdirat(root, dir); err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("linux.intelRdt: rmdir %s: %w", g.path(dir), err)
	}
	return nil
}
