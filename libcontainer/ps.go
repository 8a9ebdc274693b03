package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// Pids lists the processes of a container by their pids here, in their order: those in its cgroups and below them or,
// when it has none, its first process. Of a container that is stopped there may be some left, too.
func (r *Runtime) Pids(id string) ([]int, error) {
	st, err := r.store().Read(id)
	if err != nil {
		return nil, err
	}
	cg, err := loadCgroup(st)
	if err != nil {
		return nil, err
	}
	r.Log.Debugf("processes of container %q: first %d, %v", id, st.Init.Pid, cg)
	if cg.Manager != nil {
		pids, err := cg.Pids(true)
		slices.Sort(pids)
		return pids, err
	}
	status, err := r.status(st)
	if err != nil || status == specs.StateStopped || status == specs.StateCreating {
		return nil, err
	}
	return []int{st.Init.Pid}, nil
}

// Ps runs ps(1) with args, "-ef" when there are none, and returns of its output the head and the lines of the container's
// processes.
func (r *Runtime) Ps(id string, args []string) (string, error) {
	pids, err := r.Pids(id)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		args = []string{"-ef"}
	}
	table, err := runPs(args)
	if err != nil {
		return "", fmt.Errorf("ps %s: %w", strings.Join(args, " "), err)
	}
	out, err := pickLines(table, pids)
	if err != nil {
		return "", fmt.Errorf("ps %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// runPs returns all that ps has written. When it fails, that is the error.
func runPs(args []string) (string, error) {
	path, err := findPs(os.Getenv("PATH"))
	if err != nil {
		return "", err
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer in.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	p, err := os.StartProcess(path, append([]string{"ps"}, args...), &os.ProcAttr{Files: []*os.File{in, w, w}})
	w.Close()
	if err != nil {
		return "", err
	}
	out, rerr := io.ReadAll(r)
	st, err := p.Wait()
	switch {
	case err != nil:
		return "", err
	case rerr != nil:
		return "", rerr
	case !st.Success():
		return "", fmt.Errorf("%v: %s", st, strings.Join(strings.FieldsFunc(string(out), func(c rune) bool { return c == '\n' || c == '\r' }), "; "))
	}
	return string(out), nil
}

var errNoPs = errors.New("no such program in $PATH: install procps")

// findPs looks for ps where the caller's $PATH says, but not in directories relative to wherever it is called.
func findPs(path string) (string, error) {
	for dir := range strings.SplitSeq(path, ":") {
		if !filepath.IsAbs(dir) {
			continue
		}
		name := dir + "/ps"
		if st, err := sys.Statat(sys.AtFdcwd, name); err == nil && sys.IsRegular(&st) && st.Mode&0o111 != 0 {
			return name, nil
		}
	}
	return "", errNoPs
}

// pickLines keeps of a table of ps the head and the lines with one of the pids in the column PID.
func pickLines(table string, pids []int) (string, error) {
	head, rows, _ := strings.Cut(table, "\n")
	column := slices.Index(strings.Fields(head), "PID")
	if column < 0 {
		return "", errors.New("couldn't find PID field in ps output")
	}
	var out strings.Builder
	out.WriteString(head + "\n")
	for row := range strings.Lines(rows) {
		f := strings.Fields(row)
		if len(f) == 0 {
			continue
		}
		if column >= len(f) {
			return "", fmt.Errorf("no column %d in %q", column+1, strings.TrimSuffix(row, "\n"))
		}
		pid, err := strconv.Atoi(f[column])
		if err != nil {
			return "", fmt.Errorf("unable to parse pid: %w", err)
		}
		if slices.Contains(pids, pid) {
			out.WriteString(row)
		}
	}
	return out.String(), nil
}
