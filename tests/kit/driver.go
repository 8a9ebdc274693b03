package kit

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

// DriverVar names the variable that, when it is "systemd", has every command of the suite use the systemd cgroup driver, and
// when it is "systemd-user" that of root's own service manager, not the system's: user@0.service has to be there.
// systemd takes pids for those of its own pid namespace, so the suite then runs in that one, below a subreaper, and what it
// leaves behind are the descendants of that.
const DriverVar = "TEU_TESTDRIVER"

// reaperVar holds the pid of stage 2 when the suite has no pid namespace of its own.
const reaperVar = "TEU_KIT_REAPER"

// Reaper is the pid of the process that orphans get for a parent.
func Reaper() string {
	if pid := os.Getenv(reaperVar); pid != "" {
		return pid
	}
	return "1"
}

// Systemd reports whether the suite tests the systemd cgroup driver.
func Systemd() bool { return os.Getenv(DriverVar) == "systemd" || SystemdUser() }

// SystemdUser reports whether it is a user's service manager that makes the cgroups.
func SystemdUser() bool { return os.Getenv(DriverVar) == "systemd-user" }

// UserRuntime is root's XDG_RUNTIME_DIR, where its service manager has its bus.
const UserRuntime = "/run/user/0"

// noSystemd is why there is no systemd to test with, or "".
func noSystemd() string {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return "this host was not booted with systemd: no /run/systemd/system"
	}
	if _, err := exec.LookPath("systemctl"); err != nil {
		return "no systemctl in PATH"
	}
	if _, err := os.Stat(UserRuntime + "/bus"); SystemdUser() && err != nil {
		return "root has no service manager with a bus: start user@0.service before the suite"
	}
	return ""
}

// Cgroupfs skips the test under the systemd driver.
func Cgroupfs(t testing.TB, why string) {
	t.Helper()
	if Systemd() {
		t.Skip("not under the systemd driver: " + why)
	}
}

// needDriver skips the test where the driver asked for is missing.
func needDriver(t testing.TB) {
	t.Helper()
	if why := noSystemd(); Systemd() && why != "" {
		t.Skip(why)
	}
}

// shared tells whether the suite is in the pid namespace of the host.
func shared() bool { return Systemd() && noSystemd() == "" }

// flags are the global flags of every command.
func flags() []string {
	switch {
	case SystemdUser():
		return []string{"--systemd-cgroup", "--rootless", "true"}
	case Systemd():
		return []string{"--systemd-cgroup"}
	}
	return nil
}

// environment is what a command's needs beside PATH.
func environment() []string {
	if SystemdUser() {
		return []string{"XDG_RUNTIME_DIR=" + UserRuntime}
	}
	return nil
}

// units are systemd's units whose names hold the mark, failed and stopped ones included.
func units(mark string) []string {
	if !shared() || mark == "" {
		return nil
	}
	c := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", "*"+mark+"*")
	if SystemdUser() {
		c.Args = append(c.Args, "--user")
		c.Env = append(os.Environ(), environment()...)
	}
	out, err := c.Output()
	if err != nil {
		return []string{"systemctl list-units: " + err.Error()}
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		list = append(list, strings.TrimSpace(line))
	}
	return list
}

// reap makes stage 2 the parent of what the suite orphans, as pid 1 is of its namespace.
func reap() error {
	if err := sys.SetSubreaper(); err != nil {
		return err
	}
	return os.Setenv(reaperVar, strconv.Itoa(os.Getpid()))
}

// endAll kills the descendants that are left, as the end of a pid namespace does.
func endAll() {
	for range 100 {
		list := processes()
		for _, p := range list {
			if pid, err := strconv.Atoi(filepath.Base(p.dir)); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || errors.Is(err, syscall.ECHILD) {
				break
			}
		}
		if len(list) == 0 {
			return
		}
	}
}

// ours tells whether the process with this parent is a descendant of stage 2, by the parents of all. Without a reaper all
// are.
func ours(pid string, parents map[string]string) bool {
	top := os.Getenv(reaperVar)
	for range len(parents) + 1 {
		if top == "" || pid == top {
			return true
		}
		var ok bool
		if pid, ok = parents[pid]; !ok {
			return false
		}
	}
	return false
}
