package cgroups

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Pids lists the processes of the container, with all also those in cgroups that it made below its own. It asks
// the v2 tree first and v1 when there is nobody there; no cgroup means no process. Processes that teu's PID
// namespace does not see are left out.
func (m *Manager) Pids(all bool) ([]int, error) {
	if p := m.unified(); p != nil {
		pids, err := procs(p.Dir(), all)
		if err != nil || len(pids) != 0 {
			return pids, err
		}
	}
	if p := m.tracker(); p != nil {
		return procs(p.Dir(), all)
	}
	return nil, nil
}

// MayHoldProcesses is false when Pids is sure to list none, as far as one file of the v2 tree says so: that is quicker.
func (m *Manager) MayHoldProcesses() bool {
	p := m.unified()
	if p == nil {
		return true
	}
	text, err := sys.ReadFileAt(sys.AtFdcwd, p.Dir()+"/cgroup.events")
	return err != nil || !hasLine(string(text), "populated 0")
}

// procs reads cgroup.procs of a cgroup and, with all, of those below it.
func procs(dir string, all bool) ([]int, error) {
	fd, err := sys.Openat(sys.AtFdcwd, dir, sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s: %w", dir, err)
	}
	defer sys.Close(fd)
	pids, err := appendProcs(nil, fd, all)
	if err != nil {
		return nil, fmt.Errorf("list processes of %s: %w", dir, err)
	}
	return pids, nil
}

func appendProcs(pids []int, dir int, all bool) ([]int, error) {
	pids, err := appendOwn(pids, dir, "")
	if err != nil || !all {
		return pids, err
	}
	err = walk(dir, func(dir int, name string) (bool, error) {
		var err error
		pids, err = appendOwn(pids, dir, name+"/")
		return err == nil, err
	}, nil)
	return pids, err
}

// appendOwn reads the list of one cgroup, that of dir or, with prefix "NAME/", of one in it. A threaded cgroup, which a payload with a writable mount can make of
// its own, has no list of processes but one of threads.
func appendOwn(pids []int, dir int, prefix string) ([]int, error) {
	text, err := sys.ReadFileAt(dir, prefix+"cgroup.procs")
	threaded := errors.Is(err, syscall.EOPNOTSUPP)
	if threaded {
		text, err = sys.ReadFileAt(dir, prefix+"cgroup.threads")
	}
	if absent(err) {
		return pids, nil // removed meanwhile
	}
	if err != nil {
		return nil, err
	}
	if !threaded {
		return parsePids(pids, text)
	}
	threads, err := parsePids(nil, text)
	if err != nil {
		return nil, err
	}
	return appendGroups(pids, threads)
}

// appendGroups adds the processes that threads belong to.
func appendGroups(pids, threads []int) ([]int, error) {
	for _, tid := range threads {
		text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/"+strconv.Itoa(tid)+"/status")
		if absent(err) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(string(text), "\nTgid:\t")
		n, _, _ := strings.Cut(rest, "\n")
		pid, err := strconv.Atoi(n)
		if err != nil {
			return nil, fmt.Errorf("/proc/%d/status: Tgid %q: %w", tid, n, err)
		}
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// parsePids reads one number per line; 0 stands for a process outside of the reader's PID namespace.
func parsePids(pids []int, text []byte) ([]int, error) {
	for line := range bytes.Lines(text) {
		n, err := strconv.Atoi(string(bytes.TrimSuffix(line, []byte{'\n'})))
		if err != nil {
			return nil, err
		}
		if n != 0 {
			pids = append(pids, n)
		}
	}
	return pids, nil
}

// Signal sends sig to the processes that [Manager.Pids] lists, each once, children forked meanwhile included; it
// freezes nothing, so a teu that dies half-way leaves nothing frozen. It returns an error when new processes
// never stop to appear. For SIGKILL use [Manager.Kill].
func (m *Manager) Signal(sig syscall.Signal, all bool) error {
	const passes = 100 // each finds the children forked during the one before
	seen := make(map[int]bool)
	for range passes {
		pids, err := m.Pids(all)
		if err != nil {
			return err
		}
		var fresh []int
		for _, pid := range pids {
			if !seen[pid] {
				seen[pid] = true
				fresh = append(fresh, pid)
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		if err := signalEach(fresh, sig, func() ([]int, error) { return m.Pids(all) }); err != nil {
			return err
		}
	}
	return fmt.Errorf("signal cgroup: new processes kept appearing: %w", syscall.EAGAIN)
}

// signalEach sends sig through pidfds. A number read from cgroup.procs may belong to somebody else by the time it
// is opened; if the list, read once more, still has it, the pidfd is that of the cgroup's process.
func signalEach(pids []int, sig syscall.Signal, again func() ([]int, error)) error {
	const batch = 128 // keeps below RLIMIT_NOFILE
	for len(pids) > 0 {
		n := min(batch, len(pids))
		if err := signalBatch(pids[:n], sig, again); err != nil {
			return err
		}
		pids = pids[n:]
	}
	return nil
}

func signalBatch(pids []int, sig syscall.Signal, again func() ([]int, error)) error {
	fds := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range fds {
			sys.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := sys.PidfdOpen(pid)
		if errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return fmt.Errorf("signal pid %d: %w", pid, err)
		}
		fds[pid] = fd
	}
	still, err := again()
	if err != nil {
		return err
	}
	for _, pid := range still {
		fd, ok := fds[pid]
		if !ok {
			continue
		}
		if err := sys.PidfdSendSignal(fd, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal pid %d: %w", pid, err)
		}
	}
	return nil
}
