package fields

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	libprocess "teu/libcontainer/process"
	"teu/tests/kit"
)

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// compare is what any configuration can be held to.
func compare(t *testing.T, s *specs.Spec, r *kit.Report) {
	t.Helper()
	ownUser := slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace })
	compareProcess(t, s.Process, ownUser, r)
	if s.Hostname != "" {
		equal(t, "hostname", r.Hostname.Hostname, s.Hostname)
	}
	equal(t, "seccomp", r.Status["Seccomp"], map[bool]string{false: "0", true: "2"}[s.Linux.Seccomp != nil])
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if !slices.ContainsFunc(s.Mounts[i+1:], func(o specs.Mount) bool { return o.Destination == m.Destination }) {
			compareMount(t, m, r)
		}
	}
	if s.Root.Readonly && !r.Mount("/").Has("ro") {
		t.Errorf("mount of the root: got %+v, want ro", r.Mount("/"))
	}
	for _, n := range s.Linux.Namespaces {
		if own, err := os.Readlink("/proc/self/ns/" + namespaceFile(n.Type)); err == nil && own == r.NS[namespaceFile(n.Type)] {
			t.Errorf("%s namespace: got the host's (%s), want another", n.Type, own)
		}
	}
	for _, path := range s.Linux.MaskedPaths {
		if _, err := os.Stat(path); err == nil && strings.HasPrefix(path, "/proc/") && r.Mount(path) == nil {
			t.Errorf("masked path %s: got no mount there, want one", path)
		}
	}
	for _, path := range s.Linux.ReadonlyPaths {
		if _, err := os.Stat(path); err == nil && strings.HasPrefix(path, "/proc/") && (r.Mount(path) == nil || !r.Mount(path).Has("ro")) {
			t.Errorf("mount on the read-only path %s: got %+v, want ro", path, r.Mount(path))
		}
	}
}

func compareProcess(t *testing.T, p *specs.Process, ownUser bool, r *kit.Report) {
	t.Helper()
	equal(t, "uid", fmt.Sprint(r.ID.UID), fmt.Sprint(p.User.UID))
	equal(t, "gid", fmt.Sprint(r.ID.GID), fmt.Sprint(p.User.GID))
	equal(t, "cwd", r.Cwd, p.Cwd)
	equal(t, "no_new_privs", r.Status["NoNewPrivs"], map[bool]string{false: "0", true: "1"}[p.NoNewPrivileges])
	for _, gid := range p.User.AdditionalGids {
		if !slices.Contains(r.ID.Groups, int(gid)) {
			t.Errorf("groups: got %v, want %d among them", r.ID.Groups, gid)
		}
	}
	if p.User.Umask != nil {
		equal(t, "umask", r.ID.Umask, fmt.Sprintf("%04o", *p.User.Umask))
	}
	if p.OOMScoreAdj != nil {
		equal(t, "oom_score_adj", r.OOMScoreAdj, fmt.Sprint(*p.OOMScoreAdj))
	}
	for i, v := range p.Env {
		name, _, _ := strings.Cut(v, "=")
		again := slices.ContainsFunc(p.Env[i+1:], func(o string) bool { return strings.HasPrefix(o, name+"=") })
		if !again && !slices.Contains(r.Env, v) {
			t.Errorf("environment: got %q, want %q in it", r.Env, v)
		}
	}
	for _, l := range p.Rlimits {
		equal(t, l.Type, r.Rlimits[l.Type].Soft+" "+r.Rlimits[l.Type].Hard, fmt.Sprint(l.Soft, l.Hard))
	}
	if p.Capabilities != nil {
		compareCapabilities(t, p, ownUser, r)
	}
}

// compareCapabilities knows capabilities(7), "Transformation of capabilities during execve()", for a file without any.
func compareCapabilities(t *testing.T, p *specs.Process, ownUser bool, r *kit.Report) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	check(t, err)
	var grantable uint64
	_, after, _ := strings.Cut(string(text), "CapBnd:\t")
	grantable, err = strconv.ParseUint(after[:16], 16, 64)
	check(t, err)
	if ownUser {
		grantable = 1<<41 - 1 // the first process of a user namespace has them all
	}
	caps, _ := libprocess.ParseCaps(p.Capabilities, grantable)
	permitted := caps.Ambient & caps.Inheritable // runc spec has none inheritable
	if p.User.UID == 0 {
		permitted = caps.Bounding | caps.Inheritable
	}
	for name, want := range map[string]uint64{
		"CapBnd": caps.Bounding, "CapAmb": caps.Ambient & caps.Inheritable, "CapPrm": permitted, "CapEff": permitted, "CapInh": caps.Inheritable,
	} {
		equal(t, name, r.Status[name], fmt.Sprintf("%016x", want))
	}
}

func compareMount(t *testing.T, m *specs.Mount, r *kit.Report) {
	t.Helper()
	got := r.Mount(filepath.Clean(m.Destination))
	if got == nil {
		t.Errorf("mount on %s: got none, want one", m.Destination)
		return
	}
	for _, o := range m.Options {
		name, value, _ := strings.Cut(o, "=")
		ok := true
		switch name {
		case "ro", "nosuid", "nodev", "noexec", "noatime":
			ok = got.Has(o)
		case "mode":
			mode := strings.TrimLeft(value, "0") // 1777 is not said, being the default
			ok = m.Type != "tmpfs" || mode == "1777" || slices.Contains(got.SuperOptions, "mode="+mode)
		case "size":
			ok = slices.Contains(got.SuperOptions, fmt.Sprintf("size=%dk", kibibytes(value)))
		case "private", "rprivate":
			ok = len(got.Propagation) == 0
		case "shared", "rshared":
			ok = strings.HasPrefix(strings.Join(got.Propagation, " "), "shared:")
		case "slave", "rslave":
			ok = strings.HasPrefix(strings.Join(got.Propagation, " "), "master:")
		}
		if !ok {
			t.Errorf("mount on %s: got %v %v %v, want the effect of %s", m.Destination, got.Options, got.SuperOptions, got.Propagation, o)
		}
	}
}

// kibibytes reads the size of a tmpfs, which has whole pages.
func kibibytes(value string) int {
	n, _ := strconv.Atoi(strings.TrimRight(value, "kKmM"))
	switch value[len(value)-1] {
	case 'k', 'K':
		return n
	case 'm', 'M':
		return n << 10
	}
	page := os.Getpagesize()
	return (n + page - 1) / page * page >> 10
}
