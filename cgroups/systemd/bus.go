package systemd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// limit bounds each thing that is asked of systemd, connecting, its answer and the job that it starts included; runc waits
// as long for the job.
const limit = 30 * time.Second

// progress is how often a wait is logged.
const progress = time.Second

// manager is what is asked of systemd; tests put one of their own in its place.
type manager interface {
	StartTransientUnitContext(ctx context.Context, name, mode string, properties []Property, done chan<- string) (int, error)
	StopUnitContext(ctx context.Context, name, mode string, done chan<- string) (int, error)
	ResetFailedUnitContext(ctx context.Context, name string) error
	SetUnitPropertiesContext(ctx context.Context, name string, runtime bool, properties ...Property) error
	GetManagerProperty(name string) (string, error)
	Close()
}

// Bus is a connection to a service manager, made when it is first needed. It belongs to one goroutine.
type Bus struct {
	// User says that it is the user's.
	User bool
	// Log tells of waiting; it may be nil.
	Log func(format string, args ...any)

	m       manager
	end     context.CancelFunc // of the connection
	version int                // of systemd, 0 while nobody had to know

	// Tests set these.
	connect         func(ctx context.Context, user bool) (manager, error)
	limit, progress time.Duration
}

// Close ends the connection.
func (b *Bus) Close() {
	if b.m != nil {
		b.m.Close()
		b.end()
		b.m = nil
	}
}

func either[T comparable](a, b T) T {
	if a != *new(T) {
		return a
	}
	return b
}

// ask does one thing, within the limit and with a word in the log while it takes long. do may go on after that, on its own.
func (b *Bus) ask(what string, do func(context.Context, manager) error) error {
	wait := either(b.limit, limit)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	type reply struct {
		m   manager
		end context.CancelFunc
		err error
	}
	replies := make(chan reply, 1)
	go func(r reply) {
		if r.m == nil {
			// The context of a connection is its life, so it cannot be that of what is asked first.
			var life context.Context
			life, r.end = context.WithCancel(context.Background())
			stop := context.AfterFunc(ctx, r.end)
			r.m, r.err = b.open(life)
			if !stop() && r.err == nil {
				r.err = ctx.Err()
			}
		}
		if r.err == nil {
			r.err = do(ctx, r.m)
		}
		replies <- r
	}(reply{m: b.m, end: b.end})
	tick := time.NewTicker(either(b.progress, progress))
	defer tick.Stop()
	for begun := time.Now(); ; {
		select {
		case r := <-replies:
			if r.m != nil {
				b.m, b.end = r.m, r.end
			} else {
				r.end()
			}
			if r.err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", what, r.err)
			}
			if r.err == nil {
				return nil
			}
		case <-ctx.Done():
		case <-tick.C:
			if b.Log != nil {
				b.Log("%s: waiting for systemd, %v", what, time.Since(begun).Round(time.Second))
			}
			continue
		}
		return fmt.Errorf("%s: no answer from systemd within %v: %w", what, wait, syscall.ETIMEDOUT)
	}
}

func (b *Bus) open(life context.Context) (manager, error) {
	connect := b.connect
	if connect == nil {
		connect = dial
	}
	m, err := connect(life, b.User)
	if err != nil {
		which := "systemd"
		if b.User {
			which = "the user's systemd"
		}
		return nil, fmt.Errorf("connect to %s: %w", which, err)
	}
	return m, nil
}

