package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const cgroupRoot = "/sys/fs/cgroup"

// fixedCgroups are the names the programs use whatever the container's id
// (runtime-tools cgroups.AbsCgroupPath and RelCgroupPath).
var fixedCgroups = []string{"cgrouptest", "testdir"}

// mountPoints returns the mount points of this mount namespace by mount id: two
// mounts may share a mount point.
func mountPoints() (map[string]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	points := map[string]string{}
	for line := range strings.Lines(string(text)) {
		// proc_pid_mountinfo(5): id parent major:minor root mountpoint …
		if f := strings.Fields(line); len(f) > 4 {
			points[f[0]] = f[4]
		}
	}
	return points, nil
}

// children lists the living children of pid by pid, with their names.
func children(pid int) map[int]string {
	found := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has gone meanwhile
		}
		// proc_pid_stat(5): pid (comm) state ppid …; comm may hold anything.
		head, tail, ok := cutLast(string(text), ") ")
		f := strings.Fields(tail)
		if !ok || len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(pid) {
			continue
		}
		id, name, _ := strings.Cut(head, " (")
		if n, err := strconv.Atoi(id); err == nil {
			found[n] = name
		}
	}
	return found
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// removeCgroups removes every cgroup of one of the names, with what is below
// it, and returns one line for each path that was found, with its hierarchies.
// Other cgroups may come and go at the same time; they are left alone.
func removeCgroups(names []string) ([]string, error) {
	hierarchies := map[string][]string{} // by path in the hierarchy
	var dirs []string
	err := filepath.WalkDir(cgroupRoot, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(cgroupRoot, path)
		if err != nil {
			return err
		}
		parts := strings.Split(rel, "/")
		if i := slices.IndexFunc(parts, func(p string) bool { return slices.Contains(names, p) }); i >= 0 {
			dirs = append(dirs, path)
			inside := strings.Join(parts[i:], "/")
			hierarchies[inside] = append(hierarchies[inside], strings.Join(parts[:i], "/"))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var left []string
	for path, in := range hierarchies {
		left = append(left, fmt.Sprintf("cgroup %s in %s", path, strings.Join(in, " ")))
	}
	slices.Sort(left)
	for _, dir := range slices.Backward(dirs) { // WalkDir names parents first
		if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
			left = append(left, fmt.Sprintf("cgroup %s: rmdir: %v", dir, err))
		}
	}
	return left, nil
}

// lockCgroups keeps other runs of this suite out: the names are fixed.
func lockCgroups() (unlock func(), err error) {
	f, err := os.Open(cgroupRoot)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: another run is going on: %w", cgroupRoot, err)
	}
	return func() { f.Close() }, nil
}

// The following name a limit of the host, as evidence, or return "".

func noV1(controllers ...string) string {
	for _, c := range controllers {
		if _, err := os.Stat(filepath.Join(cgroupRoot, c, "cgroup.procs")); err != nil {
			return "no cgroup v1 " + c + " hierarchy is mounted"
		}
	}
	return ""
}

func noLSM(name string) string {
	if _, err := os.Stat(map[string]string{
		"apparmor": "/sys/module/apparmor",
		"selinux":  "/sys/fs/selinux/enforce",
	}[name]); err == nil {
		return ""
	}
	return name + " is not active in this kernel"
}

// noCapability looks for a capability, by its number, in the bounding set.
func noCapability(name string, number uint) string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if hex, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err == nil && set&(1<<number) == 0 {
				return "the bounding set lacks " + name
			}
		}
	}
	return ""
}

// noControl looks for a control file in the root or any cgroup of a v1
// hierarchy; the kernel shows some only below the root.
func noControl(controller, file string) string {
	dir, err := os.MkdirTemp(filepath.Join(cgroupRoot, controller), "conformance-probe")
	if err != nil {
		return "no cgroup v1 " + controller + " hierarchy is mounted"
	}
	defer syscall.Rmdir(dir)
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		return "this kernel has no " + file
	}
	return ""
}

// refusesKmem tries memory.kmem.limit_in_bytes, which Linux 5.16 made a file that
// takes no limit (commit 58056f77502f).
func refusesKmem() string {
	dir, err := os.MkdirTemp(filepath.Join(cgroupRoot, "memory"), "conformance-probe")
	if err != nil {
		return "no cgroup v1 memory hierarchy is mounted"
	}
	defer syscall.Rmdir(dir)
	const limit = "50593792"
	file := filepath.Join(dir, "memory.kmem.limit_in_bytes")
	if err := os.WriteFile(file, []byte(limit), 0); err != nil {
		return fmt.Sprintf("memory.kmem.limit_in_bytes takes no limit: %v", errors.Unwrap(err))
	}
	if got, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(got)) != limit {
		return "memory.kmem.limit_in_bytes ignores what is written"
	}
	return ""
}
