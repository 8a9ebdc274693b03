package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// fake is a manager that answers from lists, and keeps a log of what it was asked.
type fake struct {
	mu     sync.Mutex
	calls  []string
	errs   map[string][]error // the answers to a call, in turn; then none
	result string             // of jobs; "" for one that does not end
	hang   string             // a call that is not answered
	closed bool
}

func (f *fake) call(ctx context.Context, name, what string) error {
	f.mu.Lock()
	f.calls = append(f.calls, strings.TrimSpace(name+" "+what))
	var err error
	if list := f.errs[name]; len(list) > 0 {
		err, f.errs[name] = list[0], list[1:]
	}
	f.mu.Unlock()
	if f.hang == name {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *fake) job(ctx context.Context, name, unit string, done chan<- string) (int, error) {
	if err := f.call(ctx, name, unit); err != nil {
		return 0, err
	}
	if f.result != "" {
		done <- f.result
	}
	return 1, nil
}

func (f *fake) StartTransientUnitContext(ctx context.Context, name, mode string, list []Property, done chan<- string) (int, error) {
	return f.job(ctx, "start", name, done)
}

func (f *fake) StopUnitContext(ctx context.Context, name, mode string, done chan<- string) (int, error) {
	return f.job(ctx, "stop", name, done)
}

func (f *fake) ResetFailedUnitContext(ctx context.Context, name string) error {
	return f.call(ctx, "reset", name)
}

func (f *fake) SetUnitPropertiesContext(ctx context.Context, name string, runtime bool, list ...Property) error {
	names := []string{name}
	for _, p := range list {
		names = append(names, p.Name)
	}
	return f.call(ctx, "set", fmt.Sprint(runtime, " ", strings.Join(names, " ")))
}

func (f *fake) GetManagerProperty(name string) (string, error) {
	text := map[string]string{"ControlGroup": `"/init"`, "Version": `"249.11-0ubuntu3"`}[name]
	return text, f.call(context.Background(), "get", name)
}

func (f *fake) Close() { f.closed = true }

func (f *fake) bus() *Bus {
	return &Bus{connect: func(context.Context, bool) (manager, error) { return f, nil }}
}

func systemdError(name string) error { return godbus.Error{Name: "org.freedesktop.systemd1." + name} }

var scope = &Unit{Name: "a.scope", Slice: "system.slice"}

// TestCalls: what is asked, in which order, and what comes of the answers.
func TestCalls(t *testing.T) {
	start := func(b *Bus) error { return b.Start(scope, 1, "", true, nil) }
	stop := func(b *Bus) error { return b.Stop(scope) }
	exists, none := systemdError("UnitExists"), systemdError("NoSuchUnit")
	denied := godbus.Error{Name: "org.freedesktop.DBus.Error.AccessDenied", Body: []any{"Access denied"}}
	for _, c := range []struct {
		name   string
		do     func(*Bus) error
		errs   map[string][]error
		result string
		calls  string
		err    string
	}{
		{"start", start, nil, "done", "start a.scope", ""},
		{"a failed one makes room", start, map[string][]error{"start": {exists}}, "done", "start a.scope, reset a.scope, start a.scope", ""},
		{"one goes meanwhile", start, map[string][]error{"start": {exists}, "reset": {none}}, "done", "start a.scope, reset a.scope, start a.scope", ""},
		{"somebody else's", start, map[string][]error{"start": {exists, exists}}, "done", "start a.scope, reset a.scope, start a.scope",
			"start unit a.scope: org.freedesktop.systemd1.UnitExists"},
		{"a job that fails", start, nil, "failed", "start a.scope", "start unit a.scope: systemd says of its job: failed"},
		{"not allowed", start, map[string][]error{"start": {denied}}, "done", "start a.scope", "start unit a.scope: Access denied"},
		{"stop", stop, nil, "done", "stop a.scope, reset a.scope", ""},
		{"stop none", stop, map[string][]error{"stop": {none}}, "done", "stop a.scope", ""},
		{"stop one that goes", stop, map[string][]error{"reset": {none}}, "done", "stop a.scope, reset a.scope", ""},
		{"stop and fail", stop, nil, "canceled", "stop a.scope, reset a.scope", ""},
		{"stop without leave", stop, map[string][]error{"stop": {denied}}, "", "stop a.scope", "stop unit a.scope: Access denied"},
		{"set", func(b *Bus) error {
			return b.Set(scope, []Property{property("TasksMax", uint64(1)), property("AllowedCPUs", []byte{1})})
		}, nil, "", "get Version, set true a.scope TasksMax AllowedCPUs, get Version", ""},
		{"set what it is too old for", func(b *Bus) error { return b.Set(scope, []Property{property("CPUWeight", uint64(0))}) }, nil, "", "get Version", ""},
		{"set nothing", func(b *Bus) error { return b.Set(scope, nil) }, nil, "", "", ""},
		{"set and fail", func(b *Bus) error { return b.Set(scope, []Property{property("TasksMax", uint64(1))}) },
			map[string][]error{"set": {none}}, "", "set true a.scope TasksMax", "set properties of unit a.scope: org.freedesktop.systemd1.NoSuchUnit"},
	} {
		f := &fake{errs: c.errs, result: c.result}
		b := f.bus()
		err := c.do(b)
		if got := fmt.Sprint(err); err == nil && c.err != "" || err != nil && got != c.err {
			t.Errorf("%s: got %v, want %q", c.name, err, c.err)
		}
		if got := strings.Join(f.calls, ", "); got != c.calls {
			t.Errorf("%s: got calls %s, want %s", c.name, got, c.calls)
		}
		if b.Close(); len(f.calls) > 0 && !f.closed {
			t.Errorf("%s: after Close: got the connection open, want it closed", c.name)
		}
		if c.name == "somebody else's" != Exists(err) {
			t.Errorf("%s: got Exists %v, want %v", c.name, Exists(err), !Exists(err))
		}
	}
	if root, err := (&fake{}).bus().Root(); root != "/init" || err != nil {
		t.Errorf("root: got %q, %v, want /init", root, err)
	}
	if v, err := (&fake{}).bus().Version(); v != 249 || err != nil {
		t.Errorf("version: got %d, %v, want 249", v, err)
	}
}

// TestDeadline: what systemd does not answer ends in time, with words in the log meanwhile.
func TestDeadline(t *testing.T) {
	for name, do := range map[string]func(*Bus) error{
		"start": func(b *Bus) error { return b.Start(scope, 1, "", true, nil) },
		"job":   func(b *Bus) error { return b.Start(scope, 1, "", true, nil) },
		"stop":  func(b *Bus) error { return b.Stop(scope) },
		"set":   func(b *Bus) error { return b.Set(scope, []Property{property("TasksMax", uint64(1))}) },
	} {
		b := (&fake{hang: name}).bus()
		expire(t, name, b, do)
	}
	hung := &Bus{connect: func(ctx context.Context, _ bool) (manager, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	expire(t, "connect", hung, func(b *Bus) error { return b.Stop(scope) })
}

func expire(t *testing.T, name string, b *Bus, do func(*Bus) error) {
	t.Helper()
	var log []string
	b.limit, b.progress = 200*time.Millisecond, 20*time.Millisecond
	b.Log = func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	begun := time.Now()
	err := do(b)
	if !errors.Is(err, syscall.ETIMEDOUT) || time.Since(begun) > 10*time.Second {
		t.Errorf("%s: got %v after %v, want ETIMEDOUT within 10s", name, err, time.Since(begun))
	}
	if len(log) == 0 || !strings.Contains(log[0], "waiting for systemd") {
		t.Errorf("%s: got log %q, want that it is waiting for systemd", name, log)
	}
}

// TestSilentBus: one that takes connections and says nothing.
func TestSilentBus(t *testing.T) {
	path := t.TempDir() + "/bus"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	expire(t, "silent", &Bus{User: true}, func(b *Bus) error { _, err := b.Root(); return err })
	l.Close()
	os.Remove(path)
	_, err = (&Bus{User: true}).Root()
	if err == nil || !strings.Contains(err.Error(), "connect to the user's systemd: unix:path="+path) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("connect to %s: got %v, want ENOENT of it", path, err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := UserBus(); err == nil || !strings.Contains(err.Error(), "DBUS_SESSION_BUS_ADDRESS") {
		t.Errorf("user bus without an address: got %v, want that DBUS_SESSION_BUS_ADDRESS is needed", err)
	}
}
