package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"teu/cgroups/limits"
	"teu/internal/sys"
)

// OOMWatch tells when the container runs out of memory.
type OOMWatch struct {
	fd     int    // to poll: memory.events on v2, an eventfd on v1; -1 when there is no more to come
	source int    // v1: memory.oom_control
	dir    string // of the cgroup
	kills  uint64 // v2: those told of
}

// WatchOOM starts to watch. Where there is no memory controller, or the cgroup is gone, it returns nil.
//
// On v1 an eventfd is registered with memory.oom_control: it counts when the cgroup, or one above it, runs out of memory,
// whether anything is killed for it or not (cgroup-v1/memory.rst, "OOM Control"). On v2 the kernel announces changes of
// memory.events, in which kills are counted, those in cgroups below as well.
func (m *Manager) WatchOOM() (*OOMWatch, error) {
	w := &OOMWatch{fd: -1, source: -1}
	var err error
	switch m.version("memory") {
	case limits.None:
		return nil, nil
	case limits.V1:
		w.dir = m.v1("memory").Dir()
		err = w.register()
	default:
		w.dir = m.unified().Dir()
		err = w.open()
	}
	if err != nil {
		w.Close()
		if absent(err) {
			return nil, nil
		}
		return nil, err
	}
	return w, nil
}

func (w *OOMWatch) register() (err error) {
	file := w.dir + "/memory.oom_control"
	if w.source, err = sys.Openat(sys.AtFdcwd, file, sys.ORdonly, 0); err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	if w.fd, err = sys.Eventfd(); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	file = w.dir + "/cgroup.event_control"
	text := strconv.Itoa(w.fd) + " " + strconv.Itoa(w.source)
	if err := sys.WriteFileAt(sys.AtFdcwd, file, text); err != nil {
		return writeError(file, text, err)
	}
	return nil
}

func (w *OOMWatch) open() (err error) {
	file := w.dir + "/memory.events"
	if w.fd, err = sys.Openat(sys.AtFdcwd, file, sys.ORdonly, 0); err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	w.kills, err = w.count()
	return err
}

// count reads memory.events, which also arms poll(2).
func (w *OOMWatch) count() (uint64, error) {
	var buf [512]byte
	n, err := sys.Rewind(w.fd, buf[:])
	if err == nil {
		var o OOM
		if o, err = parseOOM(string(buf[:n])); err == nil {
			return o.Kills, nil
		}
	}
	return 0, fmt.Errorf("read %s/memory.events: %w", w.dir, err)
}

// PollFD is what to wait for; the kernel skips it when there is no more to come, as it is with a nil watch.
func (w *OOMWatch) PollFD() sys.PollFD {
	if w == nil {
		return sys.PollFD{Fd: -1}
	}
	if w.source >= 0 {
		return sys.PollFD{Fd: int32(w.fd), Events: sys.PollIn}
	}
	return sys.PollFD{Fd: int32(w.fd), Events: sys.PollPri}
}

// Fired reports whether the container has run out of memory since it was asked last. It does not wait.
func (w *OOMWatch) Fired() (bool, error) {
	if w == nil || w.fd < 0 {
		return false, nil
	}
	fired := w.firedV2
	if w.source >= 0 {
		fired = w.firedV1
	}
	yes, err := fired()
	if absent(err) {
		sys.Close(w.fd)
		w.fd, err = -1, nil
	}
	return yes, err
}

// firedV1 takes the count off the eventfd. The end of the cgroup counts as an event, too.
func (w *OOMWatch) firedV1() (bool, error) {
	var count [8]byte
	_, err := sys.Read(w.fd, count[:])
	if errors.Is(err, syscall.EAGAIN) {
		return false, nil
	}
	if err == nil {
		err = sys.Exists(w.dir + "/cgroup.event_control")
	}
	return err == nil, err
}

// firedV2: memory.events changes for other reasons as well.
func (w *OOMWatch) firedV2() (bool, error) {
	kills, err := w.count()
	if err != nil {
		return false, err
	}
	fired := kills > w.kills
	w.kills = kills
	return fired, nil
}

// Close ends the watch.
func (w *OOMWatch) Close() {
	if w == nil {
		return
	}
	for _, fd := range [2]int{w.fd, w.source} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
	w.fd, w.source = -1, -1
}
