package libcontainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/limits"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
)

// UpdateOptions are the flags of update.
type UpdateOptions struct {
	// Resources is what the flags name; File, when it is set, has them in their place, "-" being standard input.
	Resources specs.LinuxResources
	File      string

	L3CacheSchema, MemBwSchema string
}

// Update changes the limits of a container that is created, running or paused. What is not named stays as it is; when
// something is refused, all does.
func (r *Runtime) Update(id string, o UpdateOptions) error {
	change, ignored, err := o.change()
	if err != nil {
		return err
	}
	for _, w := range ignored {
		r.Log.Warnf("--resources: %v", w)
	}
	return r.atRest("update", id, func(entry *store.Container, cg *cgroup, status specs.ContainerState) error {
		switch status {
		case specs.StateCreated, specs.StateRunning, statePaused:
		default:
			return fmt.Errorf("cannot update container %q: it is %s: container not running", id, status)
		}
		undo, err := updateRdt(entry.State, o.L3CacheSchema, o.MemBwSchema)
		if err != nil {
			return err
		}
		if err := r.updateCgroup(entry, cg, change); err != nil {
			if uerr := undo(); uerr != nil {
				err = fmt.Errorf("%w; put back what was written: %w", err, uerr)
			}
			return err
		}
		return nil
	})
}

// change is what the options name, and what is ignored of a file.
func (o *UpdateOptions) change() (change *specs.LinuxResources, ignored []spec.Problem, err error) {
	switch o.File {
	case "":
		return &o.Resources, nil, nil
	case "-":
		text, err := io.ReadAll(io.LimitReader(os.Stdin, spec.MaxSize+1))
		if err != nil {
			return nil, nil, fmt.Errorf("--resources: %w", err)
		}
		return spec.DecodeResources("standard input", text)
	}
	return spec.LoadGivenResources(o.File)
}

// updateCgroup records the limits and sets them: on a disk that is full they are not set.
func (r *Runtime) updateCgroup(entry *store.Container, cg *cgroup, change *specs.LinuxResources) error {
	if cg.Manager == nil {
		return fmt.Errorf("cannot update container %q: %w", entry.ID, errNoCgroup)
	}
	cg.logTo(r.Log)
	now, err := r.resources(entry)
	if err != nil {
		return err
	}
	u, err := cg.PlanUpdate(now, change)
	if err != nil {
		return err
	}
	text, err := json.Marshal(u.Then)
	if err != nil {
		return err
	}
	if len(text) > spec.MaxSize {
		return fmt.Errorf("cannot update container %q: a record of %d bytes could not be read again: %w", entry.ID, len(text), syscall.EFBIG)
	}
	if err := entry.KeepResources(text, u.Apply); err != nil {
		return err
	}
	for _, w := range u.Warnings {
		r.Log.Warnf("%s", w)
	}
	return nil
}

// resources is what was asked for until now: by config.json, and by updates.
func (r *Runtime) resources(entry *store.Container) (*specs.LinuxResources, error) {
	if name, ok := entry.HasResources(); ok {
		return spec.LoadResources(r.Root + "/" + name)
	}
	s, err := spec.Load(r.Root + "/" + entry.ID)
	if err != nil || s.Linux == nil {
		return nil, err
	}
	return limits.Merge(nil, s.Linux.Resources), nil
}

// updateRdt writes schemata of the container's class. undo writes what they were.
func updateRdt(st *store.State, l3, bandwidth string) (undo func() error, err error) {
	if l3 == "" && bandwidth == "" {
		return func() error { return nil }, nil
	}
	g, err := loadRdt(st)
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, errors.New("updating a non-existent Intel RDT configuration is not supported: config.json has no linux.intelRdt")
	}
	return g.Update([]intelrdt.Change{{Flag: "--l3-cache-schema", Text: l3}, {Flag: "--mem-bw-schema", Text: bandwidth}})
}
