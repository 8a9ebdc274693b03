package store

import (
	"fmt"
	"io/fs"
	"syscall"

	"teu/internal/sys"
)

const (
	configName    = "config.json"
	resourcesName = "resources.json"
)

// LoadAnnotations reads the annotations into the State.
func (c *Container) LoadAnnotations() error {
	if err := c.State.loadAnnotations(int(c.dir.Fd())); err != nil {
		return fmt.Errorf("container %q: %w", c.ID, err)
	}
	return nil
}

func (st *State) loadAnnotations(dir int) error {
	text, err := st.AnnotationsAt.read(dir)
	if err != nil || text == nil {
		return err
	}
	s := newScanner(text, maxDepth)
	st.Annotations = s.strings()
	if !s.end() {
		return fmt.Errorf("annotations in %s: offset %d: %w", configName, st.AnnotationsAt.From+s.Stop.At, s.failure())
	}
	return nil
}

// Hooks is the text of the hooks (specs.Hooks) of a container that has some which are due after create, else nil.
func (c *Container) Hooks() ([]byte, error) {
	if c.State.oldHooks != nil {
		return c.State.oldHooks, nil
	}
	text, err := c.State.HooksAt.read(int(c.dir.Fd()))
	if err != nil {
		return nil, fmt.Errorf("container %q: hooks: %w", c.ID, err)
	}
	return text, nil
}

// read is the part of the kept config.json; nil for none.
func (at Span) read(dir int) ([]byte, error) {
	if at == (Span{}) {
		return nil, nil
	}
	fd, err := sys.Openat(dir, configName, sys.ORdonly|sys.ONofollow|sys.ONonblock, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: configName, Err: err}
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: configName, Err: err}
	}
	if !sys.IsRegular(&st) || int64(at.To) > st.Size || at.From >= at.To {
		return nil, fmt.Errorf("read %s: %d bytes, want those from %d to %d: %w", configName, st.Size, at.From, at.To, syscall.EBADMSG)
	}
	text := make([]byte, at.To-at.From)
	if n, err := sys.Pread(fd, text, int64(at.From)); err != nil || n < len(text) {
		if err == nil {
			err = syscall.EIO
		}
		return nil, fmt.Errorf("read %s: %d bytes from %d on, want %d: %w", configName, n, at.From, len(text), err)
	}
	return text, nil
}

// KeepResources keeps the text of the resources that the container has from an update on, in the place of those before, and
// then calls apply, which gives them to the container: what is limited is known. When apply fails, what was kept before is
// kept again, for which a full disk has room. The file is the old or the new text whenever it is read.
func (c *Container) KeepResources(text []byte, apply func() error) error {
	dir := int(c.dir.Fd())
	if err := c.keep(tempName, text); err != nil {
		sys.Unlinkat(dir, tempName)
		return err
	}
	// Exchanged, the old text waits in the temporary file, which the next writer truncates.
	err := sys.Exchange(dir, tempName, resourcesName)
	first := err == syscall.ENOENT
	if first {
		err = sys.Renameat(dir, tempName, dir, resourcesName)
	}
	if err != nil {
		sys.Unlinkat(dir, tempName)
		return fmt.Errorf("container %q: rename to %s: %w", c.ID, resourcesName, err)
	}
	if err = apply(); err == nil {
		if !first {
			sys.Unlinkat(dir, tempName)
		}
		return nil
	}
	var uerr error
	if first {
		uerr = sys.Unlinkat(dir, resourcesName)
	} else {
		uerr = sys.Renameat(dir, tempName, dir, resourcesName)
	}
	if uerr != nil {
		err = fmt.Errorf("%w; container %q: %s has what was refused, by which the next update will go: %w", err, c.ID, resourcesName, uerr)
	}
	return err
}

// HasResources reports whether KeepResources has kept something for the container; name is the file's below the root directory.
func (c *Container) HasResources() (name string, ok bool) {
	_, err := sys.Lstatat(int(c.dir.Fd()), resourcesName)
	return c.ID + "/" + resourcesName, err != syscall.ENOENT
}

func (c *Container) keep(name string, text []byte) error {
	fd, err := sys.Openat(int(c.dir.Fd()), name, sys.OWronly|sys.OCreat|sys.OTrunc|sys.ONofollow, 0o600)
	if err != nil {
		return fmt.Errorf("container %q: open %s: %w", c.ID, name, err)
	}
	err = sys.WriteAll(fd, text)
	if cerr := sys.Close(fd); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("container %q: write %s: %w", c.ID, name, err)
	}
	return nil
}
