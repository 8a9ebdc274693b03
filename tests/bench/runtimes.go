package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// An ociRuntime is one of the programs that are compared.
type ociRuntime struct {
	name string
	path string
	root string // its state directory, private to this run of the benchmark
	// bare is set for the C program that has no verbs: it can only run the default bundle.
	bare bool
}

// args is the command line of a verb.
func (r *ociRuntime) args(verb string, rest ...string) []string {
	return append([]string{r.path, "--root", r.root, verb}, rest...)
}

// version is the first line of `--version`, or the empty string.
func (r *ociRuntime) version() string {
	if r.bare {
		return ""
	}
	out, err := exec.Command(r.path, "--version").Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// findRuntimes resolves the wanted names. One that is not installed is left out with a word on stderr: what can be compared
// depends on the machine. A name that means nothing is an error. With --base there is a second teu, called base.
func findRuntimes(o options, work *workspace) ([]*ociRuntime, error) {
	names := strings.Split(o.runtimes, ",")
	if o.base != "" {
		names = append(names, baseName)
	}
	var found []*ociRuntime
	for _, name := range names {
		r := &ociRuntime{name: name, root: filepath.Join(work.state, name)}
		var err error
		switch name {
		case teuName:
			r.path, err = exec.LookPath(o.teu)
		case baseName:
			r.path, err = exec.LookPath(o.base)
		case "runc", "crun":
			r.path, err = exec.LookPath(name)
		case "bare":
			r.bare = true
			r.path, err = work.compile("bare", bareSource)
		default:
			return nil, fmt.Errorf("runtime %q: not one of teu, crun, runc, bare", name)
		}
		if err != nil && name == baseName {
			return nil, fmt.Errorf("--base: %w", err)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s left out: %v\n", name, err)
			continue
		}
		if r.path, err = filepath.Abs(r.path); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// A workspace is the benchmark's temporary directories and the programs and bundles made in them.
type workspace struct {
	dir    string // bundles, rootfs, compiled programs
	state  string // --root of the runtimes; in memory, as /run is nearly everywhere
	rootfs string
	prefix string // what all container ids begin with
	next   int
}

func newWorkspace() (*workspace, error) {
	dir, err := os.MkdirTemp("", "teu-bench-")
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir, rootfs: filepath.Join(dir, "rootfs"), prefix: "teubench" + strconv.Itoa(os.Getpid())}
	if w.state, err = os.MkdirTemp("/run", "teu-bench-"); err != nil {
		w.remove()
		return nil, err
	}
	// Where /run is on a disk the figures would be those of the filesystem's journal.
	if err := syscall.Mount("tmpfs", w.state, "tmpfs", 0, "mode=700"); err != nil {
		w.remove()
		return nil, fmt.Errorf("mount tmpfs on %s: %w", w.state, err)
	}
	busybox, err := exec.LookPath("busybox")
	if err == nil {
		err = makeRootfs(w.rootfs, busybox)
	}
	if err != nil {
		w.remove()
		return nil, fmt.Errorf("rootfs (a static busybox is needed): %w", err)
	}
	return w, nil
}

// remove deletes the directories. It is called after leftovers, so nothing is mounted in them any more.
func (w *workspace) remove() error {
	err := os.RemoveAll(w.dir)
	if w.state != "" {
		syscall.Unmount(w.state, syscall.MNT_DETACH)
		if stateErr := os.RemoveAll(w.state); err == nil {
			err = stateErr
		}
	}
	return err
}

// newID returns a container id that was not used before.
func (w *workspace) newID() string {
	w.next++
	return w.prefix + "-" + strconv.Itoa(w.next)
}

// compile builds one of the embedded C programs, statically: what is measured should not be the dynamic linker.
func (w *workspace) compile(name, source string) (string, error) {
	file := filepath.Join(w.dir, name+".c")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		return "", err
	}
	program := filepath.Join(w.dir, name)
	out, err := exec.Command("cc", "-O2", "-static", "-o", program, file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cc %s.c: %w: %s", name, err, out)
	}
	return program, nil
}