// property asks for a property of the manager.
func (b *Bus) property(name string) (text string, err error) {
	err = b.ask("ask systemd for its "+name, func(_ context.Context, m manager) error {
		got, err := m.GetManagerProperty(name)
		if err == nil {
			got, err = strconv.Unquote(got)
		}
		text = got
		return err
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// Root is the cgroup of the service manager, below which its units are; "" is the root of the tree.
func (b *Bus) Root() (string, error) {
	root, err := b.property("ControlGroup")
	if err != nil {
		return "", err
	}
	if strings.Contains(root+"/", "/../") || root != "" && root[0] != '/' {
		return "", fmt.Errorf("ask systemd for its ControlGroup: %q: not understood", root)
	}
	return strings.TrimSuffix(root, "/"), nil
}

// Version is systemd's, 252 say; 0 is that of one that does not tell.
func (b *Bus) Version() (int, error) {
	if b.version == 0 {
		text, err := b.property("Version") // "252.39-1~deb12u1", "v245.4"
		if err != nil {
			return 0, err
		}
		for _, c := range []byte(strings.TrimPrefix(text, "v")) {
			if c < '0' || c > '9' || b.version > 1e6 {
				break
			}
			b.version = 10*b.version + int(c-'0')
		}
	}
	return b.version, nil
}

// isError tells whether err is an error of systemd with this name.
func isError(err error, name string) bool {
	var e godbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1."+name
}

// Exists reports whether err says that there is a unit of this name, which has not failed.
func Exists(err error) bool { return isError(err, "UnitExists") }

// job is an ask that waits until the job it has begun is over, and returns its result: "done", "failed", "canceled"…
func (b *Bus) job(what string, begin func(context.Context, manager, chan<- string) (int, error)) (result string, err error) {
	err = b.ask(what, func(ctx context.Context, m manager) error {
		done := make(chan string, 1)
		if _, err := begin(ctx, m, done); err != nil {
			return err
		}
		select {
		case result = <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return "", err
	}
	return result, nil
}

// Start makes the unit, with the properties that each container's has and those in more, and puts process pid into it. A failed
// unit of the same name is reset first.
func (b *Bus) Start(u *Unit, pid int, description string, v2 bool, more []Property) error {
	list := append(u.base(description, pid, v2), more...)
	what := "start unit " + u.Name
	start := func() (string, error) {
		return b.job(what, func(ctx context.Context, m manager, done chan<- string) (int, error) {
			return m.StartTransientUnitContext(ctx, u.Name, "replace", list, done)
		})
	}
	result, err := start()
	if Exists(err) {
		if rerr := b.reset(u); rerr != nil {
			return rerr
		}
		result, err = start()
	}
	if err == nil && result != "done" {
		return fmt.Errorf("%s: systemd says of its job: %s", what, result)
	}
	return err
}

// reset forgets that the unit has failed.
func (b *Bus) reset(u *Unit) error {
	err := b.ask("reset unit "+u.Name, func(ctx context.Context, m manager) error {
		return m.ResetFailedUnitContext(ctx, u.Name)
	})
	if isError(err, "NoSuchUnit") {
		return nil
	}
	return err
}

// Set sets properties of the unit until the next boot. When it returns systemd has written the control files: it answers
// before it does, and writes them before it reads the next request (src/core/manager.c, manager_loop).
func (b *Bus) Set(u *Unit, list []Property) error {
	list, err := b.known(list)
	if err != nil || len(list) == 0 {
		return err
	}
	return b.ask("set properties of unit "+u.Name, func(ctx context.Context, m manager) error {
		if err := m.SetUnitPropertiesContext(ctx, u.Name, true, list...); err != nil {
			return err
		}
		_, err := m.GetManagerProperty("Version")
		return err
	})
}

// Stop stops the unit and makes systemd forget it. One that is not there is no error; nor is a job that comes to another end
// than it should: what is left of the unit then is a cgroup that cannot be removed, of which the caller will say so.
func (b *Bus) Stop(u *Unit) error {
	result, err := b.job("stop unit "+u.Name, func(ctx context.Context, m manager, done chan<- string) (int, error) {
		return m.StopUnitContext(ctx, u.Name, "replace", done)
	})
	if isError(err, "NoSuchUnit") {
		return nil
	}
	if err != nil {
		return err
	}
	if result != "done" && b.Log != nil {
		b.Log("stop unit %s: systemd says of its job: %s", u.Name, result)
	}
	return b.reset(u)
}
