package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/host"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/store"
)

// fakeResctrl names a directory to use in place of resctrl, which few machines have. The tests set it, as debugFault's
// variable.
const fakeResctrl = "_TEU_RESCTRL"

// surveyRdt says what linux.intelRdt asks for and finds out what is there already, before anything is made. It is nil for
// nothing.
func surveyRdt(id string, s *specs.Spec) (*intelrdt.Group, error) {
	if s.Linux == nil || s.Linux.IntelRdt == nil {
		return nil, nil
	}
	g := intelrdt.Compile(id, s.Linux.IntelRdt)
	g.Mount = os.Getenv(fakeResctrl)
	if g.Fake = g.Mount != ""; !g.Fake {
		points, err := host.Mounts("resctrl")
		if err != nil {
			return nil, err
		}
		// A record has a line for it.
		if len(points) == 0 || strings.Contains(points[0], "\n") {
			return nil, fmt.Errorf("linux.intelRdt: no resctrl filesystem is mounted: %w", syscall.ENODEV)
		}
		g.Mount = points[0]
	}
	return g, g.Survey()
}

// planRdt is surveyRdt for a container that is to be made, and its record.
func (c *creation) planRdt() (err error) {
	if c.rdt, err = surveyRdt(c.o.ID, c.spec); err == nil && c.rdt != nil {
		c.state.IntelRdt = c.rdt.Record()
	}
	return err
}

// loadRdt is the group that a container's record names; nil for none.
func loadRdt(st *store.State) (*intelrdt.Group, error) {
	if st.IntelRdt == "" {
		return nil, nil
	}
	g, err := intelrdt.ParseRecord(st.IntelRdt)
	if err == nil {
		g.Fake = g.Mount == os.Getenv(fakeResctrl)
	}
	return g, err
}

// removeRdt removes what was made in resctrl for a container.
func removeRdt(st *store.State) error {
	g, err := loadRdt(st)
	if err != nil || g == nil {
		return err
	}
	return g.Remove(st.Phase != store.Creating)
}

// makeRdt makes the group of a container.
func (c *creation) makeRdt() error {
	if c.rdt == nil {
		return nil
	}
	c.onUndo(func() error { return c.rdt.Remove(false) })
	return c.rdt.Create()
}

// joinRdt puts another process of a container where its first one is. Where the group has been removed meanwhile, that is
// the default class by now.
func joinRdt(st *store.State, pid int) error {
	g, err := loadRdt(st)
	if err != nil || g == nil {
		return err
	}
	if err := g.Join(pid); err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("linux.intelRdt: %w", err)
	}
	return nil
}
