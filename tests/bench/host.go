package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	cgroupRoot        = "/sys/fs/cgroup"
	cgroup2SuperMagic = 0x63677270 // linux/magic.h
	prSetSubreaper    = 36         // linux/prctl.h
)

// A host is what the figures depend on besides the runtimes.
type host struct {
	Kernel  string `json:"kernel"`
	CPUs    int    `json:"cpus"`
	Cgroups string `json:"cgroups"` // "v1", "v2" or "hybrid"
}

func (h *host) unified() bool { return h.Cgroups == "v2" }

func probeHost(cpus int) (*host, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	h := &host{Kernel: strings.TrimSpace(string(release)), CPUs: cpus, Cgroups: "v1"}
	if isCgroup2(cgroupRoot) {
		h.Cgroups = "v2"
	} else if isCgroup2(cgroupRoot + "/unified") {
		h.Cgroups = "hybrid"
	}
	return h, nil
}

func isCgroup2(path string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(path, &st) == nil && st.Type == cgroup2SuperMagic
}

// becomeSubreaper makes the inits of created containers our children once their runtime has exited, so that their end can
// be waited for, not polled.
func becomeSubreaper() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", errno)
	}
	return nil
}

// leftovers lists what the runs should have removed and did not: state, cgroups, mounts, processes.
func leftovers(w *workspace) ([]string, error) {
	var found []string
	for _, root := range []string{w.state, cgroupRoot} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err != nil && root == cgroupRoot && path != root {
				return nil // another's cgroup: gone meanwhile, or nested too deep for a path
			}
			if err != nil {
				return err
			}
			if !strings.HasPrefix(entry.Name(), w.prefix) {
				return nil
			}
			found = append(found, path)
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	mounts, err := mountsUnder(w.dir)
	if err != nil {
		return nil, err
	}
	found = append(found, mounts...)
	var status syscall.WaitStatus
	for {
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.ECHILD {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("wait4: %w", err)
		}
		if pid == 0 {
			return append(found, "a child process"), nil
		}
	}
}

func mountsUnder(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && strings.HasPrefix(fields[4], dir) {
			found = append(found, "mount on "+fields[4])
		}
	}
	return found, nil
}
