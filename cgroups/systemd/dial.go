package systemd

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"teu/internal/sys"
)

// The sockets of the system manager: the bus's, and the one where systemd itself listens, for root, without a bus.
const (
	systemBus = "/run/dbus/system_bus_socket"
	private   = "/run/systemd/private"
)

// dial connects to the service manager. The connection ends with ctx, and is usable by then only.
func dial(ctx context.Context, user bool) (manager, error) {
	list := []string{"unix:path=" + systemBus, "unix:path=" + private}
	switch address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); {
	case user:
		address, err := UserBus()
		if err != nil {
			return nil, err
		}
		list = []string{address}
	case os.Geteuid() != 0: // private is root's alone
		list = list[:1]
	case address != "":
		list[0] = address
	}
	var failed error
	for _, address := range list {
		m, err := dialAddress(ctx, address, address == "unix:path="+private)
		switch {
		case err == nil:
			return m, nil
		case failed == nil:
			failed = err
		default:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return nil, failed
}

// UserBus is the address of the bus of the user's service manager: what the environment says, or the one in the user's
// runtime directory.
func UserBus() (string, error) {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address, nil
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + strconv.Itoa(os.Geteuid())
	}
	bus := dir + "/bus"
	if err := sys.Exists(bus); err != nil {
		return "", fmt.Errorf("%s: %w: set DBUS_SESSION_BUS_ADDRESS; without a login session see `loginctl enable-linger`", bus, err)
	}
	return "unix:path=" + godbus.EscapeBusAddressValue(bus), nil
}

// dialAddress connects to one address. godbus sends no user id, so that the bus goes by the one that the kernel tells it, which is also right for
// root of a user namespace.
func dialAddress(ctx context.Context, address string, direct bool) (manager, error) {
	if err := samePidNamespace(address); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return wrap(dbus.NewConnection(func() (*godbus.Conn, error) {
		conn, err := godbus.Dial(address, godbus.WithContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		err = conn.Auth([]godbus.Auth{godbus.AuthExternal("")})
		if err == nil && !direct { // there is nobody to say hello to
			err = conn.Hello()
		}
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		return conn, nil
	}))
}

// wrap keeps a nil connection from becoming a manager that is not nil.
func wrap(c *dbus.Conn, err error) (manager, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// samePidNamespace refuses a systemd that takes our pids for those of others: it moves the processes of a unit, and kills them
// in the end. The kernel gives the pid of who listens, systemd or a daemon of the same namespace, in our namespace, where
// it is 0 for one from outside.
func samePidNamespace(address string) error {
	path, ok := strings.CutPrefix(address, "unix:path=")
	if !ok {
		return nil
	}
	path, _, _ = strings.Cut(path, ",")
	if path, err := godbus.UnescapeBusAddressValue(path); err == nil && len(path) <= sys.SunPathMax {
		pid, err := sys.PeerPid(path)
		switch {
		case err != nil:
			return err
		case pid == 0:
			return fmt.Errorf("systemd is in another pid namespace, and knows processes by other pids: %w", syscall.EXDEV)
		}
	}
	return nil
}
