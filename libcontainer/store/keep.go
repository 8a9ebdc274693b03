package store

import (
	"fmt"
	"syscall"

	"teu/internal/sys"
)

const (
	configName    = "config.json"
	resourcesName = "resources.json"
)

// KeepConfig keeps the text of the configuration, for what comes after create: the bundle may have changed by then.
func (c *Container) KeepConfig(text []byte) error { return c.keep(configName, text) }

// KeepResources keeps the text of the resources that the container has after an update, in the place of those before. It
// is the old or the new text whenever it is read.
func (c *Container) KeepResources(text []byte) error {
	if err := c.keep(tempName, text); err != nil {
		return err
	}
	dir := int(c.dir.Fd())
	if err := sys.Renameat(dir, tempName, dir, resourcesName); err != nil {
		sys.Unlinkat(dir, tempName)
		return fmt.Errorf("container %q: rename to %s: %w", c.ID, resourcesName, err)
	}
	return nil
}

// HasResources reports whether KeepResources was called for the container; name is the file's below the root directory.
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
