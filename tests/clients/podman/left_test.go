package podman

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shared is the parent of those containers' cgroups for which one cannot ask for another.
const shared = "libpod_parent"

// newCgroups are those that Podman and its runtime have made for this test. Parents come first.
func (p podman) newCgroups() []string {
	return slices.DeleteFunc(append(cgroups(shared), cgroups(p.cgroup)...), func(dir string) bool { return slices.Contains(p.before, dir) })
}

// stop looks for what is left when every container has been removed. Processes are looked for by kit.
func (p podman) stop(t testing.TB) {
	left := p.left()
	for end := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(end); left = p.left() {
		time.Sleep(100 * time.Millisecond) // conmon ends a little after its container
	}
	for _, l := range left {
		t.Errorf("left: %s, want nothing", l)
	}
	os.Remove("oom") // conmon says in the directory in which it is started that there was an OOM kill
	// What Podman leaves itself, with any runtime: the mounts on its storage and on /run/netns, the cgroups above containers',
	// those of pods in the hierarchies that it does not know, and those of conmon.
	syscall.Unmount("/run/netns", syscall.MNT_DETACH)
	syscall.Unmount(p.top+"/store/overlay", syscall.MNT_DETACH)
	for _, dir := range slices.Backward(p.newCgroups()) {
		os.Remove(dir) // another Podman may have a container there
	}
}

// left is what there still is of containers.
func (p podman) left() (left []string) {
	defer func() {
		if r := recover(); r != nil { // a command failed
			left = append(left, p.Problems()...)
		}
	}()
	// Not tmp/exits: conmon may write the exit code there when Podman has removed the container already.
	states := []string{"/run/teu/*", "/run/runc/*", runroot + "/overlay-containers/*/userdata/*", "/run/netns/*"}
	for _, pattern := range states {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			left = append(left, "state "+name)
		}
	}
	for _, dir := range p.newCgroups() {
		if strings.HasPrefix(filepath.Base(dir), "libpod-") {
			left = append(left, "cgroup "+dir)
		}
	}
	for line := range strings.Lines(p.in("ip", "-oneline", "link")) {
		if !strings.Contains(line, " lo: ") {
			left = append(left, "link "+line)
		}
	}
	if rules := p.iptables(); rules != p.rules {
		left = append(left, fmt.Sprintf("iptables rules:\n%s\nbefore:\n%s", rules, p.rules))
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	p.Check(err)
	for line := range strings.Lines(string(text)) {
		own := []string{p.top + "/store/overlay", p.netns(), "/run/netns"} // Podman's, whatever is in them
		if f := strings.Fields(line); (strings.Contains(line, p.top) || strings.HasPrefix(f[4], "/run/")) && !slices.Contains(own, f[4]) {
			left = append(left, "mount "+line)
		}
	}
	return left
}

// cgroups are those of a name in all hierarchies, and all below them.
func cgroups(name string) []string {
	tops, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	var all []string
	for _, top := range append(tops, "/sys/fs/cgroup/"+name) {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil // another Podman's come and go meanwhile
		})
	}
	return all
}

var (
	counters = regexp.MustCompile(`\[\d+:\d+\]`)
	// netavark makes these with the first container of a kind, and keeps them.
	kept = regexp.MustCompile(`^([#*]|COMMIT|:[A-Z]+ |:NETAVARK_FORWARD )|NETAVARK-HOSTPORT|-j NETAVARK_FORWARD$`)
)

// iptables are the rules that belong to containers and networks.
func (p podman) iptables() string {
	var rules []string
	for line := range strings.Lines(p.in("iptables-save")) {
		line = strings.TrimSpace(counters.ReplaceAllString(line, ""))
		if !kept.MatchString(line) {
			rules = append(rules, line)
		}
	}
	return strings.Join(rules, "\n")
}
