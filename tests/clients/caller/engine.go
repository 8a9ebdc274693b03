package caller

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// Image is the image of [Busybox] in the engines. It has the command sh and the variable FROM=image.
	Image = "bb"
	// Sleeper is the script of a container that stays.
	Sleeper = "exec sleep 1000"
	// Sized is a script that waits until the terminal has its size: an engine gives it when the process runs already.
	Sized = "until stty size 2>/dev/null | grep -q '33 99'; do sleep 0.02; done; echo sized"
	// Resized is a script that ends with 5 when the terminal has got the size 44 111. It may be told of the first one again.
	Resized = `trap '[ "$(stty size)" != "44 111" ] || { stty size; exit 5; }' WINCH; echo ready; while :; do sleep 0.05; done`
)

// Twice is a profile in which one call has two actions, as setns in those of Podman, Buildah and CRI-O: the second has no effect.
const Twice = `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
	{"names": ["setns"], "action": "SCMP_ACT_ERRNO"}, {"names": ["setns"], "action": "SCMP_ACT_KILL_PROCESS"}]}`

// Engine is a program with docker's command line, in a check.
type Engine struct {
	*T
	Program
	Dir   string   // for files of the checks
	Flags []string // of every container
}

// Try runs a command.
func (e Engine) Try(args ...string) Outcome { return e.Do(e.T, nil, args...) }

// OK runs a command that has to succeed, and returns what it wrote, without the last newline.
func (e Engine) OK(args ...string) string {
	o := e.Try(args...)
	if o.Code != 0 {
		e.Fatalf("%v: want exit code 0", o)
	}
	return strings.TrimSuffix(o.Out, "\n")
}

// Want runs a command that has to end with a code and to write a text, last newline aside, and nothing on standard error.
func (e Engine) Want(code int, out string, args ...string) {
	if o := e.Try(args...); o.Code != code || strings.TrimSuffix(o.Out, "\n") != out || o.Err != "" {
		e.Errorf("%v: want exit code %d, stdout %q and nothing on stderr", o, code, out)
	}
}

// Fails runs a command that has to end with a code and to say something on standard error.
func (e Engine) Fails(code int, text string, args ...string) {
	if o := e.Try(args...); o.Code != code || !strings.Contains(o.Err, text) {
		e.Errorf("%v: want exit code %d and %q on stderr", o, code, text)
	}
}

// Says runs a command that has to succeed and to have a text in what it writes.
func (e Engine) Says(text string, args ...string) {
	if out := e.OK(args...); !strings.Contains(out, text) {
		e.Errorf("%s: got stdout %q, want %q in it", strings.Join(args, " "), brief(out), text)
	}
}

// Container is the arguments that run something in a new container: flags, image and command.
func (e Engine) Container(args ...string) []string {
	return append(append([]string{"run"}, e.Flags...), args...)
}

// Run runs a shell command in a container, which has to end well and to write a text.
func (e Engine) Run(out, script string, flags ...string) {
	e.Want(0, out, e.Container(append(append([]string{"--rm"}, flags...), Image, "sh", "-c", script)...)...)
}

// Up starts a container and returns its id.
func (e Engine) Up(script string, flags ...string) string {
	return e.OK(e.Container(append(append([]string{"--detach"}, flags...), Image, "sh", "-c", script)...)...)
}

// Inspect returns a field of a container, as a Go template names it.
func (e Engine) Inspect(id, field string) string {
	return e.OK("inspect", "--format", "{{"+field+"}}", id)
}

// Becomes waits until a field of a container has a value.
func (e Engine) Becomes(id, field, value string) {
	Until(e.T, fmt.Sprintf("%s of the container is %s", field, value), func() bool { return e.Inspect(id, field) == value })
}

// Logged waits until the log of a container holds a text.
func (e Engine) Logged(id, text string) {
	Until(e.T, "the container's log holds "+text, func() bool {
		o := e.Try("logs", id)
		return strings.Contains(o.Out+o.Err, text)
	})
}

// Parallel runs a command n times at once and returns the outcomes.
func (e Engine) Parallel(n int, args ...string) []Outcome {
	return Parallel(e.T, n, func(t *T) Outcome { return e.Do(t, nil, args...) })
}

// File makes a file on the host.
func (e Engine) File(name, text string, mode os.FileMode) string {
	path := filepath.Join(e.Dir, name)
	e.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	e.Check(os.WriteFile(path, []byte(text), mode))
	e.Check(os.Chmod(path, mode))
	return path
}

// CgroupFile is a script that prints a file of the container's cgroup: that of v1, or that of v2.
func CgroupFile(v1, v2 string) string {
	return "{ cat /sys/fs/cgroup/" + v1 + " 2>/dev/null || cat /sys/fs/cgroup/" + v2 + "; }"
}

// BlockDevice is the path of a block device of this host that can be opened here.
func (t *T) BlockDevice() string {
	names, err := filepath.Glob("/sys/block/*/dev")
	t.Check(err)
	for _, name := range names {
		path := "/dev/" + filepath.Base(filepath.Dir(name))
		if f, err := os.Open(path); err == nil {
			f.Close()
			return path
		}
	}
	t.Fatalf("block devices: got %q, want one that can be opened", names)
	return ""
}

// EngineChecks are the checks that every engine has to pass, for clients that embed one.
func EngineChecks[C any](engine func(C) Engine) []Check[C] {
	var out []Check[C]
	for _, check := range append(slices.Clone(runChecks), hostChecks...) {
		out = append(out, Check[C]{Name: check.Name, Known: check.Known, Do: func(c C) { check.Do(engine(c)) }})
	}
	return out
}
