// Package hooks runs the hooks of the runtime namespace: prestart, createRuntime,
// poststart and poststop. Those of the container namespace are part of the
// program that init runs.
//
//	memfd_create · write · seal      the state, once for all hooks of a kind
//	for each hook:
//	  open /proc/self/fd/N           its own offset into the state
//	  pipe2 · clone · execve         (os.StartProcess)
//	  poll{pidfd}                    while output is read, until it ends or time is up
//	  kill · waitid
//
// The state comes from a file and not through a pipe: a hook that never reads it
// can neither block nor fail.
package hooks

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// Environ is the environment of hooks that have none in config.json: teu's own, but for what steers teu itself. config.md leaves it
// open; runc and crun give theirs. An empty one is empty.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "_TEU_") })
}

// Run runs the hooks of one kind in their order and stops at the first that fails:
// prestart, createRuntime and poststart, whose failure ends the container
// (runtime-spec runtime.md, "Lifecycle", steps 3, 4 and 9). kind is their place in
// config.json, "hooks.createRuntime".
func Run(kind string, list []specs.Hook, state *specs.State) error {
	return run(kind, list, state, func(err error) bool { return false })
}

// RunAll runs every hook of one kind, whatever became of the ones before, and
// returns what went wrong, to be logged as warnings: poststop (step 13).
func RunAll(kind string, list []specs.Hook, state *specs.State) (warnings []error) {
	err := run(kind, list, state, func(err error) bool {
		warnings = append(warnings, err)
		return true
	})
	if err != nil {
		warnings = append(warnings, err)
	}
	return warnings
}

// Error is that of a hook, and names it.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }

func (e *Error) Unwrap() error { return e.err }

// run runs the hooks until failed returns false for the error of one.
func run(kind string, list []specs.Hook, state *specs.State, failed func(error) bool) error {
	if len(list) == 0 {
		return nil
	}
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("%s: state: %w", kind, err)
	}
	input, err := stateFile(data)
	if err != nil {
		return fmt.Errorf("%s: state: %w", kind, err)
	}
	defer sys.Close(input)
	to, err := OpenStreams(state.Annotations)
	if err != nil && !failed(&Error{err}) {
		return &Error{err}
	}
	defer to.Close()
	dir := state.Bundle
	// A bundle may be gone by poststop.
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = ""
	}
	for i := range list {
		h := hook{spec: &list[i], input: input, dir: dir, to: to}
		if err := h.run(); err != nil {
			err = &Error{fmt.Errorf("%s[%d]%w", kind, i, err)}
			if !failed(err) {
				return err
			}
		}
	}
	return nil
}

// stateFile makes a sealed memfd of the state.
func stateFile(data []byte) (int, error) {
	fd, err := sys.Memfd("state", 0)
	if err != nil {
		return -1, err
	}
	err = sys.WriteAll(fd, data)
	if err == nil {
		err = sys.Seal(fd)
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}
