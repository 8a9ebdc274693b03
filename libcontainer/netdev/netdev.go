// Package netdev moves network devices from the runtime's network namespace into a container's (linux.netDevices), and
// back when the container does not come to be. It speaks rtnetlink(7) itself: see docs/decisions.
package netdev

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Device is a device to move.
type Device struct {
	Host string // its name in the runtime's network namespace
	Name string // the one in the container's; with %d a template that the kernel completes
}

// Template reports whether the kernel is to choose the name.
func (d *Device) Template() bool { return strings.Contains(d.Name, "%d") }

func (d *Device) String() string {
	return "move " + d.Host + " into the network namespace as " + d.Name + ", with its addresses, up"
}

/*
Mover moves devices into one container. For each:

	in the runtime's namespace    RTM_GETLINK    the device, its flags
	                              RTM_GETADDR    its addresses
	in the container's            RTM_GETLINK    nothing has its name
	in the runtime's              RTM_SETLINK    namespace, index and name: the kernel takes the device down and its
	                                             addresses away
	in the container's            RTM_NEWADDR    the addresses that last
	                              RTM_SETLINK    up

The zero value is ready for use. As long as it is open it keeps the container's network namespace alive, with which a virtual
device would vanish.
*/
type Mover struct {
	home, there     *conn
	homeNS, thereNS int
	moved           []moved
	opened          bool
}

// moved is what has to be known to take a device back.
type moved struct {
	Device
	before    link
	index     int32 // in the container
	name      string
	addresses []address
}

// open opens the network namespace of process pid.
func (m *Mover) open(pid int) (err error) {
	if m.opened {
		return nil
	}
	m.opened, m.homeNS, m.thereNS = true, -1, -1
	if m.homeNS, err = openNS("/proc/self/ns/net"); err != nil {
		return err
	}
	if m.thereNS, err = openNS("/proc/" + strconv.Itoa(pid) + "/ns/net"); err != nil {
		return err
	}
	if m.home, err = dial(-1); err != nil {
		return err
	}
	m.there, err = dial(m.thereNS)
	return err
}

func openNS(path string) (int, error) {
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.ORdonly|sys.ONonblock|sys.ONoctty, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	magic, err := sys.Magic(fd)
	if err == nil && magic != sys.NsfsMagic {
		err = fmt.Errorf("open %s: not a namespace: %w", path, syscall.EINVAL)
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Close lets go of the container's network namespace. The devices stay where they are.
func (m *Mover) Close() {
	for _, c := range [...]*conn{m.home, m.there} {
		if c != nil {
			c.close()
		}
	}
	if m.opened {
		for _, fd := range [...]int{m.homeNS, m.thereNS} {
			if fd >= 0 {
				sys.Close(fd)
			}
		}
	}
	*m = Mover{}
}

// Move moves d into the network namespace of process pid, which has to be the same at each call.
func (m *Mover) Move(pid int, d Device) error {
	if err := m.open(pid); err != nil {
		return err
	}
	l, err := m.home.named(d.Host)
	if err != nil {
		return fmt.Errorf("find %s in the runtime's network namespace: %w", d.Host, err)
	}
	if !d.Template() {
		// The kernel would notice only after the move.
		taken, err := m.there.taken(d.Name)
		if err == nil && taken {
			err = syscall.EEXIST
		}
		if err != nil {
			return fmt.Errorf("name %s in the container's network namespace: %w", d.Name, err)
		}
	}
	addresses, err := m.home.addresses(l.index)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", d.Host, err)
	}
	index, err := m.home.move(l.index, m.there, m.thereNS, d.Name)
	if err != nil {
		if _, gerr := m.home.get(l.index, ""); errors.Is(gerr, syscall.ENODEV) { // moved, and not renamed
			m.moved = append(m.moved, moved{d, l, index, d.Host, addresses})
		}
		return fmt.Errorf("move %s into the container's network namespace as %s: %w", d.Host, d.Name, err)
	}
	m.moved = append(m.moved, moved{d, l, index, d.Name, addresses})
	return m.furnish(&m.moved[len(m.moved)-1])
}

// furnish gives a device that has been moved what it has lost by that.
func (m *Mover) furnish(d *moved) error {
	l, err := m.there.get(d.index, "")
	if err != nil {
		return fmt.Errorf("find %s in the container's network namespace: %w", d.Name, err)
	}
	d.name = l.name
	for i := range d.addresses {
		a := &d.addresses[i]
		if !a.lasting() {
			continue
		}
		if err := m.there.add(d.index, a, d.Host, l.name); err != nil {
			return fmt.Errorf("give %s its address %s: %w", l.name, a, err)
		}
	}
	if err := m.there.setUp(d.index); err != nil {
		return fmt.Errorf("set %s up: %w", l.name, err)
	}
	return nil
}

// Back gives all devices back under their old names, with all the addresses they had, and up if they were. What the
// kernel has dropped otherwise when they left, as routes and neighbours, nobody can bring back.
func (m *Mover) Back() error {
	var errs []error
	for i := len(m.moved) - 1; i >= 0; i-- {
		if err := m.back(&m.moved[i]); err != nil {
			errs = append(errs, err)
		}
	}
	m.moved = nil
	return errors.Join(errs...)
}

func (m *Mover) back(d *moved) error {
	l, err := m.there.get(d.index, "")
	if err == nil {
		err = l.is(&d.before)
	}
	var index int32
	if err == nil {
		index, err = m.returnHome(d)
	}
	if err != nil {
		err = fmt.Errorf("move %s back as %s: %w", d.name, d.Host, err)
	}
	if index == 0 {
		return err
	}
	l, gerr := m.home.get(index, "")
	if gerr == nil {
		gerr = l.is(&d.before)
	}
	if gerr != nil {
		return errors.Join(err, gerr)
	}
	for i := range d.addresses {
		if aerr := m.home.restore(index, &d.addresses[i], d.Host, l.name); aerr != nil {
			err = errors.Join(err, fmt.Errorf("give %s back its address %s: %w", l.name, &d.addresses[i], aerr))
		}
	}
	if d.before.up() {
		err = errors.Join(err, m.home.setUp(index))
	}
	return err
}

// returnHome moves a device back. When its name has been taken meanwhile it gets the one that the kernel would give it when
// the namespace ends, and the index, never 0, comes with an error.
func (m *Mover) returnHome(d *moved) (int32, error) {
	index, err := m.there.move(d.index, m.home, m.homeNS, d.Host)
	if err == nil {
		return index, nil
	}
	if errors.Is(err, syscall.EEXIST) {
		other, oerr := m.there.move(d.index, m.home, m.homeNS, "dev%d")
		switch {
		case oerr == nil:
			return other, err
		case errors.Is(oerr, syscall.ENODEV): // moved, and not renamed
			return index, err
		}
		err = errors.Join(err, oerr)
	}
	return 0, err
}
