package podman

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// parents are the cgroups that Podman makes for containers, and leaves: ours, and its own where one cannot ask for another.
func (p podman) parents() []string { return []string{p.cgroup, "libpod_parent"} }

// stop looks for what is left when every container has been removed. Processes are looked for by kit.
func (p podman) stop(t testing.TB) {
	for _, l := range p.left() {
		t.Errorf("left: %s", l)
	}
	// What Podman leaves itself, with any runtime: the mounts on its storage and on /run/netns, empty parents of cgroups.
	syscall.Unmount("/run/netns", syscall.MNT_DETACH)
	syscall.Unmount(p.top+"/root/overlay", syscall.MNT_DETACH)
	for _, parent := range p.parents() {
		for _, dir := range cgroups(parent) {
			os.Remove(dir) // another Podman may have a container there
		}
	}
}

// left is what there still is of containers.
func (p podman) left() (left []string) {
	defer func() {
		if r := recover(); r != nil { // a command failed
			left = append(left, p.Problems()...)
		}
	}()
	states := []string{"/run/teu/*", "/run/runc/*", p.top + "/run/overlay-containers/*/userdata/*", p.top + "/tmp/exits/*", "/run/netns/*"}
	for _, pattern := range states {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			if filepath.Base(name) != "cache:seccomp" {
				left = append(left, "state "+name)
			}
		}
	}
	for _, dir := range cgroups(p.cgroup) {
		children, _ := filepath.Glob(dir + "/*/cgroup.procs")
		for _, c := range children {
			left = append(left, "cgroup "+filepath.Dir(c))
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
		own := []string{p.top + "/root/overlay", p.netns(), "/run/netns"} // Podman's, whatever is in them
		if f := strings.Fields(line); (strings.Contains(line, p.top) || strings.HasPrefix(f[4], "/run/")) && !slices.Contains(own, f[4]) {
			left = append(left, "mount "+line)
		}
	}
	return left
}

// cgroups are a directory's in all hierarchies.
func cgroups(name string) []string {
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	return append(dirs, "/sys/fs/cgroup/"+name)
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
