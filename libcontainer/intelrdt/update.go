package intelrdt

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Change is a schema for a class that is in use, and the flag that has asked for it.
type Change struct{ Flag, Text string }

// Update writes the changes that are not empty to the class of a container, all or none; undo writes what was there before.
// A class that was there before the container, or is the default, is not the container's to change.
func (g *Group) Update(changes []Change) (undo func() error, err error) {
	for _, c := range changes {
		if c.Text != "" && g.made == found {
			return nil, fmt.Errorf("%s: the class %s was there before the container: %w", c.Flag, g.path(g.dir()), syscall.EPERM)
		}
	}
	var before []byte
	file := g.below("schemata")
	undo = func() error {
		return g.at(func(root int) error { return g.writeBack(root, file, string(before), changes) })
	}
	err = g.at(func(root int) error {
		var err error
		if before, err = sys.ReadFileAt(root, file); err != nil {
			return fmt.Errorf("linux.intelRdt: read %s: %w", g.path(file), err)
		}
		for _, c := range changes {
			if c.Text == "" {
				continue
			}
			if err := sys.WriteFileAt(root, file, c.Text+"\n"); err != nil {
				err = fmt.Errorf("%s: write %q to %s: %w", c.Flag, c.Text, g.path(file), because(root, err))
				return errors.Join(err, g.writeBack(root, file, string(before), changes))
			}
		}
		return nil
	})
	return undo, err
}

// writeBack writes the lines of before that are about the resources of the changes.
func (g *Group) writeBack(root int, file, before string, changes []Change) error {
	for old := range strings.Lines(before) {
		for _, c := range changes {
			if c.Text == "" || resource(c.Text) != resource(old) {
				continue
			}
			if err := sys.WriteFileAt(root, file, strings.TrimSpace(old)+"\n"); err != nil {
				return fmt.Errorf("%s: write back %q to %s: %w", c.Flag, strings.TrimSpace(old), g.path(file), err)
			}
		}
	}
	return nil
}
